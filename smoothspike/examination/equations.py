"""A declared model as functions of arrays, in the coordinates of `numerics.trajectory`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import mpmath as mp
import numpy as np
import sympy as sp
from jaxtyping import Array, Float

from symbolic import ModelError, NeuronModel, weight

from ..numerics.trajectory import Equations, Line

# a spike is over where the time left, in units of the natural time scale, is below the rounding of any spike time
_NO_TIME = 1e-18
FARTHEST = 690.0  # where sinh and the field are about to overflow
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Setting:
    """A model with numbers for all its parameters, ready for simulation.

    Attributes:
        model: The model, whose parameters all have one value.
        equations: What it does, as functions of arrays.
        initial: The states at time 0, the spiking variable first.
        time_scale: A natural unit of its time.
        top: Where the spike is, in x = asinh(V); infinite if it lies beyond the largest numbers.
        bottom: What stands for minus infinity, likewise.
    """

    model: NeuronModel
    equations: Equations
    initial: np.ndarray
    time_scale: float
    top: float
    bottom: float

    def line(self, share: Any = 1.0, tolerance: float = _TOLERANCE) -> Line:
        """Return the line of the spiking variable; `share` < 1 cuts the way to and from infinity off earlier."""
        top, bottom = min(self.top, FARTHEST), max(self.bottom, -FARTHEST)
        ends = (top * share if self.model.spike.is_at_infinity else top, bottom * share, self.time_scale, tolerance)
        return Line(*(jnp.asarray(value) for value in ends))


def setting(model: NeuronModel) -> Setting:
    """Lower a model whose parameters all have one value.

    Raises:
        ModelError: if a parameter has no value or several.

    Example:
        >>> from symbolic import models
        >>> ready = setting(models.qif())
        >>> ready.initial, round(ready.top, 1), ready.time_scale > 0
        (array([0., 0.]), 42.1, True)
    """
    for symbol, value in model.parameters.items():
        if value is None or isinstance(value, sp.Tuple):
            raise ModelError(f"{model.name}: parameter {symbol} needs one value to be simulated, not {value}")
    states = (model.variable, *model.other_states)
    values = model.scalar_values
    initial = np.array([float(model.initial[state].subs(values)) for state in states])
    rates = [model.dynamics[state].subs(values) for state in states]
    scale = _time_scale(rates, states, initial)
    top, bottom = _ends(model, rates[0], states, initial, scale)
    return Setting(model, _equations(model, rates, states, values), initial, scale, top, bottom)


def _equations(model: NeuronModel, rates: list[Any], states: tuple[Any, ...], values: Mapping[Any, Any]) -> Equations:
    def function(expressions: list[Any], *extra: sp.Symbol) -> Callable[..., Float[Array, " states"]]:
        compiled = sp.lambdify((*states, *extra), [sp.sympify(e).subs(values) for e in expressions], modules="jax")
        return lambda vector, *more: jnp.stack([jnp.asarray(v, vector.dtype) for v in compiled(*vector, *more)])

    reset = function([model.reset.get(state, state) for state in states])
    jumps = [function([route.jump.get(state, state) for state in states], weight) for route in model.routes]

    def jump(route: Array, strength: Array, before: Array) -> Array:
        after = before
        for number, change in enumerate(jumps):
            after = jnp.where(route == number, change(before, strength), after)
        return after

    return Equations(function(rates), jump, reset)


def _time_scale(rates: list[Any], states: tuple[Any, ...], initial: np.ndarray) -> float:
    """The geometric mean of the times in which the states, each by itself, would change at the beginning."""
    at = dict(zip(states, map(sp.Float, initial), strict=True))
    slopes = [abs(complex(sp.diff(r, s).subs(at).evalf())) for r, s in zip(rates, states, strict=True)]
    usable = [slope for slope in slopes if 1e-6 < slope < 1e6]
    return float(np.exp(-np.mean(np.log(usable)))) if usable else 1.0


def _ends(
    model: NeuronModel, rate: Any, states: tuple[Any, ...], initial: np.ndarray, scale: float
) -> tuple[float, float]:
    """Where the spike and minus infinity are, in x = asinh(V)."""
    at = dict(zip(states[1:], map(sp.Float, initial[1:]), strict=True))
    field = sp.lambdify(states[0], rate.subs(at), modules="mpmath")
    bottom = _end(field, -1, scale)
    if not model.spike.is_at_infinity:
        return float(np.arcsinh(float(model.spike.threshold.subs(model.scalar_values)))), bottom
    return _end(field, 1, scale), bottom


def _end(field: Callable[[Any], Any], direction: int, scale: float) -> float:
    """Where so little time is left that it does not count; infinite where there is no such place."""
    for x in np.arange(0.5, FARTHEST, 0.25):
        place = direction * mp.sinh(x)
        speed = abs(mp.re(field(place)))
        if speed * scale * _NO_TIME > abs(place):
            return direction * float(x)
    return direction * float("inf")
