"""Limits of formulas at removable singularities, by truncated power series.

Where `sp.limit` searches, this only adds, multiplies and inserts: the work is known beforehand, and so is the answer.
"""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..algebra import fraction, nodes, tidy, vanishes

_ORDERS, _EXACT = (2, 4, 8), 10**6
_LONG, _MOST_NODES, _MOST_POWER = 40, 400, 12
_here: Any = sp.Dummy("x")


class Unknown(ArithmeticError):
    """The series cannot be found by these rules."""


def limit(formula: Any, symbol: Any, place: Any, side: int) -> Any:
    """The limit of a formula as a symbol approaches a place from one side; None if not found."""
    for order in _ORDERS:
        try:
            found = _Expansion(symbol, place, side, order).of(formula)
        except Unknown:
            continue  # more terms may decide
        if found.order <= 0:
            continue
        return None if found.lowest < 0 else tidy(found.terms.get(0, sp.S.Zero))
    return None


def _shorter(factor: Any) -> Any:
    """Cancel common parts of a long factor."""
    if nodes(factor, _LONG) <= _LONG:
        return factor
    found = fraction(factor)
    return factor if found is None else found[0] / found[1]


@dataclass(frozen=True)
class _Series:
    """A sum of powers of the root of the distance, up to an order."""

    terms: dict[int, Any]
    order: int

    @property
    def lowest(self) -> int:
        return min(self.terms, default=self.order)


def _series(terms: dict[int, Any], order: int) -> _Series:
    kept = {}
    for power, factor in terms.items():
        if power >= order or factor == 0:
            continue
        if nodes(factor, _MOST_NODES) > _MOST_NODES:
            raise Unknown("its terms are too long")
        if not vanishes(factor):
            kept[power] = factor
    return _Series(kept, order)


class _Expansion:
    def __init__(self, symbol: Any, place: Any, side: int, order: int) -> None:
        self._symbol, self._place, self._side, self._order = symbol, place, side, order

    def of(self, formula: Any) -> _Series:
        if not formula.has(self._symbol):
            return _series({0: formula}, _EXACT)
        if formula == self._symbol:
            return _series({0: self._place, 2: sp.Integer(self._side)}, _EXACT)
        if isinstance(formula, sp.Pow) and not isinstance(formula, sp.exp):
            return self._power(self.of(formula.base), formula.exp)
        parts = [self.of(part) for part in formula.args]
        if isinstance(formula, sp.Add):
            return self._sum(parts)
        if isinstance(formula, sp.Mul):
            product = parts[0]
            for part in parts[1:]:
                product = self._product(product, part)
            return product
        if len(parts) == 1 and isinstance(formula, sp.Function):
            return self._function(formula.func, parts[0])
        raise Unknown(f"{formula.func} is not analytic")

    def _sum(self, parts: list[_Series]) -> _Series:
        terms: dict[int, Any] = {}
        for part in parts:
            for power, factor in part.terms.items():
                terms[power] = terms.get(power, sp.S.Zero) + factor
        return _series({power: _shorter(factor) for power, factor in terms.items()}, min(part.order for part in parts))

    def _product(self, left: _Series, right: _Series) -> _Series:
        order = min(left.order + right.lowest, right.order + left.lowest, left.lowest + right.lowest + self._order)
        terms: dict[int, Any] = {}
        for i, a in left.terms.items():
            for j, b in right.terms.items():
                if i + j < order:
                    terms[i + j] = terms.get(i + j, sp.S.Zero) + a * b
        return _series({power: _shorter(factor) for power, factor in terms.items()}, order)

    def _power(self, base: _Series, exponent: Any) -> _Series:
        if not exponent.is_Rational or abs(exponent) > _MOST_POWER or not base.terms:
            raise Unknown("an unknown power")
        lowest = base.lowest
        shift = lowest * exponent
        if not shift.is_Integer:
            raise Unknown("a root of an odd power")
        lead = base.terms[lowest]
        others = {power: factor for power, factor in base.terms.items() if power != lowest}
        rest = _series({power - lowest: _shorter(c / lead) for power, c in others.items()}, base.order - lowest)
        found = self._composed([sp.binomial(exponent, k) for k in range(self._order + 1)], rest)
        scaled = {power + int(shift): _shorter(factor * lead**exponent) for power, factor in found.terms.items()}
        return _series(scaled, found.order + int(shift))

    def _function(self, function: Any, argument: _Series) -> _Series:
        if argument.lowest < 0:
            raise Unknown(f"{function} of something infinite")
        start = argument.terms.get(0, sp.S.Zero)
        rest = _series({power: factor for power, factor in argument.terms.items() if power}, argument.order)
        slope, factors = function(_here), []
        for k in range(self._order // max(rest.lowest, 1) + 1):
            factors.append(slope.subs(_here, start) / sp.factorial(k))
            slope = sp.diff(slope, _here)
            if nodes(slope, _MOST_NODES) > _MOST_NODES:
                raise Unknown(f"derivatives of {function} are too long")
        if any(factor.has(sp.zoo, sp.nan, sp.oo) for factor in factors):
            raise Unknown(f"{function} is not analytic at {start}")
        return self._composed(factors, rest)

    def _composed(self, factors: list[Any], rest: _Series) -> _Series:
        """The sum of factors times powers of a series without a constant term."""
        order = min(self._order, rest.order)
        total, power = _series({0: factors[0]}, order), _series({0: sp.S.One}, _EXACT)
        for factor in factors[1:]:
            power = self._product(power, rest)
            if power.lowest >= order:
                break
            scaled = {k: c * factor for k, c in power.terms.items()}
            total = self._sum([total, _series(scaled, min(power.order, order))])
        return total
