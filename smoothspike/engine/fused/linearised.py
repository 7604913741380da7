"""Events linearised inside kernels."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...kernels.in_kernel import some
from ...neurons import AbstractDynamics, State
from ...neurons.event import event_jacobian, reset_jacobian
from ...neurons.vectorised import AbstractVectorisedDynamics, EventJacobian, InterEventInterval


def linearised(
    dynamics: AbstractDynamics,
    state: State,
    interval: InterEventInterval,
    weights: dict[str, Array],
    routes: tuple[str, ...],
) -> tuple[EventJacobian, list[Any]]:
    """Linearise an interval and the event at its end; also by what it adds on some routes."""
    still = jax.tree.map(lambda _: None, dynamics)

    def by(route: str | None) -> EventJacobian:
        moves = {each: jnp.ones_like(weights[each]) if each == route else None for each in weights}
        return event_jacobian(dynamics, still, state, interval, weights, moves)

    found = [by(route) for route in routes]
    alone = found[0] if found else by(None)
    return alone._replace(d_parameters=[None] * len(alone.d_parameters)), [each.d_parameters for each in found]


def with_resets(
    dynamics: AbstractDynamics, state: State, length: Array, here: Array, by: EventJacobian
) -> EventJacobian:
    """Replace the Jacobian of an interval where neurons spike in it, if the flow alone does not go on through it."""
    if dynamics.resets_by_flow:
        return by
    assert isinstance(dynamics, AbstractVectorisedDynamics)  # all that pass their spikes by a reset are
    size, nothing = len(by.d_interval), jnp.zeros_like(jax.tree.leaves(state)[0])

    def linearised() -> tuple:
        found = reset_jacobian(dynamics, jax.tree.map(lambda _: None, dynamics), state, length)
        return jax.tree.map(lambda each: nothing if each is None else nothing + each, found[:2], is_leaf=_is_none)

    def none() -> tuple:
        return [[nothing] * size for _ in range(size)], [nothing] * size

    # few neurons of a block spike, and often none does
    there = jax.lax.cond(some(here), linearised, none)
    found = jax.tree.map(
        lambda old, new: jnp.where(here, new, 0.0 if old is None else old), tuple(by[:2]), there, is_leaf=_is_none
    )
    return by._replace(d_state=found[0], d_interval=found[1])


def _is_none(leaf: Any) -> bool:
    return leaf is None


def product(column: Any, leaves: list[Array]) -> Array:
    """Sum a column, or a row, of a Jacobian times what it acts on; None stands for zero."""
    total = jnp.zeros_like(leaves[0])
    for entry, leaf in zip(column, leaves, strict=True):
        total = total if entry is None else total + entry * leaf
    return total
