"""Rows of the benchmark of GPUs: programs, compiled ahead of time and timed, with kernels and without."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import numpy as np

from smoothspike.engine import dense_loop, layer_scan

#: Seconds after which a program is not run again, and the most runs.
ENOUGH, RUNS = 1.5, 20


class Row(NamedTuple):
    """A measured program."""

    part: str
    work: str
    by: str
    milliseconds: float
    compiling: float
    figures: dict[str, float]


def ours() -> str:
    """What runs on this device."""
    return "kernels" if layer_scan.kernels_expected() else "plain"


@contextmanager
def plain() -> Iterator[None]:
    """Trace programs without kernels."""
    before = layer_scan.kernels_expected
    jax.clear_caches()
    for module in (layer_scan, dense_loop):
        vars(module)["kernels_expected"] = lambda: False
    try:
        yield
    finally:
        for module in (layer_scan, dense_loop):
            vars(module)["kernels_expected"] = before
        jax.clear_caches()


def measured(part: str, work: str, by: str, function: Callable[..., Any], *arguments: Any, **per_run: float) -> Row:
    """Compile and time a program; `per_run` are counts that become rates."""
    begin = time.perf_counter()
    program = jax.jit(function).lower(*arguments).compile()
    compiling = time.perf_counter() - begin
    jax.block_until_ready(program(*arguments))
    seconds: list[float] = []
    while sum(seconds) < ENOUGH and len(seconds) < RUNS:
        begin = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        seconds.append(time.perf_counter() - begin)
    median = float(np.median(seconds))
    rates = {f"{name}_per_second": count / median for name, count in per_run.items()}
    row = Row(part, work, by, 1e3 * median, compiling, rates)
    print(as_line(row), flush=True)
    return row


def both(part: str, work: str, by: str, loss: Callable[..., Any], *arguments: Any, **per_run: float) -> Iterator[Row]:
    """Time a loss, and it with its gradient."""
    yield measured(part, f"{work}, forward", by, loss, *arguments, **per_run)
    yield measured(part, f"{work}, gradient", by, jax.value_and_grad(loss), *arguments, **per_run)


def as_line(row: Row) -> str:
    """Format a row of a table."""
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in row.figures.items())
    return f"| {row.part} | {row.work} | {row.by} | {row.milliseconds:.3g} | {row.compiling:.1f} | {figures} |"
