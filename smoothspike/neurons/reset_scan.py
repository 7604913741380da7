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
    """The interval of every neuron that was searched last; -1 for none yet, and beyond the last where all is known.

    Attributes:
        place: Which it is.
        end: The state at its end.
        count: How many spikes it has.
    """

    place: Int[Array, " neurons *trials"]
    end: State
    count: Values


class _Run(NamedTuple):
    """What is known of all intervals.

    Attributes:
        states: At the start of each.
        counts: How many spikes each has.
        end: The state after the last.
        place: The first that is to be searched, for every neuron; their number for none.
        at: The state at its start.
        length: Its length.
    """

    states: State
    counts: Float[Array, "inputs neurons *trials"]
    end: State
    place: Int[Array, " neurons *trials"]
    at: State
    length: Values


def scan_inputs(
    passing: Passing, state: State, inputs: Inputs, known: Any, counter: SpikeCounter
) -> ScanResult:
    """Implement `AbstractVectorisedDynamics.scan_inputs`; `known` is what is known of every interval."""
    number = len(inputs.lengths)
    nobody = jnp.zeros_like(counter.spiked)
    before = jnp.full(nobody.shape, -1, jnp.int32)
    empty = jax.tree.map(lambda leaf: jnp.zeros((number, *leaf.shape), leaf.dtype), (state, nobody))
    first = _Run(*empty, state, before, state, nobody)
    found = _run(passing, state, inputs, known, first, _Searched(before, state, nobody))

    def going(found: _Run) -> Bool[Array, ""]:
        return (found.place < number).any()

    def onward(found: _Run) -> _Run:
        end, count = passing.through(found.at, jnp.where(found.place < number, found.length, 0.0))
        return _run(passing, state, inputs, known, found, _Searched(found.place, end, count))

    found = jax.lax.while_loop(going, onward, found)

    def counted(counter: SpikeCounter, count: Values) -> tuple[SpikeCounter, Values]:
        counter = counter.after(count)
        return counter, counter.spiked

    counter, upto = jax.lax.scan(counted, counter, found.counts)
    return ScanResult(found.states, found.end, counter, upto)


def _run(passing: Passing, state: State, inputs: Inputs, known: Any, before: _Run, searched: _Searched) -> _Run:
    """Run on from the ends of the intervals that were searched last."""
    number = len(inputs.lengths)

    def step(carry: tuple, interval: tuple) -> tuple:
        (state, first, at, at_length), (here, length, source, known, (old, count)) = carry, interval
        state = _chosen(here <= searched.place, old, state)
        end, may_spike = passing.without_spikes(state, known)
        end = _chosen(here == searched.place, searched.end, end)
        count = jnp.where(here == searched.place, searched.count, count)
        is_first = may_spike & (here > searched.place) & (first == number)
        at, at_length = _chosen(is_first, (state, length), (at, at_length))
        after = passing.jump(end, input_jump(inputs.columns, source))
        return (after, jnp.where(is_first, here, first), at, at_length), (state, count)

    places = jnp.arange(number, dtype=jnp.int32)
    intervals = places, inputs.lengths[:, None], inputs.sources, known, (before.states, before.counts)
    start = state, jnp.full_like(before.place, number), before.at, before.length
    (end, place, at, length), (states, counts) = jax.lax.scan(step, start, intervals)
    return _Run(states, counts, _chosen(searched.place < number, end, before.end), place, at, length)


def _chosen(condition: Bool[Array, "*shape"], one: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)
