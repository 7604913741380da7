"""What the simulation needs to know about a neuron: nothing but this."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .event import EventJacobian, Inputs, InterEventInterval, ScanResult, event_jacobian, input_jump

#: A PyTree of arrays with one entry per neuron, in coordinates in which nothing is ever infinite.
State = Any
#: A PyTree of arrays, each with one entry for all neurons or one per neuron.
Interval = Any
Neurons = Float[Array, "*neurons"]


class VoltageRange(NamedTuple):
    """Between which values the spiking variable moves.

    Attributes:
        variable: Its name.
        reset: Where it is after a spike, `-inf` included.
        threshold: Where its spike is, `inf` included.
        is_angle: Whether it lives on a circle, where the two are the same place.
    """

    variable: str
    reset: Neurons
    threshold: Neurons
    is_angle: bool


class AbstractDynamics(eqx.Module):
    """How a population of neurons evolves between events, elementwise over neurons."""

    @property
    @abstractmethod
    def resets_by_flow(self) -> bool:
        """Whether the flow itself goes on through a spike, so that a reset needs no event."""

    @property
    def vectorises_over_inputs(self) -> bool:
        """Whether all stretches of a row are worked out faster side by side than one after the other."""
        return False

    @property
    @abstractmethod
    def routes(self) -> tuple[str, ...]:
        """Names of the input routes."""

    @property
    @abstractmethod
    def voltage_range(self) -> VoltageRange:
        """Between which values the spiking variable moves."""

    @abstractmethod
    def initial_state(self, values: Mapping[str, Neurons]) -> State:
        """Turn values of all declared states into a state."""

    @abstractmethod
    def flow(self, state: State, duration: Neurons) -> State:
        """Carry a state through an interval without events."""

    def advance(self, state: State, duration: Neurons) -> tuple[State, Neurons]:
        """Carry a state through an interval and its spikes; return their number, too, whole, of the type of states."""
        after, count = self.through(state, self.interval(duration))
        return self.normalised(after), count

    def interval(self, duration: Neurons) -> Interval:
        """Return all that can be computed from an interval without the state, for loops over many of them."""
        return duration

    @abstractmethod
    def through(self, state: State, interval: Interval) -> tuple[State, Neurons]:
        """Do what `advance` does, with what `interval` returned for the duration, and without settling the state."""

    def course(
        self,
        state: State,
        inputs: Inputs,
        tally: Callable[[Any, Float[Array, " neurons *trials"]], tuple[Any, Any]],
        start: Any,
    ) -> ScanResult:
        """Carry a population through a row of stretches, or several of them side by side, as `inputs` say.

        Args:
            state: Where the first of them begins.
            inputs: The stretches.
            tally: Makes of what is carried and of the numbers of spikes in a stretch what is carried on and kept.
            start: What is carried first.
        """

        def step(carry: tuple, stretch: tuple) -> tuple:
            (state, carried), (interval, source) = carry, stretch
            after, count = self.through(state, interval)
            carried, kept = tally(carried, count)
            return (self.jump(after, input_jump(inputs.columns, source)), carried), (state, kept)

        stretches = self.interval(inputs.lengths[:, None]), inputs.sources
        (end, carried), (states, kept) = jax.lax.scan(step, (state, start), stretches)
        return ScanResult(states, end, carried, kept)

    def quietly(
        self,
        state: State,
        lengths: Float[Array, " inputs"],
        weights: Mapping[str, Float[Array, "inputs neurons"]],
        most: Int[Array, ""],
    ) -> tuple[State, Int[Array, ""]]:
        """Carry a population from input to input for as long as nobody spikes.

        Args:
            state: Where it is.
            lengths: How long it is to each of the next inputs.
            weights: What each brings to each neuron, for every route.
            most: After so many of them it stops anyway.

        Returns:
            The state just after the last input before a spike, and how many inputs there were.
        """
        states, counts = [state], []
        for place in range(len(lengths)):
            after, count = self.advance(states[-1], lengths[place])
            states.append(self.jump(after, {route: rows[place] for route, rows in weights.items()}))
            counts.append(count)
        return first_quiet(states, counts, most)

    def normalised(self, state: State) -> State:
        """Return the same state written as all but `through` and `jump` expect it."""
        return state

    def gave_up(self, state: State) -> Bool[Array, ""]:
        """Return whether a solver gave up on the way to a state of a population: it is not a number then."""
        return jnp.stack([jnp.isnan(leaf).any() for leaf in jax.tree.leaves(state)]).any()

    def to_tangent_coordinates(self, state: State, change: Any) -> Any:
        """Return what matters of a change of a state; `expanded` is the way back."""
        return change

    def from_tangent_coordinates(self, state: State, change: Any) -> Any:
        """Return a change of a state that `compressed` turns into this one."""
        return change

    def event_jacobian(
        self,
        tangents: Any,
        state: State,
        stretch: InterEventInterval,
        weights: Mapping[str, Neurons],
        weight_tangents: Mapping[str, Neurons | None],
    ) -> EventJacobian:
        """Linearise what a stretch and the event that ends it do to a state, in `compressed` changes.

        Args:
            tangents: How these dynamics change.
            state: The state before.
            stretch: The stretch, and whom the event resets.
            weights: What it brings to each neuron, for every route.
            weight_tangents: How that changes; None where it does not.
        """
        return event_jacobian(self, tangents, state, stretch, weights, weight_tangents)

    @abstractmethod
    def time_to_spike(self, state: State, index: Neurons, within: Neurons) -> Neurons:
        """Return when the (`index` + 1)-th spike comes, `inf` if it does not come `within` that time."""

    @abstractmethod
    def first_to_spike(self, state: State, within: Neurons) -> tuple[Float[Array, ""], Int[Array, ""]]:
        """Return when the next spike of a population comes, `inf` if not `within` that time, and whose it is.

        Among simultaneous spikes it is that of the lowest index.
        """

    @abstractmethod
    def until_spike(self, state: State, within: Neurons) -> tuple[Neurons, State]:
        """Return when the next spike comes, `inf` if not `within` that time, and the state just before it, or then."""

    @abstractmethod
    def reset(self, state: State) -> State:
        """Return the state just after a spike, from the state at it."""

    @abstractmethod
    def jump(self, state: State, weights: Mapping[str, Neurons]) -> State:
        """Return the state just after an input of these weights, one for each route."""

    @abstractmethod
    def pseudo_phase_and_period(self, state: State, duration: Neurons) -> tuple[Neurons, Neurons]:
        """Return time to the first spike and period in the suprathreshold dynamics after a trial of `duration`."""

    @abstractmethod
    def zero_synaptic_state(self, state: State) -> State:
        """Return the state with its synaptic drive removed."""

    @abstractmethod
    def readout(self, state: State) -> dict[str, Neurons]:
        """Return the declared states by name."""


def earliest(dynamics: AbstractDynamics, state: State, within: Neurons) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """Implement `first_to_spike` by `time_to_spike`."""
    # rounding may put a spike just before this instant: time never runs backwards
    wait = jnp.maximum(dynamics.time_to_spike(state, jnp.zeros_like(within), within), 0.0)
    first = jnp.argmin(wait)
    return wait[first], first


def flow_until_spike(dynamics: AbstractDynamics, state: State, within: Neurons) -> tuple[Neurons, State]:
    """Implement `until_spike` by `time_to_spike` and `flow`."""
    wait = dynamics.time_to_spike(state, jnp.zeros_like(within), within)
    return wait, dynamics.flow(state, jnp.where(wait < within, wait, within))


def first_quiet(
    states: Sequence[State], counts: Sequence[Float[Array, " neurons"]], most: Int[Array, ""]
) -> tuple[State, Int[Array, ""]]:
    """Implement `quietly`, given states after 0, 1 and more inputs and how often neurons spike before each of these."""
    silent, passed = jnp.ones_like(counts[0], bool), jnp.zeros_like(counts[0], jnp.int32)
    for count in counts:
        silent &= count == 0
        passed += silent
    number = jnp.minimum(passed.min(), most)
    chosen = states[0]
    for place, state in enumerate(states[1:], 1):
        chosen = jax.tree.map(lambda new, old, place=place: jnp.where(number >= place, new, old), state, chosen)
    return chosen, number
