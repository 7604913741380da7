"""Settings of all tests: double precision unless `JAX_ENABLE_X64` is set, and no randomness that is not seeded.

Tests compile much and compute little, so nothing is optimised unless `--thorough` is given, which also draws more
random examples. Compiled programs are kept in `.pytest_cache`, or where `JAX_COMPILATION_CACHE_DIR` says. `--budget
SECONDS` limits the CPU time of tests that are not marked `slow`; `--costs N` lists the N most expensive. Figures that
tests measure are listed at the end.
"""

import gc
import inspect
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import jax
import jaxtyping
import pytest

if "JAX_ENABLE_X64" not in os.environ:
    jax.config.update("jax_enable_x64", True)
gc.set_threshold(200_000, 50, 100)  # tracing makes many objects and few cycles to look for

COSTS = pytest.StashKey[dict[str, float]]()
# of `find_witness` and its kin, which simulate many trials, and of what starts processes or compiles several times
LONG_EXAMPLES = (
    "verify", "cross_examine", "simulate_witness", "find_witness", "CrossExamination", "compile_loops_whole",
    "compiler_options", "largest_chunk", "plot.witness.witness", "check_gradients", "networks.recurrent.Recurrent",
    "landscape.scape.landscape", "landscape.loop.loop_integral",
)  # fmt: skip
# `--check-shapes` checks these packages, but for what users call: that refuses wrong arguments in its own words
CHECKED = ("engine", "kernels", "networks", "neurons", "numerics")
UNCHECKED = (
    "engine.connections", "networks._arguments", "networks._driven", "networks.abstract", "networks.feed_forward",
    "networks.recording", "networks.recurrent", "networks.sequential", "neurons.beyond", "neurons.neuron",
    "numerics.adaptive_steps",
)  # fmt: skip
SHARED = 5  # times the budget is the limit for the fixtures of a test: they may serve a whole module

hypothesis.settings.register_profile("quick", derandomize=True, deadline=None, max_examples=20)
hypothesis.settings.register_profile("thorough", derandomize=True, deadline=None)


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(20260101)


@pytest.fixture(scope="module", autouse=True)
def released(request: pytest.FixtureRequest) -> Iterator[None]:
    """Free compiled programs after each module where all tests are run: Linux gives a process 65,530 memory maps."""
    yield
    if request.config.getoption("thorough"):
        jax.clear_caches()


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


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Report a measured figure."""
    return lambda line: record_property("figures", line)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("smoothspike")
    group.addoption(
        "--thorough", action="store_true", help="compile with all optimisations, as users do, and draw more examples"
    )
    group.addoption(
        "--check-shapes", action="store_true", help="check arguments and results inside against their annotations"
    )
    group.addoption("--budget", type=float, metavar="SECONDS", help="limit the CPU time of tests not marked slow")
    group.addoption("--costs", type=int, default=0, metavar="N", help="list the N tests that took most CPU time")


def pytest_configure(config: pytest.Config) -> None:
    is_thorough = config.getoption("thorough")
    hypothesis.settings.load_profile("thorough" if is_thorough else "quick")
    if not is_thorough:
        jax.config.update("jax_disable_most_optimizations", True)
        # halves the time to compile; read when JAX computes for the first time
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"
    if config.getoption("check_shapes"):  # from when a module is imported
        jaxtyping.install_import_hook(_checked_modules(config.rootpath), "shape_checks.checked")
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(config.rootpath / ".pytest_cache" / "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _checked_modules(root: Path) -> list[str]:
    paths = (path for package in CHECKED for path in (root / "smoothspike" / package).rglob("*.py"))
    names = {".".join(path.relative_to(root).with_suffix("").parts) for path in paths}
    return sorted(names - {f"smoothspike.{module}" for module in UNCHECKED})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow the examples of private names, where unit tests say as much, and those that take long."""
    public = None
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            public = _public_names() if public is None else public
            if not item.name.startswith(public) or item.name.endswith(LONG_EXAMPLES):
                item.add_marker(pytest.mark.slow)


def _public_names() -> tuple[str, ...]:
    """Where everything is defined that `smoothspike`, `symbolic` or one of their public modules offers."""
    import smoothspike
    import symbolic

    packages = (smoothspike, symbolic)
    modules = {
        member
        for package in packages
        for name, member in vars(package).items()
        if (inspect.ismodule(member) and not name.startswith("_") and hasattr(member, "__path__")) or name == "losses"
    }
    return tuple(
        f"{member.__module__}.{member.__qualname__}"
        for module in (*packages, *modules)
        for name, member in vars(module).items()
        if not name.startswith("_") and (inspect.isclass(member) or inspect.isfunction(member))
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item):
    return (yield from _timed(item, "setup"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    return (yield from _timed(item, "call"))


def _timed(item: pytest.Item, phase: str):
    before = time.process_time()
    try:
        return (yield)
    finally:
        item.stash.setdefault(COSTS, {})[phase] = time.process_time() - before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """A test that costs too much passes or fails as it does; that it costs too much is an error after it."""
    report = yield
    costs = item.stash.get(COSTS, {})
    if report.when in costs:
        report.cpu_seconds = costs[report.when]
    budget = item.config.getoption("budget")
    if report.when == "teardown" and report.passed and budget and not item.get_closest_marker("slow"):
        for phase, limit in (("call", budget), ("setup", SHARED * budget)):
            if costs.get(phase, 0.0) > limit:
                report.outcome = "failed"
                report.longrepr = (
                    f"budget: the {phase} of this test took {costs[phase]:.1f} s of CPU time, and the limit is "
                    f"{limit:g} s. Make it cheaper (jit what it simulates, share a fixture, draw fewer trials), or "
                    "mark it `slow`."
                )
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = [report for group in terminalreporter.stats.values() for report in group if hasattr(report, "nodeid")]
    costs = [
        (report.cpu_seconds, f"{report.when} {report.nodeid}") for report in reports if hasattr(report, "cpu_seconds")
    ]
    if costs and config.getoption("costs"):
        terminalreporter.section(f"CPU time: {sum(cost for cost, _ in costs):.0f} s in tests")
        for cost, test in sorted(costs, reverse=True)[: config.getoption("costs")]:
            terminalreporter.write_line(f"{cost:8.2f} s {test}")
    lines = {
        (report.nodeid, value)
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "figures"
    }
    if lines:
        terminalreporter.section("measured figures")
        for _, line in sorted(lines):
            terminalreporter.write_line(line)
