"""One epoch of a training, and what is told of it."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from tqdm.auto import tqdm

from ..networks import Network
from ..networks._capacity import Capacities, shrunk, with_capacity
from ..spikes import Spikes
from .batch import Batch
from .checks import augmented
from .step import Step

#: A step is compiled in about the time that it takes so many times.
_STEPS_OF_A_COMPILATION = 100


class Trained(NamedTuple):
    """What an epoch changes: the network, the state of its optimiser, and the capacity that spikes needed."""

    network: Any
    state: Any
    capacities: Capacities


class Told(NamedTuple):
    """What is known of an epoch: the mean loss, how many spikes the last population emitted, and what each needed."""

    loss: float
    output_spikes: int
    needed: np.ndarray


def train_epoch(
    step: Step,
    trained: Trained,
    batches: Iterable[tuple[Any, ...]],
    augment: Callable[[Spikes, int], Spikes] | None,
    *,
    epoch: int,
    mesh: Mesh | None,
    bar: tqdm,
) -> tuple[Trained, Told]:
    """Take a step with every batch.

    Raises:
        FloatingPointError: if the loss is not finite.
    """
    total, number, output_spikes = 0.0, 0, 0
    needed = np.zeros((len(trained.capacities), 2), np.int32)
    for parts in batches:
        batch = Batch.of(parts)
        if augment is not None:
            batch = batch._replace(spikes=augmented(augment(batch.spikes, number), trained.network))
        trained, value, counts = _one_step(step, trained, batch, mesh)
        total += _finite(float(value), epoch)
        output_spikes += int(counts[:, -1, 0].sum())
        needed = np.maximum(needed, counts.max(0))
        number += 1
        bar.update()
    return trained, Told(total / number, output_spikes, needed)


def _one_step(step: Step, trained: Trained, batch: Batch, mesh: Mesh | None) -> tuple[Trained, jax.Array, np.ndarray]:
    """Take a step, with more capacity where the batch needs it; return the loss and what each trial needed."""
    network, batch = trained.network, batch.on(mesh)
    # counted on one device; several have shares of a batch
    measure = partial(batch.measured, network) if mesh is None else None
    take_step = partial(step, network, trained.state, batch)
    (network, state, value), capacities, counts = with_capacity(take_step, trained.capacities, measure=measure)
    assert counts is not None  # outside jit they are known
    return Trained(network, state, capacities), value, counts.reshape(-1, len(capacities), 2)


def with_less_capacity(trained: Trained, told: Told, steps: int) -> Trained:
    """Give up capacity that no trial of an epoch filled, after so many steps that another compilation pays."""
    enough = trained.capacities if steps < _STEPS_OF_A_COMPILATION else shrunk(trained.capacities, told.needed)
    return trained._replace(capacities=enough)


def shown(row: Mapping[str, float]) -> str:
    """Return what the progress bar says of an epoch."""
    parts = [f"loss={row['loss']:.4f}"]
    if "accuracy" in row:
        ordinary = row.get("accuracy_without_pseudospikes")
        both = f"{row['accuracy']:.4f}"
        parts.append(f"accuracy={both}" if ordinary is None else f"accuracy={ordinary:.4f} ({both} with pseudospikes)")
    rates = {name: rate for name, rate in row.items() if name.startswith("learning_rate")}
    parts += [f"{name.replace('learning_', '')}={rate:.1e}" for name, rate in rates.items()]
    return ", ".join(parts)


def warn_if_silent(network: Network, told: Told) -> None:
    """Warn if a network of spiking neurons ends without an output spike."""
    if told.output_spikes == 0 and network.layers[-1].neuron.model.spike is not None:
        warnings.warn(
            "the network ends without output spikes: in the last epoch no neuron of its last layer spiked within a "
            "trial, so that all its answers are pseudospikes, beyond the trial. Let the trial last longer than the "
            "input, give the loss a small early_weight, clip gradients and try a larger learning rate, start with "
            "spikes, by ss.initialise(network, dataset, rate=0.5), and bring late times close to the trial end, by "
            "losses.bounded_times; the page 'My network is silent' of the documentation says what each does",
            stacklevel=3,
        )


def stops(callbacks: Sequence[Callable[[Any, Any], Any]], network: Any, history: Sequence[Mapping[str, float]]) -> bool:
    """Call all callbacks, and say whether one of them stops the training."""
    return any([bool(callback(network, history)) for callback in callbacks])


def _finite(value: float, epoch: int) -> float:
    if not jnp.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value} in epoch {epoch + 1}; spike times and their gradients are finite, so check the loss "
            "function and the learning rate"
        )
    return value
