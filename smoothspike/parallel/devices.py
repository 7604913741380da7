"""Data parallelism: the network on every device, the samples of a batch shared out among them.

JAX compiles a step for all devices at once from where its arguments lie, so a loop that places its arguments with these
functions needs no other change; see docs/parallel.md.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")


def data_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """Line up devices along one axis, `batch`.

    Args:
        devices: By default all devices, of all processes where there are several.

    Raises:
        ValueError: if there is no device.

    Example:
        >>> dict(data_mesh(jax.devices()[:1]).shape)
        {'batch': 1}
    """
    chosen = jax.devices() if devices is None else list(devices)
    if not chosen:
        raise ValueError("data_mesh needs at least one device; leave devices out for all there are")
    return Mesh(np.array(chosen), ("batch",))


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Place a copy of every array on each device: for a network and its optimiser's state.

    With several processes, each has to give the same values.

    Example:
        >>> replicate({"weights": jnp.ones(3)}, data_mesh())["weights"].is_fully_replicated
        True
    """
    sharding = _sharding(mesh, PartitionSpec())
    return _map_arrays(lambda leaf: _placed(leaf, sharding), tree)


def shard_batch(batch: Tree, mesh: Mesh, *, per_process: bool = False) -> Tree:
    """Share out the first axis of every array among the devices: for `Spikes`, labels and whatever else has a batch.

    Args:
        batch: A tree of arrays, the samples along their first axis.
        mesh: The devices; where the mesh has several axes, the samples are shared out over all of them.
        per_process: Whether each process gives only its own samples, equally many, instead of all the same whole batch.

    Raises:
        ValueError: if the samples cannot be shared out evenly. They are neither dropped nor repeated, as either would
            change the mean over the batch.

    Example:
        >>> shard_batch(jnp.arange(4), data_mesh(jax.devices()[:1])).tolist()
        [0, 1, 2, 3]
    """
    sharding = _sharding(mesh, PartitionSpec(mesh.axis_names))
    processes = len({device.process_index for device in mesh.devices.flat}) if per_process else 1

    def place(leaf: Any) -> jax.Array:
        if np.ndim(leaf) == 0:
            raise ValueError("shard_batch: a number has no batch axis; replicate it, or leave it out of the batch")
        require_divisible(processes * leaf.shape[0], mesh, "the batch")
        if per_process and not sharding.is_fully_addressable:
            return jax.make_array_from_process_local_data(sharding, np.asarray(jnp.asarray(leaf)))
        return _placed(leaf, sharding)

    return _map_arrays(place, batch)


def gather(tree: Tree) -> Tree:
    """Bring replicated or shared-out arrays back, whole, to one device of each process.

    With several processes, all of them have to call this.

    Example:
        >>> gather(replicate(jnp.arange(3), data_mesh())).devices() == {jax.local_devices()[0]}
        True
    """

    def whole(leaf: Any) -> jax.Array:
        is_here = not isinstance(leaf, jax.Array) or leaf.is_fully_addressable or leaf.is_fully_replicated
        values = leaf if is_here else multihost_utils.process_allgather(leaf, tiled=True)
        return jnp.asarray(np.asarray(values))

    return _map_arrays(whole, tree)


def require_divisible(samples: int, mesh: Mesh, what: str) -> None:
    """Raise a ValueError that names sizes which fit, if samples cannot be shared out evenly."""
    below = samples - samples % mesh.size
    if below != samples:
        advice = f"{below} or {below + mesh.size}" if below else f"{mesh.size}"
        raise ValueError(
            f"{what} is of {samples} samples, which {mesh.size} devices cannot share evenly; take {advice}, or fewer "
            "devices with data_mesh(jax.devices()[:n])"
        )


def replicated(mesh: Mesh) -> NamedSharding:
    """Return where `replicate` puts arrays."""
    return _sharding(mesh, PartitionSpec())


def _sharding(mesh: Mesh, spec: PartitionSpec) -> NamedSharding:
    # a mesh of jax.make_mesh may ask for shardings in types, which a simulation does not spell out
    return NamedSharding(Mesh(mesh.devices, mesh.axis_names), spec)


def _placed(leaf: Any, sharding: NamedSharding) -> jax.Array:
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    values = np.asarray(jnp.asarray(leaf))
    return jax.make_array_from_callback(values.shape, sharding, lambda index: values[index])


def _map_arrays(place: Callable[[Any], jax.Array], tree: Tree) -> Tree:
    return jax.tree.map(lambda leaf: place(leaf) if isinstance(leaf, jax.Array | np.ndarray) else leaf, tree)
