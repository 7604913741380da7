"""Reading and writing what belongs to some neurons, or to some events, in arrays of all."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

#: Stands for no neuron: beyond every one, so that what is written there is dropped.
NOBODY = 2**30

#: So many events beyond those that there is room for, a trial is given up: too large a weight may bring any number.
MOST_BEYOND = 2**22


def of_neurons(tree: Any, neurons: Int[Array, "*targets"]) -> Any:
    """Pick the parameters of some neurons, where there is one for each."""
    return jax.tree.map(lambda leaf: leaf.at[neurons].get(mode="clip") if jnp.ndim(leaf) else leaf, tree)


def pick(tree: Any, neurons: Int[Array, "*targets"]) -> Any:
    """Pick the values of some neurons."""
    return jax.tree.map(lambda leaf: leaf.at[neurons].get(mode="clip"), tree)


def packed(state: Any, since: Float[Array, " neurons"]) -> Float[Array, "neurons columns"]:
    """Make one row for each neuron, its state and since when this holds: an event finds all of it in one place."""
    return jnp.stack([*jax.tree.leaves(state), since], 1)


def unpacked(structure: Any, rows: Float[Array, "neurons columns"]) -> tuple[Any, Float[Array, " neurons"]]:
    """Undo `packed`, given the structure of a state."""
    *leaves, since = jnp.moveaxis(rows, -1, 0)
    return jax.tree.unflatten(structure, leaves), since


def write(
    rows: Float[Array, "neurons columns"], neurons: Int[Array, " targets"], state: Any, now: Float[Array, ""]
) -> Float[Array, "neurons columns"]:
    """Set the rows of some neurons, whose states hold from `now`."""
    return rows.at[neurons].set(packed(state, jnp.full(neurons.shape, now)), mode="drop")


def put(rows: Array, place: Array, value: Array) -> Array:
    """Write one row; a place beyond the last means the last."""
    return jax.lax.dynamic_update_index_in_dim(rows, value, place, 0)


def in_pieces(leaf: Array, length: int, fill: float | None = None) -> Array:
    """Cut rows into pieces of one length; what the last lacks is filled up, with the last row if nothing is given."""
    how: Any = {"mode": "edge"} if fill is None else {"constant_values": fill}
    padded = jnp.pad(leaf, ((0, -leaf.shape[0] % length), *((0, 0),) * (leaf.ndim - 1)), **how)
    return padded.reshape(-1, length, *leaf.shape[1:])
