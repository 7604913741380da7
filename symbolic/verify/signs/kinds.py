"""Kinds of signs, and signs by SymPy's assumptions."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import sympy as sp

from ...algebra import expanded, is_zero
from ...enclosure import sign_at
from ...errors import ModelError
from ..reason import Reason

#: A SymPy expression. SymPy's own annotations are too narrow for its `subs` and `args`.
Expression = Any

Range = tuple[Expression, Expression]
Row = Mapping[sp.Symbol, Expression]


#: The least intervals that contain all values of some functions.
ENCLOSED: dict[Any, Range] = {
    sp.tanh: (sp.S.NegativeOne, sp.S.One),
    sp.sin: (sp.S.NegativeOne, sp.S.One),
    sp.cos: (sp.S.NegativeOne, sp.S.One),
    sp.erf: (sp.S.NegativeOne, sp.S.One),
    sp.sech: (sp.S.Zero, sp.S.One),
    sp.atan: (-sp.pi / 2, sp.pi / 2),
    sp.exp: (sp.S.Zero, sp.oo),
}


class Undecided(Exception):
    """A step of the proof could not be taken; the message says which, as the template and the parts of a `Reason`."""

    def __init__(self, template: str, *parts: Any, needs: sp.Basic | None = None) -> None:
        self.reason = template if isinstance(template, Reason) else Reason(template, *parts)
        super().__init__(self.reason)
        self.needs = needs


class Split(Exception):
    """Neurons with different parameter values differ in the sign of an expression: decide for each sign apart."""

    def __init__(self, groups: tuple[tuple[Row, ...], ...]) -> None:
        super().__init__("neurons differ")
        self.groups = groups


class Kind(Enum):
    """Which signs an expression takes over the admissible states."""

    ZERO = "0"
    POSITIVE = "+"
    NEGATIVE = "-"
    NONNEGATIVE = "+0"
    NONPOSITIVE = "-0"
    MIXED = "+-"

    @property
    def flipped(self) -> "Kind":
        """The kind of the negative expression."""
        pairs = {Kind.POSITIVE: Kind.NEGATIVE, Kind.NONNEGATIVE: Kind.NONPOSITIVE}
        return (pairs | {new: old for old, new in pairs.items()}).get(self, self)

    @property
    def is_strict(self) -> bool:
        """Whether the expression never vanishes."""
        return self in (Kind.POSITIVE, Kind.NEGATIVE)


@dataclass(frozen=True)
class Spread:
    """The signs that an expression takes, and a place where it is not positive (if one is known)."""

    kind: Kind
    where: dict[sp.Symbol, Expression] = field(default_factory=dict)


def affine_parts(expression: Expression, symbols: Collection[Any]) -> tuple[dict[Any, Expression], Expression] | None:
    """Split an expression that is affine in symbols into their coefficients and the rest; None if it is not."""
    slopes = {symbol: expanded(sp.diff(expression, symbol)) for symbol in symbols}
    if any(slope.free_symbols & set(symbols) for slope in slopes.values()):
        return None
    rest = expanded(expression.subs(dict.fromkeys(symbols, sp.S.Zero)))
    if rest.has(sp.nan, sp.zoo, sp.oo):
        return None
    gap = expanded(expression - rest - sp.Add(*(slope * symbol for symbol, slope in slopes.items())))
    return (slopes, rest) if is_zero(gap) else None


def structural(expression: Expression) -> int | None:
    """The sign by SymPy's assumptions; None if undecided."""
    if expression.is_number:
        return numeric(expression)
    return 1 if expression.is_positive else -1 if expression.is_negative else 0 if expression.is_zero else None


def numeric(number: Expression) -> int | None:
    """The sign of a number; None where it is not real, or its digits leave it open."""
    if number.is_Rational:
        return int(sp.sign(number))
    try:
        sign = sign_at(number, {})
    except ModelError:  # a function of which no bounds are known
        return None
    return sign if sign is not None else 0 if is_zero(number) else None


def sign_of_value(expression: Expression, row: Row) -> int | None:
    """The sign at given parameter values; None where it stays open."""
    return structural(expression.subs(dict(row)))


def is_true(condition: Any, sign: Callable[[Any], int]) -> bool:
    """Whether a condition holds, given a function that finds the sign of the difference of two sides."""
    if condition in (sp.true, sp.false):
        return condition == sp.true
    if isinstance(condition, (sp.And, sp.Or)):
        parts = (is_true(part, sign) for part in condition.args)
        return all(parts) if isinstance(condition, sp.And) else any(parts)
    if isinstance(condition, sp.Not):
        return not is_true(condition.args[0], sign)
    if not condition.is_Relational:
        raise Undecided("the condition {} is not understood", condition)
    difference: Any = condition.lhs - condition.rhs
    return bool(condition.func(sp.Integer(sign(difference)), sp.S.Zero))


def solved(relation: Any) -> sp.Basic:
    """Write `a - 1 > 0` as `a > 1` where the relation has one symbol only."""
    symbols = relation.free_symbols
    if len(symbols) == 1:
        (symbol,) = symbols
        difference = relation.lhs - relation.rhs
        parts = affine_parts(difference, [symbol]) if difference.count_ops() < 100 else None
        if parts is not None and parts[0][symbol].is_number:
            slope, rest = parts[0][symbol], parts[1]
            kind = relation.func if slope.is_positive else relation.reversed.func
            return kind(symbol, -rest / slope)
    return relation


def at_place(where: Mapping[sp.Symbol, Expression]) -> Reason:
    """Words for a place in state space, to go after a statement."""
    if not where:
        return Reason("")
    places = ", ".join(["{} = {}"] * len(where))
    return Reason(f", for example at {places}", *(part for pair in where.items() for part in pair))
