"""What a configuration describes, built: data, network, loss, optimiser; and one training of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from ... import baselines
from ...datasets import shift_channels
from ...encoding import jittered
from ...networks import Network
from ...spikes import Spikes
from ...training import Fit, callbacks, evaluate, fit
from ...training.best import best_epoch
from ..config import Config, Source
from ..parts.data import Splits, build_data
from ..parts.loss import build_loss
from ..parts.network import build_network
from ..parts.objects import explained
from ..parts.optimizer import build_optimizer


@dataclass(frozen=True)
class Noise:
    """Noisy presentations of a batch, as a function for `fit(augment=...)`."""

    jitter: float
    dropout: float
    shift: int
    num_sources: int

    def __call__(self, spikes: Spikes, key: PRNGKeyArray) -> Spikes:
        """Return the batch with noise."""
        first, second = jax.random.split(key)
        if self.shift:
            spikes = shift_channels(spikes, first, most=self.shift, num_sources=self.num_sources)
        if self.jitter or self.dropout:
            spikes = jittered(spikes, second, scale=self.jitter, dropout=self.dropout)
        return spikes


@dataclass(frozen=True)
class Experiment:
    """A network and all that its training needs.

    Attributes:
        config: The configuration.
        source: Where it is from.
        data: Training, validation and test data.
        network: The network at the start; with `[surrogate]` the one that is stepped in time.
        loss: The loss of a trial.
        readout: What the loss is a function of; None for the default of `fit`.
        optimizer: The optimiser.
        seed: The seed of the weights and of the order of samples.
    """

    config: Config
    source: Source
    data: Splits
    network: Any
    loss: Any
    readout: Callable[..., Any] | None
    optimizer: Any
    seed: int

    def train(
        self, folder: Path | None = None, more: Sequence[callbacks.Callback] = (), *, progress: bool = True
    ) -> Fit:
        """Train the network; resume from a folder, in which a checkpoint and the history are kept.

        Raises:
            ConfigError: if the data, the loss and the network do not fit together, with the line.
        """
        training = self.config.training
        own: list[callbacks.Callback] = [] if folder is None else [
            callbacks.to_csv(folder / "history.csv"), callbacks.to_json(folder / "history.json"),
        ]  # fmt: skip
        if training.early_stopping is not None:
            own.append(callbacks.early_stopping(training.early_stopping, training.metric))
        noise = Noise(training.jitter, training.dropout, training.shift_channels, self.data.train.num_sources)
        has_noise = bool(noise.jitter or noise.dropout or noise.shift)
        with explained(self.source, ("training",)):
            return fit(
                self.network, self.data.train, self.loss, optimizer=self.optimizer, epochs=training.epochs,
                batch_size=training.batch_size, key=jax.random.key(self.seed), readout=self.readout,
                augment=noise if has_noise else None, validation=self.data.validation,
                checkpoint=None if folder is None else folder / "checkpoint", callbacks=[*own, *more],
                keep_best=training.keep_best, progress=progress, chunk=training.chunk, memory=training.memory,
            )  # fmt: skip

    def evaluate(self, network: Any, part: str = "test") -> dict[str, float]:
        """Evaluate a network on one of the parts of the data."""
        return evaluate(
            network, getattr(self.data, part), batch_size=self.config.evaluation.batch_size, readout=self.readout,
            loss=self.loss,
        )  # fmt: skip


def exact(network: Any) -> Network:
    """Return the network of exact spikes, also of one that is stepped in time."""
    return network.network if isinstance(network, baselines.SurrogateNetwork) else network


def build(config: Config, source: Source, seed: int, data: Splits | None = None) -> Experiment:
    """Build what a configuration describes.

    Args:
        config: The configuration.
        source: Where it is from.
        seed: The seed of the weights and of the order of samples.
        data: Its data, if they are loaded already.

    Raises:
        ConfigError: if it cannot be built, with the line.
    """
    set_precision(config)
    data = build_data(config.data, config.seed, source) if data is None else data
    network: Any = build_network(config, data, seed, source)
    loss, readout = build_loss(config.loss, network, data.train.num_classes, source)
    if config.surrogate is not None:
        with explained(source, ("surrogate",)):
            network = baselines.surrogate(network, **vars(config.surrogate))
    steps = len(data.train) // min(config.training.batch_size, len(data.train))
    optimizer = build_optimizer(config.optimizer, network, steps, config.training.epochs, source)
    return Experiment(config, source, data, network, loss, readout, optimizer, seed)


def set_precision(config: Config) -> None:
    """Set JAX's precision, of the whole process."""
    jax.config.update("jax_enable_x64", config.precision == "double")


def result(experiment: Experiment, found: Fit, metric: str) -> float:
    """Return a metric of a training: of its best epoch if that is kept, else of the last one.

    Raises:
        KeyError: if the history has no such metric.
    """
    kept = experiment.config.training.keep_best
    row = found.history[best_epoch(found.history, kept if isinstance(kept, str) else None) if kept else -1]
    if metric not in row:
        raise KeyError(f"the history has no metric {metric!r}; search.metric must be one of {', '.join(row)}")
    return row[metric]
