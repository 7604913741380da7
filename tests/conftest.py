"""Settings of all tests: double precision unless `JAX_ENABLE_X64` is set, and no randomness that is not seeded."""

import os

import hypothesis
import jax
import pytest

if "JAX_ENABLE_X64" not in os.environ:
    jax.config.update("jax_enable_x64", True)

hypothesis.settings.register_profile("reproducible", derandomize=True, deadline=None)
hypothesis.settings.load_profile("reproducible")


@pytest.fixture
def key():
    return jax.random.key(20260101)
