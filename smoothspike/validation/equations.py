"""A declared model as functions of arrays, in the coordinates of `numerics.trajectory`."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from symbolic import ModelError, NeuronModel
from symbolic.structure import is_on_circle

from ..neurons.compile.vector_field import DeclaredField
from ..numerics.adaptive_rk import edge
from ..numerics.adaptive_steps import Line
from ..numerics.trajectory import Equations

# Cut-offs: where the time left to (or since) the spike, in units of the natural time scale, is this small. Each is the
# square of the one before. At the last one it is below the rounding of any spike time: the spike is over.
_TIMES_LEFT = 1e-18 ** np.array([0.125, 0.25, 0.5, 1.0])
_NEAR = (3.0, 6.0, 12.0, 24.0)  # in asinh(V), where infinity is out of reach of floating-point numbers
_POWER = 1e-3  # what is left falls by more where the field outgrows V by a power, and not by a logarithm
_MARGIN = 2.0  # of x, for steps that try to go farther


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

    @property
    def refractory(self) -> float:
        """The refractory time, 0 without one."""
        period = self.model.refractory
        return 0.0 if period is None else float(period.subs(self.model.scalar_values))

    def line(self, cut: Any = -1) -> Line:
        """Return the line of the spiking variable, at one of the four cut-offs."""
        ends = (jnp.asarray(self.tops)[cut], jnp.asarray(self.bottoms)[cut])
        return Line(*ends, jnp.asarray(self.time_scale))


def numeric_model(model: NeuronModel) -> NumericModel:
    """Lower a model whose parameters all have one value.

    Raises:
        ModelError: if a parameter has no value or several.
    """
    for symbol, value in model.parameters.items():
        if value is None or isinstance(value, sp.Tuple):
            raise ModelError(f"{model.name}: parameter {symbol} needs one value to be simulated, not {value}")
    states = (model.variable, *model.other_states)
    initial = np.array([float(model.initial[state].subs(model.scalar_values)) for state in states])
    field = DeclaredField(model, not model.spike.is_at_infinity, is_on_circle(model))
    with jax.enable_x64(True):
        values = {symbol: jnp.asarray(float(value)) for symbol, value in model.scalar_values.items()}
        parameters = tuple(values[symbol] for symbol in model.parameters)
        (tops, is_reachable), (bottoms, _) = (_ends(field, initial, parameters, direction) for direction in (1, -1))
        if not model.spike.is_at_infinity:
            tops, is_reachable = (float(jnp.arcsinh(field.threshold(parameters))),) * len(_NEAR), True
        equations = field.equations(values)
    return NumericModel(model, equations, initial, field.time_scale, tops, bottoms, is_reachable)


def _ends(
    field: DeclaredField, initial: np.ndarray, parameters: tuple[Array, ...], direction: int
) -> tuple[tuple[float, ...], bool]:
    """Return the cut-offs in x = asinh(V), by the field at the start, and whether infinity is reached there."""
    others = tuple(map(jnp.asarray, initial[1:]))
    parts = jnp.asarray([*_TIMES_LEFT, 0.0])
    places, is_there = map(np.asarray, edge(field, direction, others, parameters, parts, either_way=True))
    if is_there[-2]:
        return tuple(map(float, places[:-1])), True
    last = abs(float(places[-1])) - _MARGIN  # before numbers overflow
    x = jnp.asarray([_NEAR[0], last])
    near, far = jnp.abs(field.rate(jnp.sinh(direction * x), jnp.asarray(initial[1:]), parameters)) / jnp.cosh(x)
    if last > _NEAR[0] and near < _POWER * far:
        return tuple(direction * last * part for part in (0.125, 0.25, 0.5, 1.0)), False
    return tuple(direction * end for end in _NEAR), False
