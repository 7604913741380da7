"""How far a spiking variable with a steep field can be followed on a grid: its peak and its floor.

A field that grows faster than the variable carries it to infinity within a step from where the field times the step
is as large as the distance from the reset: the peak. A spike at infinity is detected there. The time from the peak to
infinity is shorter than a step, and the peak moves to infinity as the step becomes shorter. The floor is the same on
the way back from minus infinity: from below it a variable returns within about a step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symbolic import NeuronModel

from .equations import conditional_parts

_POWERS = np.arange(-30.0, 61.0)
_BISECTIONS = 60


def peak_of(model: NeuronModel, dt: float) -> tuple[float, ...]:
    """Return the potential from which the field outruns a step, for every neuron that has parameters of its own."""
    return _ends(model, dt, model.field, 1, "the potential")


def floor_of(model: NeuronModel, dt: float) -> tuple[float, ...] | None:
    """Return the lowest potential that explicit steps follow, or None where they follow every one."""
    rest = conditional_parts(model.field, model.variable)[2]
    return None if rest == 0 else _ends(model, dt, rest, -1, "")


def _ends(model: NeuronModel, dt: float, rate: Any, side: int, needed: str) -> tuple[float, ...]:
    found = [_end(model, values, dt, rate, side, needed) for values in _of_each_neuron(model)]
    return tuple(found)


def _of_each_neuron(model: NeuronModel) -> list[dict[Any, Any]]:
    values = model.values
    count = max([len(value) for value in values.values() if isinstance(value, sp.Tuple)], default=1)
    return [
        {symbol: value[index] if isinstance(value, sp.Tuple) else value for symbol, value in values.items()}
        for index in range(count)
    ]


def _end(model: NeuronModel, values: dict[Any, Any], dt: float, rate: Any, side: int, needed: str) -> float:
    start = {state: model.initial[state].subs(values) for state in model.states}
    reset = sp.sympify(model.reset_value).subs(start).subs(values)
    begin = float(reset) if reset.is_finite else float(start[model.variable])
    others = {state: value for state, value in start.items() if state != model.variable}
    speed = sp.lambdify([model.variable], rate.subs(others).subs(values), modules="numpy")
    unit = max(1.0, abs(begin))
    share = 1.0 if side > 0 else 0.5

    def outruns(distance: Any) -> Any:
        with np.errstate(all="ignore"):
            rates = np.broadcast_to(np.asarray(speed(begin + side * distance), float), np.shape(distance))
            return ~(rates * dt < share * distance)

    return _last_change(outruns, unit, begin, side, f"{model.name}: {needed}" if needed else "", dt)


def _last_change(
    outruns: Callable[[Any], Any], unit: float, begin: float, side: int, needed: str, dt: float
) -> float:
    distances = unit * 2.0**_POWERS
    holds = outruns(distances)
    if not holds[-1]:
        if not needed:
            return -np.inf
        raise ValueError(f"{needed} does not reach infinity from {begin:g} at its initial states")
    if holds.all():
        raise ValueError(f"dt is {dt:g}, in which the field carries the potential across all values: make it smaller")
    last = int(np.flatnonzero(~holds)[-1])
    low, high = distances[last], distances[last + 1]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if outruns(middle) else (middle, high)
    return float(begin + side * high)
