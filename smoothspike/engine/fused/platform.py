"""Which program runs where: kernels on an NVIDIA GPU, the plain one everywhere else."""

from collections.abc import Callable
from typing import Any

import jax

from ...kernels import PLAIN


def kernels_expected() -> bool:
    """Return whether programs may come to run on a GPU; elsewhere tracing kernels would be time lost."""
    return not PLAIN and jax.default_backend() == "gpu"


def by_platform(kernel: Callable[..., Any], plain: Callable[..., Any], *arguments: Any) -> Any:
    """Call one of two functions that return the same, when it is known for which platform the program is compiled."""
    return jax.lax.platform_dependent(*arguments, cuda=kernel, default=plain)
