"""The roles of parameters, found from the equations."""

from collections.abc import Mapping
from typing import Any

import sympy as sp


def time_constants(dynamics: Mapping[sp.Symbol, Any]) -> frozenset[sp.Symbol]:
    """Return the parameters that divide the whole right-hand side of an equation, or a decay of its own state.

    Both set how fast a state changes: where such a parameter is not positive, time runs backwards or not at all.
    """
    found: set[sp.Symbol] = set()
    for state, rate in dynamics.items():
        found |= _divisors(rate)
        for term in sp.Add.make_args(rate):
            for divisor in _divisors(term):
                if _decays(term * divisor, state):
                    found.add(divisor)
    return frozenset(found - dynamics.keys())


def _divisors(product: Any) -> set[Any]:
    powers = (factor for factor in sp.Mul.make_args(product) if isinstance(factor, sp.Pow))
    return {power.base for power in powers if power.exp == -1 and isinstance(power.base, sp.Symbol)}


def _decays(term: Any, state: sp.Symbol) -> bool:
    """Whether a term is a negative number times the state, or times its distance from something else."""
    factor, rest = term.as_coeff_Mul()
    parts = [part.as_coeff_Mul() for part in sp.Add.make_args(rest)]
    slopes = [number for number, part in parts if part == state]
    others = [part for _, part in parts if part != state]
    return len(slopes) == 1 and bool(factor * slopes[0] < 0) and not any(part.has(state) for part in others)
