"""Certificates on a terminal: laid out for its width, and in colours where it shows them."""

import os
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

import sympy as sp

from symbolic import Certificate
from symbolic.verify.render import (
    COLUMNS,
    MARKS,
    case_lines,
    claim,
    classes,
    crossing,
    in_words,
    reasons,
    title,
)

_CODES = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2"}
_COLOURS = {"holds": "green", "fails": "red", "undecided": "yellow"}
_MARK_WIDTH = max(len(mark) for mark in MARKS.values()) + 2
_GAP = "  "
_NARROWEST, _WITHOUT_TERMINAL = 30, 100
_CASE = re.compile(r" *Case .*: (HOLDS|FAILS|UNDECIDED)\.")


@dataclass(frozen=True)
class Style:
    r"""How wide lines may be, and whether they may be coloured.

    Example:
        >>> Style(80, False).painted("holds", "green"), Style(80, True).painted("holds", "green")
        ('holds', '\x1b[32mholds\x1b[0m')
    """

    width: int
    has_colours: bool

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str] = os.environ) -> "Style":
        """The style that suits a stream: `NO_COLOR` switches colours off, `FORCE_COLOR` on, even without a terminal."""
        columns = shutil.get_terminal_size((_WITHOUT_TERMINAL, 24)).columns
        shows = stream.isatty() and environment.get("TERM") != "dumb"
        has_colours = not environment.get("NO_COLOR") and (
            environment.get("FORCE_COLOR", "0") not in ("", "0") or shows
        )
        return cls(max(columns, _NARROWEST), has_colours)

    def painted(self, text: str, *colours: str) -> str:
        """The text in colours, where they are wanted."""
        codes = ";".join(_CODES[colour] for colour in colours)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.has_colours and codes else text

    def wrapped(self, text: str, indent: int = 0, hanging: int = 0) -> list[str]:
        """The lines of a paragraph, all but the first one further in."""
        first, later = " " * indent, " " * (indent + hanging)
        return textwrap.wrap(
            text, self.width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
        )  # fmt: skip


def shown(certificate: Certificate, style: Style, example: str = "") -> str:
    """Lay out a certificate: model, conditions, routes, assumptions, an example of the failure, cases.

    Example:
        >>> from symbolic import models, verify
        >>> print(shown(verify(models.lif()), Style(80, False)).splitlines()[0])
        LIF: FAILS
    """
    parts = [
        _heading(certificate, style), _model(certificate, style), _conditions(certificate, style),
        _routes(certificate, style), _consequences(certificate, style), _example(example, style),
        _cases(certificate, style),
    ]  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _heading(certificate: Certificate, style: Style) -> list[str]:
    verdict = certificate.verdict
    *above, last = style.wrapped(f"{certificate.model.name}: {verdict.name}")
    mark = style.painted(verdict.name, "bold", _COLOURS[verdict.value])
    return [*above, last.removesuffix(verdict.name) + mark, *style.wrapped(claim(certificate))]


def _model(certificate: Certificate, style: Style) -> list[str]:
    _, *lines = repr(certificate.model).splitlines()
    return [style.painted("Model", "bold")] + [
        part for line in lines for part in style.wrapped(line.strip(), indent=2, hanging=4)
    ]


def _conditions(certificate: Certificate, style: Style) -> list[str]:
    """One row per condition: whether it holds, its name, and below it the statement and the reason."""
    lines = [style.painted("Conditions", "bold")]
    for condition in certificate.conditions:
        mark = MARKS[condition.holds]
        name, *more = style.wrapped(title(condition), indent=2 + _MARK_WIDTH)
        start = "  " + style.painted(mark, _COLOURS[mark.lower()]) + " " * (_MARK_WIDTH - len(mark))
        lines += [start + style.painted(name.strip(), "bold"), *more]
        if condition.statement is not sp.true:
            statement = style.wrapped(str(condition.statement), indent=2 + _MARK_WIDTH, hanging=2)
            lines += [line.replace(line.lstrip(), style.painted(line.lstrip(), "dim")) for line in statement]
        lines += style.wrapped(condition.reason, indent=2 + _MARK_WIDTH)
    return lines


def _routes(certificate: Certificate, style: Style) -> list[str]:
    """A table with one row per route; where the terminal is too narrow for it, one list per route."""
    rows = []
    for report in certificate.routes:
        exponent = "" if report.contact_exponent is None else str(report.contact_exponent)
        rows.append((report.name, report.no_grazing.value, report.order_swap.value, exponent, *classes(report)))
    widths = [max(len(row[column]) for row in (COLUMNS, *rows)) for column in range(len(COLUMNS))]
    lines = [style.painted("Routes", "bold")]
    if 2 + sum(widths) + len(_GAP) * (len(widths) - 1) <= style.width:
        return lines + [_row(COLUMNS, widths, style, heading=True)] + [_row(row, widths, style) for row in rows]
    label = max(map(len, COLUMNS)) + len(_GAP)
    for row in rows:
        for name, cell in zip(COLUMNS, row, strict=True):
            first, *more = style.wrapped(f"{name:{label}}{cell}", indent=2, hanging=label)
            lines += [first.removesuffix(cell) + _cell(cell, style) if cell and first.endswith(cell) else first, *more]
    return lines


def _row(cells: Sequence[str], widths: Sequence[int], style: Style, heading: bool = False) -> str:
    padding = [" " * (width - len(cell)) for cell, width in zip(cells, widths, strict=True)]
    painted = [style.painted(cell, "dim") if heading else _cell(cell, style) for cell in cells]
    return "  " + _GAP.join(cell + space for cell, space in zip(painted, padding, strict=True)).rstrip()


def _cell(cell: str, style: Style) -> str:
    return style.painted(cell, _COLOURS[cell]) if cell in _COLOURS else cell


def _consequences(certificate: Certificate, style: Style) -> list[str]:
    """Why the spikes of each route are of their classes, and what all of it assumes."""
    lines = []
    for report in certificate.routes:
        if told := " ".join(reasons(report)):
            lines += style.wrapped(f"Input {report.name}: {told}", hanging=2)
    if certificate.simultaneous_inputs is not None:
        lines += style.wrapped(crossing(certificate), hanging=2)
    if certificate.assumptions:
        under = ", ".join(in_words(assumption) for assumption in certificate.assumptions)
        lines += style.wrapped(f"Under: {under}", hanging=2)
    return lines


def _example(example: str, style: Style) -> list[str]:
    return [style.painted("Example", "bold"), *style.wrapped(example, indent=2)] if example else []


def _cases(certificate: Certificate, style: Style) -> list[str]:
    """The cases, each further in than the one that it belongs to."""
    lines = []
    for line in case_lines(certificate):
        words = line.lstrip()
        parts = style.wrapped(words, indent=2 + len(line) - len(words), hanging=2)
        verdict = _CASE.fullmatch(line)
        if verdict is not None:
            mark = style.painted(verdict[1], _COLOURS[verdict[1].lower()])
            parts[-1] = parts[-1].removesuffix(f"{verdict[1]}.") + f"{mark}."
        lines += parts
    return [style.painted("Cases", "bold"), *lines] if lines else []
