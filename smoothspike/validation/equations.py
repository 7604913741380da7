"""A declared model as functions of arrays, in the coordinates of `numerics.trajectory`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array, Float

from symbolic import ModelError, NeuronModel, weight
from symbolic.structure import is_on_circle

from ..neurons.compile.to_jax import jax_function, natural_time_scale
from ..numerics.adaptive_steps import Line
from ..numerics.trajectory import Equations

# Cut-offs: where the time left to (or since) the spike, in units of the natural time scale, is this small. Each is the
# square of the one before. At the last one it is below the rounding of any spike time: the spike is over.
_TIMES_LEFT = 1e-18 ** np.array([0.125, 0.25, 0.5, 1.0])
_NEAR = (3.0, 6.0, 12.0, 24.0)  # in asinh(V), where infinity is out of reach of floating-point numbers
_POWER = 1e-3  # what is left falls by more where the field outgrows V by a power, and not by a logarithm
_MARGIN = 2.0  # of x, for steps that try to go farther
_FARTHEST = 690.0  # where sinh is about to overflow
_STEP = 0.05
_ROUNDING = 1e-15


@dataclass(frozen=True)
class NumericModel:
    """A model with numbers for all its parameters, ready for simulation.

    Attributes:
        model: The model, whose parameters all have one value.
        equations: What it does, as functions of arrays.
        initial: The states at time 0, the spiking variable first.
        time_scale: A natural unit of its time.
        tops: Where the spike is, in x = asinh(V), at each of four cut-offs; the last is used unless one is asked for.
        bottoms: What stands for minus infinity, likewise.
        is_reachable: Whether the spike happens among the numbers that floating point has.
    """

    model: NeuronModel
    equations: Equations
    initial: np.ndarray
    time_scale: float
    tops: tuple[float, ...]
    bottoms: tuple[float, ...]
    is_reachable: bool

    @property
    def top(self) -> float:
        """Where the spike is, in x = asinh(V)."""
        return self.tops[-1]

    def line(self, cut: Any = -1) -> Line:
        """Return the line of the spiking variable, at one of the four cut-offs."""
        ends = (jnp.asarray(self.tops)[cut], jnp.asarray(self.bottoms)[cut])
        return Line(*ends, jnp.asarray(self.time_scale))


def numeric_model(model: NeuronModel) -> NumericModel:
    """Lower a model whose parameters all have one value.

    Raises:
        ModelError: if a parameter has no value or several.

    Example:
        >>> from symbolic import models
        >>> ready = numeric_model(models.qif())
        >>> ready.initial, round(ready.top, 1), round(ready.time_scale, 3)
        (array([0., 0.]), 42.5, 0.707)
    """
    for symbol, value in model.parameters.items():
        if value is None or isinstance(value, sp.Tuple):
            raise ModelError(f"{model.name}: parameter {symbol} needs one value to be simulated, not {value}")
    states = (model.variable, *model.other_states)
    values = model.scalar_values
    initial = np.array([float(model.initial[state].subs(values)) for state in states])
    rates = [model.dynamics[state].subs(values) for state in states]
    scale = natural_time_scale(model)
    equations = _equations(model, rates, states, values)
    (tops, is_reachable), (bottoms, _) = (_ends(equations, initial, scale, direction) for direction in (1, -1))
    if not model.spike.is_at_infinity:
        threshold = float(np.arcsinh(float(model.spike.threshold.subs(values))))
        tops, is_reachable = (threshold,) * len(_NEAR), True
    return NumericModel(model, equations, initial, scale, tops, bottoms, is_reachable)


def _equations(model: NeuronModel, rates: list[Any], states: tuple[Any, ...], values: Mapping[Any, Any]) -> Equations:
    def function(expressions: list[Any], *extra: sp.Symbol) -> Callable[..., Float[Array, " states"]]:
        compiled = jax_function((*states, *extra), [sp.sympify(e).subs(values) for e in expressions])
        return lambda vector, *more: jnp.stack([jnp.asarray(v, vector.dtype) for v in compiled(*vector, *more)])

    reset = function([model.reset.get(state, state) for state in states])
    jumps = [function([route.jump.get(state, state) for state in states], weight) for route in model.routes]
    ends = _arc(model, values) if is_on_circle(model) else (-np.inf, np.inf)

    def jump(route: Array, strength: Array, before: Array) -> Array:
        inside, after = before.at[0].set(jnp.clip(before[0], *ends)), before
        for number, change in enumerate(jumps):
            after = jnp.where(route == number, change(inside, strength), after)
        return after

    return Equations(function(rates), jump, reset)


def _arc(model: NeuronModel, values: Mapping[Any, Any]) -> tuple[float, float]:
    """The ends of a circle variable, just inside, so that rounding never takes it across, to the other end."""
    low, high = (float(end.subs(values)) for end in (model.reset_value, model.spike.threshold))
    return low + _ROUNDING * (high - low), high - _ROUNDING * (high - low)


def _ends(equations: Equations, initial: np.ndarray, scale: float, direction: int) -> tuple[tuple[float, ...], bool]:
    """From where on ever less time is left, in x = asinh(V), by the field at the beginning; whether it falls to 0."""
    x = np.arange(_STEP, _FARTHEST, _STEP)
    with jax.enable_x64(True), np.errstate(all="ignore"):
        others = jnp.asarray(initial[1:])
        speed = jax.vmap(lambda place: equations.rates(jnp.concatenate([jnp.sinh(place)[None], others]))[0])
        speeds = np.asarray(speed(jnp.asarray(direction * x)))
        last = int(np.argmin(np.append(np.isfinite(speeds), False)))  # where the field, or a part of it, overflows
        left = np.sinh(x[:last]) / (scale * np.abs(speeds[:last]))
    is_late = left[:, None] > _TIMES_LEFT
    if last and not is_late[-1].any():
        ends = tuple(float(x[np.flatnonzero(late).max(initial=-1) + 1]) for late in is_late.T)
        return tuple(direction * end for end in ends), True
    nearest = int(_NEAR[0] / _STEP)
    if last > nearest and left[-1] < _POWER * left[nearest]:
        return tuple(direction * float(x[last - 1] - _MARGIN) * part for part in (0.125, 0.25, 0.5, 1.0)), False
    return tuple(direction * end for end in _NEAR), False
