"""Neurons that pass through their spikes, carried from input to input, and how that changes with everything.

The derivative of a path is a linear recursion over the inputs, and a light one: of the change of a ray only the angle
matters by which it turns, one number per neuron (its Wronskian with the ray, over the ray's squared length, which no
gauge changes). Nothing is kept for it but the states at the inputs; each step is made again from them. Reverse mode is
the transpose of the recursion; that carries one number per neuron backwards, as EventProp does its adjoint states.

Source: Abel's identity for the Wronskian; for EventProp, Wunderlich & Pehle, Scientific Reports 11 (2021).
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Bool, Float, Int

from ..dynamics import AbstractDynamics, State
from ..dynamics.following import Step, is_none, pushed


class Inputs(NamedTuple):
    """What happens to a population between two ends of stretches.

    Attributes:
        intervals: What is known of every stretch; there is one more than there are inputs.
        columns: For every route, what an input of each source adds to each neuron.
        sources: The source of every input.
        counts: Whether it is an input rather than padding.
    """

    intervals: Any
    columns: dict[str, Float[Array, "sources neurons"]]
    sources: Int[Array, " inputs"]
    counts: Bool[Array, " inputs"]


class Path(NamedTuple):
    """Where a population has been.

    Attributes:
        states: The states where every stretch begins.
        end: The states at the end.
        caught: The states where the stretches of the first spikes of every neuron begin.
        place: Which stretches these are.
        upto: How many spikes every neuron has had when each stretch ends.
    """

    states: State
    end: State
    caught: State
    place: Int[Array, "most neurons"]
    upto: Int[Array, "stretches neurons"]


def carried(dynamics: AbstractDynamics, initial: State, inputs: Inputs, most: int) -> Path:
    """Carry a population from input to input, and catch up to `most` spikes of every neuron on the way.

    Differentiation:
        Both modes, by the recursion of this module.
    """
    return _carried(most, dynamics, initial, inputs)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _carried(most: int, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Path:
    size, stretches = jax.tree.leaves(initial)[0].shape[0], inputs.sources.shape[0] + 1
    before, last = _split(inputs.intervals)
    number = jnp.arange(most)[:, None]

    def through(carry: tuple, interval: Any, place: Any) -> tuple[State, Array, Any]:
        state, spiked, caught = carry
        end, count = dynamics.through(state, interval)
        now = (spiked <= number) & (number < spiked + count)
        caught = jax.tree.map(lambda old, new: jnp.where(now, new, old), caught, (state, place))
        return end, spiked + count, caught

    def step(carry: tuple, event: tuple) -> tuple:
        interval, place, source, is_input = event
        end, spiked, caught = through(carry, interval, place)
        after = dynamics.jump(end, _added(inputs.columns, source, is_input))
        return (after, spiked, caught), (carry[0], spiked)

    nothing = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (most, size)), (initial, jnp.array(0)))
    events = (before, jnp.arange(stretches - 1), inputs.sources, inputs.counts)
    carry, (states, upto) = jax.lax.scan(step, (initial, jnp.zeros(size, jnp.int32), nothing), events)
    end, spiked, (caught, place) = through(carry, last, stretches - 1)
    states, upto = jax.tree.map(_appended, (states, upto), (carry[0], spiked))
    return Path(states, end, caught, place, upto)


@partial(_carried.defjvp, symbolic_zeros=True)
def _carried_jvp(most: int, primals: tuple, tangents: tuple) -> tuple[Path, Path]:
    path = _carried(most, *primals)
    dynamics, initial, inputs = primals
    dynamics_change, initial_change, inputs_change = jax.tree.map(_none_if_zero, tangents)
    stretches = inputs.sources.shape[0] + 1
    before, last = _split((path.states, inputs.intervals))
    changes_before, change_last = _split(inputs_change.intervals)

    def through(dynamics: AbstractDynamics, state: State, interval: Any) -> State:
        return dynamics.through(state, interval)[0]

    def caught_here(caught: Any, change: Any, place: Any) -> Any:
        # a sum, as every spike lies in one stretch: backwards it passes what comes in on as it is
        return jax.tree.map(lambda old, new: old + jnp.where(path.place == place, new, 0.0), caught, change)

    def step(change: Any, event: tuple) -> Any:
        (state, interval), interval_change, *which = event
        moved = Step(change, interval_change, _added(inputs_change.columns, *which))
        return dynamics.followed(dynamics_change, Step(state, interval, _added(inputs.columns, *which)), moved)

    @partial(jax.checkpoint, prevent_cse=False)
    def catching(carry: tuple, event: tuple) -> tuple:
        (change, caught), (place, *rest) = carry, event
        return (step(change, tuple(rest)), caught_here(caught, change, place)), None

    @partial(jax.checkpoint, prevent_cse=False)
    def keeping(change: Any, event: tuple) -> tuple:
        _, *rest = event
        return step(change, tuple(rest)), change

    start = dynamics.compressed(initial, jax.tree.map(_zero_if_none, initial, initial_change, is_leaf=is_none))
    nothing = jax.tree.map(lambda leaf: jnp.zeros((most, *leaf.shape), leaf.dtype), start)
    events = jnp.arange(stretches - 1), before, changes_before, inputs.sources, inputs.counts
    (change, caught), _ = jax.lax.scan(catching, (start, nothing), events)
    caught = caught_here(caught, change, stretches - 1)
    arguments = dynamics, *last
    _, end_change = pushed(through, arguments, (dynamics_change, dynamics.expanded(last[0], change), change_last))
    # apart from the other, so that reverse mode leaves it out where only spikes matter
    _, all_changes = jax.lax.scan(keeping, start, events)
    all_changes = jax.tree.map(_appended, all_changes, change)
    integers: Any = (np.zeros(value.shape, jax.dtypes.float0) for value in (path.place, path.upto))
    return path, Path(
        dynamics.expanded(path.states, all_changes), end_change, dynamics.expanded(path.caught, caught), *integers
    )


def _added(columns: dict[str, Any], source: Array, counts: Array) -> dict[str, Any]:
    """What an input adds to each neuron, for every route; zero for padding."""
    return {
        route: None if column is None else jnp.where(counts, column[source], 0.0) for route, column in columns.items()
    }


def _none_if_zero(change: Any) -> Any:
    return None if isinstance(change, SymbolicZero) else change


def _zero_if_none(value: Array, change: Any) -> Array:
    return jnp.zeros_like(value) if change is None else change


def _split(tree: Any) -> tuple[Any, Any]:
    """All stretches but the last, and that."""
    return jax.tree.map(lambda leaf: leaf[:-1], tree), jax.tree.map(lambda leaf: leaf[-1], tree)


def _appended(array: Array, last: Array) -> Array:
    return jnp.concatenate([array, last[None]])
