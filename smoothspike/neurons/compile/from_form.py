"""From the normal form of a derivation to the dynamics that runs it; each class of dynamics registers its forms."""

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import sympy as sp
from jaxtyping import Array, Float

from symbolic import Derivation

from ...numerics.adaptive_steps import Integration
from ..interface import AbstractDynamics
from .to_jax import lower

Values = Mapping[sp.Symbol, Float[Array, "..."]]


@singledispatch
def from_form(form: Any, derivation: Derivation, values: Values, integration: Integration) -> AbstractDynamics:
    """Build the dynamics of a derived model at given values of its parameters; some of it may be integrated."""
    raise TypeError(f"no dynamics for {type(form).__name__}")


def row(expressions: Mapping[Any, sp.Expr], values: Values) -> dict[str, Float[Array, "..."]]:
    """Evaluate one expression for each state."""
    return {str(state): lower(expression, values) for state, expression in expressions.items()}


def rows(expressions: Mapping[Any, Mapping[Any, sp.Expr]], values: Values) -> dict[str, dict[str, Any]]:
    """Evaluate one row of expressions for each name."""
    return {str(name): row(each, values) for name, each in expressions.items()}
