"""Options and reports of benchmarks, and their rendering."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .agreement import Agreement

OURS = "smoothspike"


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        peers: For each peer by name, a folder to import it from; peers that are installed need none.
        repeats: How often every program is timed.
        quick: Whether to make the work smaller, to see that it runs.
    """

    peers: Mapping[str, Path] = field(default_factory=dict)
    repeats: int = 7
    quick: bool = False


@dataclass
class Table:
    """Rows of text under headings."""

    headings: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)


@dataclass
class Report:
    """The answer to a question.

    Attributes:
        title: The question in a few words.
        setting: What was run, with sizes and precision.
        dtype: The precision.
        table: The figures to be read.
        agreements: What was checked before times were taken.
        remarks: Further remarks, one sentence or more each.
        figures: All numbers, for machines.
    """

    title: str
    setting: str
    dtype: str
    table: Table
    agreements: list[Agreement] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All content, for JSON."""
        return {
            "title": self.title,
            "setting": self.setting,
            "dtype": self.dtype,
            "agreements": [agreement.as_json() for agreement in self.agreements],
            "remarks": self.remarks,
            "figures": self.figures,
        }


def duration(seconds: float) -> str:
    """Format a time."""
    if seconds == 0:
        return ""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def size(number: float | None) -> str:
    """Format an amount of memory."""
    if number is None:
        return ""
    return f"{number / 2**30:.3g} GiB" if number >= 2**30 else f"{number / 2**20:.3g} MiB"


def as_text(report: Report) -> str:
    """A report in columns."""
    lines = [report.table.headings, *report.table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([report.title, report.setting, "", *map(str, report.agreements), *table, *report.remarks, ""])


def as_markdown(reports: Mapping[str, Report], hardware: Mapping[str, Any], command: str) -> str:
    """A page with all reports."""
    parts = [f"# How fast\n\nWritten by `{command}` on {described(hardware)}."]
    for name, report in reports.items():
        lines = [report.table.headings, ["---"] * len(report.table.headings), *report.table.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        notes = "\n".join(f"- {note}" for note in [*map(str, report.agreements), *report.remarks])
        parts.append(f"## {report.title} (`{name}`)\n\n{report.setting}\n\n{table}\n\n{notes}".rstrip())
    return "\n\n".join(parts) + "\n"


def described(hardware: Mapping[str, Any]) -> str:
    """The hardware in a line."""
    host = f"{hardware['cores']} cores of {hardware['cpu']} (load {hardware['load']:.1f} at the start)"
    device = "" if hardware["platform"] == "cpu" else f"{hardware['device_kind']} with "
    return f"{device}{host}, JAX {hardware['jax']} on {hardware['device_kind']}, {hardware['date']}"


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The exponent with which values grow with sizes, fitted on log-log axes."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
