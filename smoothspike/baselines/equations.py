"""The declared equations of one population, split into what steps are made of."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import sympy as sp
from jaxtyping import Array

from symbolic import NeuronModel
from symbolic.algebra import affine_split, coefficients

from ..neurons import ReadoutDynamics
from ..neurons.compile.to_jax import Values, compiled, lower
from ..numerics.special_functions import exponential

Row = dict[Any, Any]


def linear_states(model: NeuronModel) -> tuple[sp.Symbol, ...]:
    """Return the states that obey linear equations among themselves: the most of them, the spiking variable maybe too.

    Example:
        >>> from symbolic import models
        >>> linear_states(models.adex()), linear_states(models.lif())
        ((I,), (V, I))
    """
    found = list(model.states)
    while True:
        kept = [state for state in found if affine_split(model.dynamics[state], tuple(found)) is not None]
        # an equation that names a state outside of the block is not affine with constant coefficients
        kept = [state for state in kept if not model.dynamics[state].free_symbols & (set(model.states) - set(found))]
        if kept == found:
            return tuple(found)
        found = kept


def linear_block(model: NeuronModel, states: Iterable[Any], values: Values) -> ReadoutDynamics:
    """Return the equations of linear states, with the values of their parameters."""
    order: tuple[Any, ...] = tuple(states)
    couplings, sources = {}, {}
    for state in order:
        parts = affine_split(model.dynamics[state], order)
        assert parts is not None
        couplings[state.name] = {other.name: lower(slope, values) for other, slope in parts[0].items()}
        if parts[1] != 0:
            sources[state.name] = lower(parts[1], values)
    return ReadoutDynamics(couplings, sources, {}, tuple(state.name for state in order))


@lru_cache(maxsize=1024)
def conditional_parts(rate: Any, state: Any) -> tuple[Any, Any, Any]:
    """Split a rate into `constant + slope * state + rest`, with constant and slope free of the state.

    Example:
        >>> V, g = sp.symbols("V g", real=True)
        >>> conditional_parts(1 - V - g * (V - 3) + V**2, V)
        (3*g + 1, -g - 1, V**2)
    """
    row = coefficients(rate, state, 1)
    if row is not None:
        return row[0], row[1] if len(row) > 1 else sp.Integer(0), sp.Integer(0)
    constant, slope, rest = [], [], []
    for term in sp.Add.make_args(sp.expand(rate)):
        factor, dependent = term.as_independent(state, as_Add=False)
        if dependent == 1:
            constant.append(term)
        elif dependent == state:
            slope.append(factor)
        else:
            rest.append(term)
    return sp.Add(*constant), sp.Add(*slope), sp.Add(*rest)


def evaluated(expression: Any, known: Mapping[str, Array]) -> Array:
    """Evaluate an expression at states and parameters that are known by name."""
    symbols: tuple[Any, ...] = tuple(sorted(expression.free_symbols, key=str))
    return jnp.asarray(compiled(sp.sympify(expression), symbols)(*(known[symbol.name] for symbol in symbols)))


def exponential_euler(rate: Any, state: Any, value: Array, known: Mapping[str, Array], dt: float) -> Array:
    """Move a state by an exponential Euler step, exact where its rate is affine in it and the others are constant."""
    constant, slope, rest = conditional_parts(rate, state)
    added = evaluated(constant, known) + evaluated(rest, known)
    exponent = evaluated(slope, known) * dt
    share = exponential(0, jnp.broadcast_to(-exponent, value.shape).astype(value.dtype))
    return jnp.exp(exponent) * value + dt * share * added
