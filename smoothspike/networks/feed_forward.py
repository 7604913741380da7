"""`FeedForward`: layers of neurons, each driven by the spikes of the one before."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy.typing as npt
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._describe import described_network
from ..engine import (
    Capacity,
    Drive,
    Population,
    count_delayed_spikes,
    count_spikes,
    simulate_delayed_layer,
    simulate_layer,
)
from ..neurons import AbstractDynamics, State
from ..neurons.neuron import Neuron
from ..spikes import Spikes
from ._arguments import (
    CapacityLike,
    DelaysLike,
    Initial,
    NamedDelays,
    States,
    as_neuron,
    check_size,
    checked_duration,
    checked_sizes,
    given_capacities,
    given_delays,
    initial_states,
    named_delays,
    required_key,
)
from ._capacity import measured
from ._execute import capacity_for, is_constant, needed_room, run, with_capacity
from ._weights import actual, drawn_weights, given_weights, largest_weight
from .pseudospikes import Late, Pseudospikes, Weights, continue_delayed, continue_layer
from .recording import LayerRecord, Recording


@final
class FeedForward(eqx.Module):
    """Layers of neurons, each driven by the spikes of the one before.

    Args:
        neuron: The neuron of all layers, or one for each layer.
        sizes: Number of input channels, then of neurons in every layer.
        duration: The trial end.
        key: Draws the weights; see `initialisation.normal`. They start the network silent.
        scale: Spread of the weights, in units of what one spike-triggering input needs.
        mean: Their mean, in the same units.
        weights: Weights to use instead: for every layer a matrix (neurons, sources), or one for each route by name. On
            routes to states with a declared range they have one sign; `raw_weights` is what an optimiser changes.
        capacity: How many spikes each layer has room for, one number or one per layer; grown automatically outside jit.
        delays: For every layer how long spikes take to it, in units of time: an array that broadcasts to (neurons,
            sources), or None for no time. A spike at t arrives at t + delay, and at or after the trial end it does
            nothing but on pseudospikes, in part (see `pseudospikes`). Delays are leaves of the network, so an optimiser
            trains them with the weights: all spike times are differentiable in them.

    Raises:
        ValueError: if sizes, duration, weights, neurons or delays do not fit together, or a delay is negative or not
            finite.

    Source of delays trained by exact gradients of spike times: Göltz et al., DelGrad, Nature Communications 16 (2025).

    Example:
        >>> from symbolic import models
        >>> net = FeedForward(Neuron(models.qif()), sizes=(2, 3), duration=4.0, weights=[jnp.full((3, 2), 2.0)])
        >>> net.first_spike_times(Spikes([0.5, 1.0], [0, 1])).shape
        (3,)
        >>> late = FeedForward(
        ...     Neuron(models.qif()), sizes=(2, 3), duration=4.0, weights=[jnp.full((3, 2), 2.0)], delays=[[0.1, 0.5]]
        ... )
        >>> late.delays[0].shape
        (2,)
    """

    neurons: tuple[Neuron, ...]
    raw_weights: tuple[Weights, ...]
    delays: tuple[Float[Array, "*#neurons #sources"] | None, ...]
    sizes: tuple[int, ...] = eqx.field(static=True)
    duration: float = eqx.field(static=True)
    capacity: tuple[Capacity, ...] = eqx.field(static=True)

    def __init__(
        self,
        neuron: Neuron | Sequence[Neuron],
        sizes: Sequence[int],
        duration: float,
        *,
        key: PRNGKeyArray | None = None,
        scale: float = 0.5,
        mean: float = 0.0,
        weights: Sequence[npt.ArrayLike | Mapping[str, npt.ArrayLike]] | None = None,
        capacity: CapacityLike | None = None,
        delays: Sequence[DelaysLike] | None = None,
    ) -> None:
        self.sizes, self.duration = checked_sizes(sizes), checked_duration(duration)
        layers = len(self.sizes) - 1
        several = isinstance(neuron, Sequence)
        self.neurons = tuple(as_neuron(each) for each in (neuron if several else (neuron,) * layers))
        if len(self.neurons) != layers:
            raise ValueError(f"{len(self.neurons)} neurons for {layers} layers; give one, or one for each layer")
        shapes = tuple(zip(self.sizes[1:], self.sizes[:-1], strict=True))
        for each, (size, _) in zip(self.neurons, shapes, strict=True):
            check_size(each, size)
        if weights is not None:
            if len(weights) != layers:
                raise ValueError(f"{len(weights)} weight matrices for {layers} layers; give one for each layer")
            self.raw_weights = tuple(
                given_weights(each, matrix, shape, f"layer {index}")
                for index, (each, matrix, shape) in enumerate(zip(self.neurons, weights, shapes, strict=True))
            )
        else:
            keys = jax.random.split(required_key(key), layers)
            self.raw_weights = tuple(
                drawn_weights(each, shape, self.duration, layer_key, scale=scale, mean=mean)
                for each, shape, layer_key in zip(self.neurons, shapes, keys, strict=True)
            )
        if delays is not None and len(delays) != layers:
            raise ValueError(f"{len(delays)} entries of delays for {layers} layers; give one for each, or None")
        self.delays = tuple(
            given_delays(each, shape, f"delays[{index}]")
            for index, (each, shape) in enumerate(zip(delays or (None,) * layers, shapes, strict=True))
        )
        self.capacity = given_capacities(capacity, self.sizes[1:], self.neurons)

    def __repr__(self) -> str:
        rooms = (f"{total} spikes ({busiest} of one neuron)" for total, busiest in self.capacity)
        return described_network(self, self.neurons, self.raw_weights, self.delays, rooms)

    @property
    def weights(self) -> tuple[Weights, ...]:
        """The weights of every layer by route, (neurons, sources)."""
        parts = tuple(actual(neuron, raw) for neuron, raw in zip(self.neurons, self.raw_weights, strict=True))
        # the same object where it can be, so that equinox.tree_at finds it
        is_same = all(part is raw for part, raw in zip(parts, self.raw_weights, strict=True))
        return self.raw_weights if is_same else parts

    def __call__(
        self,
        spikes: Spikes,
        *,
        initial: Sequence[Initial | None] | None = None,
        capacity: CapacityLike | None = None,
    ) -> Recording:
        """Run one trial, or a batch of trials with leading axes, which layers go through together.

        Args:
            spikes: The input. Inputs at or after the trial end do nothing.
            initial: For every layer, initial values of states by name, instead of the declared ones.
            capacity: How many spikes each layer has room for, instead of the network's own.

        Raises:
            ValueError: if sources are out of range, times negative or NaN, or initial values do not fit; if a delay
                has become negative or infinite.
            RuntimeError: inside jit, for the same, or if a layer emits more spikes than it has room for.
        """
        if is_constant(self, spikes):
            return self  # pyright: ignore[reportReturnType]
        states = self._states(initial)
        names = [f"layer {index} ({size} neurons)" for index, size in enumerate(self.sizes[1:])]
        capacities = self.capacity if capacity is None else given_capacities(capacity, self.sizes[1:])
        return run(self, spikes, states, capacities, names)

    def first_spike_times(self, spikes: Spikes) -> Float[Array, "*batch neurons"]:
        """Return the first spike times of the last layer, pseudospikes included: always finite."""
        return self(spikes).first_spike_times()

    def capacity_for(self, spikes: Spikes) -> tuple[Capacity, ...]:
        """Return how much room these inputs need and a quarter more, to be passed as `capacity` inside jit.

        All room takes time, whether or not spikes fill it.
        """
        return capacity_for(self, spikes)

    def with_capacity(self, capacity: CapacityLike | Spikes) -> "FeedForward":
        """Return the network with room for more spikes: numbers, or as many as it emits on these inputs.

        The capacity is part of the network's static structure, so set it before making an optimiser's state.
        """
        return with_capacity(self, capacity)

    @property
    def _delays(self) -> NamedDelays:
        return [named for index, each in enumerate(self.delays) for named in named_delays(f"delays[{index}]", each)]

    def _weights_of(self, layer: int) -> dict[str, Array]:
        return {f"weights[{layer}][{route!r}]": values for route, values in self.weights[layer].items()}

    def _states(self, initial: Sequence[Initial | None] | None) -> States:
        given = (None,) * len(self.neurons) if initial is None else tuple(initial)
        if len(given) != len(self.neurons):
            raise ValueError(
                f"initial: {len(given)} entries for {len(self.neurons)} layers; give one for each, or None"
            )
        return tuple(
            initial_states(neuron, size, values)
            for neuron, size, values in zip(self.neurons, self.sizes[1:], given, strict=True)
        )

    def _room(self, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]) -> tuple[Capacity, ...]:
        """Return room for all spikes of a trial or a batch with one leading axis, at least that which is given."""
        rooms = []
        for layer, capacity in enumerate(capacities):
            counts = _count(self, layer, states[layer], spikes)
            _, largest = largest_weight(self._weights_of(layer))
            rooms.append(measured(capacity, counts, f"layer {layer} ({self.sizes[layer + 1]} neurons)", largest))
            if layer + 1 < len(capacities):
                spikes = _emitted(self, layer, states[layer], spikes, rooms[-1])
        return tuple(rooms)

    def _trials(
        self, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]
    ) -> tuple[Recording, Int[Array, "*batch layers 2"]]:
        """Run one trial, or a batch with one leading axis, of which layers go through all trials together."""
        batch = spikes.times.shape[:-1]
        rates = jnp.zeros((*batch, self.sizes[0]), spikes.times.dtype)
        all_spikes, records, needed = [], [], []
        for layer, (neuron, values, capacity) in enumerate(zip(self.neurons, states, capacities, strict=True)):
            dynamics = neuron.dynamics()
            start = dynamics.initial_state(values)
            population, pseudospikes = self._layer(layer, dynamics, start, spikes, rates, capacity)
            spikes, rates = population.spikes, pseudospikes.rates
            all_spikes.append(spikes)
            # every trial of a recording stands for itself
            dynamics = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*batch, *jnp.shape(leaf))), dynamics)
            records.append(LayerRecord(pseudospikes, population.trajectory, dynamics, population.by_neuron))
            needed.append((jax.vmap(needed_room) if batch else needed_room)(population))
        return Recording(tuple(all_spikes), tuple(records), self.duration), jnp.stack(needed, -2)

    def _layer(
        self,
        layer: int,
        dynamics: AbstractDynamics,
        start: State,
        spikes: Spikes,
        rates: Float[Array, "*batch sources"],
        capacity: Capacity,
    ) -> tuple[Population, Pseudospikes]:
        duration = jnp.asarray(self.duration, spikes.times.dtype)
        weights, inside = self.weights[layer], layer > 0
        if self.delays[layer] is None:
            population = simulate_layer(dynamics, start, self._drive(layer, spikes), duration, capacity)

            def continued(end: State, rates: Float[Array, " sources"]) -> Pseudospikes:
                return continue_layer(dynamics, end, weights, rates, duration)

            each_trial = jax.vmap(continued) if rates.ndim > 1 else continued
            return population, each_trial(population.trajectory.end, rates)
        delays = self._whole_delays(layer, spikes.times.dtype)

        def delayed(spikes: Spikes, rates: Float[Array, " sources"]) -> tuple[Population, Pseudospikes]:
            population = simulate_delayed_layer(
                dynamics, start, spikes, weights, delays, duration, capacity, inside=inside
            )
            incoming = Late(weights, delays, spikes, rates)
            return population, continue_delayed(dynamics, population.trajectory.end, (incoming,), duration)

        spikes = spikes if inside else spikes.before(duration)
        return (jax.vmap(delayed) if rates.ndim > 1 else delayed)(spikes, rates)

    def _counts(
        self, layer: int, dynamics: AbstractDynamics, start: State, spikes: Spikes
    ) -> tuple[Int[Array, "*batch"], Int[Array, "*batch"]]:
        """Count the spikes of a layer, and of its busiest neuron."""
        duration = jnp.asarray(self.duration, spikes.times.dtype)
        if self.delays[layer] is None:
            return count_spikes(dynamics, start, self._drive(layer, spikes), duration)
        weights, delays = self.weights[layer], self._whole_delays(layer, spikes.times.dtype)
        inside = layer > 0

        def delayed(spikes: Spikes) -> tuple[Array, Array]:
            return count_delayed_spikes(dynamics, start, spikes, weights, delays, duration, inside=inside)

        spikes = spikes if inside else spikes.before(duration)
        return (jax.vmap(delayed) if spikes.times.ndim > 1 else delayed)(spikes)

    def _drive(self, layer: int, spikes: Spikes) -> Drive:
        return Drive(spikes, self.weights[layer], jnp.asarray(self.duration, spikes.times.dtype), inside=layer > 0)

    def _whole_delays(self, layer: int, dtype: Any) -> Float[Array, "neurons sources"]:
        shape = self.sizes[layer + 1], self.sizes[layer]
        return jnp.broadcast_to(jnp.asarray(self.delays[layer]), shape).astype(dtype)


@eqx.filter_jit
def _count(network: FeedForward, layer: int, values: Any, spikes: Spikes) -> tuple[Array, Array]:
    dynamics = network.neurons[layer].dynamics()
    return network._counts(layer, dynamics, dynamics.initial_state(values), spikes)


@eqx.filter_jit
def _emitted(network: FeedForward, layer: int, values: Any, spikes: Spikes, capacity: Capacity) -> Spikes:
    dynamics = network.neurons[layer].dynamics()
    # pseudospikes are not worked out
    rates = jnp.zeros((*spikes.times.shape[:-1], network.sizes[layer]), spikes.times.dtype)
    return network._layer(layer, dynamics, dynamics.initial_state(values), spikes, rates, capacity)[0].spikes
