"""`smoothspike train`: networks of a configuration, one for each seed, with figures and metrics."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from ... import plot
from ...saving import save
from ...training import Fit
from ..config import Config, Source
from ..parts.data import build_data
from ..trial import seed_of
from .experiment import Experiment, build, exact, set_precision
from .folder import RunFolder


def train(config: Config, source: Source, folder: RunFolder, *, progress: bool = True) -> dict[str, Any]:
    """Train and evaluate the networks of a configuration.

    A run that was interrupted resumes from its checkpoint, bit for bit. What is written: for each seed a checkpoint,
    the history as CSV and JSON, the network, and figures; for all of them the metrics.

    Returns:
        The metrics on validation and test data; of several seeds the means, standard deviations and each one.

    Raises:
        ConfigError: if something does not fit together, with the line.
    """
    if folder.metrics is not None:
        return folder.metrics
    set_precision(config)
    data = build_data(config.data, config.seed, source)
    every = []
    for number in range(config.training.seeds):
        own = folder.path if config.training.seeds == 1 else folder.path / f"seed-{number}"
        own.mkdir(exist_ok=True)
        # a single network has the seed that is written down
        seed = config.seed if number == 0 else seed_of(config.seed, 0, number)
        experiment = build(config, source, seed, data)
        found = experiment.train(own, progress=progress)
        save(exact(found.network), own / "net.ss")
        if config.evaluation.figures:
            draw(experiment, found, folder.figures, "" if config.training.seeds == 1 else f"-seed-{number}")
        every.append({part: experiment.evaluate(found.network, part) for part in ("validation", "test")})
        every[-1] |= {"epochs": len(found.history), "seed": seed}
    metrics = together(every)
    folder.finish(metrics)
    return metrics


def together(every: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metrics of one network, or the means and deviations of several."""
    if len(every) == 1:
        return dict(every[0])
    parts: dict[str, Any] = {}
    for part in ("validation", "test"):
        names = every[0][part]
        values = {name: [each[part][name] for each in every] for name in names}
        parts[part] = {name: statistics.fmean(numbers) for name, numbers in values.items()}
        parts[f"{part}_deviation"] = {name: statistics.stdev(numbers) for name, numbers in values.items()}
    return parts | {"networks": list(every)}


def draw(experiment: Experiment, found: Fit, folder: Path, suffix: str) -> None:
    """Draw the learning curve, and a test trial."""
    figures = {"learning_curve": lambda: _curve(found), "raster": lambda: _raster(experiment, found)}
    for name, make in figures.items():
        with plot.paper_style():
            ax = make()
        ax.figure.savefig(folder / f"{name}{suffix}.png")
        plt.close(ax.figure)


def _curve(found: Fit) -> Any:
    names = ("epoch", "loss", "validation_loss", "accuracy_without_pseudospikes", "accuracy")
    return plot.learning_curve([{name: row[name] for name in names if name in row} for row in found.history])


def _raster(experiment: Experiment, found: Fit) -> Any:
    test = experiment.data.test
    number = min(experiment.config.evaluation.trial, len(test) - 1)
    spikes = next(iter(test.batches(number + 1, drop_last=False)))[0][number]
    return plot.raster(exact(found.network)(spikes))
