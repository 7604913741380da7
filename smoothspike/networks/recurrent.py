"""`Recurrent`: neurons that are connected to one another and to input channels."""

from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.experimental.sparse import BCOO
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._describe import described_network
from ..engine import Capacity, Connections, count_late_spikes, listed, simulate_recurrent
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
from ._weights import actual, drawn_weights, given_connections, given_weights, largest_weight
from .pseudospikes import Late, Pseudospikes, Weights, continue_delayed, continue_recurrent, rates_alone
from .recording import LayerRecord, Recording

#: Up to so many spikes that come late are counted at once; where there are more, more are.
_COUNTED = 4096


@final
class Recurrent(eqx.Module):
    """A population of neurons that are connected to one another and to input channels.

    Args:
        neuron: The neuron.
        size: How many there are.
        inputs: How many input channels.
        duration: The trial end.
        key: Draws the weights; see `initialisation.normal`.
        scale: Spread of the weights, in units of what one spike-triggering input needs.
        mean: Their mean, in the same units.
        recurrent_weights: Weights to use instead, (size, size): row i holds what neuron i receives. As `Connections`,
            or a sparse matrix (`jax.experimental.sparse.BCOO`), an event costs as much as it has targets.
        input_weights: Weights to use instead, (size, inputs); of the same kinds. On a route to a state with a declared
            range both have one sign; `raw_input_weights` and `raw_recurrent_weights` are what an optimiser changes.
        capacity: How many spikes there is room for; grown automatically outside jit.
        recurrent_delays: How long a spike takes from neuron to neuron, in units of time: an array that broadcasts to
            (size, size), or None for no time. `Connections` have delays of their own. A spike at t arrives at
            t + delay, after the spike where that is 0, and at or after the trial end it does nothing but on
            pseudospikes, in part (see `pseudospikes`). With delays anywhere, every arrival is an event of one neuron.
        input_delays: How long an input takes, (size, inputs); in the same way.

    Raises:
        ValueError: if sizes, duration, weights or delays do not fit together, or a delay is negative or not finite.

    Source of event-based gradients in recurrent networks with trained delays: Mészáros et al., arXiv:2501.07331.

    Example:
        >>> from symbolic import models
        >>> net = Recurrent(Neuron(models.qif()), size=3, inputs=2, duration=4.0, key=jax.random.key(0))
        >>> net.first_spike_times(Spikes([0.5, 1.0], [0, 1])).shape
        (3,)
        >>> ring = Connections([[1], [2], [0]], [[6.0]] * 3, delays=[[0.5], [0.25], [1.0]])
        >>> net = Recurrent(
        ...     Neuron(models.qif()), 3, 1, 4.0, recurrent_weights=ring, input_weights=[[6.0], [0.0], [0.0]],
        ...     input_delays=0.5,
        ... )
        >>> net.recurrent_weights.delays.shape, net.input_delays.shape
        ((3, 1), ())
    """

    neuron: Neuron
    raw_recurrent_weights: Weights | Connections
    raw_input_weights: Weights | Connections
    recurrent_delays: Float[Array, "*#neurons #neurons"] | None
    input_delays: Float[Array, "*#neurons #inputs"] | None
    size: int = eqx.field(static=True)
    inputs: int = eqx.field(static=True)
    duration: float = eqx.field(static=True)
    capacity: tuple[Capacity, ...] = eqx.field(static=True)

    def __init__(
        self,
        neuron: Neuron,
        size: int,
        inputs: int,
        duration: float,
        *,
        key: PRNGKeyArray | None = None,
        scale: float = 0.5,
        mean: float = 0.0,
        recurrent_weights: npt.ArrayLike | Mapping[str, npt.ArrayLike] | Connections | BCOO | None = None,
        input_weights: npt.ArrayLike | Mapping[str, npt.ArrayLike] | Connections | BCOO | None = None,
        capacity: CapacityLike | None = None,
        recurrent_delays: DelaysLike = None,
        input_delays: DelaysLike = None,
    ) -> None:
        self.neuron, self.duration = as_neuron(neuron), checked_duration(duration)
        self.inputs, self.size = (int(number) for number in checked_sizes((inputs, size)))
        check_size(neuron, size)
        missing = recurrent_weights is None or input_weights is None
        keys = jax.random.split(required_key(key), 2) if missing else (None, None)

        def weights(given: Any, columns: int, layer_key: PRNGKeyArray | None, name: str) -> Weights | Connections:
            if isinstance(given, Connections | BCOO):
                return given_connections(neuron, given, size, columns, name)
            if given is not None:
                return given_weights(neuron, given, (size, columns), name)
            return drawn_weights(neuron, (size, columns), self.duration, layer_key, scale=scale, mean=mean)

        self.raw_recurrent_weights = weights(recurrent_weights, size, keys[0], "recurrent_weights")
        self.raw_input_weights = weights(input_weights, inputs, keys[1], "input_weights")
        for name, given in (("recurrent", recurrent_delays), ("input", input_delays)):
            if given is not None and isinstance(getattr(self, f"raw_{name}_weights"), Connections):
                raise ValueError(
                    f"{name}_delays are for matrices; give lists theirs by Connections(targets, weights, delays=...)"
                )
        self.recurrent_delays = given_delays(recurrent_delays, (size, size), "recurrent_delays")
        self.input_delays = given_delays(input_delays, (size, inputs), "input_delays")
        self.capacity = given_capacities(capacity, (size,))

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of input channels and of neurons."""
        return self.inputs, self.size

    def __repr__(self) -> str:
        lists = self.raw_recurrent_weights, self.raw_input_weights
        weights = [each.weights if isinstance(each, Connections) else each for each in lists]
        delays = [each.delays for each in lists if isinstance(each, Connections)]
        delays += [self.recurrent_delays, self.input_delays]
        return described_network(self, (self.neuron,), weights, delays, (f"{self.capacity[0].total} spikes",))

    @property
    def recurrent_weights(self) -> Weights | Connections:
        """The weights between the neurons by route, (neurons, neurons), or `Connections`."""
        return actual(self.neuron, self.raw_recurrent_weights)

    @property
    def input_weights(self) -> Weights | Connections:
        """The weights of the inputs by route, (neurons, inputs), or `Connections`."""
        return actual(self.neuron, self.raw_input_weights)

    def __call__(
        self, spikes: Spikes, *, initial: Initial | None = None, capacity: CapacityLike | None = None
    ) -> Recording:
        """Run one trial, or a batch of trials with leading axes; arguments and errors as for `FeedForward`.

        Simultaneous events are taken inputs first, then neurons by index.
        """
        if is_constant(self, spikes):
            return self  # pyright: ignore[reportReturnType]
        states = self._states(initial)
        capacities = self.capacity if capacity is None else given_capacities(capacity, (self.size,))
        return run(self, spikes, states, capacities, [f"the recurrent layer ({self.size} neurons)"])

    def first_spike_times(self, spikes: Spikes) -> Float[Array, "*batch neurons"]:
        """Return the first spike times, pseudospikes included: always finite."""
        return self(spikes).first_spike_times()

    def capacity_for(self, spikes: Spikes) -> tuple[Capacity, ...]:
        """Return how much room these inputs need and a quarter more, to be passed as `capacity` inside jit.

        All room takes time, whether or not spikes fill it.
        """
        return capacity_for(self, spikes)

    def with_capacity(self, capacity: CapacityLike | Spikes) -> "Recurrent":
        """Return the network with room for more spikes: a number, or as many as it emits on these inputs.

        The capacity is part of the network's static structure, so set it before making an optimiser's state.
        """
        return with_capacity(self, capacity)

    @property
    def _delays(self) -> NamedDelays:
        return [
            *named_delays("recurrent_delays", self.recurrent_delays, self.recurrent_weights),
            *named_delays("input_delays", self.input_delays, self.input_weights),
        ]

    def _weights_of(self, _: int) -> dict[str, Array]:
        both = {"recurrent_weights": self.recurrent_weights, "input_weights": self.input_weights}
        routes = {name: each.weights if isinstance(each, Connections) else each for name, each in both.items()}
        return {f"{name}[{route!r}]": values for name, each in routes.items() for route, values in each.items()}

    def _states(self, initial: Initial | None) -> States:
        return (initial_states(self.neuron, self.size, initial),)

    def _room(self, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]) -> tuple[Capacity, ...]:
        """Return room for all spikes of a trial or a batch with one leading axis, at least that which is given."""
        (capacity,), name = capacities, f"the recurrent layer ({self.size} neurons)"
        _, largest = largest_weight(self._weights_of(0))
        if not self._delays:
            # all spikes have been counted, whether or not they had a place
            return (measured(capacity, (np.array(capacity.total), np.zeros(1, int)), name, largest),)
        room = _COUNTED
        while True:
            room = max(room, 16 * capacity.total)
            total = _count(self, states[0], spikes, room)
            capacity = measured(capacity, (total, np.zeros(1, int)), name, largest)
            if capacity.total <= room:
                return (capacity,)

    def _trials(
        self, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]
    ) -> tuple[Recording, Int[Array, "*batch layers 2"]]:
        """Run one trial, or a batch with one leading axis."""
        if spikes.times.ndim == 1:
            return self._trial(spikes, states, capacities)
        return jax.vmap(lambda trial: self._trial(trial, states, capacities))(spikes)

    def _trial(
        self, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]
    ) -> tuple[Recording, Int[Array, "layers 2"]]:
        duration = jnp.asarray(self.duration, spikes.times.dtype)
        dynamics = self.neuron.dynamics()
        start = dynamics.initial_state(states[0])
        population = simulate_recurrent(
            dynamics, start, spikes, self.input_weights, self.recurrent_weights, duration, capacities[0].total,
            input_delays=self.input_delays, recurrent_delays=self.recurrent_delays,
        )  # fmt: skip
        end = population.trajectory.end
        pseudospikes = self._continued(dynamics, end, spikes, population.spikes, duration)
        record = LayerRecord(pseudospikes, population.trajectory, dynamics)
        # there is no room for each neuron apart
        needed = needed_room(eqx.tree_at(lambda each: each.busiest, population, jnp.zeros((), jnp.int32)))
        return Recording((population.spikes,), (record,), self.duration), needed[None]

    def _continued(
        self, dynamics: AbstractDynamics, end: State, inputs: Spikes, found: Spikes, duration: Float[Array, ""]
    ) -> Pseudospikes:
        own = self.recurrent_weights
        if not self._delays:
            matrices: Any = own.matrices(self.size) if isinstance(own, Connections) else own
            return continue_recurrent(dynamics, end, matrices, duration)
        rates, early = rates_alone(dynamics, end, duration), inputs.before(duration)
        incoming = (
            Late(own, self._whole(self.recurrent_delays, self.size), found, rates),
            Late(self.input_weights, self._whole(self.input_delays, self.inputs), early, jnp.zeros(self.inputs)),
        )
        return continue_delayed(dynamics, end, incoming, duration)

    def _whole(self, delays: Array | None, sources: int) -> Float[Array, "neurons sources"] | None:
        return None if delays is None else jnp.broadcast_to(delays, (self.size, sources))


@eqx.filter_jit
def _count(network: Recurrent, values: Any, spikes: Spikes, capacity: int) -> Int[Array, "*batch"]:
    dynamics = network.neuron.dynamics()
    start, duration = dynamics.initial_state(values), jnp.asarray(network.duration, spikes.times.dtype)
    entering = listed(network.input_weights, network.input_delays)
    own = listed(network.recurrent_weights, network.recurrent_delays)

    def count(spikes: Spikes) -> Int[Array, ""]:
        return count_late_spikes(dynamics, start, spikes, entering, own, duration, capacity)

    return (jax.vmap(count) if spikes.times.ndim > 1 else count)(spikes)
