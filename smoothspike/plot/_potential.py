"""Curves of a spiking variable: broken at spikes, which are marked above the panel, in a finite window."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from .style import GREY

#: Height of the spike marks, as a fraction of the panel's height, and the distance between rows of marks.
MARKS_AT, ROW = 1.04, 0.06
#: Times and values of a line.
Curve = tuple[np.ndarray, np.ndarray]


class Variable(NamedTuple):
    """The spiking variable, with its values at a spike and after it, for each curve; NaN for a readout."""

    name: str
    threshold: np.ndarray
    reset: np.ndarray
    is_angle: bool


def broken(times: np.ndarray, values: np.ndarray, spikes: np.ndarray, threshold: float, reset: float) -> Curve:
    """Insert the value at each spike, a gap, and the value after it into a curve."""
    places = np.repeat(np.searchsorted(times, spikes), 3)
    values = np.insert(values, places, np.tile([threshold, np.nan, reset], len(spikes)))
    return np.insert(times, places, np.repeat(spikes, 3)), values


def mark_spikes(ax: Axes, times: np.ndarray, color: str, face: str, marker: str = "^", row: int = 0) -> None:
    """Draw triangles above the panel."""
    if not len(times):  # an empty unclipped line would still occupy space in the layout
        return
    above = ax.get_xaxis_transform()
    ax.plot(
        times, np.full(len(times), MARKS_AT + ROW * row), marker, color=color, markerfacecolor=face, markersize=3.5,
        markeredgewidth=0.7, transform=above, clip_on=False,
    )  # fmt: skip


def show_threshold(ax: Axes, variable: Variable) -> None:
    """Draw a finite threshold as a dotted line."""
    for threshold in np.unique(variable.threshold):
        if np.isfinite(threshold):
            ax.axhline(threshold, color=GREY, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0, label="_threshold")


def window(variable: Variable, curves: list[Curve], start: float, end: float) -> tuple[float, float]:
    """Return the range of values to show from `start` to `end`.

    For potentials that diverge, it is the range between their 10 % and 90 % quantiles in time, widened by half of it,
    and by all of a curve except its divergences.
    """
    if not curves:
        return 0.0, 1.0
    if variable.is_angle:
        return float(variable.reset.min()), float(variable.threshold.max())
    curves = [(times, np.where(np.isfinite(values), values, np.nan)) for times, values in curves]
    lines = [values for _, values in curves]
    if not np.isinf(variable.threshold).any():
        low, high = min(map(np.nanmin, lines)), max(map(np.nanmax, lines))
        high, margin = np.fmax(high, variable.threshold.max()), 0.06
    else:
        uniform = np.linspace(start, end, 1000)
        ranges = [np.nanquantile(np.interp(uniform, *curve), [0.1, 0.9]) for curve in curves]
        low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
        half = 0.5 * (high - low)
        low, high, margin = low - half, high + half, 0.0
        for line in lines:
            low, high = _widened(low, high, line)
    margin *= high - low
    if high - low < 1e-9:
        margin = 0.5
    return float(low - margin), float(high + margin)


def _widened(low: float, high: float, line: np.ndarray) -> tuple[float, float]:
    """Widen a range to hold a curve except for the parts that lead directly to or from a spike."""
    pieces = np.split(line, np.flatnonzero(np.isnan(line)))
    for place, piece in enumerate(pieces):
        values = piece[~np.isnan(piece)]
        inside = np.flatnonzero((values >= low) & (values <= high))
        if not inside.size:
            continue
        start = 0 if place == 0 else inside[0]
        values = values[start : inside[-1] + 1] if place < len(pieces) - 1 or values[-1] > high else values[start:]
        low, high = min(low, values.min()), max(high, values.max())
    return low, high
