"""A loop that trials of a batch go through together, each until it is over."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Bool


def until_over(
    begin: Callable[[Any], Any],
    step: Callable[[Any, Any], Any],
    is_over: Callable[[Any], Bool[Array, ""]],
    arguments: Any,
) -> Any:
    """Repeat a step until the trial is over.

    Where trials are mapped over, `jax.vmap` would copy all that a loop carries in every step, to keep it for the trials
    that are over already. Here, for one level of trials, nothing is copied: a step changes nothing once
    its trial is over.

    Args:
        begin: Makes what the loop carries from the arguments.
        step: Makes the next from the arguments and what is carried; once it is over, only what nobody reads may change.
        is_over: Tells from what is carried whether the trial is over.
        arguments: A PyTree of all arrays that the functions need.
    """

    @jax.custom_batching.custom_vmap
    def alone(arguments: Any) -> Any:
        return jax.lax.while_loop(lambda carry: ~is_over(carry), lambda carry: step(arguments, carry), begin(arguments))

    @alone.def_vmap
    def several(size: int, is_mapped: list[Any], arguments: Any) -> tuple[Any, Any]:
        axes = jax.tree.map(lambda mapped: 0 if mapped else None, is_mapped[0])
        start = jax.vmap(begin, (axes,), axis_size=size)(arguments)
        stepped = jax.vmap(step, (axes, 0), axis_size=size)
        end = jax.lax.while_loop(lambda carry: ~is_over(carry).all(), lambda carry: stepped(arguments, carry), start)
        return end, jax.tree.map(lambda _: True, end)

    return alone(arguments)
