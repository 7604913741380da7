"""Lines and planes through a network in the space of its parameters: which directions, and the network at a point."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import is_whole
from .._typing import PRNGKeyArray
from ..training.groups import named_parameters

#: How many random ones, "gradient", the name of a parameter, or a tree like the network; or a sequence of these.
DirectionsLike = Any


class Plane(NamedTuple):
    """A line or a plane of networks.

    Attributes:
        network: The network at the origin, in double precision.
        directions: What the network changes by along each coordinate: trees of its parameters.
    """

    network: Any
    directions: tuple[Any, ...]

    def at(self, point: Float[Array, " coordinates"]) -> Any:
        """Return the network at a point."""
        parameters, rest = eqx.partition(self.network, eqx.is_inexact_array)
        for coordinate, direction in zip(point, self.directions, strict=True):
            parameters = jax.tree.map(lambda p, d, c=coordinate: p + c * d, parameters, direction)
        return eqx.combine(parameters, rest)


def chosen_directions(
    network: Any, given: DirectionsLike, key: PRNGKeyArray | None, gradient: Any, most: int = 2
) -> tuple[Any, ...]:
    """Return directions as trees of parameters.

    Args:
        network: The network.
        given: What was asked for.
        key: Draws the random ones.
        gradient: A function without arguments that returns the gradient of the mean loss.
        most: How many there may be.
    """
    if is_whole(given):
        given = ["random"] * int(given)
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not 1 <= len(several) <= most:
        raise ValueError(
            f"directions: {len(several)} were given; a landscape has 1 or 2" if most == 2 else "directions: give 2"
        )
    keys = jax.random.split(key, len(several)) if key is not None else [None] * len(several)
    return tuple(_direction(network, each, own, gradient) for each, own in zip(several, keys, strict=True))


def _direction(network: Any, given: Any, key: PRNGKeyArray | None, gradient: Any) -> Any:
    parameters = eqx.filter(network, eqx.is_inexact_array)
    if isinstance(given, str) and given == "random":
        if key is None:
            raise ValueError("directions: random ones need a key, such as key=jax.random.key(0)")
        return filter_normalised(parameters, _drawn(parameters, key))
    if isinstance(given, str) and given == "gradient":
        return _of_size(gradient(), parameters)
    if isinstance(given, str):
        return _drawn_named(network, parameters, given, key)
    found = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), eqx.filter(given, eqx.is_inexact_array))
    if jax.tree.structure(found) != jax.tree.structure(parameters) or any(
        a.shape != b.shape for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(parameters), strict=True)
    ):
        raise ValueError(
            "directions: a tree has not the structure and shapes of the parameters, eqx.filter(network, "
            "eqx.is_inexact_array); take a network for the direction towards it: jax.tree.map(lambda a, b: b - a, ...)"
        )
    return found


def _drawn(parameters: Any, key: PRNGKeyArray) -> Any:
    leaves, structure = jax.tree.flatten(parameters)
    keys = jax.random.split(key, len(leaves))
    return structure.unflatten(
        [jax.random.normal(own, leaf.shape, leaf.dtype) for own, leaf in zip(keys, leaves, strict=True)]
    )


def _drawn_named(network: Any, parameters: Any, name: str, key: PRNGKeyArray | None) -> Any:
    """One for the entries of a parameter: a random direction of a whole array, or one entry, `weights.0.I[2, 3]`."""
    whole, bracket, entry = name.partition("[")
    names = list(named_parameters(network))
    if whole not in names:
        raise ValueError(f"directions: there is no parameter {whole!r}; they are {', '.join(names)}, or 'gradient'")
    leaves, structure = jax.tree.flatten(parameters)
    zeros = [jnp.zeros_like(leaf) for leaf in leaves]
    place = names.index(whole)
    if not bracket and leaves[place].ndim == 0:
        zeros[place] = jnp.ones_like(leaves[place])
    elif not bracket:
        if key is None:
            raise ValueError(f"directions: a random one of {whole} needs a key; or name an entry, as in {whole}[0]")
        drawn = jax.random.normal(key, leaves[place].shape, leaves[place].dtype)
        zeros[place] = _rows_of_size(leaves[place], drawn)
    else:
        zeros[place] = zeros[place].at[_entry(name, entry, leaves[place].shape)].set(1.0)
    return structure.unflatten(zeros)


def _entry(name: str, text: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    try:
        index = tuple(int(each) for each in text.rstrip("]").split(","))
    except ValueError:
        index = ()
    if len(index) != len(shape) or any(not 0 <= i < size for i, size in zip(index, shape, strict=True)):
        raise ValueError(f"directions: {name!r} names no entry of an array of shape {shape}")
    return index


def filter_normalised(parameters: Any, direction: Any) -> Any:
    """Give what each neuron gets in a direction the norm that it has in the network.

    A neuron's part of an array of weights or delays, of shape (neurons, sources), is its row: its incoming
    connections. Arrays with one entry for each neuron, or one number, are scaled as a whole.

    Source: Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, arXiv:1712.09913, section 4.

    Example:
        >>> found = filter_normalised(jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.array([[0.0, 1.0], [1.0, 0.0]]))
        >>> found.tolist()
        [[0.0, 5.0], [0.0, 0.0]]
    """
    return jax.tree.map(_rows_of_size, parameters, direction)


def _rows_of_size(parameter: Array, direction: Array) -> Array:
    axes = tuple(range(1, parameter.ndim)) if parameter.ndim > 1 else tuple(range(parameter.ndim))
    own, drawn = (jnp.sqrt(jnp.sum(each**2, axes, keepdims=True)) for each in (parameter, direction))
    return direction * own / jnp.where(drawn > 0, drawn, 1.0)


def _of_size(direction: Any, parameters: Any) -> Any:
    """Scale a direction to the norm of the parameters."""
    own, found = norm(parameters), norm(direction)
    if found == 0:
        raise ValueError("directions: the gradient is 0 here, which is no direction; give another one")
    return jax.tree.map(lambda leaf: leaf * (own / found), direction)


def norm(tree: Any) -> float:
    """Return the norm of all parameters together."""
    return float(np.sqrt(sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(tree))))


def checked_span(span: Any, count: int) -> list[tuple[float, float]]:
    """Return the ends of each coordinate: from one number, one pair for all, or one pair for each."""
    array = np.asarray(span, float)
    if array.ndim == 0:
        array = np.array([-array, array])
    if array.ndim == 1:
        array = np.tile(array, (count, 1))
    if array.shape != (count, 2) or not (np.isfinite(array).all() and (array[:, 0] < array[:, 1]).all()):
        raise ValueError(f"span is {span}; give one number, or (low, high), low below high, for each of {count}")
    return [(float(low), float(high)) for low, high in array]


def checked_points(points: Any, count: int) -> list[int]:
    """Return how many points there are along each coordinate."""
    several = [points] * count if is_whole(points) else list(points)
    if len(several) != count or any(not is_whole(each) or each < 2 for each in several):
        raise ValueError(f"points is {points}; give one whole number of at least 2, or one for each of {count}")
    return [int(each) for each in several]
