"""Settings of all tests: double precision unless `JAX_ENABLE_X64` is set, and no randomness that is not seeded.

Tests may report measured figures; they are listed at the end of the run.
"""

import gc
import os
from collections.abc import Callable, Iterator

import hypothesis
import jax
import pytest

if "JAX_ENABLE_X64" not in os.environ:
    jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", True)  # tests compile much and compute little
gc.set_threshold(200_000, 50, 100)  # tracing makes many objects and few cycles to look for

hypothesis.settings.register_profile("reproducible", derandomize=True, deadline=None)
hypothesis.settings.load_profile("reproducible")


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(20260101)


@pytest.fixture
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture
def float32() -> Iterator[None]:
    with jax.enable_x64(False):
        yield


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both precisions, one after the other, as JAX's default."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param


@pytest.fixture(scope="module")
def optimised() -> Iterator[None]:
    """Compile as a user does: for tests of accuracy, and where it matters which operations are fused."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Report a measured figure."""
    return lambda line: record_property("figures", line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compile the examples in docstrings as a user does; those that simulate would take minutes otherwise."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.runtest = _with_optimisation(item.runtest)


def _with_optimisation(run: Callable[[], None]) -> Callable[[], None]:
    def optimised() -> None:
        jax.config.update("jax_disable_most_optimizations", False)
        try:
            run()
        finally:
            jax.config.update("jax_disable_most_optimizations", True)

    return optimised


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    lines = [
        (report.nodeid, value)
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "figures"
    ]
    if lines:
        terminalreporter.section("measured figures")
        for _, line in sorted(lines):
            terminalreporter.write_line(line)
