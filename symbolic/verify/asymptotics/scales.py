"""Orders of growth `x**p * log(x)**q * exp(k*x**r + ...)` and finite sums of them, as x goes to infinity."""

from dataclasses import dataclass

import sympy as sp

from ..signs.facts import Facts
from ..signs.kinds import Expression, Kind, Undecided

_MAX_TERMS = 80


@dataclass(frozen=True)
class Scale:
    """The function `x**power * log(x)**log_power * exp(sum of k * x**r)` with `exponent` the pairs (r, k)."""

    power: Expression = sp.S.Zero
    log_power: Expression = sp.S.Zero
    exponent: tuple[tuple[Expression, Expression], ...] = ()

    def __mul__(self, other: "Scale") -> "Scale":
        rates = dict(self.exponent)
        for r, k in other.exponent:
            rates[r] = sp.expand(rates.get(r, sp.S.Zero) + k)
        exponent = tuple(sorted(((r, k) for r, k in rates.items() if k != 0), key=str))
        return Scale(
            sp.expand(self.power + other.power), sp.expand(self.log_power + other.log_power), exponent
        )  # fmt: skip

    def __truediv__(self, other: "Scale") -> "Scale":
        return self * other**sp.S.NegativeOne

    def __pow__(self, power: Expression) -> "Scale":
        exponent = tuple((r, sp.expand(k * power)) for r, k in self.exponent)
        return Scale(sp.expand(self.power * power), sp.expand(self.log_power * power), exponent)

    def of(self, variable: Expression) -> Expression:
        """The scale as an expression, for display."""
        rate = sp.Add(*(k * variable**r for r, k in self.exponent))
        return variable**self.power * sp.log(variable) ** self.log_power * sp.exp(rate)


ONE = Scale()


def compare(left: Scale, right: Scale, facts: Facts) -> int:
    """Return 1, 0 or -1: whether the left scale grows faster than, like, or slower than the right one."""
    ratio = left / right
    rates = list(ratio.exponent)
    while rates:
        top = rates[0][0]
        for r, _ in rates[1:]:
            if facts.sign(r - top) > 0:
                top = r
        # powers can be equal by value without being written alike
        equal = [(r, k) for r, k in rates if facts.sign(r - top) == 0]
        sign = facts.sign(sp.Add(*(k for _, k in equal)))
        if sign:
            return sign
        rates = [rate for rate in rates if rate not in equal]
    return facts.sign(ratio.power) or facts.sign(ratio.log_power)


def integrable(scale: Scale, facts: Facts) -> bool:
    """Whether the integral of a scale up to infinity is finite."""
    growth = compare(Scale(exponent=scale.exponent), ONE, facts)
    if growth:
        return growth < 0
    beyond = facts.sign(scale.power + 1)
    return beyond < 0 or (beyond == 0 and facts.sign(scale.log_power + 1) < 0)


@dataclass(frozen=True)
class Leading:
    """The term that decides at infinity, and the signs that its coefficient takes over the admissible states."""

    scale: Scale
    coefficient: Expression
    kind: Kind
    where: dict[sp.Symbol, Expression]


@dataclass(frozen=True)
class Expansion:
    """A finite sum of coefficients times scales, exact up to a remainder of the order of a given scale.

    Coefficients depend on parameters and on the states that are held fixed. The remainder is uniform over bounded
    sets of those states, and so is its rate of change with them.
    """

    terms: tuple[tuple[Scale, Expression], ...] = ()
    remainder: Scale | None = None

    def is_zero(self) -> bool:
        """Whether nothing is left."""
        return not self.terms and self.remainder is None


def constant(value: Expression) -> Expansion:
    """The expansion of something that does not depend on x."""
    return collect([(ONE, value)], None)


def collect(terms: list[tuple[Scale, Expression]], remainder: Scale | None) -> Expansion:
    """Add up terms of equal scale and drop those that cancel."""
    sums: dict[Scale, Expression] = {}
    for scale, coefficient in terms:
        sums[scale] = sums.get(scale, sp.S.Zero) + coefficient
    kept = tuple((scale, value) for scale, raw in sums.items() if (value := _tidy(raw)) != 0)
    if len(kept) > _MAX_TERMS:
        raise Undecided("the equation has too many terms to compare their growth")
    return Expansion(kept, remainder)


def _tidy(coefficient: Expression) -> Expression:
    expanded = sp.expand(coefficient)
    return sp.S.Zero if expanded == 0 else coefficient


def larger(left: Scale | None, right: Scale | None, facts: Facts) -> Scale | None:
    """The faster of two scales."""
    if left is None or right is None:
        return left if right is None else right
    return left if compare(left, right, facts) >= 0 else right


def bound(expansion: Expansion, facts: Facts) -> Scale | None:
    """A scale that the expansion does not outgrow; None for zero."""
    found = expansion.remainder
    for scale, _ in expansion.terms:
        found = larger(found, scale, facts)
    return found


def add(left: Expansion, right: Expansion, facts: Facts) -> Expansion:
    """The sum of two expansions."""
    return collect([*left.terms, *right.terms], larger(left.remainder, right.remainder, facts))


def multiply(left: Expansion, right: Expansion, facts: Facts) -> Expansion:
    """The product of two expansions."""
    if left.is_zero() or right.is_zero():
        return Expansion()
    terms = [(a * b, c * d) for a, c in left.terms for b, d in right.terms]
    remainder = None
    for one, other in ((left, right), (right, left)):
        limit = bound(other, facts)
        if one.remainder is not None and limit is not None:
            remainder = larger(remainder, one.remainder * limit, facts)
    return collect(terms, remainder)


def leading(expansion: Expansion, facts: Facts) -> Leading | None:
    """Return the fastest growing term, or None if the expansion is zero."""
    remaining = list(expansion.terms)
    while remaining:
        best = remaining[0]
        for term in remaining[1:]:
            if compare(term[0], best[0], facts) > 0:
                best = term
        if expansion.remainder is not None and compare(best[0], expansion.remainder, facts) <= 0:
            break
        # scales can be equal by value without being written alike
        equal = [term for term in remaining if compare(term[0], best[0], facts) == 0]
        coefficient = sp.Add(*(value for _, value in equal))
        spread = facts.spread(coefficient)
        if spread.kind is not Kind.ZERO:
            return Leading(best[0], coefficient, spread.kind, spread.where)
        remaining = [term for term in remaining if term not in equal]
    if expansion.remainder is not None:
        raise Undecided("no single term dominates there")
    return None


def below(expansion: Expansion, scale: Scale, facts: Facts) -> Expansion:
    """The part of an expansion that grows more slowly than its leading scale."""
    return Expansion(tuple(t for t in expansion.terms if compare(t[0], scale, facts) < 0), expansion.remainder)
