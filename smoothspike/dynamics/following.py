"""How a change of a state goes on through a stretch between inputs and the input after it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array


class Step(NamedTuple):
    """A stretch and the input that ends it, or how these change; `None` stands for what does not.

    Attributes:
        state: Where the stretch begins, or its change in the compressed form.
        interval: What is known of the stretch.
        weights: What the input adds to each neuron, for every route.
    """

    state: Any
    interval: Any
    weights: Any


def pushed(function: Callable, arguments: Any, changes: Any) -> tuple[Any, Any]:
    """Return value and change of a function; `None` stands for what does not change.

    Example:
        >>> value, change = pushed(lambda a, b: a * b, (2.0, 3.0), (None, 1.0))
        >>> float(value), float(change)
        (6.0, 2.0)
    """
    leaves, structure = jax.tree.flatten(arguments, is_leaf=is_none)
    moved = jax.tree.leaves(changes, is_leaf=is_none)
    places = [place for place, change in enumerate(moved) if change is not None]

    def of_moving(*values: Array) -> Any:
        given = list(leaves)
        for place, value in zip(places, values, strict=True):
            given[place] = value
        return function(*jax.tree.unflatten(structure, given))

    return jax.jvp(of_moving, [leaves[place] for place in places], [moved[place] for place in places])


def is_none(leaf: Any) -> bool:
    """Whether something does not change."""
    return leaf is None
