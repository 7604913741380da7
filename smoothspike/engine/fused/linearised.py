"""Events linearised inside kernels."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...neurons import AbstractDynamics, State
from ...neurons.event import event_jacobian
from ...neurons.vectorised import EventJacobian, InterEventInterval


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


def product(column: Any, leaves: list[Array]) -> Array:
    """Sum a column, or a row, of a Jacobian times what it acts on; None stands for zero."""
    total = jnp.zeros_like(leaves[0])
    for entry, leaf in zip(column, leaves, strict=True):
        total = total if entry is None else total + entry * leaf
    return total
