"""A GPU to lower programs for, where there is none."""

from collections.abc import Iterator
from contextlib import nullcontext

import jax
import pytest


@pytest.fixture
def abstract_gpu() -> Iterator[None]:
    """Newer versions of JAX ask which GPU it is; older ones assume one where there is none."""
    described = nullcontext()
    if jax.__version_info__ > (0, 10, 2):
        device = jax.sharding.AbstractDevice("NVIDIA H200", 132, "gpu")
        described = jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), (), abstract_device=device))
    with described:
        yield
