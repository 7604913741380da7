"""Settings of the tests of simulations: each compiles functions of its own, which nothing needs afterwards."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    yield
    jax.clear_caches()
