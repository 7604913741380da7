"""`compiler_options`: how to compile a step so that devices that are cores do not take turns."""

import os
from functools import cache

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

# without the pass no kernel is shared out among threads; in an order that saves memory no two kernels run at once
_ONE_CORE = {
    "xla_disable_hlo_passes": "cpu-parallel-task-assigner",
    "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
}


def compiler_options(mesh: Mesh) -> dict[str, str]:
    """Return options for `jax.jit` with which every device of a mesh keeps to a core of its own.

    Where all cores of a processor are devices (`jax.config.update("jax_num_cpu_devices", cores)`), each has samples of
    its own to go through. XLA does not know, and has every device share its kernels out among threads that are busy
    with another's. `fit` passes these options by itself; a loop of your own passes them to its outermost `jax.jit` or
    `eqx.filter_jit`, the only one that takes them.

    Args:
        mesh: The devices that share a batch.

    Returns:
        Options of XLA; none on devices other than processors, none where there are two cores or more for each device,
        which may well help one another, none for several processes, which have to compile alike whatever cores they
        have, and none that the installed XLA does not know.

    Example:
        >>> import smoothspike as ss
        >>> mesh = ss.data_mesh()
        >>> gradient = ss.value_and_grad_in_chunks(lambda weight, xs: (weight * xs).mean(), 4, mesh=mesh)
        >>> step = jax.jit(gradient, compiler_options=ss.compiler_options(mesh))
        >>> [float(each) for each in step(jnp.array(2.0), jnp.arange(4.0))]
        [3.0, 1.5]
    """
    devices = list(mesh.devices.flat)
    are_cores = all(device.platform == "cpu" for device in devices) and 2 * len(devices) > _cores()
    if not are_cores or len({device.process_index for device in devices}) > 1:
        return {}
    return {name: value for name, value in _ONE_CORE.items() if _is_known(name, value)}


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _is_known(name: str, value: str) -> bool:
    """Whether XLA takes an option, which it says only when it compiles."""
    try:
        jax.jit(jnp.negative).lower(jax.ShapeDtypeStruct((), jnp.float32)).compile({name: value})
    except jax.errors.JaxRuntimeError:
        return False
    return True
