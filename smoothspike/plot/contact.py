"""Plot how the effect of an input on the neuron's own spike vanishes as the spike approaches."""

from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from ..validation import CrossExamination, RouteFindings
from .style import COLORS, lighter, prepared, text_size, words


def contact(findings: CrossExamination | RouteFindings, *, ax: Axes | None = None) -> Axes:
    r"""Plot the shift of a spike by an input against the time left to the spike, on logarithmic axes.

    Each input route has a colour, each random state of the neuron at the spike a row of points. A line shows the power
    law $u^k$ of the time left $u$: solid for the exponent of the certificate, dashed for a fitted one. An effect that
    vanishes faster than any power has no line.

    Args:
        findings: The result of `cross_examine`, or its part on one route.
        ax: The axes; by default of a new figure.

    Raises:
        ValueError: if no shift was measured.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> from smoothspike.validation.contact_exponent import Contact
        >>> from smoothspike.validation.order_swap import Swap
        >>> left, nothing = np.geomspace(1e-6, 1e-12, 7)[None], Swap(*np.zeros((3, 0)))
        >>> ax = contact(RouteFindings("I", Contact(left, 0.2 * left**3, np.array([3.0])), 3.0, nothing, nothing))
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['I: $u^{3.000}$, fitted']
        >>> plt.close(ax.figure)
    """
    rows = [row for row in _rows(findings) if row.points]
    if not rows:
        raise ValueError(f"contact: there is nothing to plot; {_names(findings)}")
    ax = prepared(ax)
    for row, color in zip(rows, COLORS * len(rows), strict=False):
        for left, shift in row.points:
            ax.plot(
                left, shift, "o-", color=lighter(color, 0.6), markeredgecolor=color, markersize=3.0,
                markeredgewidth=0.5, linewidth=0.5, label=f"_{row.name}",
            )  # fmt: skip
        ax.plot(*_line(row), color=color, linewidth=1.0, linestyle=row.style, label=row.label, zorder=1.9)
    ax.set(xscale="log", yscale="log", xlabel="time left to the spike, $u$", ylabel="shift of the spike")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_locator(NullLocator())
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False, borderaxespad=0.2, labelspacing=0.3,
        fontsize=text_size(ax),
    )  # fmt: skip
    return ax


class _Row(NamedTuple):
    """One route: measurements for each state, and the exponent of the line; if not finite, there is no line."""

    name: str
    points: list[tuple[np.ndarray, np.ndarray]]
    exponent: float
    style: Any
    label: str


def _rows(findings: CrossExamination | RouteFindings) -> list[_Row]:
    if isinstance(findings, RouteFindings):
        return [_row(findings, None)]
    return [_row(route, findings.certificate.route(route.name).contact_exponent) for route in findings.routes]


def _row(route: RouteFindings, proven: sp.Expr | None) -> _Row:
    points, measured = _points(route), route.contact_exponent
    if proven is None:
        return _Row(route.name, points, measured, (0, (4, 2)), f"{words(route.name)}: {_power(measured)}, fitted")
    exact: Any = proven
    power = f"$u^{{{exact}}}$" if exact.is_Rational else _power(float(exact))
    return _Row(route.name, points, float(exact), "-", f"{words(route.name)}: {power}, fitted {measured:.3f}")


def _power(exponent: float) -> str:
    if np.isnan(exponent):
        return "no power"
    return "faster than any power" if np.isinf(exponent) else f"$u^{{{exponent:.3f}}}$"


def _points(route: RouteFindings) -> list[tuple[np.ndarray, np.ndarray]]:
    """The positive, finite times left and shifts of each state."""
    if route.contact is None:
        return []
    pairs = zip(route.contact.time_left, route.contact.shift, strict=True)
    usable = [(left, shift, np.isfinite(left * shift) & (left > 0) & (shift > 0)) for left, shift in pairs]
    return [(left[mask], shift[mask]) for left, shift, mask in usable if mask.any()]


def _line(row: _Row) -> tuple[np.ndarray, np.ndarray]:
    """The power law through the median over the states at their closest points; empty without an exponent."""
    if not np.isfinite(row.exponent):
        return np.zeros(0), np.zeros(0)
    closest = [(left[place], shift[place]) for left, shift in row.points for place in [np.argmin(left)]]
    factor = np.median([np.log(shift) - row.exponent * np.log(left) for left, shift in closest])
    every = np.concatenate([left for left, _ in row.points])
    ends = np.array([every.min(), every.max()])
    return ends, np.exp(factor + row.exponent * np.log(ends))


def _names(findings: CrossExamination | RouteFindings) -> str:
    routes = [findings] if isinstance(findings, RouteFindings) else findings.routes
    names = ", ".join(route.name for route in routes)
    return f"no shift was measured for the input {names}" if names else "no input route was measured"
