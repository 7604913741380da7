"""`compile_loops_whole`: fewer, larger kernels for simulations on a processor."""

import os

import jax

_OPTION, _NAME = "xla_backend_extra_options", "xla_cpu_small_while_loop_byte_threshold"
# larger than any loop: the option is meant for small ones
_BYTES = 10**12


def compile_loops_whole() -> None:
    """Have XLA compile each loop as one kernel on a processor, where it can, instead of one for every step in it.

    Small networks then take up to half the time, since starting their kernels takes longer than running them. It holds
    for everything that this process compiles, and is the same as setting `XLA_FLAGS` before Python starts:

        XLA_FLAGS=--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000000000

    A loop in one kernel runs on one core: where batches are so large that XLA would share a step out among many
    cores, give each core samples of its own instead (`data_mesh`). On other devices it changes nothing.

    Raises:
        RuntimeError: if JAX has computed something before, and would not see the change.

    Example:
        >>> import subprocess, sys
        >>> program = "import smoothspike as ss; ss.compile_loops_whole(); import os; print(os.environ['XLA_FLAGS'])"
        >>> print(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.split("=")[1])
        xla_cpu_small_while_loop_byte_threshold
    """
    _require_not_started()
    flags = os.environ.get("XLA_FLAGS", "").split()
    others = [flag for flag in flags if not flag.startswith(f"--{_OPTION}=")]
    options = [flag.partition("=")[2] for flag in flags if flag not in others]
    options = [each for option in options for each in option.split(",") if not each.startswith(f"{_NAME}=")]
    os.environ["XLA_FLAGS"] = " ".join([*others, f"--{_OPTION}={','.join([*options, f'{_NAME}={_BYTES}'])}"])


def _require_not_started() -> None:
    """Raise where JAX has started its devices: then, and only then, it refuses to have another number of them."""
    devices = jax.config.values["jax_num_cpu_devices"]
    try:
        jax.config.update("jax_num_cpu_devices", 1 if devices != 1 else 2)
        jax.config.update("jax_num_cpu_devices", devices)
    except RuntimeError as error:
        raise RuntimeError(
            "JAX has computed something already, and reads its flags once; call compile_loops_whole() before, at the "
            "start of the program, or set XLA_FLAGS as its documentation says"
        ) from error
