"""Neurons that pass through their spikes, carried from input to input, and how that changes with everything.

The derivative of a path is a linear recursion over the inputs, and a light one: of the change of a ray only the angle
matters by which it turns, one number per neuron (its Wronskian with the ray, over the ray's squared length, which no
gauge changes). Nothing is kept for it but a state every so often: memory does not grow with inputs times neurons. The
states between are worked out again, a piece at a time. Reverse mode is the transpose of the recursion; that carries one
number per neuron backwards, as EventProp does its adjoint states.

Source: Abel's identity for the Wronskian; for EventProp, Wunderlich & Pehle, Scientific Reports 11 (2021).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float, Int

from ..dynamics import AbstractDynamics, State
from ..dynamics.events import Stretch, compressed
from ..numerics.elementwise import once_only

#: Up to this many inputs all states are kept; of more, the least that pieces need.
_MOST_KEPT = 512

# JAX drops rules of derivatives where it transposes what is worked out again, and some are needed there
_FIRST_ORDER = f"a layer with more than {_MOST_KEPT} inputs has no second derivatives: it does not keep all states"


class Inputs(NamedTuple):
    """What happens to a population in a row of stretches, each of which ends with an input.

    Attributes:
        lengths: How long every stretch is.
        columns: For every route, what an input of each source adds to each neuron, and nothing in a last row.
        sources: The source of every input; the last for padding.
    """

    lengths: Float[Array, " stretches"]
    columns: dict[str, Float[Array, "sources neurons"]]
    sources: Int[Array, " stretches"]


class Path(NamedTuple):
    """Where a population has been.

    Attributes:
        states: The states where every stretch begins, or where every piece does if not all are kept; None where no
            derivative needs them.
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


class Shape(NamedTuple):
    """How a row of stretches is divided.

    Attributes:
        pieces: Where a state is kept; one if all states are.
        stretches: Of a piece.
    """

    pieces: int
    stretches: int

    @property
    def keeps_all(self) -> bool:
        """Whether all states are kept, which saves working them out again."""
        return self.pieces == 1

    @property
    def total(self) -> int:
        """How many stretches there are, padding included."""
        return self.pieces * self.stretches


