"""From input to input with neurons that are reset when they spike, where intervals without a spike cost little.

All neurons run through all intervals as if none spiked, until each comes to an interval in which it may spike. There,
all neurons are searched for spikes at once, each in its own interval, and run on from its end. So a search is paid once
for the spikes that neurons have in turn, not once for every interval in which some neuron spikes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .interface import State
from .vectorised import Inputs, ScanResult, SpikeCounter, input_jump

Values = Float[Array, " neurons *trials"]


class Passing(NamedTuple):
    """How neurons go through an interval.

    Attributes:
        without_spikes: Returns the state at its end as if there were none, and whether there may be one, from the
            state and what is known of the interval.
        through: Returns the state at its end and how many spikes there were, from the state and its length.
        jump: Returns the state after an input, from the state before it and what is added on every route.
    """

    without_spikes: Callable[[State, Any], tuple[State, Bool[Array, " neurons *trials"]]]
    through: Callable[[State, Values], tuple[State, Values]]
    jump: Callable[[State, dict[str, Values]], State]


class _Searched(NamedTuple):
    """The interval of every neuron that was searched last, and how it ended.

    Attributes:
        place: Which it is; -1 for none yet, and beyond the last where all is known.
        end: The state at its end.
    """

    place: Int[Array, " neurons *trials"]
    end: State


class _Run(NamedTuple):
    """What is known of all intervals.

    Attributes:
        states: At the start of each.
        end: After the last.
        place: The first that is to be searched, for every neuron; their number for none.
    """

    states: State
    end: State
    place: Int[Array, " neurons *trials"]


def scan_inputs(passing: Passing, state: State, inputs: Inputs, known: Any, counter: SpikeCounter) -> ScanResult:
    """Implement `AbstractVectorisedDynamics.scan_inputs`; `known` is what is known of every interval."""
    number, lengths = len(inputs.lengths), inputs.lengths[:, None]
    # looked up once, not again for every turn
    intervals = jnp.arange(number, dtype=jnp.int32), input_jump(inputs.columns, inputs.sources, 1), known
    before = jnp.full(counter.spiked.shape, -1, jnp.int32)
    empty = jax.tree.map(lambda leaf: jnp.zeros((number, *leaf.shape), leaf.dtype), (state, counter.spiked))
    found = _run(passing, state, intervals, _Run(empty[0], state, before), _Searched(before, state))

    def going(looped: tuple) -> Bool[Array, ""]:
        return (looped[0].place < number).any()

    def onward(looped: tuple) -> tuple:
        found, counts = looped
        place = jnp.minimum(found.place, number - 1)[None]
        at, length = jax.tree.map(
            lambda leaf: jnp.take_along_axis(leaf, place, 0, mode="promise_in_bounds")[0], (found.states, lengths)
        )
        end, count = passing.through(at, jnp.where(found.place < number, length, 0.0))
        is_here = intervals[0].reshape(-1, *(1,) * count.ndim) == found.place
        found = _run(passing, state, intervals, found, _Searched(found.place, end))
        return found, jnp.where(is_here, count, counts)

    def counted(counter: SpikeCounter, count: Values) -> tuple[SpikeCounter, Values]:
        counter = counter.after(count)
        return counter, counter.spiked

    found, counts = jax.lax.while_loop(going, onward, (found, empty[1]))
    counter, upto = jax.lax.scan(counted, counter, counts)
    return ScanResult(found.states, found.end, counter, upto)


def _run(passing: Passing, state: State, intervals: tuple, before: _Run, searched: _Searched) -> _Run:
    """Run on from the ends of the intervals that were searched last."""
    number = len(intervals[0])

    def step(carry: tuple, interval: tuple) -> tuple:
        (state, first), ((here, added, known), old) = carry, interval
        state = _chosen(here <= searched.place, old, state)
        end, may_spike = passing.without_spikes(state, known)
        end = _chosen(here == searched.place, searched.end, end)
        is_first = may_spike & (here > searched.place) & (first == number)
        return (passing.jump(end, added), jnp.where(is_first, here, first)), state

    start = state, jnp.full_like(before.place, number)
    (end, place), states = jax.lax.scan(step, start, (intervals, before.states))
    return _Run(states, _chosen(searched.place < number, end, before.end), place)


def _chosen(condition: Bool[Array, "*shape"], one: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)
