"""Plot a witness: two nearly equal trials that differ in a spike, or an outcome that has no limit."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from symbolic import Failure, NeuronModel, Witness

from ..validation import Replay, simulate_witness
from ._potential import MARKS_AT, ROW, Curve, Variable, broken, mark_spikes, show_threshold, window
from .style import COLORS, GREY, mark_trial_end, mathematics, prepared, show_angles, text_size, words

#: Heights of the ticks that mark inputs and the varied input, as fractions of the panel's height.
TICK, VARIED = 0.045, 0.09
#: Details below this fraction of the trial are magnified.
VISIBLE = 0.05


def witness(replay: Replay | Witness, *, ax: Axes | None = None) -> Axes:
    """Plot the trials of a witness: a tiny change of an input moves a spike by a finite amount.

    Both trials are shown, with their spikes as triangles above, inputs as ticks below (the tallest one is varied), a
    finite threshold as a dotted line and the trial end as a dashed one. If the jump is too short to be visible, the
    time axis is magnified around it. An outcome without a limit is plotted against the cut-off, with hollow triangles
    where the spike does not occur. A divergence to minus infinity is marked by a hollow triangle at the bottom.

    Args:
        replay: The result of `simulate_witness`, or a witness, which is then simulated in some seconds.
        ax: The axes; by default of a new figure.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> from symbolic import Observable, models
        >>> izhikevich = models.izhikevich()
        >>> _, w, _ = izhikevich.states
        >>> found = Witness(
        ...     Failure.NO_LIMIT, izhikevich, duration=100.0, inputs=(), varied=None, quantity="cut-off",
        ...     values=(1e2, 1e4, 1e8), observable=Observable("state", 1, w), outcomes=(-13.0, -12.5, -11.5),
        ...     spike_times=((50.6,), (50.7,), (50.7,)), jump=1.5,
        ... )
        >>> ax = witness(found)
        >>> ax.get_title(loc="left"), ax.get_xscale()
        ('w at spike 1 has no limit; it varies by 1.5', 'log')
        >>> plt.close(ax.figure)
    """
    found = replay if isinstance(replay, Witness) else replay.witness
    if found.failure is Failure.NO_LIMIT:
        return _without_limit(found, prepared(ax))
    again = simulate_witness(replay) if isinstance(replay, Witness) else replay
    if found.failure is Failure.ESCAPES:
        return _escape(again, prepared(ax))
    return _jump(again, prepared(ax))


def _jump(replay: Replay, ax: Axes) -> Axes:
    found = replay.witness
    curves, variable = _curves(replay)
    start, end = interval = _interval(replay)
    limits = window(variable, [_between(curve, start, end) for curve in curves], start, end)
    # the second line is thinner, so that the first remains visible where both agree
    for row, (curve, label, spikes) in enumerate(zip(curves, _labels(found), replay.spike_times, strict=True)):
        times, values = _inside(curve, limits)
        ax.plot(times, values, color=COLORS[row], linewidth=(2.0, 0.8)[row], label=label, solid_capstyle="butt")
        shown = np.array([time for time in spikes if start <= time <= end])
        mark_spikes(ax, shown, COLORS[row], COLORS[row], row=row)
    _finish(ax, found, variable, interval, limits)
    size = text_size(ax)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, MARKS_AT + 1.6 * ROW), ncols=2, frameon=False, borderpad=0.0,
        borderaxespad=0.0, handlelength=1.2, columnspacing=1.2, fontsize=size,
    )  # fmt: skip
    ax.set_title(_sentence(replay), loc="left", fontsize=size, y=MARKS_AT + 1.6 * ROW, pad=1.7 * size)
    return ax


def _escape(replay: Replay, ax: Axes) -> Axes:
    found, end = replay.witness, replay.witness.outcomes[-1]
    curves, variable = _curves(replay)
    times, values = curves[0]
    before = times < end
    times, values = np.append(times[before], end), np.append(values[before], -np.inf)
    limits = _around(variable, values)
    times, values = _inside((times, values), limits)
    ax.plot(times, values, color=COLORS[0], linewidth=1.0, label=f"${mathematics(found.model.variable)}$")
    mark_spikes(ax, np.array(replay.spike_times[0]), COLORS[0], COLORS[0])
    ax.plot(
        end, 0.03, "v", color=COLORS[0], markerfacecolor="white", markersize=4.5, markeredgewidth=0.9, zorder=3,
        transform=ax.get_xaxis_transform(), clip_on=False, label="_escape",
    )  # fmt: skip
    _finish(ax, found, variable, (0.0, 1.03 * found.duration), limits)
    ax.set_title(_sentence(replay), loc="left", fontsize=text_size(ax), y=MARKS_AT + 0.6 * ROW, pad=2.0)
    return ax


def _without_limit(found: Witness, ax: Axes) -> Axes:
    cuts, outcomes = np.array(found.values), np.array(found.outcomes)
    comes = np.isfinite(outcomes)
    observed = words(str(found.observable))
    ax.plot(cuts[comes], outcomes[comes], "o-", color=COLORS[0], linewidth=1.0, markersize=4.0, label=observed)
    if not comes.all():
        ax.plot(
            cuts[~comes], np.full((~comes).sum(), MARKS_AT), "^", color=COLORS[0], markerfacecolor="white",
            markersize=4.5, markeredgewidth=0.9, transform=ax.get_xaxis_transform(), clip_on=False, label="_never",
        )  # fmt: skip
        ax.text(-0.02, MARKS_AT, "never", ha="right", va="center", fontsize=text_size(ax), transform=ax.transAxes)
    ax.set(xscale="log", xlabel=f"cut-off of ${mathematics(found.model.variable)}$", ylabel=observed)
    ax.margins(0.06)
    varies = f"; it varies by {found.jump:.3g}" if np.isfinite(found.jump) else ""
    above = 1.0 if comes.all() else MARKS_AT + 0.6 * ROW
    ax.set_title(f"{observed} has no limit{varies}", loc="left", fontsize=text_size(ax), y=above, pad=2.0)
    return ax


def _finish(
    ax: Axes, found: Witness, variable: Variable, interval: tuple[float, float], limits: tuple[float, float]
) -> None:
    """Draw the trial end, the threshold and the inputs, and label the axes."""
    show_threshold(ax, variable)
    mark_trial_end(ax, found.duration)
    across = ax.get_xaxis_transform()
    for place, (time, _, _) in enumerate(found.inputs_at(found.values[0])):
        is_varied = place == found.varied
        style: dict[str, Any] = dict(color="#222222", linewidth=1.6) if is_varied else dict(color=GREY, linewidth=1.0)
        height, label = (VARIED, "_varied input") if is_varied else (TICK, "_input")
        ax.plot([time, time], [0, height], transform=across, zorder=3, label=label, solid_capstyle="butt", **style)
    ax.set(xlim=interval, ylim=limits, xlabel="time", ylabel=f"${variable.name}$")
    if variable.is_angle:
        show_angles(ax.yaxis)
    else:  # few ticks in a panel of any height
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))


def _curves(replay: Replay) -> tuple[list[Curve], Variable]:
    model, count = replay.witness.model, len(replay.potential)
    threshold, reset = (_number(model, value) for value in (model.spike.threshold, model.reset_value))
    is_angle = (reset, threshold) == (-np.pi, np.pi)
    variable = Variable(mathematics(model.variable), np.full(count, threshold), np.full(count, reset), is_angle)
    rows = zip(replay.potential, replay.spike_times, strict=True)
    return [broken(replay.times, row, np.array(spikes), threshold, reset) for row, spikes in rows], variable


def _number(model: NeuronModel, value: Any) -> float:
    """The value of an expression; NaN if it depends on the states."""
    value = value.subs(model.scalar_values)
    return math.nan if value.free_symbols else float(value)


def _between(curve: Curve, start: float, end: float) -> Curve:
    shown = (curve[0] >= start) & (curve[0] <= end)
    return curve[0][shown], curve[1][shown]


def _inside(curve: Curve, limits: tuple[float, float]) -> Curve:
    """Clip divergences just outside the panel."""
    height = limits[1] - limits[0]
    return curve[0], np.clip(curve[1], limits[0] - height, limits[1] + height)


def _around(variable: Variable, values: np.ndarray) -> tuple[float, float]:
    """Return the range to show of a curve that diverges at its end."""
    low, high = np.nanquantile(values[np.isfinite(values)], [0.1, 0.9])
    half = 0.5 * (high - low) or 0.5
    threshold = variable.threshold[np.isfinite(variable.threshold)]
    return float(low - half), float(max([high + half, *(threshold + 0.12 * half)]))


def _interval(replay: Replay) -> tuple[float, float]:
    """Return the times to show: the whole trial, or the surroundings of a jump too short to be visible in it."""
    found, (one, other) = replay.witness, replay.potential
    whole = 0.0, 1.03 * found.duration
    unlike = ~np.isclose(one, other, rtol=1e-3, atol=1e-6 * np.nanquantile(np.abs(one), 0.9), equal_nan=True)
    last = max(time for time in found.outcomes if np.isfinite(time))
    first = min(replay.times[np.argmax(unlike)], last) if unlike.any() else last
    detail = min(replay.jump, last - first)
    if not 0 < detail < VISIBLE * found.duration:
        return whole
    margin = max(0.15 * (last - first), detail)
    return float(max(first - margin, 0.0)), float(min(last + margin, whole[1]))


def _sentence(replay: Replay) -> str:
    found, doubt = replay.witness, "" if replay.confirms else " (not confirmed)"
    if found.failure is Failure.ESCAPES:
        return rf"${mathematics(found.model.variable)}$ diverges to $-\infty$ at $t = {found.outcomes[-1]:.4g}$" + doubt
    if found.failure is Failure.JUMPS:
        return f"{words(str(found.observable))} jumps by {replay.jump:.3g}{doubt}"
    early = min(found.outcomes)
    verb = "appears" if found.outcomes[1] == early else "vanishes"
    return f"the spike at $t = {early:.4g}$ {verb}, a jump of {replay.jump:.3g}{doubt}"


def _labels(found: Witness) -> tuple[str, str]:
    """The first value, with enough digits to tell it from the second, and their difference."""
    value, step = found.values[0], found.values[1] - found.values[0]
    number, exponent = f"{step:+.0e}".split("e")
    return f"{words(found.quantity)} = {value:.{max(-int(exponent), 0)}f}", rf"${number} \times 10^{{{int(exponent)}}}$"
