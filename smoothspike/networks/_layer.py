"""One population of a network, driven by spikes: how it is simulated, continued beyond the trial, and counted."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..engine import (
    Capacity,
    Connections,
    Drive,
    Population,
    arrivals,
    count_delayed_spikes,
    count_recurrent_spikes,
    count_spikes,
    is_summed,
    not_after,
    simulate_delayed_layer,
    simulate_layer,
    simulate_recurrent,
    summed,
)
from ..neurons import AbstractDynamics, State
from ..neurons.neuron import Neuron
from ..spikes import Spikes
from ._currents import Currents, begun, driven, held_at_mean, silent
from .pseudospikes import Pseudospikes, Sources, continue_beyond


class Layer(NamedTuple):
    """A population and all that reaches it.

    Attributes:
        neuron: Its neurons.
        size: How many there are.
        inputs: Connections from input channels or the layer before, with the weights themselves.
        recurrent: Connections among its neurons, None for none.
        name: What messages call it.
        names: What messages call its connections: `inputs`, then `recurrent`, each with the names of delays.
        currents: The currents that are given to it in one trial.
    """

    neuron: Neuron
    size: int
    inputs: Connections
    recurrent: Connections | None
    name: str
    names: tuple[tuple[str, str], ...]
    currents: Currents = MappingProxyType({})

    def dynamics(self) -> AbstractDynamics:
        """Build the solver of its neurons, at the present values of their parameters."""
        return self.neuron.dynamics({name: current.has_slope for name, current in self.currents.items()})

    @property
    def connections(self) -> list[tuple[Connections, str, str]]:
        """All its connections, each with the names of its weights and its delays."""
        both = self.inputs, self.recurrent
        return [(each, *names) for each, names in zip(both, self.names, strict=False) if each is not None]

    @property
    def weights(self) -> dict[str, Array]:
        """All its weights by the names that messages call them."""
        return {
            f"{name}[{route!r}]": values for each, name, _ in self.connections for route, values in each.weights.items()
        }

    @property
    def is_readout(self) -> bool:
        """Whether its neurons emit no spikes."""
        return self.neuron.model.is_readout

    @property
    def is_scanned(self) -> bool:
        """Whether all neurons go through the same arrivals, so that a scan over these is fastest."""
        return self.recurrent is None and self.inputs.arrives_at_once

    @property
    def is_queued(self) -> bool:
        """Whether it is simulated event by event."""
        return self.recurrent is not None or not (self.inputs.arrives_at_once or self.inputs.is_dense)

    @property
    def is_counted(self) -> bool:
        """Whether all spikes are counted, whatever the capacity: each acts when it comes about."""
        return self.recurrent is not None and self.recurrent.delays is None

    def run(
        self,
        values: dict[str, Float[Array, " neurons"]],
        sources: Sources,
        capacity: Capacity,
        duration: Float[Array, ""],
        is_first: bool,
    ) -> tuple[Population, Pseudospikes | None]:
        """Simulate one trial, or a batch of trials with one leading axis, and continue it beyond the trial end.

        Args:
            values: Initial values of its states.
            sources: What drives it. Spikes of input channels may lie beyond the trial; those of a layer do not, but
                for rounding.
            capacity: How many spikes can be held.
            duration: The trial end.
            is_first: Whether the sources are input channels.
        """
        if self.is_readout and self.is_queued:
            raise ValueError(
                f"{self.name} is a readout of sparse connections with a delay each: give matrices of weights and "
                "delays, or one delay for each source"
            )
        dynamics = self.dynamics()
        if is_first and self.inputs.delays is not None:
            sources = sources._replace(spikes=sources.spikes.before(duration))
        layer, start, spikes = self._begun(dynamics, values, sources.spikes, duration, is_first)
        if self.is_scanned:
            population = simulate_layer(dynamics, start, layer._drive(spikes, duration, is_first), duration, capacity)
        else:
            simulate = layer._simulation(dynamics, start, capacity, duration, is_first)
            population = each_trial(simulate, spikes)(spikes)

        def continued(population: Population, sources: Sources) -> Pseudospikes:
            recurrent = None if self.recurrent is None else (self.recurrent, population.spikes)
            end = population.trajectory.end
            if self.currents:
                end = held_at_mean(dynamics, end, self.currents, duration)
            return continue_beyond(dynamics, end, (self.inputs, sources), recurrent, duration)

        if self.is_readout:
            return population, None
        return population, each_trial(continued, sources.spikes)(population, sources)

    def count_spikes(
        self,
        values: dict[str, Float[Array, " neurons"]],
        spikes: Spikes,
        capacity: int,
        duration: Float[Array, ""],
        is_first: bool,
    ) -> tuple[Int[Array, "*batch"], Int[Array, "*batch"]]:
        """Count its spikes, and those of the neuron with the most of them where it has a capacity of its own.

        Of recurrent connections with delays, no more spikes than the capacity arrive.
        """
        dynamics = self.dynamics()
        if is_first and self.inputs.delays is not None:
            spikes = spikes.before(duration)
        layer, start, spikes = self._begun(dynamics, values, spikes, duration, is_first)
        if self.is_scanned:
            return count_spikes(dynamics, start, layer._drive(spikes, duration, is_first), duration)

        def counted(spikes: Spikes) -> tuple[Array, Array]:
            if not self.is_queued:
                matrices, delays = layer.inputs.weights, layer._delays(duration)
                return count_delayed_spikes(dynamics, start, spikes, matrices, delays, duration, inside=not is_first)
            total = count_recurrent_spikes(
                dynamics, start, layer._within(spikes, duration, is_first), layer.inputs, layer._own, duration, capacity
            )
            return total, jnp.zeros((), jnp.int32)

        return each_trial(counted, spikes)(spikes)

    def _with_summed_inputs(self, spikes: Spikes) -> tuple["Layer", Spikes]:
        """Return a layer and inputs that do the same, where it pays to simulate those that arrive together as one."""
        if not (is_summed(spikes) and self.inputs.is_dense and self.inputs.delays is None and self.neuron.sums_inputs):
            return self, spikes
        spikes, weights = summed(spikes, self.inputs.weights)
        return self._replace(inputs=Connections.dense(weights)), spikes

    def _begun(
        self, dynamics: AbstractDynamics, values: dict[str, Array], spikes: Spikes, duration: Array, is_first: bool
    ) -> tuple["Layer", State, Spikes]:
        """Return what is simulated: with currents, a layer whose inputs are their steps too, and begins with them."""
        layer, spikes = self._with_summed_inputs(spikes)
        if not self.currents:
            return layer, dynamics.initial_state(values), spikes
        as_matrices = self.inputs.arrives_at_once and (self.recurrent is None or self.recurrent.is_dense)
        spikes, inputs = driven(self.currents, spikes, layer.inputs, self.size, as_matrices, duration)
        # those of input channels are put in order later
        spikes = spikes if is_first else spikes.sorted()
        recurrent = None if self.recurrent is None else silent(self.recurrent, self.currents)
        start = dynamics.initial_state(values | begun(self.currents, self.size))
        return self._replace(inputs=inputs, recurrent=recurrent), start, spikes

    def _simulation(
        self, dynamics: AbstractDynamics, start: State, capacity: Capacity, duration: Array, is_first: bool
    ) -> Callable[[Spikes], Population]:
        def one_by_one(spikes: Spikes) -> Population:
            return simulate_delayed_layer(
                dynamics, start, spikes, self.inputs.weights, self._delays(duration), duration, capacity,
                inside=not is_first,
            )  # fmt: skip

        def queued(spikes: Spikes) -> Population:
            spikes = self._within(spikes, duration, is_first)
            return simulate_recurrent(dynamics, start, spikes, self.inputs, self._own, duration, capacity.total)

        return queued if self.is_queued else one_by_one

    @property
    def _own(self) -> Connections:
        """Its recurrent connections, to nobody where there are none."""
        if self.recurrent is not None:
            return self.recurrent
        nobody = jnp.zeros((self.size, 0), jnp.int32)
        return Connections(nobody, {route: jnp.zeros(nobody.shape) for route in self.inputs.weights})

    def _delays(self, duration: Array) -> Float[Array, "neurons sources"]:
        return jnp.broadcast_to(jnp.asarray(self.inputs.delays), self.inputs.shape).astype(duration.dtype)

    def _within(self, spikes: Spikes, duration: Array, is_first: bool) -> Spikes:
        """Spikes of another layer all count, one that rounding puts at the trial end included."""
        if is_first:
            return spikes
        last = jnp.nextafter(duration, jnp.zeros_like(duration))
        return Spikes(jnp.where(spikes.is_spike, not_after(spikes.times, last), jnp.inf), spikes.sources)

    def _drive(self, spikes: Spikes, duration: Float[Array, ""], is_first: bool) -> Drive:
        matrices = self.inputs.to_matrices(self.size)
        if self.inputs.delays is None:
            return Drive(spikes, matrices, duration, inside=not is_first)
        delays = self.inputs.source_delays().astype(duration.dtype)

        def delayed(spikes: Spikes) -> Spikes:
            return arrivals(spikes, delays, duration, inside=not is_first)

        return Drive(each_trial(delayed, spikes)(spikes), matrices, duration, inside=True)


def each_trial(function: Callable[..., Any], spikes: Spikes) -> Callable[..., Any]:
    """Map a function over the trials of a batch, if there is one."""
    return jax.vmap(function) if spikes.times.ndim > 1 else function
