"""From SymPy expressions in a model's parameters to JAX functions of their values."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import sympy as sp
from jaxtyping import Array

from symbolic import DerivationError

Values = Mapping[sp.Symbol, Array]


@lru_cache(maxsize=4096)
def _compiled(expression: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable[..., Array]:
    if expression.has(sp.Piecewise, sp.Function("Derivative"), sp.Integral):
        raise DerivationError(f"{expression} cannot be evaluated with safe derivatives; it must be free of cases")
    return sp.lambdify(symbols, expression, modules="jax")


def lower(expression: sp.Expr, values: Values) -> Array:
    """Evaluate an expression at the values of its symbols: one number, or one per neuron.

    Equal expressions are compiled once.

    Raises:
        DerivationError: if a symbol has no value, or the expression distinguishes cases, whose derivatives would not
            be safe.

    Example:
        >>> tau = sp.Symbol("tau", positive=True)
        >>> float(lower(1 / tau, {tau: jnp.array(2.0)}))
        0.5
    """
    symbols: tuple[Any, ...] = tuple(sorted(expression.free_symbols, key=str))
    missing = [symbol for symbol in symbols if symbol not in values]
    if missing:
        raise DerivationError(f"parameter {missing[0]} has no value; set it with model.with_parameters()")
    dtype = jnp.result_type(float, *(values[symbol] for symbol in symbols)) if symbols else jnp.result_type(float)
    return jnp.asarray(_compiled(expression, symbols)(*(values[symbol] for symbol in symbols)), dtype)
