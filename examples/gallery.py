"""Entries of the gallery: scripts that compute numbers and draw figures, and pages that are filled from the numbers.

A script ends with `ENTRY.main(__file__)`. It takes `--quick`, for a short run, and `--output FOLDER`, for numbers
(JSON) and figures. `--record` also writes them to docs/gallery, with the page made from examples/pages; `--pages`
rewrites the page from numbers that were recorded before. A run keeps its parts in the folder until it ends, so that one
which was interrupted goes on where it was.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
from matplotlib.figure import Figure

from smoothspike import plot

RECORDS = Path(__file__).parent.parent / "docs" / "gallery"
PAGES = Path(__file__).parent / "pages"
_FIELD = re.compile(r"\{\{\s*([\w.]+)\s*(?::([^}]*?))?\s*\}\}")
_PACKAGES = "smoothspike", "jax", "numpy", "sympy"


class Outcome(NamedTuple):
    """What a run found.

    Attributes:
        numbers: Whatever the page says, as JSON can hold it.
        figures: By the ending of their file name: "" for the first.
    """

    numbers: dict[str, Any]
    figures: dict[str, Figure]


class Parts:
    """Results of the parts of a run, kept in a folder until its end; how long those took that were found there."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.seconds = self.cpu_seconds = 0.0

    def begin(self, folder: Path) -> None:
        """Keep what is computed from now on, and find what an interrupted run has left."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.seconds, self.cpu_seconds = folder, 0.0, 0.0

    def end(self) -> None:
        """Remove what was kept."""
        if self.folder is not None:
            shutil.rmtree(self.folder)
            self.folder = None

    def kept(self, name: str, compute: Callable[[], Any]) -> Any:
        """Compute a part, of what JSON can hold, unless it was kept before."""
        if self.folder is None:
            return compute()
        file = self.folder / f"{name}.json"
        if file.exists():
            found = json.loads(file.read_text())
            self.seconds += found["seconds"]
            self.cpu_seconds += found["cpu_seconds"]
            return found["result"]
        begun, used = time.perf_counter(), time.process_time()
        result = compute()
        taken = {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - used}
        file.write_text(json.dumps({"result": result, **taken}))
        return result


#: Of the entry that runs.
PARTS = Parts()


@dataclass(frozen=True)
class Entry:
    """An entry of the gallery. In its texts, `{{ name.of.number:.3f }}` stands for a number.

    Attributes:
        title: Of the page.
        published: What was published, for the table of all entries.
        ours: What we find, for the same.
        seeds: How many seeds that is the mean of.
        run: Computes all, briefly if it is told so; options that were given are arguments by name.
        double: Whether numbers are of double precision.
        options: Paths that a run may be given on the command line, such as those of data, and what they are.
    """

    title: str
    published: str
    ours: str
    seeds: str
    run: Callable[..., Outcome]
    double: bool = True
    options: Mapping[str, str] = field(default_factory=dict)

    def main(self, script: str) -> None:
        """Run the entry from the command line."""
        name = Path(script).stem
        parser = argparse.ArgumentParser(description=self.title)
        parser.add_argument("--quick", action="store_true", help="a short run, as a test")
        parser.add_argument("--output", type=Path, default=Path("runs") / name, help="folder (%(default)s)")
        parser.add_argument("--record", action="store_true", help="write page, numbers and figures to docs/gallery")
        parser.add_argument("--pages", action="store_true", help="only rewrite the page from recorded numbers")
        for own, meaning in self.options.items():
            parser.add_argument(f"--{own}", type=Path, metavar="PATH", help=meaning)
        options = parser.parse_args()
        given = {own: path for own in self.options if (path := getattr(options, own)) is not None}
        if options.pages:
            write_page(name, self, json.loads((RECORDS / f"{name}.json").read_text()))
            return
        if options.record and options.quick:
            parser.error("--record is for full runs, not with --quick")
        record = self._run(name, options.quick, options.output, given)
        if options.record:
            for figure in options.output.glob(f"{name}*.png"):
                (RECORDS / figure.name).write_bytes(figure.read_bytes())
            _write_numbers(RECORDS / f"{name}.json", record)
            write_page(name, self, record)

    def _run(self, name: str, quick: bool, output: Path, given: Mapping[str, Path]) -> dict[str, Any]:
        jax.config.update("jax_enable_x64", self.double)
        jax.config.update("jax_disable_most_optimizations", quick)  # compiles sooner
        PARTS.begin(output / f"parts{'_quick' * quick}")
        begun, used = time.perf_counter(), time.process_time()
        with plot.paper_style():
            numbers, figures = self.run(quick, **given)
            for ending, figure in figures.items():
                for kind in ("png", "pdf"):
                    figure.savefig(output / f"{name}{ending and '_'}{ending}.{kind}")
        record = {
            "title": self.title,
            "command": " ".join(
                [f"python examples/{name}.py{' --quick' * quick}", *(f"--{own} PATH" for own in given)]
            ),
            "quick": quick,
            "seconds": round(time.perf_counter() - begun + PARTS.seconds, 1),
            "cpu_seconds": round(time.process_time() - used + PARTS.cpu_seconds, 1),
            "machine": f"{_processor()}, {os.cpu_count()} cores",
            "versions": {"python": platform.python_version()} | {each: metadata.version(each) for each in _PACKAGES},
            "numbers": numbers,
        }
        _write_numbers(output / f"{name}.json", record)
        PARTS.end()
        print(json.dumps(numbers, indent=2))
        print(f"{record['seconds']:.0f} s; wrote {output / name}.json and figures")
        return record


def filled(text: str, record: Mapping[str, Any]) -> str:
    """Fill the numbers of a record into a text.

    Raises:
        KeyError: if the text names a number that the record lacks.

    Example:
        >>> filled("{{ lif.jump:.1f }} in {{ seconds:.0f }} s", {"numbers": {"lif": {"jump": 2.04}}, "seconds": 3.0})
        '2.0 in 3 s'
    """

    def number(match: re.Match) -> str:
        name, form = match.groups()
        value: Any = {**record, **record["numbers"]}
        for part in name.split("."):
            value = value[int(part) if isinstance(value, list) else part]
        return format(value, form or "")

    return _FIELD.sub(number, text)


def write_page(name: str, entry: Entry, record: Mapping[str, Any]) -> None:
    """Write the page of an entry."""
    (RECORDS / f"{name}.md").write_text(page(name, entry, record))


def page(name: str, entry: Entry, record: Mapping[str, Any]) -> str:
    """Return the page of an entry."""
    time = f"{duration(record['cpu_seconds'])} of CPU time on {record['machine']}"
    how = f"**Run it**: `{record['command']}` ({time}; `--quick` for a short run). Numbers: [{name}.json]({name}.json)."
    text = filled((PAGES / f"{name}.md").read_text().strip(), record)
    return f"# {entry.title}\n\n![{entry.title}]({name}.png)\n\n{text}\n\n{how}\n"


def row(name: str, entry: Entry, record: Mapping[str, Any]) -> str:
    """Return an entry's row in the table of all entries."""
    cells = [f"[{entry.title}]({name}.md)", entry.published, filled(entry.ours, record), filled(entry.seeds, record)]
    return "| " + " | ".join([*cells, duration(record["cpu_seconds"])]) + " |"


