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
from jaxtyping import Array, Int

from ..neurons import AbstractDynamics, State
from ..neurons.event import EventJacobian, Inputs, InterEventInterval, input_jump, tangent_coordinates
from ..numerics.elementwise import once_only
from .checkpointing import MOST_KEPT, Shape, joined

# JAX drops rules of derivatives where it transposes what is worked out again, and some are needed there
_FIRST_ORDER = f"a layer with more than {MOST_KEPT} inputs has no second derivatives: it does not keep all states"


#: Up to so many spikes of a neuron are caught each by itself.
_FEW = 8


#: Work something out again where reverse mode needs it, instead of keeping it.
_checkpointed = partial(jax.checkpoint, prevent_cse=False)


class Path(NamedTuple):
    """Where a population has been.

    Attributes:
        states: The states where every stretch begins, or where every piece does if not all are kept; None where no
            derivative needs them.
        end: The states after the last input.
        caught: The states where the stretches of the first spikes of every neuron begin.
        place: Which stretches these are.
        spiked: How many spikes every neuron has had.
        known: What the dynamics found out about all stretches, where they are one piece and all states are kept.
    """

    states: State
    end: State
    caught: State
    place: Int[Array, "most neurons *trials"]
    spiked: Int[Array, " neurons *trials"]
    known: Any = None


class Visited(NamedTuple):
    """All that a population has been through.

    Attributes:
        states: The states where every stretch begins.
        end: The states after the last input.
        upto: How many spikes every neuron has had when each stretch ends.
    """

    states: State
    end: State
    upto: Int[Array, "stretches neurons *trials"]


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


