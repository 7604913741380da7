"""The phase line of a neuron as SVG: the speed of its spiking variable for three constant inputs."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import sympy as sp

from symbolic import weight
from symbolic.structure import is_on_circle

COLORS = "#0072b2", "#d55e00", "#009e73"
WIDTH, HEIGHT, MARGIN = 520.0, 300.0, 40.0
POINTS = 400
Field = Callable[[float, float], float]


def drawing(model: Any, rheobase: Any) -> str:
    """Return an SVG picture, or a sentence where parameters have no values."""
    try:
        field = _field(model)
        threshold, reset = (_number(model, value) for value in (model.spike.threshold, model.reset_value))
        middle = 0.0 if rheobase is None else _number(model, rheobase)
    except (TypeError, ValueError):
        return "<p>Give all parameters a value to see it.</p>"
    step = abs(middle) or 1.0
    currents = [middle - step, middle, middle + step]
    low, high = _range(field, currents, reset, threshold, is_on_circle(model))
    curves = [[(v, field(v, current)) for v in _grid(low, high)] for current in currents]
    finite = [rate for curve in curves for _, rate in curve if math.isfinite(rate)]
    if not finite:
        return "<p>The field is not finite here.</p>"
    top = max(*finite, 0.0) or 1.0
    bottom = min(*finite, -0.15 * top)
    name = model.variable.name
    x, y = _scale(low, high, MARGIN, WIDTH - 10), _scale(bottom, top, HEIGHT - MARGIN, 10)
    parts = [_line(x(low), y(0.0), x(high), y(0.0), "axis")]
    parts += [_line(x(end), 10, x(end), HEIGHT - MARGIN, "end") for end in {threshold, reset} if low < end < high]
    for current, curve, color in zip(currents, curves, COLORS, strict=True):
        shown = [(x(v), y(rate)) for v, rate in curve if math.isfinite(rate)]
        parts.append(f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in shown)}" stroke="{color}"/>')
        parts += _rests(curve, x, y(0.0), color)
        place = currents.index(current)
        parts.append(
            f'<text x="{WIDTH / 2:.0f}" y="{24 + 16 * place}" text-anchor="middle" style="fill: {color}">'
            f"input {current:.3g}</text>"
        )
    parts.append(f'<text x="{WIDTH - 10:.0f}" y="{HEIGHT - 22:.0f}" text-anchor="end">{name}</text>')
    parts.append(f'<text x="4" y="14">d{name}/dt</text>')
    parts += [
        f'<text x="{x(v):.0f}" y="{HEIGHT - 22:.0f}" text-anchor="middle">{v:.3g}</text>' for v in _ticks(low, high)
    ]
    return (
        f'<svg class="phase" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="phase line">'
        f"{''.join(parts)}</svg><p>Speed against {name} for three constant inputs: the rheobase, where it is known, "
        "and one on either side of it. Filled points are stable, hollow ones unstable.</p>"
    )


def _field(model: Any) -> Field:
    """The speed of the spiking variable as a function of its value and a constant input."""
    current = sp.Dummy("current", real=True)
    expression: Any = model.field
    held = {state: model.initial[state] for state in model.other_states}
    for state, after in model.routes[0].jump.items() if model.routes else ():
        gain = current * sp.diff(after, weight).subs(weight, 0)
        if state == model.variable:
            expression += gain
        else:
            held[state] = held[state] + gain
    expression = expression.subs(held).subs(model.scalar_values)
    if expression.free_symbols - {model.variable, current}:
        raise ValueError("a parameter has no value")
    function = sp.lambdify((model.variable, current), expression, "math")

    def field(v: float, current: float) -> float:
        try:
            return float(function(v, current))
        except (ArithmeticError, TypeError, ValueError):
            return math.nan

    return field


def _number(model: Any, value: Any) -> float:
    return float(sp.sympify(value).subs(model.scalar_values))


def _range(field: Field, currents: list[float], reset: float, threshold: float, is_circle: bool) -> tuple[float, float]:
    """The values to show: the circle, up to a finite threshold, or around the resting points."""
    if math.isfinite(threshold) and math.isfinite(reset):
        margin = 0.0 if is_circle else 0.15 * (threshold - reset)
        return reset - margin, threshold + margin
    wide = [math.sinh(place / 50) for place in range(-250, 251)]
    rests = [v for current in currents for v, _ in _zeros([(v, field(v, current)) for v in wide])] or [0.0]
    margin = 0.8 * (max(rests) - min(rests)) or 2.0
    high = max(rests) + margin
    return min(rests) - margin, min(high, threshold)


def _grid(low: float, high: float) -> list[float]:
    return [low + (high - low) * place / POINTS for place in range(POINTS + 1)]


def _zeros(curve: list[tuple[float, float]]) -> list[tuple[float, bool]]:
    """Where a curve crosses zero, and whether the crossing is stable."""
    found = []
    for (a, before), (b, after) in pairwise(curve):
        if math.isfinite(before) and math.isfinite(after) and before * after <= 0 and before != after:
            found.append((a - before * (b - a) / (after - before), before > after))
    return found


def _rests(curve: list[tuple[float, float]], x: Callable[[float], float], y: float, color: str) -> list[str]:
    return [
        f'<circle cx="{x(v):.1f}" cy="{y:.1f}" r="4" stroke="{color}" fill="{color if is_stable else "white"}"/>'
        for v, is_stable in _zeros(curve)
    ]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two ends."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next((each for each in (1, 2, 5) if (high - low) / (each * step) <= 6), 5)
    return [step * place for place in range(math.ceil(low / step), math.floor(0.97 * high / step) + 1)]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'
