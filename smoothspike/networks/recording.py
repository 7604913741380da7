"""What a network returns: spikes of every layer, their continuation beyond the trial, and states at any time."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from .._checks import is_whole, positive_number
from .._describe import described_recording
from ..engine import Trajectory
from ..neurons import AbstractDynamics, ReadoutDynamics
from ..spikes import Spikes
from . import voltages
from .pseudospikes import Pseudospikes


@final
class LayerRecord(eqx.Module):
    """One layer's part of a recording.

    Attributes:
        pseudospikes: How its spikes go on after the trial; None for a readout.
        trajectory: Its states.
        dynamics: Its neurons.
        by_neuron: Its ordinary spikes, those of each neuron apart, where the simulation knows them so.
        units: Pairs of a state and its unit, where the model is declared with units.
    """

    pseudospikes: Pseudospikes | None
    trajectory: Trajectory
    dynamics: AbstractDynamics
    by_neuron: Float[Array, "*batch most neurons"] | None = None
    units: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())

    @property
    def is_readout(self) -> bool:
        """Whether its neurons emit no spikes."""
        return self.pseudospikes is None

    @property
    def size(self) -> int:
        """The number of neurons."""
        return jax.tree.leaves(self.trajectory.end)[0].shape[-1]

    @property
    def spiking(self) -> Pseudospikes:
        """Its pseudospikes, which every layer has but a readout."""
        assert self.pseudospikes is not None
        return self.pseudospikes


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
        number, layer = _checked_count(count), self._spiking_layer(layer, "spike times")
        return self._each_trial(lambda trial: _extended(trial, number, layer))

    def first_spike_times(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return the first spike time of every neuron, a pseudospike's where there is no ordinary one."""
        return self.spike_times(1, layer)[..., 0]

    def ordinary_spike_times(self, count: int = 1, layer: int = -1) -> Float[Array, "*batch neurons {count}"]:
        """Return the first `count` ordinary spike times of every neuron, `inf` where there are fewer."""
        number, layer = _checked_count(count), self._spiking_layer(layer, "spike times")
        return self._each_trial(lambda trial: _ordinary(trial, number, layer)[0])

    def pseudo_rates(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return the pseudo-rates at the trial end: 0 for a neuron that has just spiked, 1 for one about to."""
        return self.layers[self._spiking_layer(layer, "pseudo-rates")].spiking.rates

    def expected_counts(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return how many ordinary spikes each neuron emits, and how far it has come to the next: its pseudo-rate."""
        layer = self._spiking_layer(layer, "spikes")
        return self.spikes[layer].counts(self.layers[layer].size) + self.pseudo_rates(layer)

    def max_over_time(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return the largest value of the first state of every readout neuron in the trial, its end included.

        The instant of the maximum is found exactly, not on a grid, among all stationary points.

        Raises:
            ValueError: if the layer is no readout, or more than two of its states drive one another in a circle.

        Differentiation:
            Exact, by the envelope theorem; there are kinks where two maxima are equal.

        Source: the maximum-over-time loss of Cramer et al., IEEE TNNLS 33 (2022), arXiv:1910.07407.

        Example:
            An input at time 1 to a membrane and a synapse with equal time constants: t exp(-t), at most 1/e.

            >>> import smoothspike as ss
            >>> leaky = ss.Neuron(ss.NeuronModel.from_equations("dV/dt = I - V; dI/dt = -I", name="LI", inputs="I"))
            >>> net = ss.FeedForward(leaky, sizes=(1, 2), duration=4.0, weights=[[[1.0], [2.0]]])
            >>> [f"{value:.5f}" for value in net(ss.Spikes([1.0], [0])).max_over_time()]
            ['0.36788', '0.73576']
        """
        return self._voltages("max_over_time", voltages.largest, layer)

    def mean_over_time(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        r"""Return $\frac1T \int_0^T V\,dt$ of the first state V of every readout neuron, in closed form.

        Raises:
            ValueError: if the layer is no readout.

        Differentiation:
            Exact.

        Source: Nowotny, Turner & Knight, arXiv:2212.01232.
        """
        return self._voltages("mean_over_time", voltages.weighted_mean, layer, 0.0)

    def exponentially_weighted(self, tau: Float[ArrayLike, ""], layer: int = -1) -> Float[Array, "*batch neurons"]:
        r"""Return $\frac1T \int_0^T e^{-t/\tau} V\,dt$ of every readout neuron: early voltages count more.

        Args:
            tau: The time constant of the weight; the authors take the trial duration T.
            layer: The layer.

        Raises:
            ValueError: if the layer is no readout, or `tau` is not positive.

        Differentiation:
            Exact.

        Source: Nowotny, Turner & Knight, arXiv:2212.01232.
        """
        return self._voltages("exponentially_weighted", voltages.weighted_mean, layer, 1 / positive_number("tau", tau))

    def states_at(self, ts: ArrayLike, layer: int = -1) -> dict[str, Float[Array, "*batch samples neurons"]]:
        """Return every declared state of a layer at any times within the trial; a potential is infinite at its spike.

        Raises:
            ValueError: if a time is known to lie outside the trial.
        """
        layer = self._checked_layer(layer)
        samples = jnp.asarray(ts, self.layers[layer].trajectory.starts.dtype)
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

    def _spiking_layer(self, layer: int, what: str) -> int:
        layer = self._checked_layer(layer)
        if self.layers[layer].is_readout:
            raise ValueError(
                f"layer {layer} is a readout, which has no {what}: use max_over_time(), mean_over_time(), "
                "exponentially_weighted(tau) or states_at(ts), or name a layer of spiking neurons, such as layer=0"
            )
        return layer

    def _voltages(self, what: str, read: Callable[..., Array], layer: int, *others: Any) -> Array:
        """Read from the voltages of a readout in every trial."""
        record = self.layers[self._checked_layer(layer)]
        if not isinstance(record.dynamics, ReadoutDynamics):
            raise ValueError(
                f"{what}: layer {layer} emits spikes and is no readout; end the network in ss.Neuron(model) of a model "
                "without a spike rule"
            )
        dtype = record.trajectory.starts.dtype
        duration, *numbers = (jnp.asarray(each, dtype) for each in (self.duration, *others))

        def of_trial(dynamics: ReadoutDynamics, trajectory: Trajectory) -> Array:
            return read(dynamics, trajectory, duration, *numbers)

        for _ in range(self.spikes[-1].times.ndim - 1):
            of_trial = jax.vmap(of_trial)
        return of_trial(record.dynamics, record.trajectory)

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
    size = trial.layers[layer].size
    times = jnp.full((size, count), jnp.inf, spikes.times.dtype)
    sources = jnp.where(spikes.is_spike, spikes.sources, size)
    order = jnp.argsort(sources, stable=True)
    grouped = sources[order]
    rank = jnp.arange(grouped.shape[0]) - jnp.searchsorted(grouped, grouped, side="left")
    number = jnp.searchsorted(grouped, jnp.arange(size), side="right") - jnp.searchsorted(grouped, jnp.arange(size))
    return times.at[grouped, rank].set(spikes.times[order], mode="drop"), number


def _extended(trial: Recording, count: int, layer: int) -> Float[Array, "neurons count"]:
    ordinary, number = _ordinary(trial, count, layer)
    pseudospikes = trial.layers[layer].spiking
    k = jnp.arange(count) - number[:, None]
    later = trial.duration + pseudospikes.first[:, None] + jnp.maximum(k, 0) * pseudospikes.period[:, None]
    return jnp.where(k < 0, ordinary, later)
