"""An optional interface for speed: dynamics that treat all intervals between the inputs of a layer at once."""

import functools
import operator
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .interface import AbstractDynamics, State

Values = Float[Array, "*#shape"]
#: Tangents of a PyTree: None where a leaf does not move.
Tangents = Any


class Inputs(NamedTuple):
    """The inputs of a population and the intervals before them, in one trial or several along a last axis.

    Attributes:
        lengths: Of the interval before each input.
        columns: For every route, what an input of each source adds to each neuron, and nothing in a last row.
        sources: The source of every input; the last row for padding.
    """

    lengths: Float[Array, " inputs *trials"]
    columns: dict[str, Float[Array, "sources neurons"]]
    sources: Int[Array, " inputs *trials"]


def input_jump(columns: Mapping[str, Any], sources: Int[Array, "*inputs"], axis: int = 0) -> dict[str, Any]:
    """Return what inputs add to each neuron, for every route, with the neurons along an axis; None stays None."""
    return {
        route: None if column is None else jnp.moveaxis(column.at[sources].get(mode="promise_in_bounds"), -1, axis)
        for route, column in columns.items()
    }


class SpikeCounter(NamedTuple):
    """Counts spikes from interval to interval, in the dtype of states, which saves conversions on the way.

    Attributes:
        spiked: How many spikes each neuron has had.
        before: For the first few spikes of every neuron, how many intervals ended before each of them.
    """

    spiked: Float[Array, " neurons *trials"]
    before: Float[Array, "most neurons *trials"]

    @classmethod
    def starting(cls, spiked: Int[Array, " neurons *trials"], most: int, dtype: Any) -> "SpikeCounter":
        """Begin with neurons that have spiked so often; find the intervals of their first `most` spikes."""
        return cls(spiked.astype(dtype), jnp.zeros((most, *spiked.shape), dtype))

    def after(self, count: Float[Array, " neurons *trials"]) -> "SpikeCounter":
        """Count the spikes of one more interval."""
        spiked = self.spiked + count
        number = jnp.arange(len(self.before), dtype=spiked.dtype).reshape(-1, *(1,) * spiked.ndim)
        return SpikeCounter(spiked, self.before + jnp.where(spiked <= number, 1.0, 0.0))


class ScanResult(NamedTuple):
    """What a population goes through from input to input.

    Attributes:
        states: The states at the starts of the intervals.
        end: The state after the last input.
        counter: The counter at the end.
        upto: How many spikes each neuron has had at the end of each interval.
    """

    states: State
    end: State
    counter: SpikeCounter
    upto: Float[Array, "inputs neurons *trials"]


class InterEventInterval(NamedTuple):
    """The time between two events.

    Attributes:
        length: How long it is.
        own: Whose spike ends it: these neurons are reset. None for neurons that flow through their spikes.
    """

    length: Values
    own: Bool[Array, "*shape"] | None

    def unless_reset(self, value: Values) -> Values:
        """Return a value, zero for neurons that are reset."""
        return value if self.own is None else jnp.where(self.own, 0.0, value)


class EventJacobian(NamedTuple):
    """The Jacobian of an interval and the event at its end, in tangent coordinates; a list over the outcome's leaves.

    None stands for zero.

    Attributes:
        d_state: By the state before: one array for each of its leaves.
        d_interval: By the length of the interval.
        d_parameters: The tangent that comes from weights and parameters, whose tangents are given.
    """

    d_state: Sequence[Sequence[Values | None]]
    d_interval: Sequence[Values | None]
    d_parameters: Sequence[Values | None]

    def moved(self, leaves: Sequence[Values], length: Values | None) -> list[Values]:
        """Return the tangent of the outcome, given those of the state and of the length (None for zero)."""
        outcome = []
        for row, d_interval, force in zip(self.d_state, self.d_interval, self.d_parameters, strict=True):
            added = [by * leaf for by, leaf in zip(row, leaves, strict=True) if by is not None]
            added += [] if d_interval is None or length is None else [d_interval * length]
            added += [] if force is None else [force]
            outcome.append(functools.reduce(operator.add, added))
        return outcome

    def where(self, happens: Bool[Array, "*shape"]) -> "EventJacobian":
        """Return the same, but the identity where no event happens."""
        identity = [
            [None if by is None else jnp.where(happens, by, float(row == place)) for place, by in enumerate(columns)]
            for row, columns in enumerate(self.d_state)
        ]
        return EventJacobian(identity, *jax.tree.map(lambda part: jnp.where(happens, part, 0.0), self[1:]))


class AbstractVectorisedDynamics(AbstractDynamics):
    """Dynamics with `passes_spikes` that compute what lies between all inputs at once, and Jacobians by formula."""

    @property
    @abstractmethod
    def vectorises_over_inputs(self) -> bool:
        """Whether Jacobians of all intervals are best computed at once: where each neuron has rates of its own."""

    @property
    def most_at_once(self) -> int | None:
        """For how many intervals Jacobians are best computed at once; None for any number."""
        return None

    @abstractmethod
    def scan_inputs(self, state: State, inputs: Inputs, counter: SpikeCounter) -> ScanResult:
        """Evolve a population from input to input; the states need not be `normalised`."""

    @abstractmethod
    def normalised(self, state: State) -> State:
        """Return the same state as all other methods return it."""

    @abstractmethod
    def event_jacobian(
        self,
        state: State,
        interval: InterEventInterval,
        jump: Mapping[str, Values],
        jump_tangents: Mapping[str, Values | None],
    ) -> EventJacobian:
        """Return what `event.event_jacobian` does, for parameters that do not move.

        Of dynamics that must be reset, for intervals at whose end nobody is and as if no spike came in them.
        """

    def flow_without_spikes(self, state: State, duration: Values) -> State:
        """Evolve a state as if its spikes changed nothing: unless `resets_by_flow`, without reset."""
        return self.advance(state, duration)[0]
