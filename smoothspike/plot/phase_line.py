"""Plot the rate of change of a neuron's spiking variable, its fixed points and the flow."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform

from symbolic import DerivationError, NeuronModel, derive, weight
from symbolic.declare import without_currents

from .style import COLORS, GREY, mathematics, prepared, show_angles

Field = Callable[[np.ndarray, float], np.ndarray]
#: Position of a zero of the field, and the signs of the field below and above it.
FixedPoint = tuple[float, float, float]
#: Height of one row of arrows, as a fraction of the panel's.
ROW = 0.075


def phase_line(
    model: NeuronModel,
    *,
    ax: Axes | None = None,
    currents: Sequence[float] | None = None,
    range: tuple[float, float] | None = None,
) -> Axes:
    r"""Plot $\dot V$ against $V$ for constant currents, with the flow along $V$ below.

    Fixed points are filled if stable, hollow if unstable, and half filled if semistable. The current is the constant
    value of the state to which the first input route adds, or a constant rate of change if inputs act on the spiking
    variable itself. Other states, on which a threshold may depend, keep their initial values, and currents that are
    given at run time are 0.

    Args:
        model: The declared neuron; all parameters must have a single value.
        ax: The axes; by default of a new figure.
        currents: The currents; by default one below the rheobase, the rheobase, and one above it; 0 if the rheobase has
            no formula.
        range: Lowest and highest value of the spiking variable; by default around the fixed points and up to a finite
            threshold, or the whole circle.

    Raises:
        ValueError: if a parameter has no value, or one per neuron; if the model is a readout.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> from symbolic import models
        >>> ax = phase_line(models.qif(), currents=[0.0, 0.5])
        >>> ax.get_xlabel()
        '$V$'
        >>> plt.close(ax.figure)
    """
    if model.is_readout:
        raise ValueError(f"phase_line: {model.name} is a readout, without threshold and reset; draw a spiking neuron")
    model = without_currents(model)
    field = _field(model)
    currents = _default_currents(model) if currents is None else [float(current) for current in currents]
    held: Any = {state: value for state, value in model.initial.items() if state != model.variable}
    threshold, reset = (_number(model, value.subs(held)) for value in (model.spike.threshold, model.reset_value))
    low, high = _default_range(field, currents, reset, threshold) if range is None else range
    grid = np.linspace(low, min(high, threshold), 2001)
    symbol, name = mathematics(model.variable), mathematics(_current_name(model))

    ax = prepared(ax)
    ax.axhline(0, color=GREY, linewidth=0.6, zorder=0, label="_zero")
    for place, current in enumerate(currents):
        row = ROW * (len(currents) - place - 0.2)
        curve = _with_extrema(grid, current, field)
        _one_current(ax, curve, row, f"${name}={current:.3g}$", COLORS[place % len(COLORS)])
    bottom, top = _limits([field(grid, current) for current in currents])
    reserved = ROW * (len(currents) + 0.6)
    ax.set(xlim=(low, high), ylim=((bottom - reserved * top) / (1 - reserved), top))
    ax.set_yticks(
        [tick for tick in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(bottom, top) if bottom <= tick <= top]
    )
    if np.isfinite(threshold):
        ax.axvline(threshold, color=GREY, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0, label="_threshold")
    if (reset, threshold) == (-np.pi, np.pi):
        show_angles(ax.xaxis)
    ax.set(xlabel=f"${symbol}$", ylabel=rf"$\mathrm{{d}}{symbol}/\mathrm{{d}}t$")
    return ax


def _one_current(ax: Axes, curve: tuple[np.ndarray, np.ndarray], row: float, label: str, color: str) -> None:
    """Draw the field for one current, its fixed points, and the flow in a row below."""
    v, rate = curve
    ax.plot(v, rate, color=color, linewidth=1.0, label=label)
    points = _fixed_points(v, rate)
    _flow(ax, v, rate, points, row, color)
    for point in points:
        _fixed_point(ax, point, 0.0, color, ax.transData)
        _fixed_point(ax, point, row, color, ax.get_xaxis_transform())
    ax.text(1.05, row, label, color=color, va="center", size="small", transform=ax.transAxes)


def _current_name(model: NeuronModel) -> sp.Symbol:
    targets = [state for state in model.routes[0].jump if state != model.variable]
    return targets[0] if len(targets) == 1 else sp.Symbol("I")


def _field(model: NeuronModel) -> Field:
    """The rate of change of the spiking variable as a function of its value and a constant current."""
    variable: Any = model.variable
    current = sp.Dummy("current", real=True)
    expression: Any = model.field
    held: dict[Any, Any] = {state: model.initial[state] for state in model.other_states}
    for state, new_value in model.routes[0].jump.items():
        gain = current * sp.diff(new_value, weight).subs(weight, 0)
        if state == variable:
            expression += gain
        else:
            held[state] = held[state] + gain
    expression = expression.subs(held).subs(model.scalar_values)
    for symbol in sorted(expression.free_symbols - {variable, current}, key=str):
        raise ValueError(f"phase_line: {symbol} of {model.name} must have a single value; use model.with_parameters")
    function = sp.lambdify((variable, current), expression, "numpy")

    def field(v: np.ndarray, current: float) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(function(v, current), float), np.shape(v))

    return field


def _number(model: NeuronModel, value: Any) -> float:
    return float(value.subs(model.scalar_values))


def _default_currents(model: NeuronModel) -> list[float]:
    try:
        rheobase = derive(model).rheobase
    except DerivationError:
        rheobase = None
    if rheobase is None:
        return [0.0]
    rheobase = _number(model, rheobase)
    step = abs(rheobase) or 1.0
    return [rheobase - step, rheobase, rheobase + step]


def _default_range(field: Field, currents: Sequence[float], reset: float, threshold: float) -> tuple[float, float]:
    if np.isfinite(threshold) and np.isfinite(reset):
        ends = np.array([reset, threshold])
        if all(np.isclose(*field(ends, current)) for current in currents):  # a circle
            return reset, threshold
        height = threshold - reset
        return reset - 0.3 * height, threshold + 0.1 * height
    wide = np.sinh(np.linspace(-6, 6, 4001))
    wide = wide[wide < threshold]
    places = [where for current in currents for where, _, _ in _fixed_points(*_with_extrema(wide, current, field))]
    slowest = wide[np.nanargmin(np.abs(field(wide, currents[0])))] if not places else places[0]
    low, high = min([slowest, *places]), max([slowest, *places])
    margin = 0.8 * (high - low) or 2.0
    return low - margin, high + margin


def _with_extrema(v: np.ndarray, current: float, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Sample the field where it is finite, including its extrema, so that double zeros are found."""
    v = v[np.isfinite(field(v, current))]
    rate = field(v, current)
    size = np.abs(rate)
    i = 1 + np.flatnonzero((size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:]))
    a, b, c = (v[i + k] for k in (-1, 0, 1))
    fa, fb, fc = (rate[i + k] for k in (-1, 0, 1))
    below = (b - a) * (fb - fc) - (b - c) * (fb - fa)
    ok = below != 0
    shift = 0.5 * ((b - a) ** 2 * (fb - fc) - (b - c) ** 2 * (fb - fa))[ok] / below[ok]
    v = np.union1d(v, np.clip(b[ok] - shift, a[ok], c[ok]))
    return v, field(v, current)


