"""What one event does to neurons, each by itself, and how that changes with everything it depends on."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..dynamics import AbstractDynamics, State

Values = Float[Array, "*shape"]
#: Tangents of a PyTree: None where a leaf does not move.
Tangents = Any


def after_event(
    dynamics: AbstractDynamics, state: State, length: Values, own: Bool[Array, "*shape"], jump: dict[str, Values]
) -> State:
    """Carry neurons to an event, reset those whose spike it is, and add what it brings to each."""
    at = dynamics.flow(state, length)
    after = jax.tree.map(lambda a, b: jnp.where(own, a, b), dynamics.reset(at), at)
    return dynamics.jump(after, jump)


class Parts(NamedTuple):
    """How an event's outcome moves with each argument; a list for every leaf of the outcome.

    Attributes:
        by_state: One array for every leaf of the state before.
        by_length: One array, for the time that passes before the event.
        forced: What moves by other reasons: weights and parameters.
    """

    by_state: list[list[Values]]
    by_length: list[Values]
    forced: list[Values]


def linearised_event(
    dynamics: AbstractDynamics,
    moving: Tangents,
    state: State,
    length: Values,
    own: Bool[Array, "*shape"],
    jump: dict[str, Values],
    jump_moving: Tangents,
) -> Parts:
    """Linearise `after_event`, given how the parameters and what the event brings move."""
    leaves, structure = jax.tree.flatten(state)
    weights, weight_moves = _moving(jump, jump_moving)
    parameters, parameter_moves = _moving(dynamics, moving)

    def event(*arguments: Array) -> list[Array]:
        *before, passed = arguments[: len(leaves) + 1]
        added, changed = arguments[len(leaves) + 1 :][: len(weights)], arguments[len(leaves) + 1 + len(weights) :]
        outcome = after_event(
            _with_moving(dynamics, moving, changed), jax.tree.unflatten(structure, before), passed, own,
            _with_moving(jump, jump_moving, added),
        )  # fmt: skip
        return jax.tree.leaves(outcome)

    columns = _columns(event, [*leaves, length, *weights, *parameters])
    moves = [*weight_moves, *parameter_moves]
    forced = [
        sum((column * move for column, move in zip(row[len(leaves) + 1 :], moves, strict=True)), jnp.zeros_like(row[0]))
        for row in columns
    ]
    return Parts([row[: len(leaves)] for row in columns], [row[len(leaves)] for row in columns], forced)


def linearised_wait(
    dynamics: AbstractDynamics, moving: Tangents, state: State, within: Values
) -> tuple[list[Values], Values]:
    """Linearise the time to the next spike: by every leaf of the state, and what parameters make of it.

    Where a spike is known to come, any ample time `within` which to look for it will do.
    """
    leaves, structure = jax.tree.flatten(state)
    parameters, moves = _moving(dynamics, moving)

    def wait(*arguments: Array) -> list[Array]:
        neuron = _with_moving(dynamics, moving, arguments[len(leaves) :])
        before = jax.tree.unflatten(structure, arguments[: len(leaves)])
        return [neuron.time_to_spike(before, jnp.zeros_like(within), within)]

    (row,) = _columns(wait, [*leaves, *parameters])
    forced = sum((c * move for c, move in zip(row[len(leaves) :], moves, strict=True)), jnp.zeros_like(within))
    return row[: len(leaves)], forced


def materialised(tangents: Tangents, tree: Any) -> Any:
    """Put zeros where nothing moves."""
    return jax.tree.map(
        lambda tangent, leaf: jnp.zeros_like(leaf) if tangent is None else tangent, tangents, tree, is_leaf=_is_none
    )


def _columns(function: Callable[..., list[Array]], arguments: Sequence[Array]) -> list[list[Array]]:
    """Return, for each result of a function that acts elementwise, its derivatives by each argument."""
    _, push = jax.linearize(lambda *values: function(*values), *arguments)
    columns = [
        push(*(jnp.full_like(value, float(place == index)) for index, value in enumerate(arguments)))
        for place in range(len(arguments))
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _moving(tree: Any, tangents: Tangents) -> tuple[list[Array], list[Array]]:
    chosen = eqx.filter(tree, jax.tree.map(lambda tangent: tangent is not None, tangents, is_leaf=_is_none))
    return jax.tree.leaves(chosen), jax.tree.leaves(tangents)


def _with_moving(tree: Any, tangents: Tangents, values: Sequence[Array]) -> Any:
    is_moving = jax.tree.map(lambda tangent: tangent is not None, tangents, is_leaf=_is_none)
    chosen, rest = eqx.partition(tree, is_moving)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(chosen), values), rest)


def _is_none(value: Any) -> bool:
    return value is None
