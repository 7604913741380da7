"""The failure that a witness shows: two trials that are nearly alike, or what depends on a cut-off without a limit."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from symbolic import Failure, NeuronModel, Witness

from ..examination import Replay, simulate_witness
from ._potential import MARKS_AT, ROW, Curve, Variable, broken, mark_spikes, show_threshold, window
from .style import COLORS, GREY, mark_trial_end, mathematics, prepared, show_angles, text_size, words

#: Heights of the ticks that mark inputs and the one that is varied, as fractions of the panel's.
TICK, VARIED = 0.045, 0.09
#: What is shorter, as a fraction of the trial, cannot be seen if all of the trial is shown.
VISIBLE = 0.05


def witness(replay: Replay | Witness, *, ax: Axes | None = None) -> Axes:
    """Draw the trials of a witness: how the tiniest change of an input moves a spike by a finite amount.

    The spiking variable is drawn for both values of the weight or time that is varied, with the spikes of either trial
    in a row of triangles above. Ticks below are inputs, the tallest one is varied. Where the jump, or what leads to it,
    would be too short to be seen, the time axis shows only the stretch from where the trials part to the spike.

    If a witness shows that something has no limit as the divergence of a spike is cut off ever farther out, that is
    drawn against the cut-off, with hollow triangles where a spike never comes. If it shows that the spiking variable
    runs to minus infinity, a hollow triangle at the bottom marks where.

    Args:
        replay: A witness simulated anew, by `simulate_witness`, or a witness; simulating takes seconds.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes. A finite threshold is drawn as a dotted line, the trial end as a dashed one.

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
    start, end = stretch = _stretch(replay)
    limits = window(variable, [_between(curve, start, end) for curve in curves], start, end)
    # the second, thinner line leaves the first to be seen where both agree
    for row, (curve, label, spikes) in enumerate(zip(curves, _labels(found), replay.spike_times, strict=True)):
        times, values = _inside(curve, limits)
        ax.plot(times, values, color=COLORS[row], linewidth=(2.0, 0.8)[row], label=label, solid_capstyle="butt")
        shown = np.array([time for time in spikes if start <= time <= end])
        mark_spikes(ax, shown, COLORS[row], COLORS[row], row=row)
    _finish(ax, found, variable, stretch, limits)
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
    ax: Axes, found: Witness, variable: Variable, stretch: tuple[float, float], limits: tuple[float, float]
) -> None:
    """Draw whatever is no trial: its end, the threshold and the inputs, the one that is varied last."""
    show_threshold(ax, variable)
    mark_trial_end(ax, found.duration)
    across = ax.get_xaxis_transform()
    for place, (time, _, _) in enumerate(found.inputs_at(found.values[0])):
        is_varied = place == found.varied
        style: dict[str, Any] = dict(color="#222222", linewidth=1.6) if is_varied else dict(color=GREY, linewidth=1.0)
        height, label = (VARIED, "_varied input") if is_varied else (TICK, "_input")
        ax.plot([time, time], [0, height], transform=across, zorder=3, label=label, solid_capstyle="butt", **style)
    ax.set(xlim=stretch, ylim=limits, xlabel="time", ylabel=f"${variable.name}$")
    if variable.is_angle:
        show_angles(ax.yaxis)
    else:  # as many in a panel of any height, so that the layout need not change with them
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))


def _curves(replay: Replay) -> tuple[list[Curve], Variable]:
    model, count = replay.witness.model, len(replay.potential)
    threshold, reset = (_number(model, value) for value in (model.spike.threshold, model.reset_value))
    is_angle = (reset, threshold) == (-np.pi, np.pi)
    variable = Variable(mathematics(model.variable), np.full(count, threshold), np.full(count, reset), is_angle)
    rows = zip(replay.potential, replay.spike_times, strict=True)
    return [broken(replay.times, row, np.array(spikes), threshold, reset) for row, spikes in rows], variable


def _number(model: NeuronModel, value: Any) -> float:
    """The number that an expression stands for; NaN if it depends on the states."""
    value = value.subs(model.scalar_values)
    return math.nan if value.free_symbols else float(value)


def _between(curve: Curve, start: float, end: float) -> Curve:
    shown = (curve[0] >= start) & (curve[0] <= end)
    return curve[0][shown], curve[1][shown]


def _inside(curve: Curve, limits: tuple[float, float]) -> Curve:
    """Let a divergence end just outside the panel: lines to infinity are not drawn."""
    height = limits[1] - limits[0]
    return curve[0], np.clip(curve[1], limits[0] - height, limits[1] + height)


def _around(variable: Variable, values: np.ndarray) -> tuple[float, float]:
    """Return the range to show of a line that runs away at its end."""
    low, high = np.nanquantile(values[np.isfinite(values)], [0.1, 0.9])
    half = 0.5 * (high - low) or 0.5
    threshold = variable.threshold[np.isfinite(variable.threshold)]
    return float(low - half), float(max([high + half, *(threshold + 0.12 * half)]))


def _stretch(replay: Replay) -> tuple[float, float]:
    """Return which times to show: the whole trial, or those around what would be too small to be seen in it."""
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
        return rf"${mathematics(found.model.variable)}$ runs to $-\infty$ at $t = {found.outcomes[-1]:.4g}$" + doubt
    if found.failure is Failure.JUMPS:
        return f"{words(str(found.observable))} jumps by {replay.jump:.3g}{doubt}"
    early = min(found.outcomes)
    verb = "appears" if found.outcomes[1] == early else "vanishes"
    return f"the spike at $t = {early:.4g}$ {verb}, a jump of {replay.jump:.3g}{doubt}"


def _labels(found: Witness) -> tuple[str, str]:
    """Tell the first value in as many digits as the second one needs to differ, and how the second one differs."""
    value, step = found.values[0], found.values[1] - found.values[0]
    number, exponent = f"{step:+.0e}".split("e")
    return f"{words(found.quantity)} = {value:.{max(-int(exponent), 0)}f}", rf"${number} \times 10^{{{int(exponent)}}}$"
