"""What a network returns: spikes of every layer, their continuation beyond the trial, and states at any time."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from .._checks import is_whole
from .._describe import described_recording
from ..engine import Trajectory
from ..neurons import AbstractDynamics
from ..spikes import Spikes
from .pseudospikes import Pseudospikes


@final
class LayerRecord(eqx.Module):
    """One layer's part of a recording.

    Attributes:
        pseudospikes: How its spikes go on after the trial.
        trajectory: Its states.
        dynamics: Its neurons.
        by_neuron: Its ordinary spikes, those of each neuron apart, where the simulation knows them so.
    """

    pseudospikes: Pseudospikes
    trajectory: Trajectory
    dynamics: AbstractDynamics
    by_neuron: Float[Array, "*batch most neurons"] | None = None


@final
class Recording(eqx.Module):
    """The outcome of one trial, or of a batch of trials with leading axes.

    Attributes:
        spikes: Ordinary spikes of every layer, ascending.
        layers: Pseudospikes and states of every layer.
        duration: The trial end.
    """

    spikes: tuple[Spikes, ...]
    layers: tuple[LayerRecord, ...]
    duration: float = eqx.field(static=True)

    def __repr__(self) -> str:
        return described_recording(self)

    def spike_times(self, count: int = 1, layer: int = -1) -> Float[Array, "*batch neurons {count}"]:
        """Return the first `count` spike times of every neuron: ordinary spikes first, then pseudospikes.

        All are finite. Pseudospikes lie at or beyond the trial end.

        Raises:
            ValueError: if the count is no whole number or negative.
            IndexError: if there is no such layer.
        """
        number, layer = _checked_count(count), self._checked_layer(layer)
        return self._each_trial(lambda trial: _extended(trial, number, layer))

    def first_spike_times(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return the first spike time of every neuron, a pseudospike's where there is no ordinary one."""
        return self.spike_times(1, layer)[..., 0]

    def ordinary_spike_times(self, count: int = 1, layer: int = -1) -> Float[Array, "*batch neurons {count}"]:
        """Return the first `count` ordinary spike times of every neuron, `inf` where there are fewer."""
        number, layer = _checked_count(count), self._checked_layer(layer)
        return self._each_trial(lambda trial: _ordinary(trial, number, layer)[0])

    def pseudo_rates(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return the pseudo-rates at the trial end: 0 for a neuron that has just spiked, 1 for one about to."""
        return self.layers[self._checked_layer(layer)].pseudospikes.rates

    def states_at(self, ts: ArrayLike, layer: int = -1) -> dict[str, Float[Array, "*batch samples neurons"]]:
        """Return every declared state of a layer at any times within the trial; a potential is infinite at its spike.

        Raises:
            ValueError: if a time is known to lie outside the trial.
        """
        layer = self._checked_layer(layer)
        samples = jnp.asarray(ts, self.layers[layer].pseudospikes.first.dtype)
        if samples.ndim != 1:
            raise ValueError(f"states_at: ts must be one list of times, but it has shape {samples.shape}")
        if not isinstance(samples, Tracer) and samples.size:
            low, high = float(samples.min()), float(samples.max())
            if not (low >= 0 and high <= self.duration * (1 + 1e-6)):
                raise ValueError(f"states_at: times {low} to {high} lie outside the trial, 0 to {self.duration}")
        return self._each_trial(lambda trial: trial.layers[layer].trajectory.at(trial.layers[layer].dynamics, samples))

    def _checked_layer(self, layer: int) -> int:
        last = len(self.layers) - 1
        if not is_whole(layer) or not -last - 1 <= layer <= last:
            raise IndexError(f"layer {layer} was asked for, but the layers are 0 to {last}, or -1 for the last")
        return int(layer)

    def _each_trial(self, read: Callable[["Recording"], Any]) -> Any:
        for _ in range(self.spikes[-1].times.ndim - 1):
            read = jax.vmap(read)
        return read(self)


def _checked_count(count: Any) -> int:
    if not is_whole(count) or count < 0:
        raise ValueError(f"count is {count}: give how many spikes of each neuron, a whole number and at least 0")
    return int(count)


def _ordinary(trial: Recording, count: int, layer: int) -> tuple[Float[Array, "neurons count"], Array]:
    """Sort the spikes of one trial into one row per neuron; return how many spikes each has, too."""
    by_neuron = trial.layers[layer].by_neuron
    if by_neuron is not None:
        rows = jnp.pad(by_neuron[:count].T, ((0, 0), (0, max(0, count - len(by_neuron)))), constant_values=jnp.inf)
        return rows, jnp.isfinite(by_neuron).sum(0)
    spikes = trial.spikes[layer]
    size = trial.layers[layer].pseudospikes.first.shape[0]
    times = jnp.full((size, count), jnp.inf, spikes.times.dtype)
    sources = jnp.where(spikes.is_spike, spikes.sources, size)
    order = jnp.argsort(sources, stable=True)
    grouped = sources[order]
    rank = jnp.arange(grouped.shape[0]) - jnp.searchsorted(grouped, grouped, side="left")
    number = jnp.searchsorted(grouped, jnp.arange(size), side="right") - jnp.searchsorted(grouped, jnp.arange(size))
    return times.at[grouped, rank].set(spikes.times[order], mode="drop"), number


def _extended(trial: Recording, count: int, layer: int) -> Float[Array, "neurons count"]:
    ordinary, number = _ordinary(trial, count, layer)
    pseudospikes = trial.layers[layer].pseudospikes
    k = jnp.arange(count) - number[:, None]
    later = trial.duration + pseudospikes.first[:, None] + jnp.maximum(k, 0) * pseudospikes.period[:, None]
    return jnp.where(k < 0, ordinary, later)
