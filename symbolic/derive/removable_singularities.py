"""Removable singularities: where a derived formula divides by zero, and its limit there.

The search walks through the expression: every power with a negative exponent and every logarithm is solved for the
parameters and states at which it breaks down.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..algebra import factored, fraction, holds, low_roots, numbers, sign
from ..algebra import value as precise
from ..declare import NeuronModel
from ..declare import time as t
from .series import limit as limit_of

_DIGITS, _POINTS = 60, 4
_NEAR, _CLOSE = sp.Rational(1, 10**16), 1e-12
_SHORT = 40


@dataclass(frozen=True)
class Singularity:
    """A place at which a formula divides by zero, or takes the logarithm of zero.

    Attributes:
        formula: The formula's name, as in `Derivation.formulas`.
        condition: Where.
        limit: What the formula tends to there; None if it tends to nothing finite, or to no formula that is found.
        reason: What breaks, and how the limit was checked or why there is none.
    """

    formula: str
    condition: Any
    limit: sp.Expr | None
    reason: str

    @property
    def is_removable(self) -> bool:
        """Whether the formula can be continued there by a short one."""
        return self.limit is not None and self.limit.count_ops() <= _SHORT

    def __str__(self) -> str:
        end = f"tends to {self.limit}" if self.limit is not None else self.reason
        return f"{self.formula} at {self.condition.lhs} = {self.condition.rhs}: {end}"


def find_singularities(
    model: NeuronModel, formulas: Mapping[str, Any], flow: Mapping[Any, Any]
) -> tuple[Singularity, ...]:
    """Find where formulas divide by zero, and their limits there; that of a flow must solve the declared equation."""
    found = []
    for name, formula in formulas.items():
        for symbol, place, broken in _places(model, formula):
            limit, reason = _limit(model, formula, symbol, place)
            if limit is not None and name.endswith("(t)") and not _solves(model, flow, name, limit, symbol, place):
                limit, reason = None, "the limit does not solve the equation"
            found.append(Singularity(name, sp.Eq(symbol, place, evaluate=False), limit, f"{broken}; {reason}"))
    return tuple(found)


def _places(model: NeuronModel, formula: Any) -> Iterator[tuple[Any, Any, str]]:
    """Where a formula breaks: a symbol, its value there, and in words what breaks."""
    symbols = [*model.parameters, *model.states]
    seen = set()
    for expression, condition, what in _breakable(formula, sp.true):
        quotient = fraction(expression)
        for factor in sp.Mul.make_args(expression if quotient is None else factored(quotient[0])):
            base = factor.as_base_exp()[0]
            if t in base.free_symbols or not base.free_symbols or base in seen or -base in seen:
                continue
            seen.add(base)
            solved = _solved(base, symbols)
            if solved is not None and _may_hold(model, condition, *solved):
                yield (*solved, f"{what} {expression}")


def _may_hold(model: NeuronModel, condition: Any, symbol: Any, place: Any) -> bool:
    """Whether a branch may apply at a place."""
    for point in _points(model, condition, symbol, place):
        try:
            if holds(condition, {**point, symbol: precise(place, point)}):
                return True
        except ArithmeticError:
            continue
    return condition == sp.true


def _breakable(expression: Any, condition: Any) -> Iterator[tuple[Any, Any, str]]:
    """Denominators and logarithms, each with the condition of the branch in which it stands."""
    if isinstance(expression, sp.Piecewise):
        before = sp.true
        branches: Any = expression.args
        for branch, holds in branches:
            yield from _breakable(branch, sp.And(condition, before, holds))
            before = sp.And(before, sp.Not(holds))
        return
    if expression.is_Pow and expression.exp.could_extract_minus_sign() and expression.base != sp.E:
        yield expression.base, condition, "a division by"
    if isinstance(expression, sp.log):
        yield expression.args[0], condition, "the logarithm of"
    for part in expression.args:
        yield from _breakable(part, condition)


def _solved(base: Any, symbols: list[Any]) -> tuple[Any, Any] | None:
    """The simplest way to say where an expression vanishes; None where it does not."""
    found = []
    for rank, symbol in enumerate(symbols):
        if symbol not in base.free_symbols:
            continue
        for root in low_roots(base, symbol):
            allowed = (root.is_real is not False) and not (symbol.is_positive and root.is_nonpositive)
            if allowed:
                found.append((root.count_ops(), len(root.free_symbols), -rank, symbol, root))
    if not found:
        return None
    return min(found, key=lambda entry: entry[:3])[3:]


def _limit(model: NeuronModel, formula: Any, symbol: Any, place: Any) -> tuple[Any, str]:
    """The limit, if there is a formula for it that the formula approaches from both sides."""
    cases: Any = formula.args if isinstance(formula, sp.Piecewise) else [(formula, sp.true)]
    branches = [branch for branch, _ in cases if symbol in branch.free_symbols]
    if not branches:
        return None, "it does not depend on this there"
    if not _is_continuous(model, formula, symbol, place):
        return None, "the formula tends to no finite value there, or not to the same from both sides"
    declared, side = model.scalar_values, 1
    if symbol in declared and place.free_symbols <= declared.keys():
        side = sign(declared[symbol] - place, declared)
    for branch in branches:
        limit = limit_of(branch, symbol, place, side or 1)
        if limit is not None and _approaches(model, formula, limit, symbol, place):
            return limit, "its limit is approached from both sides, to 12 digits at a distance of 1e-16"
    return None, "no short formula is found for its limit"


def _sides(formula: Any, point: dict[Any, Any], symbol: Any, place: Any) -> list[Any]:
    """The values of a formula very near to a place, on both sides."""
    here = precise(place, point, _DIGITS)
    return [precise(formula, {**point, symbol: here + numbers().convert(step)}, _DIGITS)
            for step in (precise(_NEAR), -precise(_NEAR))]  # fmt: skip


def _is_continuous(model: NeuronModel, formula: Any, symbol: Any, place: Any) -> bool:
    compared = 0
    for point in _points(model, formula, symbol, place):
        try:
            left, right = _sides(formula, point, symbol, place)
        except ArithmeticError:
            continue
        compared += 1
        if abs(left - right) > _CLOSE * (1 + abs(left)):
            return False
    return compared > 0


def _approaches(model: NeuronModel, formula: Any, limit: Any, symbol: Any, place: Any) -> bool:
    compared = 0
    for point in _points(model, formula, symbol, place):
        try:
            expected = precise(limit, {**point, symbol: precise(place, point, _DIGITS)}, _DIGITS)
            sides = _sides(formula, point, symbol, place)
        except ArithmeticError:
            continue
        compared += 1
        if any(abs(side - expected) > _CLOSE * (1 + abs(expected)) for side in sides):
            return False
    return compared > 0


def _points(model: NeuronModel, formula: Any, moving: Any, place: Any = sp.S.Zero) -> list[dict[Any, Any]]:
    source = random.Random(5)
    points = []
    for _ in range(_POINTS):
        point: dict[Any, Any] = {}
        for symbol in sorted((formula.free_symbols | place.free_symbols) - {moving}, key=str):
            base = model.scalar_values.get(symbol, sp.Integer(1)) if symbol in model.parameters else sp.Integer(1)
            point[symbol] = base * sp.Rational(source.randint(60, 140), 101)
        if t in point:
            point[t] = sp.Rational(source.randint(3, 9), 31)
        points.append(point)
    return points


def _solves(model: NeuronModel, flow: Mapping[Any, Any], name: str, limit: Any, symbol: Any, place: Any) -> bool:
    """Put the limit of a flow into the declared equation, at the place where the flow itself breaks."""
    state = next(state for state in model.states if f"{state}(t)" == name)
    others = {other: value for other, value in flow.items() if other != state}
    rate = model.dynamics[state]
    residual = sp.diff(limit, t) - rate.subs({**others, state: limit}, simultaneous=True)
    start = limit.subs(t, 0) - state
    for point in _points(model, residual + limit, symbol, place):
        try:
            here = {**point, symbol: precise(place, point, _DIGITS)}
            if any(abs(precise(expression, here, _DIGITS)) > 1e-25 for expression in (residual, start)):
                return False
        except ArithmeticError:
            return False
    return True
