"""Between which potentials a steep field can be followed in steps.

A field that grows faster than the potential carries it to infinity within a step from where the field times the step is
as large as the distance from the reset, and likewise back from minus infinity.
"""

from typing import Any

import numpy as np
import sympy as sp

from symbolic import NeuronModel

from .equations import conditional_parts

_POWERS = np.arange(-30.0, 61.0)
_BISECTIONS = 60
# In a step from there the parabola closest to a power of the potential up to the tenth reaches infinity for certain,
# and does not reach it when it comes back from minus infinity.
_ABOVE, _BELOW = 4.0, 0.25

Ends = tuple[float, ...]


def ceiling_of(model: NeuronModel, dt: float) -> Ends | None:
    """Return the potential from which the field outruns a step, for every neuron that has parameters of its own.

    None where there is no such potential.

    Example:
        >>> from symbolic import models
        >>> [round(end, 2) for end in ceiling_of(models.eif(), 0.01)]
        [2.72]
    """
    return _ends(model, dt, 1, _ABOVE)


def floor_of(model: NeuronModel, dt: float) -> Ends | None:
    """Return the potential to which the field brings back everything below within a step; None for no such one."""
    return _ends(model, dt, -1, _BELOW)


def _ends(model: NeuronModel, dt: float, side: int, share: float) -> Ends | None:
    rest = conditional_parts(model.field, model.variable)[2]
    if rest == 0:
        return None
    found = tuple(_end(model, values, dt, rest, side, share) for values in _of_each_neuron(model))
    return found if np.isfinite(found).any() else None


def _of_each_neuron(model: NeuronModel) -> list[dict[Any, Any]]:
    values = model.values
    count = max([len(value) for value in values.values() if isinstance(value, sp.Tuple)], default=1)
    return [
        {symbol: value[index] if isinstance(value, sp.Tuple) else value for symbol, value in values.items()}
        for index in range(count)
    ]


def _end(model: NeuronModel, values: dict[Any, Any], dt: float, rate: Any, side: int, share: float) -> float:
    """Find where the nonlinear part of the field outruns a step for good; infinity where it does not."""
    start: dict[Any, Any] = {state: model.initial[state].subs(values) for state in model.states}
    reset: Any = model.reset_value.subs(start).subs(values)
    begins = [float(place) for place in (start[model.variable], reset) if place.is_finite]
    begin = begins[-1] if side > 0 else max(begins)
    others: dict[Any, Any] = {state: value for state, value in start.items() if state != model.variable}
    speed = sp.lambdify([model.variable], rate.subs(others).subs(values), modules="numpy")

    def outruns(distance: Any) -> Any:
        with np.errstate(all="ignore"):
            rates = np.broadcast_to(np.asarray(speed(begin + side * distance), float), np.shape(distance))
            return ~(rates * dt < share * distance)

    distances = max(1.0, abs(begin)) * 2.0**_POWERS
    holds = outruns(distances)
    if not holds[-1]:
        return side * np.inf
    if holds.all():
        raise ValueError(f"{model.name}: in a step of {dt:g} its field outruns all potentials; make dt smaller")
    last = int(np.flatnonzero(~holds)[-1])
    low, high = distances[last], distances[last + 1]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if outruns(middle) else (middle, high)
    return float(begin + side * high)