def shape_for(stretches: int) -> Shape:
    """Divide a row of stretches: few in one piece, many in as many as are long.

    Example:
        >>> shape_for(90), shape_for(5000)
        (Shape(pieces=1, stretches=90), Shape(pieces=71, stretches=71))
    """
    if stretches <= _MOST_KEPT:
        return Shape(1, stretches)
    length = round(stretches**0.5)
    return Shape(-(-stretches // length), length)


def carried(dynamics: AbstractDynamics, initial: State, inputs: Inputs, most: int, shape: Shape) -> Path:
    """Carry a population from input to input, and catch up to `most` spikes of every neuron on the way.

    Args:
        dynamics: The neurons.
        initial: Their states at the start.
        inputs: As many as the shape has stretches.
        most: How many spikes of a neuron are caught.
        shape: How the inputs are divided.

    Differentiation:
        Both modes, by the recursion of this module; second derivatives where all states are kept.
    """
    return _carried(most, shape, dynamics, initial, inputs)


def visited(dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Course:
    """Carry a population from input to input, and keep all states.

    Differentiation:
        Both modes, by the recursion of this module.
    """
    return _visited(dynamics, initial, inputs)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _carried(most: int, shape: Shape, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Path:
    return _caught(most, shape, dynamics, initial, inputs)._replace(states=None)


@partial(_carried.defjvp, symbolic_zeros=True)
def _carried_jvp(most: int, shape: Shape, primals: tuple, tangents: tuple) -> tuple[Path, Path]:
    path, change = _traced_jvp(most, shape, primals, tangents)
    return path._replace(states=None), change._replace(states=None)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _traced(most: int, shape: Shape, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Path:
    """Do what `_carried` does, and keep the states that its derivatives need."""
    return (_kept if shape.keeps_all else _caught)(most, shape, dynamics, initial, inputs)


def _kept(most: int, shape: Shape, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Path:
    """Carry a population and keep all states; those that are to be caught are picked from them."""
    size = jax.tree.leaves(initial)[0].shape[0]
    number = jnp.arange(most, dtype=jnp.int32)[:, None]

    def step(carry: tuple, stretch: tuple) -> tuple:
        state, spiked, before = carry
        after, count = _step(dynamics, inputs.columns, state, *stretch)
        spiked += count
        return (after, spiked, before + (spiked <= number)), state

    start = initial, jnp.zeros(size, jnp.int32), jnp.zeros((most, size), jnp.int32)
    (end, spiked, before), states = jax.lax.scan(step, start, _stretches(dynamics, inputs))
    # as many stretches as end before a spike come before its own; of spikes that there are not, all do
    place = jnp.minimum(before, shape.total - 1)
    caught = jax.tree.map(lambda leaf: jnp.take_along_axis(leaf, place, 0), states)
    return Path(states, dynamics.settled(end), dynamics.settled(caught), place, spiked)


def _caught(most: int, shape: Shape, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Path:
    """Carry a population through many inputs: keep a state now and then, and catch others as they come by."""
    size = jax.tree.leaves(initial)[0].shape[0]
    number = jnp.arange(most, dtype=jnp.int32)[:, None]

    def step(carry: tuple, event: tuple) -> tuple:
        (state, spiked, caught), (place, *stretch) = carry, event
        after, count = _step(dynamics, inputs.columns, state, *stretch)
        now = (spiked <= number) & (number < spiked + count)
        caught = jax.tree.map(lambda old, new: jnp.where(now, new, old), caught, (state, place))
        return (after, spiked + count, caught), None

    def piece(carry: tuple, events: tuple) -> tuple:
        return jax.lax.scan(step, carry, events)[0], carry[0]

    nothing = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (most, size)), (initial, jnp.array(0, jnp.int32)))
    events = jnp.arange(shape.total, dtype=jnp.int32), *_stretches(dynamics, inputs)
    start = initial, jnp.zeros(size, jnp.int32), nothing
    (end, spiked, (caught, place)), states = jax.lax.scan(piece, start, _in_pieces(shape, events))
    return Path(states, dynamics.settled(end), dynamics.settled(caught), place, spiked)


@partial(_traced.defjvp, symbolic_zeros=True)
def _traced_jvp(most: int, shape: Shape, primals: tuple, tangents: tuple) -> tuple[Path, Path]:
    path = _traced(most, shape, *primals)
    dynamics, initial, inputs = primals
    moves = jax.tree.map(_none_if_zero, tangents)

    # few by themselves: backwards they are added up then, which XLA does faster than a sum over an axis
    places = jnp.split(path.place, most if shape.keeps_all else 1)

    def catch(caught: list[Any], place: Array, change: Any) -> list[Any]:
        # a sum, as every spike lies in one stretch: backwards it passes what comes in on as it is
        def added(here: Array, rows: Any) -> Any:
            return jax.tree.map(lambda old, new: old + jnp.where(here == place, new, 0.0), rows, change)

        return list(map(added, places, caught))

    @partial(jax.checkpoint, prevent_cse=False)
    def piece(carry: tuple, events: tuple) -> tuple:
        state, of_piece, *rest = events
        states = _again(dynamics, inputs.columns, state, of_piece)
        return _followed(dynamics, inputs, moves, catch, carry, (states, of_piece, *rest))[0], carry[0]

    start = compressed(dynamics, initial, moves[1])
    caught = [jax.tree.map(lambda leaf, at=at: jnp.zeros_like(leaf, shape=at.shape), start) for at in places]
    events = _stretches(dynamics, inputs), jnp.arange(shape.total, dtype=jnp.int32), inputs.lengths, moves[2].lengths
    if shape.keeps_all:
        (change, caught), changes = _followed(dynamics, inputs, moves, catch, (start, caught), (path.states, *events))
    else:
        states = jax.tree.map(partial(once_only, _FIRST_ORDER), path.states)
        (change, caught), changes = jax.lax.scan(piece, (start, caught), (states, *_in_pieces(shape, events)))
    caught = jax.tree.map(lambda *rows: jnp.concatenate(rows), *caught)
    integers: Any = (np.zeros(value.shape, jax.dtypes.float0) for value in (path.place, path.spiked))
    return path, Path(
        dynamics.expanded(path.states, changes), dynamics.expanded(path.end, change),
        dynamics.expanded(path.caught, caught), *integers,
    )  # fmt: skip


@jax.custom_jvp
def _visited(dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Course:
    def step(carry: tuple, stretch: tuple) -> tuple:
        state, spiked = carry
        after, count = _step(dynamics, inputs.columns, state, *stretch)
        return (after, spiked + count), (state, spiked + count)

    nothing = jnp.zeros(jax.tree.leaves(initial)[0].shape[0], jnp.int32)
    (end, _), (states, upto) = jax.lax.scan(step, (initial, nothing), _stretches(dynamics, inputs))
    return Course(states, dynamics.settled(end), upto)


@partial(_visited.defjvp, symbolic_zeros=True)
def _visited_jvp(primals: tuple, tangents: tuple) -> tuple[Course, Course]:
    course = _visited(*primals)
    dynamics, initial, inputs = primals
    moves = jax.tree.map(_none_if_zero, tangents)
    events = (
        course.states,
        _stretches(dynamics, inputs),
        jnp.arange(inputs.lengths.size),
        inputs.lengths,
        moves[2].lengths,
    )
    start = compressed(dynamics, initial, moves[1]), ()
    (change, _), changes = _followed(dynamics, inputs, moves, lambda *_: (), start, events)
    integer: Any = np.zeros(course.upto.shape, jax.dtypes.float0)
    return course, Course(dynamics.expanded(course.states, changes), dynamics.expanded(course.end, change), integer)


def _followed(
    dynamics: AbstractDynamics, inputs: Inputs, moves: Any, catch: Callable[..., Any], start: tuple, events: tuple
) -> tuple[tuple, Any]:
    """Follow a change through stretches whose states are known, and catch it where `catch` wants it."""
    states, stretches, places, lengths, length_moves = events
    _, sources = stretches
    shape = jax.tree.leaves(states)[0].shape
    # for every neuron by itself: backwards, what they add up to is summed once, after the loop, not on the way
    weight_moves = _added(moves[2].columns, sources)
    spread = None if length_moves is None else jnp.broadcast_to(length_moves[:, None], shape)

    @partial(jax.checkpoint, prevent_cse=False)
    def step(carry: tuple, event: tuple) -> tuple:
        (change, caught), (state, (interval, source), place, length, *moved) = carry, event
        length_move, weight_moves = moved
        weights = _added(inputs.columns, source)
        parts = dynamics.linearised(moves[0], state, Stretch(length, None, interval), weights, weight_moves)
        leaves, structure = jax.tree.flatten(change)
        after = jax.tree.unflatten(structure, parts.moved(leaves, length_move))
        return (after, catch(caught, place, change)), change

    return jax.lax.scan(step, start, (states, stretches, places, lengths, spread, weight_moves))


def _again(dynamics: AbstractDynamics, columns: Any, state: State, stretches: tuple) -> State:
    """Work out the states where all stretches of a piece begin."""

    def step(state: State, stretch: tuple) -> tuple[State, State]:
        return _step(dynamics, columns, state, *stretch)[0], state

    return jax.lax.scan(step, state, stretches)[1]


def _step(dynamics: AbstractDynamics, columns: Any, state: State, interval: Any, source: Array) -> tuple[State, Array]:
    """Go through a stretch and the input that ends it; count the spikes."""
    end, count = dynamics.through(state, interval)
    return dynamics.jump(end, _added(columns, source)), count


def _stretches(dynamics: AbstractDynamics, inputs: Inputs) -> tuple:
    """What is known of every stretch, and the input that ends it."""
    return jax.vmap(dynamics.interval)(inputs.lengths), inputs.sources


def _in_pieces(shape: Shape, tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.reshape(shape.pieces, shape.stretches, *leaf.shape[1:]), tree)


def _added(columns: dict[str, Any], sources: Int[Array, "*inputs"]) -> dict[str, Any]:
    """What inputs add to each neuron, for every route; None for what is None."""
    return {
        route: None if column is None else column.at[sources].get(mode="promise_in_bounds")
        for route, column in columns.items()
    }


def _none_if_zero(change: Any) -> Any:
    return None if isinstance(change, SymbolicZero) else change