def visited(dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Visited:
    """Carry a population from input to input, and keep all states.

    Differentiation:
        Both modes, by the recursion of this module.
    """
    return _visited(dynamics, initial, inputs)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _carried(most: int, shape: Shape, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Path:
    short = shape.without_states
    return _traced(most, short, dynamics, initial, short.filled(inputs))._replace(states=None, known=None)


@partial(_carried.defjvp, symbolic_zeros=True)
def _carried_jvp(most: int, shape: Shape, primals: tuple, tangents: tuple) -> tuple[Path, Path]:
    path, change = _traced_jvp(most, shape, primals, tangents)
    return path._replace(states=None, known=None), change._replace(states=None, known=None)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _traced(most: int, shape: Shape, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Path:
    """Do what `_carried` does, and keep the states that its derivatives need."""
    nobody = _nobody(initial)
    if shape.pieces == 1 and shape.keeps_all:
        path = _piece(most, dynamics, inputs, initial, nobody)
        return path._replace(end=dynamics.normalised(path.end), caught=dynamics.normalised(path.caught))
    number = _numbers(most, nobody)

    def piece(carry: tuple, events: tuple) -> tuple:
        (state, before, caught), (first, lengths, sources) = carry, events
        of_piece = inputs._replace(lengths=lengths, sources=sources)
        found = _piece(most, dynamics, of_piece, state, before)
        now = (before <= number) & (number < found.spiked)
        new = found.caught, first + found.place
        caught = jax.tree.map(lambda old, new: jnp.where(now, new, old), caught, new)
        # of several pieces no more is kept: to work it out again is faster than to read it
        return (found.end, found.spiked, caught), found.states if shape.keeps_all else state

    nothing = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (most, *leaf.shape)), (initial, nobody))
    events = shape.begins, *shape.cut((inputs.lengths, inputs.sources))
    (end, spiked, (caught, place)), states = jax.lax.scan(piece, (initial, nobody, nothing), events)
    states = joined(states) if shape.keeps_all else states
    return Path(states, dynamics.normalised(end), dynamics.normalised(caught), place, spiked)


def _piece(most: int, dynamics: AbstractDynamics, inputs: Inputs, state: State, spiked: Array) -> Path:
    """Carry a population that has spiked so often through a piece.

    Returns:
        Its path, of which nothing is settled; of spikes that do not lie in this piece, any stretch and its state.
    """
    kind = inputs.lengths.dtype
    number = _numbers(most, spiked).astype(kind)

    def tally(carry: tuple, count: Array) -> tuple:
        spiked, before = carry
        spiked += count
        return (spiked, before + jnp.where(spiked <= number, 1.0, 0.0)), None

    # whole numbers of the type of states, which saves conversions on the way
    start = spiked.astype(kind), jnp.zeros((most, *spiked.shape), kind)
    states, end, tallies, _, known = dynamics.course(state, inputs, tally, start)
    spiked, before = (each.astype(jnp.int32) for each in tallies)
    # as many stretches as end before a spike come before its own; of spikes that there are not, all do
    place = jnp.minimum(before, len(inputs.lengths) - 1)
    caught = jax.tree.map(lambda leaf: jnp.take_along_axis(leaf, place, 0, mode="promise_in_bounds"), states)
    return Path(states, end, caught, place, spiked, known)


def _nobody(state: State) -> Int[Array, " neurons *trials"]:
    """No spike of any neuron."""
    return jnp.zeros(jax.tree.leaves(state)[0].shape, jnp.int32)


def _numbers(count: int, of: Array) -> Int[Array, " count *ones"]:
    """Count along a first axis in front of those of an array."""
    return jnp.arange(count, dtype=jnp.int32).reshape(-1, *(1,) * of.ndim)


@partial(_traced.defjvp, symbolic_zeros=True)
def _traced_jvp(most: int, shape: Shape, primals: tuple, tangents: tuple) -> tuple[Path, Path]:
    path = _traced(most, shape, *primals)
    dynamics, initial, inputs = primals
    tangents_given = jax.tree.map(_none_if_zero, tangents)
    first = tangent_coordinates(dynamics, initial, tangents_given[1])
    caught = jax.tree.map(lambda leaf: jnp.zeros_like(leaf, shape=path.place.shape), first)

    @_checkpointed
    def piece(carry: tuple, events: tuple) -> tuple:
        states, begin, lengths, sources, length_tangents = events
        of_piece, known = inputs._replace(lengths=lengths, sources=sources), None
        if not shape.keeps_all:
            again = dynamics.course(states, of_piece, lambda *_: (None, None), None)
            states, known = again.states, again.known
        after, changes = _followed(
            dynamics, of_piece, tangents_given, length_tangents, path.place - begin, carry, states, known
        )
        return after, changes if shape.keeps_all else carry[0]

    if shape.pieces == 1 and shape.keeps_all:
        (change, caught), changes = _followed(
            dynamics,
            inputs,
            tangents_given,
            tangents_given[2].lengths,
            path.place,
            (first, caught),
            path.states,
            path.known,
        )
    else:
        states = path.states
        states = shape.cut(states) if shape.keeps_all else jax.tree.map(partial(once_only, _FIRST_ORDER), states)
        events = states, shape.begins, *shape.cut((inputs.lengths, inputs.sources, tangents_given[2].lengths))
        (change, caught), changes = jax.lax.scan(piece, (first, caught), events)
        changes = joined(changes) if shape.keeps_all else changes
    place, spiked = (np.zeros(value.shape, jax.dtypes.float0) for value in (path.place, path.spiked))
    ways = dynamics.from_tangent_coordinates(path.states, changes), dynamics.from_tangent_coordinates(path.end, change)
    caught, known = dynamics.from_tangent_coordinates(path.caught, caught), jax.tree.map(jnp.zeros_like, path.known)
    return path, Path(*ways, caught, place, spiked, known)  # pyright: ignore[reportArgumentType]


@jax.custom_jvp
def _visited(dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Visited:
    def tally(spiked: Array, count: Array) -> tuple[Array, Array]:
        spiked += count.astype(jnp.int32)
        return spiked, spiked

    states, end, _, upto, _ = dynamics.course(initial, inputs, tally, _nobody(initial))
    return Visited(states, dynamics.normalised(end), upto)


@partial(_visited.defjvp, symbolic_zeros=True)
def _visited_jvp(primals: tuple, tangents: tuple) -> tuple[Visited, Visited]:
    visited = _visited(*primals)
    dynamics, initial, inputs = primals
    tangents_given = jax.tree.map(_none_if_zero, tangents)
    nothing = jnp.zeros((0, *_nobody(initial).shape), jnp.int32)
    first = tangent_coordinates(dynamics, initial, tangents_given[1])
    caught = jax.tree.map(lambda leaf: jnp.zeros_like(leaf, shape=nothing.shape), first)
    (change, _), changes = _followed(
        dynamics, inputs, tangents_given, tangents_given[2].lengths, nothing, (first, caught), visited.states, None
    )
    integer: Any = np.zeros(visited.upto.shape, jax.dtypes.float0)
    return visited, Visited(
        dynamics.from_tangent_coordinates(visited.states, changes),
        dynamics.from_tangent_coordinates(visited.end, change),
        integer,
    )


def _followed(
    dynamics: AbstractDynamics,
    inputs: Inputs,
    tangents_given: Any,
    length_tangents: Array | None,
    place: Int[Array, "most neurons *trials"],
    start: tuple,
    states: State,
    known: Any,
) -> tuple[tuple, Any]:
    """Follow a change through stretches whose states are known, and catch it where the stretches of spikes begin.

    Args:
        dynamics: The neurons.
        inputs: The stretches.
        tangents_given: How dynamics, their initial state and all inputs change; None for what does not.
        length_tangents: How the lengths of these stretches do.
        place: In which of these stretches the spikes lie; in none where it is beyond them.
        start: The change where the first of them begins, and what has been caught before.
        states: The states where they begin.
        known: What the dynamics found out about them on the way, None for nothing.

    Returns:
        The change after them and all that has been caught; the changes where they begin.
    """
    lengths, together = inputs.lengths[:, None], dynamics.vectorises_over_inputs
    # for every neuron by itself: backwards, what they add up to is summed once, after the loop, not on the way
    weight_tangents = input_jump(tangents_given[2].columns, inputs.sources, 1)
    spread = (
        None
        if length_tangents is None
        else jnp.broadcast_to(length_tangents[:, None], jax.tree.leaves(states)[0].shape)
    )
    # few by themselves: backwards they are added up then, which XLA does faster than a sum over an axis
    places = jnp.split(place, place.shape[0] if 0 < place.shape[0] <= _FEW else 1)

    def linearised(state: State, length: Array, interval: Any, source: Array, weight_tangents: Any) -> EventJacobian:
        weights = input_jump(inputs.columns, source, 1 if together else 0)
        return dynamics.event_jacobian(
            tangents_given[0], state, InterEventInterval(length, None, interval), weights, weight_tangents
        )

    def catch(number: Array, place: Array, caught: Any, change: Any) -> Any:
        # a sum, as every spike lies in one stretch: backwards it passes what comes in on as it is
        return jax.tree.map(lambda old, new: old + jnp.where(number == place, new, 0.0), caught, change)

    # even where all is known of a step: XLA would have a loop of its own tell who is caught in which
    @_checkpointed
    def step(carry: tuple, event: tuple) -> tuple:
        (change, rows), (number, length_move, of_event) = carry, event
        parts = of_event if together else linearised(*of_event)
        leaves, structure = jax.tree.flatten(change)
        after = jax.tree.unflatten(structure, parts.moved(leaves, length_move))
        return (after, [catch(number, at, row, change) for at, row in zip(places, rows, strict=True)]), change

    if together:
        events: Any = linearised(states, lengths, known, inputs.sources, weight_tangents)
    else:
        events = states, lengths, dynamics.interval(lengths), inputs.sources, weight_tangents
    change, caught = start
    rows = [jax.tree.map(lambda leaf, at=at: jnp.zeros_like(leaf, shape=at.shape), change) for at in places]
    numbers = jnp.arange(len(lengths), dtype=jnp.int32)
    (end, rows), changes = jax.lax.scan(step, (change, rows), (numbers, spread, events))
    return (end, jax.tree.map(lambda old, *new: old + jnp.concatenate(new), caught, *rows)), changes


def _none_if_zero(change: Any) -> Any:
    return None if isinstance(change, SymbolicZero) else change
