"""Measure time and memory of programs, interleaved so that a busy machine affects all of them alike."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

#: Shorter runs are repeated up to this number of seconds.
_ROW = 0.3
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Program:
    """A program that is ready to run repeatedly.

    Attributes:
        run: Does the work once, and returns when it is finished.
        compile_seconds: The time of compilation.
        program_bytes: Arguments, results and temporaries, as reported by the compiler; None if it does not report them.
        temporary_bytes: The temporaries alone.
        is_elsewhere: Whether another process does the work; its memory is not measured.
    """

    run: Callable[[], Any]
    compile_seconds: float = 0.0
    program_bytes: int | None = None
    temporary_bytes: int | None = None
    is_elsewhere: bool = False


@dataclass
class Measurement:
    """Measurements of one program.

    Attributes:
        seconds: The time of a run in every turn after a warm-up.
        compile_seconds: The time of compilation.
        program_bytes: Arguments, results and temporaries of the program.
        temporary_bytes: The temporaries alone.
        resident_bytes: The peak resident memory of this process during the first run; None if another process ran it.
    """

    compile_seconds: float
    program_bytes: int | None
    temporary_bytes: int | None
    seconds: list[float] = field(default_factory=list)
    resident_bytes: int | None = None

    @property
    def median(self) -> float:
        """The median time in seconds."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, relative to the median."""
        low, high = np.quantile(self.seconds, [0.25, 0.75])
        return float((high - low) / 2 / self.median)

    def as_json(self) -> dict[str, Any]:
        """All content, for JSON."""
        return asdict(self) | {"median_seconds": self.median, "relative_spread": self.spread}


def compiled(function: Callable[..., Any], *arguments: Any) -> Program:
    """Compile a function of arrays ahead of time, and report the time of compilation and the memory it will need.

    Its arguments are placed on a device first, as in a training.
    """
    jitted, placed = jax.jit(function), jax.device_put(arguments)
    begin = time.perf_counter()
    executable = jitted.lower(*placed).compile()
    seconds = time.perf_counter() - begin
    memory = _memory_analysis(executable)
    temporary = getattr(memory, "temp_size_in_bytes", None)
    parts = [temporary, *(getattr(memory, f"{part}_size_in_bytes", None) for part in ("argument", "output"))]
    total = None if None in parts else sum(part for part in parts if part is not None)
    # called as users do, which is faster than calling the executable; it is not compiled again
    return Program(lambda: jax.block_until_ready(jitted(*placed)), seconds, total, temporary)


def _memory_analysis(executable: Any) -> Any:
    try:
        return executable.memory_analysis()
    except (NotImplementedError, jax.errors.JaxRuntimeError):  # not all back-ends support it
        return None


def measured(programs: Mapping[str, Program], repeats: int) -> dict[str, Measurement]:
    """Run all programs in turns, once to warm up and then `repeats` times, and time each turn."""
    found = {
        name: Measurement(program.compile_seconds, program.program_bytes, program.temporary_bytes)
        for name, program in programs.items()
    }
    for name, program in programs.items():
        _forget_peak()
        program.run()
        found[name].resident_bytes = None if program.is_elsewhere else _peak()
    for _ in range(repeats):
        for name, program in programs.items():
            found[name].seconds.append(_seconds(program.run))
    return found


def _seconds(run: Callable[[], Any]) -> float:
    """Time a run; short ones are repeated in a row, as in a training, after a first one with a cold cache."""
    begin = time.perf_counter()
    run()
    seconds = time.perf_counter() - begin
    if seconds > _ROW / 2:
        return seconds
    count = int(_ROW / seconds)
    begin = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - begin) / count


def _forget_peak() -> None:
    """Reset the peak of resident memory (Linux)."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def _peak() -> int:
    """The peak resident memory of this process in bytes since the last reset."""
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def hardware() -> dict[str, Any]:
    """Processor, cores, versions and JAX's device."""
    device = jax.devices()[0]
    return {
        "device_kind": device.device_kind,
        "platform": device.platform,
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg()[0],
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _cpu() -> str:
    """The model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