def mean_and_deviation(values: Sequence[float]) -> str:
    """Return the mean of some runs and, of several, their standard deviation.

    Example:
        >>> mean_and_deviation([98.0, 98.5])
        '98.25 ± 0.35'
    """
    mean = f"{statistics.mean(values):.2f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.2f}"


def trained_several_times(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what classifiers from several seeds attain: accuracies and silent neurons in %, and errors by epoch.

    Args:
        runs: Of each, the "history" that `ss.fit` returns with validation data, and what `ss.evaluate` has "found".

    Example:
        >>> row = {"accuracy": 0.9, "accuracy_without_pseudospikes": 0.75, "silent_fraction_0": 0.0}
        >>> found = trained_several_times([{"history": [row], "found": row}])
        >>> found["ordinary"], found["errors"]
        ('75.00', [[0.25]])
    """
    ordinary = "accuracy_without_pseudospikes"
    results = [each["found"] for each in runs]

    def percent(key: str) -> str:
        return mean_and_deviation([100 * each[key] for each in results])

    return {
        "ordinary": percent(ordinary),
        "with_pseudospikes": percent("accuracy"),
        "silent": percent("silent_fraction_0"),
        "each": [each[ordinary] for each in results],
        "errors": [[1 - row[ordinary] for row in each["history"]] for each in runs],
    }


def duration(seconds: float) -> str:
    """Say how long something took.

    Example:
        >>> duration(42.4), duration(1900)
        ('42 s', '32 min')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{timedelta(seconds=seconds).total_seconds() / 60:.0f} min"


def _write_numbers(file: Path, record: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(record, indent=2) + "\n")


def _processor() -> str:
    """Return the name of the processor."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
