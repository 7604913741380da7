"""Data parallelism: the network on every device, the samples of a batch shared among them; see docs/do/devices.md."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")


def data_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """Arrange devices along one axis, `batch`.

    Args:
        devices: By default all devices, of all processes.

    Raises:
        ValueError: if there is no device.

    Example:
        >>> dict(data_mesh(jax.devices()[:1]).shape)
        {'batch': 1}
    """
    chosen = jax.devices() if devices is None else list(devices)
    if not chosen:
        raise ValueError("data_mesh needs at least one device; omit devices for all available ones")
    return Mesh(np.array(chosen), ("batch",))


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of arrays of which every device has a copy."""
    return _sharding(mesh, PartitionSpec())


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Place a copy of every array on each device; several processes must pass the same values."""
    sharding = replicated(mesh)
    return _map_arrays(lambda leaf: _placed(leaf, sharding), tree)


def shard_batch(batch: Tree, mesh: Mesh) -> Tree:
    """Split the first axis of every array among the devices; several processes must pass the same whole batch."""
    sharding = _sharding(mesh, PartitionSpec(mesh.axis_names))
    return _map_arrays(lambda leaf: _placed(leaf, sharding), batch)


def gather(tree: Tree) -> Tree:
    """Collect replicated or sharded arrays on one device of each process; all processes must call this."""

    def whole(leaf: Any) -> jax.Array:
        is_local = not isinstance(leaf, jax.Array) or leaf.is_fully_addressable or leaf.is_fully_replicated
        return jnp.asarray(np.asarray(leaf if is_local else multihost_utils.process_allgather(leaf, tiled=True)))

    return _map_arrays(whole, tree)


def require_divisible(samples: int, mesh: Mesh, what: str) -> None:
    """Raise a ValueError that suggests sizes, unless the devices can share the samples evenly."""
    below = samples - samples % mesh.size
    if below != samples:
        advice = f"{below} or {below + mesh.size}" if below else f"{mesh.size}"
        raise ValueError(
            f"{what} has {samples} samples, which {mesh.size} devices cannot share evenly; use {advice}, or fewer "
            "devices with data_mesh(jax.devices()[:n])"
        )


def _sharding(mesh: Mesh, spec: PartitionSpec) -> NamedSharding:
    # jax.make_mesh may give a mesh with explicit axes, for which every operation of a simulation would need a sharding
    return NamedSharding(Mesh(mesh.devices, mesh.axis_names), spec)


def _placed(leaf: Any, sharding: NamedSharding) -> jax.Array:
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    values = np.asarray(jnp.asarray(leaf))
    return jax.make_array_from_callback(values.shape, sharding, lambda index: values[index])


def _map_arrays(place: Callable[[Any], jax.Array], tree: Tree) -> Tree:
    return jax.tree.map(lambda leaf: place(leaf) if isinstance(leaf, jax.Array | np.ndarray) else leaf, tree)
