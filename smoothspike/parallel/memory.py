"""The memory that a program will need, as its compiler reports it, and the largest chunk within a budget."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax

from .chunks import value_and_grad_in_chunks

_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def memory_needed(function: Callable[..., Any], *arguments: Any) -> int:
    """Return the bytes that one call needs on each device: arguments, results and temporaries.

    The function is compiled, not run. A later call with arguments of the same shapes reuses the program.

    Args:
        function: As for `eqx.filter_jit`, or already jitted.
        arguments: The arguments of the call; only shapes and shardings matter.

    Raises:
        RuntimeError: if the compiler of this device does not report it.

    Example:
        >>> import jax.numpy as jnp
        >>> memory_needed(lambda x: x + 1.0, jnp.zeros(1000, jnp.float32)) >= 8000
        True
    """
    jitted = function if hasattr(function, "lower") else eqx.filter_jit(function)
    lowered: Any = jitted
    stats = lowered.lower(*arguments).compile().compiled.memory_analysis()
    if stats is None:
        raise RuntimeError(f"the compiler for {jax.default_backend()} does not report the memory of a program")
    kept = stats.argument_size_in_bytes + stats.output_size_in_bytes - stats.alias_size_in_bytes
    return kept + stats.temp_size_in_bytes


def largest_chunk(
    loss: Callable[..., Any], memory: int | str, model: Any, *batch: Any, has_aux: bool = False, multiple_of: int = 1
) -> int:
    """Return the largest chunk with which `value_and_grad_in_chunks` stays within a budget.

    Only divisors of the batch size are considered. A few of them are compiled, none is run.

    Args:
        loss: The mean loss of a batch, `loss(model, *batch)`.
        memory: The budget per device for arguments, results and temporaries of this gradient, in bytes or as text:
            `"2 GiB"`, `"500 MB"`. Programs and the rest of the process are not included.
        model: The network.
        batch: A batch of the intended size.
        has_aux: As for `value_and_grad_in_chunks`.
        multiple_of: The number of devices that share the batch.

    Raises:
        ValueError: if even the smallest chunk exceeds the budget, or the budget cannot be parsed.

    Example:
        >>> import jax.numpy as jnp
        >>> def mean_loss(weight, xs):
        ...     return jnp.mean(jnp.sin(weight * xs) ** 2)
        >>> largest_chunk(mean_loss, "1 GiB", jnp.array(1.0), jnp.ones(12))
        12
    """

    def needed(chunk: int) -> int:
        return memory_needed(value_and_grad_in_chunks(loss, chunk, has_aux=has_aux), model, *batch)

    samples = jax.tree.leaves(eqx.filter(batch, eqx.is_array))[0].shape[0]
    return largest_within(num_bytes(memory), needed, samples, multiple_of)


def largest_within(budget: int, needed: Callable[[int], int], samples: int, multiple_of: int) -> int:
    """Return the largest divisor of `samples`, and multiple of `multiple_of`, within a budget."""
    sizes = [size for size in range(samples, 0, -1) if samples % size == 0 and size % multiple_of == 0]
    if not sizes:
        raise ValueError(f"{multiple_of} devices cannot share {samples} samples evenly; use a multiple of their number")
    if needed(sizes[0]) <= budget:
        return sizes[0]
    least = needed(sizes[-1])
    if least > budget:
        raise ValueError(
            f"the smallest chunk, {sizes[-1]} samples, needs {readable(least)}, but the budget is {readable(budget)}; "
            "raise it, or use a smaller network, batch or capacity"
        )
    # bisection: memory grows with the chunk
    too_large, fitting = 0, len(sizes) - 1
    while fitting - too_large > 1:
        middle = (too_large + fitting) // 2
        too_large, fitting = (too_large, middle) if needed(sizes[middle]) <= budget else (middle, fitting)
    return sizes[fitting]


def num_bytes(memory: int | str) -> int:
    """Parse a number of bytes such as `"2 GiB"`.

    Raises:
        ValueError: if it is not a positive number with a unit.
    """
    text = memory.strip() if isinstance(memory, str) else f"{memory} B"
    digits = text.rstrip("BkKMGi ")
    unit = text[len(digits) :].strip()
    try:
        number = float(digits) * _UNITS[unit]
    except (KeyError, ValueError):
        number = 0.0
    if number < 1:
        raise ValueError(
            f"memory is {memory!r}, but must be a number of bytes, or text such as '2 GiB' (units: {', '.join(_UNITS)})"
        )
    return int(number)


def readable(memory: int) -> str:
    """Format a number of bytes with a suitable unit."""
    for unit in ("GiB", "MiB", "KiB"):
        if memory >= _UNITS[unit]:
            return f"{memory / _UNITS[unit]:.1f} {unit}"
    return f"{memory} B"
