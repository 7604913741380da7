"""From SymPy expressions in a model's states and parameters to JAX functions of their values."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from symbolic import DerivationError, NeuronModel
from symbolic.declare import FrozenMapping
from symbolic.removable import mean_decay, without_removable

from ...numerics.special_functions import exponential

Values = Mapping[sp.Symbol, Array]


@lru_cache(maxsize=4096)
def compiled(expression: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable[..., Array]:
    """Return an expression as a JAX function of the values of symbols; equal ones are compiled once.

    Raises:
        DerivationError: if the expression has parts that are not functions of numbers.
    """
    if expression.has(sp.Derivative, sp.Integral, sp.nan, sp.zoo):
        raise DerivationError(f"{expression} cannot be evaluated: it must be a function of numbers")
    return jax_function(symbols, expression)


def jax_function(symbols: Sequence[Any], expression: Any) -> Callable[..., Any]:
    """Return an expression, or a list of them, as a JAX function of the values of symbols.

    Quotients that are 0/0 at one place and smooth there, such as V/(1 - exp(-V)), are evaluated smoothly through it.
    """
    is_list = isinstance(expression, list)
    rewritten = [without_removable(part) for part in expression] if is_list else without_removable(expression)
    return sp.lambdify(symbols, rewritten, modules=[{mean_decay.__name__: partial(exponential, 0)}, "jax"])


def lower(expression: sp.Expr, values: Values) -> Array:
    """Evaluate an expression in parameters at their values: one number, or one per neuron.

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
    if expression.has(sp.Piecewise):
        raise DerivationError(f"{expression} cannot be evaluated with safe derivatives; it must be free of cases")
    dtype = jnp.result_type(float, *(values[symbol] for symbol in symbols)) if symbols else jnp.result_type(float)
    return jnp.asarray(compiled(expression, symbols)(*(values[symbol] for symbol in symbols)), dtype)


@final
class Update(eqx.Module):
    """New values of some states as functions of all of them, such as a reset.

    Attributes:
        expressions: The new values, by the names of the states that change.
        parameters: The values of the parameters in them.

    Example:
        >>> w, b = sp.symbols("w b", real=True)
        >>> update = Update.of({w: w + b}, {b: jnp.array(0.5)})
        >>> float(update({"w": jnp.array(1.0)})["w"])
        1.5
    """

    parameters: dict[str, Array]
    expressions: FrozenMapping[str, sp.Expr] = eqx.field(static=True)

    @classmethod
    def of(cls, expressions: Mapping[Any, sp.Expr], values: Values) -> "Update":
        """Take the parameters that the expressions need from their values."""
        needed = (
            set().union(*(expression.free_symbols for expression in expressions.values())) if expressions else set()
        )
        named = FrozenMapping({str(state): expression for state, expression in expressions.items()})
        return cls({symbol.name: value for symbol, value in values.items() if symbol in needed}, named)

    @property
    def names(self) -> tuple[str, ...]:
        """The states that change."""
        return tuple(self.expressions)

    def __call__(self, states: Mapping[str, Array]) -> dict[str, Array]:
        """Return the new values of the states that change."""
        known = self.parameters | dict(states)
        result = {}
        for name, expression in self.expressions.items():
            symbols: tuple[Any, ...] = tuple(sorted(expression.free_symbols, key=str))
            value = compiled(expression, symbols)(*(known[symbol.name] for symbol in symbols))
            result[name] = jnp.asarray(value, None if symbols else jnp.result_type(float))
        return result


@lru_cache(maxsize=256)
def natural_time_scale(model: NeuronModel) -> float:
    """Return the geometric mean of the times in which the states, each by itself, would change at the beginning.

    Of several neurons the first one's parameters count.

    Example:
        >>> from symbolic import models
        >>> round(natural_time_scale(models.qif()), 3)
        0.707
    """
    values: dict[Any, Any] = {
        symbol: value[0] if isinstance(value, sp.Tuple) else value for symbol, value in model.values.items()
    }
    at = {state: model.initial[state].subs(values).evalf() for state in model.states}
    jacobian: list[Any] = [sp.diff(rate, state) for state, rate in model.dynamics.items()]
    slopes = [abs(complex(slope.subs(values).subs(at).evalf())) for slope in jacobian]
    usable = [slope for slope in slopes if 1e-6 < slope < 1e6]
    return float(np.exp(-np.mean(np.log(usable)))) if usable else 1.0
