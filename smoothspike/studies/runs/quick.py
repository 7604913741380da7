"""`--quick`: the same configuration with little to do, to see that it runs; with other data where files are missing."""

import dataclasses

from ..config import Config, Source
from ..parts.data import missing_files, with_fallback

SAMPLES, EPOCHS, TRIALS = 96, 2, 2
#: Of a search, which trains several times.
SAMPLES_OF_A_SEARCH = 24
#: Points of landscapes, and samples of these and to initialise with.
POINTS, FEW = 5, 3


def quick(config: Config, source: Source) -> tuple[Config, str | None]:
    """Return a configuration with few samples, epochs and trials, and what to say if its data are others."""
    data, told = config.data, None
    # a loader checks its options before it looks for files, so that a wrong one is told without them
    missing = missing_files(data, config.seed, source)
    if missing is not None:
        data = with_fallback(data)
        told = (
            f"{missing} is not there: this --quick run uses {data.name} data instead of {config.data.name}, and its "
            "figures mean nothing for them"
        )
    samples = SAMPLES if config.search is None else SAMPLES_OF_A_SEARCH
    data = dataclasses.replace(data, limit=min(data.limit or samples, samples))
    training = config.training
    training = dataclasses.replace(
        training, epochs=min(training.epochs, EPOCHS), batch_size=min(training.batch_size, samples // 3), seeds=1
    )
    network, initialise = config.network, config.network.initialise
    if initialise is not None:
        network = dataclasses.replace(network, initialise=dataclasses.replace(initialise, samples=FEW))
    search = config.search and dataclasses.replace(config.search, trials=min(config.search.trials, TRIALS), seeds=1)
    scape = config.landscape and dataclasses.replace(config.landscape, points=POINTS, samples=FEW)
    quick = dataclasses.replace(config, data=data, network=network, training=training, search=search, landscape=scape)
    return quick, told
