"""Neurons that pass through their spikes, carried from input to input, and how that changes with everything.

The derivative of a path is a linear recursion over the inputs, and a light one: of the change of a ray only the angle
matters by which it turns, one number per neuron (its Wronskian with the ray, over the ray's squared length, which no
gauge changes). Nothing is kept for it but a state every so often: memory does not grow with inputs times neurons. The
states between are worked out again, a piece at a time. Reverse mode is the transpose of the recursion; that carries one
number per neuron backwards, as EventProp does its adjoint states.

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
from ..dynamics.following import Step, is_none
from ..numerics.elementwise import once_only

#: Up to this many inputs all states are kept; of more, the least that pieces need.
_MOST_KEPT = 512

# JAX drops rules of derivatives where it transposes what is worked out again, and some are needed there
_FIRST_ORDER = f"a layer with more than {_MOST_KEPT} inputs has no second derivatives: it does not keep all states"


class Inputs(NamedTuple):
    """What happens to a population in a row of stretches, each of which ends with an input.

    Attributes:
        intervals: What is known of every stretch.
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
        states: The states where every piece of the path begins.
        end: The states after the last input.
        caught: The states where the stretches of the first spikes of every neuron begin.
        place: Which stretches these are.
        spiked: How many spikes every neuron has had.
    """

    states: State
    end: State
    caught: State
    place: Int[Array, "most neurons"]
    spiked: Int[Array, " neurons"]


class Course(NamedTuple):
    """All that a population has been through.

    Attributes:
        states: The states where every stretch begins.
        end: The states after the last input.
        upto: How many spikes every neuron has had when each stretch ends.
    """

    states: State
    end: State
    upto: Int[Array, "stretches neurons"]


def length_of_pieces(inputs: int) -> int:
    """Choose after how many inputs a state is kept: all of them if they are few, which saves working them out again.

    Example:
        >>> length_of_pieces(200), length_of_pieces(5000)
        (1, 71)
    """
    return 1 if inputs <= _MOST_KEPT else round(inputs**0.5)


def carried(dynamics: AbstractDynamics, initial: State, inputs: Inputs, most: int, piece: int) -> Path:
    """Carry a population from input to input, and catch up to `most` spikes of every neuron on the way.

    Args:
        dynamics: The neurons.
        initial: Their states at the start.
        inputs: As many as fill pieces.
        most: How many spikes of a neuron are caught.
        piece: After how many inputs a state is kept.

    Differentiation:
        Both modes, by the recursion of this module; second derivatives where every piece is one input.
    """
    return _carried(most, piece, dynamics, initial, inputs)


def visited(dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Course:
    """Carry a population from input to input, and keep all states.

    Differentiation:
        Both modes, by the recursion of this module.
    """
    return _visited(dynamics, initial, inputs)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _carried(most: int, piece: int, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Path:
    size = jax.tree.leaves(initial)[0].shape[0]
    number = jnp.arange(most)[:, None]

    def step(carry: tuple, event: tuple) -> tuple:
        (state, spiked, caught), (place, interval, *which) = carry, event
        after, count = _step(dynamics, inputs.columns, state, interval, which)
        now = (spiked <= number) & (number < spiked + count)
        caught = jax.tree.map(lambda old, new: jnp.where(now, new, old), caught, (state, place))
        return (after, spiked + count, caught), None

    def follow(carry: tuple, events: tuple) -> tuple:
        return jax.lax.scan(step, carry, events)[0], carry[0]

    nothing = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (most, size)), (initial, jnp.array(0)))
    start = initial, jnp.zeros(size, jnp.int32), nothing
    (end, spiked, (caught, place)), states = jax.lax.scan(follow, start, _in_pieces(piece, _events(inputs)))
    return Path(states, end, caught, place, spiked)


@partial(_carried.defjvp, symbolic_zeros=True)
def _carried_jvp(most: int, piece: int, primals: tuple, tangents: tuple) -> tuple[Path, Path]:
    path = _carried(most, piece, *primals)
    dynamics, initial, inputs = primals
    dynamics_change, initial_change, inputs_change = jax.tree.map(_none_if_zero, tangents)
    columns, columns_change = inputs.columns, inputs_change.columns

    @partial(jax.checkpoint, prevent_cse=False)
    def step(carry: tuple, event: tuple) -> tuple:
        change, caught = carry
        state, (place, interval, *which), interval_change = event
        here = path.place == place
        # a sum, as every spike lies in one stretch: backwards it passes what comes in on as it is
        caught = jax.tree.map(lambda old, new: old + jnp.where(here, new, 0.0), caught, change)
        moved = Step(change, interval_change, _added(columns_change, *which))
        stretch = Step(state, interval, _added(columns, *which))
        return (dynamics.followed(dynamics_change, stretch, moved), caught), None

    @partial(jax.checkpoint, prevent_cse=False)
    def follow(carry: tuple, events: tuple) -> tuple:
        state, of_piece, intervals_change = events

        def again(state: State, event: tuple) -> tuple:
            _, interval, *which = event
            return _step(dynamics, columns, state, interval, which)[0], state

        _, states = jax.lax.scan(again, state, of_piece)
        return jax.lax.scan(step, carry, (states, of_piece, intervals_change))[0], carry[0]

    start = _compressed(dynamics, initial, initial_change)
    nothing = jax.tree.map(lambda leaf: jnp.zeros((most, *leaf.shape), leaf.dtype), start)
    states = path.states if piece == 1 else jax.tree.map(partial(once_only, _FIRST_ORDER), path.states)
    events = states, *_in_pieces(piece, (_events(inputs), inputs_change.intervals))
    (change, caught), changes = jax.lax.scan(follow, (start, nothing), events)
    integers: Any = (np.zeros(value.shape, jax.dtypes.float0) for value in (path.place, path.spiked))
    return path, Path(
        dynamics.expanded(path.states, changes), dynamics.expanded(path.end, change),
        dynamics.expanded(path.caught, caught), *integers,
    )  # fmt: skip


@jax.custom_jvp
def _visited(dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Course:
    def step(carry: tuple, event: tuple) -> tuple:
        (state, spiked), (_, interval, *which) = carry, event
        after, count = _step(dynamics, inputs.columns, state, interval, which)
        return (after, spiked + count), (state, spiked + count)

    nothing = jnp.zeros(jax.tree.leaves(initial)[0].shape[0], jnp.int32)
    (end, _), (states, upto) = jax.lax.scan(step, (initial, nothing), _events(inputs))
    return Course(states, end, upto)


@partial(_visited.defjvp, symbolic_zeros=True)
def _visited_jvp(primals: tuple, tangents: tuple) -> tuple[Course, Course]:
    course = _visited(*primals)
    dynamics, initial, inputs = primals
    dynamics_change, initial_change, inputs_change = jax.tree.map(_none_if_zero, tangents)

    @partial(jax.checkpoint, prevent_cse=False)
    def step(change: Any, event: tuple) -> tuple:
        state, (_, interval, *which), interval_change = event
        moved = Step(change, interval_change, _added(inputs_change.columns, *which))
        stretch = Step(state, interval, _added(inputs.columns, *which))
        return dynamics.followed(dynamics_change, stretch, moved), change

    start = _compressed(dynamics, initial, initial_change)
    change, changes = jax.lax.scan(step, start, (course.states, _events(inputs), inputs_change.intervals))
    integer: Any = np.zeros(course.upto.shape, jax.dtypes.float0)
    return course, Course(dynamics.expanded(course.states, changes), dynamics.expanded(course.end, change), integer)


def _step(dynamics: AbstractDynamics, columns: Any, state: State, interval: Any, which: Any) -> tuple[State, Array]:
    """Go through a stretch and the input that ends it; count the spikes."""
    end, count = dynamics.through(state, interval)
    return dynamics.jump(end, _added(columns, *which)), count


def _events(inputs: Inputs) -> tuple:
    return jnp.arange(inputs.sources.shape[0]), inputs.intervals, inputs.sources, inputs.counts


def _in_pieces(piece: int, tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.reshape(-1, piece, *leaf.shape[1:]), tree)


def _added(columns: dict[str, Any], source: Array, counts: Array) -> dict[str, Any]:
    """What an input adds to each neuron, for every route; zero for padding."""
    return {
        route: None if column is None else jnp.where(counts, column[source], 0.0) for route, column in columns.items()
    }


def _compressed(dynamics: AbstractDynamics, state: State, change: Any) -> Any:
    change = jax.tree.map(lambda leaf, by: jnp.zeros_like(leaf) if by is None else by, state, change, is_leaf=is_none)
    return dynamics.compressed(state, change)


def _none_if_zero(change: Any) -> Any:
    return None if isinstance(change, SymbolicZero) else change