def _fixed_points(v: np.ndarray, rate: np.ndarray) -> list[FixedPoint]:
    """Return the zeros of the field."""
    is_zero = np.abs(rate) < 1e-9 * np.median(np.abs(rate))
    places = np.flatnonzero(~is_zero)
    points = []
    for i, j in pairwise(places):
        before, after = np.sign(rate[i]), np.sign(rate[j])
        if j > i + 1:
            points.append((float(v[i + 1 : j].mean()), before, after))
        elif before != after:
            points.append((float(v[i] - rate[i] * (v[j] - v[i]) / (rate[j] - rate[i])), before, after))
    if is_zero[-1]:
        points.append((float(v[-1]), np.sign(rate[places[-1]]), -np.sign(rate[places[-1]])))
    return points


def _fixed_point(ax: Axes, point: FixedPoint, height: float, color: str, transform: Transform) -> None:
    where, before, after = point
    fill = {(1, -1): "full", (-1, 1): "none", (1, 1): "left", (-1, -1): "right"}[(int(before), int(after))]
    ax.plot(
        where, height, "o", color=color, markersize=4.5, markeredgewidth=0.9, zorder=3,
        fillstyle="full" if fill == "none" else fill, markerfacecolor="white" if fill == "none" else color,
        markerfacecoloralt="white", transform=transform, clip_on=False, label="_fixed point",
    )  # fmt: skip


def _flow(ax: Axes, v: np.ndarray, rate: np.ndarray, points: list[FixedPoint], height: float, color: str) -> None:
    """Draw the flow along the variable: a line with an arrowhead between fixed points."""
    across = ax.get_xaxis_transform()
    ax.plot([v[0], v[-1]], [height, height], color=color, linewidth=0.6, transform=across, label="_flow")
    ends = [v[0], *(where for where, _, _ in points), v[-1]]
    for a, b in pairwise(ends):
        if b - a < 0.02 * (v[-1] - v[0]):
            continue
        middle = 0.5 * (a + b)
        leads_right = np.interp(middle, v, rate) > 0
        if leads_right and b == v[-1]:  # to the spike
            middle = b
        ax.plot(
            middle, height, ">" if leads_right else "<", color=color, markersize=3.5, transform=across, clip_on=False,
            label="_flow",
        )  # fmt: skip


def _limits(rates: list[np.ndarray]) -> tuple[float, float]:
    values = np.concatenate(rates)
    values = values[np.isfinite(values)]
    low, high = min(0.0, values.min()), max(0.0, values.max())
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin
