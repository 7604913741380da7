"""Growth of an expression as its variable goes to infinity, derived from the expression's tree."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..reason import Reason
from ..signs.facts import Facts
from ..signs.kinds import Expression, Kind, Undecided, is_true
from .scales import (
    ONE,
    Expansion,
    Leading,
    Scale,
    add,
    below,
    bound,
    collect,
    compare,
    constant,
    larger,
    leading,
    multiply,
)

_MAX_POWER = 6

#: Stands for the variable that goes to plus infinity.
far = sp.Dummy("x", positive=True)


def expansion(expression: Expression, facts: Facts) -> Expansion:
    """Expand an expression in `far` as `far` goes to infinity.

    Every other symbol is held fixed; the remainder is uniform over bounded sets of the states.
    """
    return Expander(facts).expand(sp.sympify(expression))


def growth(expression: Expression, variable: sp.Symbol, direction: int, facts: Facts) -> Expansion:
    """Expand an expression as a variable goes to plus (direction 1) or minus infinity (direction -1)."""
    return expansion(expression.subs(variable, direction * far), facts)


def approach(expression: Expression, variable: sp.Symbol, point: Expression, side: int, facts: Facts) -> Expansion:
    """Expand an expression as a variable goes to a finite point from above (side 1) or from below (side -1)."""
    return expansion(expression.subs(variable, point + side / far), facts)


def without_oscillations(expression: Expression, variable: sp.Symbol, facts: Facts) -> tuple[Expression, Facts]:
    """Put a symbol between -1 and 1 for every sine and cosine of the variable; what holds for all values is certain."""
    waves = [wave for wave in expression.atoms(sp.sin, sp.cos) if wave.has(variable)]
    new = {wave: sp.Symbol(str(wave), real=True) for wave in sorted(waves, key=sp.default_sort_key)}
    ranges = {symbol: (sp.S.NegativeOne, sp.S.One) for symbol in new.values()}
    return expression.xreplace(new), facts.over(ranges)


def limit(series: Expansion, facts: Facts) -> tuple[Expression, Leading | None]:
    """Return the limit (an expression in states, or plus or minus infinity) and the leading term if it grows."""
    largest = bound(series, facts)
    if largest is None:
        return sp.S.Zero, None
    if compare(largest, ONE, facts) > 0:
        top = leading(series, facts)
        if top is None:
            return sp.S.Zero, None
        order = compare(top.scale, ONE, facts)
        if order > 0:
            if not top.kind.is_strict:
                raise Undecided("whether {} is positive depends on the state", top.coefficient)
            return (sp.oo if top.kind is Kind.POSITIVE else -sp.oo), top
    if series.remainder is not None and compare(series.remainder, ONE, facts) >= 0:
        raise Undecided("it keeps oscillating")
    value = sp.Add(*(coefficient for scale, coefficient in series.terms if compare(scale, ONE, facts) == 0))
    return value, None


@dataclass(frozen=True)
class Expander:
    """Expands expressions, one rule for each function."""

    facts: Facts

    def expand(self, expression: Any) -> Expansion:
        """Expand an expression in `far`."""
        if not expression.has(far):
            return constant(expression)
        if expression == far:
            return Expansion(((Scale(power=sp.S.One), sp.S.One),))
        for kind, rule in self._rules():
            if isinstance(expression, kind):
                return rule(expression)
        if isinstance(expression, (sp.cosh, sp.sinh, sp.tanh, sp.sech, sp.coth, sp.csch)):
            return self.expand(expression.rewrite(sp.exp))
        raise Undecided("the growth of {} is not known", expression.func.__name__)

    def _rules(self) -> tuple[tuple[Any, Callable[[Any], Expansion]], ...]:
        return (
            (sp.Add, self._add),
            (sp.Mul, self._multiply),
            (sp.exp, lambda e: self._exponential(self.expand(e.args[0]))),
            (sp.Pow, self._power),
            (sp.log, lambda e: self._logarithm(self.expand(e.args[0]))),
            (sp.Abs, self._absolute),
            ((sp.sin, sp.cos), self._oscillating),
            ((sp.tan, sp.cot), self._tangent),
            ((sp.atan, sp.erf), self._saturating),
            (sp.Piecewise, self._piecewise),
            ((sp.Max, sp.Min), self._extreme),
            ((sp.Heaviside, sp.sign), self._step),
        )

    def _add(self, expression: Any) -> Expansion:
        total = Expansion()
        for term in expression.args:
            total = add(total, self.expand(term), self.facts)
        return total

    def _multiply(self, expression: Any) -> Expansion:
        product = constant(sp.S.One)
        for factor in expression.args:
            product = multiply(product, self.expand(factor), self.facts)
        return product

    def _power(self, expression: Any) -> Expansion:
        base, exponent = expression.as_base_exp()
        if exponent.has(far):
            return self._exponential(multiply(self.expand(exponent), self._logarithm(self.expand(base)), self.facts))
        return self._fixed_power(self.expand(base), exponent)

    def _fixed_power(self, base: Expansion, exponent: Expression) -> Expansion:
        if exponent.is_Integer and 0 <= exponent <= _MAX_POWER:
            product = constant(sp.S.One)
            for _ in range(int(exponent)):
                product = multiply(product, base, self.facts)
            return product
        if exponent.free_symbols & self.facts.ranges.keys():
            raise Undecided("the exponent {} depends on a state", exponent)
        top = self._strict(base, Reason("the power {} of it", exponent))
        if top.kind is Kind.NEGATIVE and not exponent.is_integer:
            raise Undecided("a negative quantity is raised to the power {}", exponent)
        scale = top.scale**exponent
        rest = bound(below(base, top.scale, self.facts), self.facts)
        remainder = None if rest is None else scale * rest / top.scale
        return collect([(scale, top.coefficient**exponent)], remainder)

    def _strict(self, series: Expansion, what: str) -> Leading:
        top = leading(series, self.facts)
        if top is None:
            raise Undecided("{} has a base that is zero", what)
        if not top.kind.is_strict:
            raise Undecided("the sign of {} depends on the state", top.coefficient)
        return top

    def _exponential(self, series: Expansion) -> Expansion:
        scale, factor, small = ONE, sp.S.One, None
        for part, coefficient in series.terms:
            order = compare(part, ONE, self.facts)
            if order < 0:
                small = larger(small, part, self.facts)
            elif order == 0:
                factor = factor * sp.exp(coefficient)
            else:
                scale = scale * self._exponential_of(part, coefficient)
        if series.remainder is not None:
            if compare(series.remainder, ONE, self.facts) >= 0:
                raise Undecided("the exponent of an exponential is not known closely enough")
            small = larger(small, series.remainder, self.facts)
        return collect([(scale, factor)], None if small is None else scale * small)

    def _exponential_of(self, part: Scale, coefficient: Expression) -> Scale:
        if coefficient.free_symbols & self.facts.ranges.keys():
            raise Undecided("the rate {} of an exponential depends on the state", coefficient)
        if part == Scale(log_power=sp.S.One):
            return Scale(power=coefficient)
        if part.exponent or part.log_power != 0:
            raise Undecided("an exponential of an exponential is out of reach")
        return Scale(exponent=((part.power, coefficient),))

    def _logarithm(self, series: Expansion) -> Expansion:
        top = self._strict(series, "the logarithm")
        if top.kind is not Kind.POSITIVE:
            raise Undecided("the logarithm of a negative quantity appears")
        if top.scale.log_power != 0:
            raise Undecided("a logarithm of a logarithm is out of reach")
        terms = [(Scale(power=r), k) for r, k in top.scale.exponent]
        terms += [(Scale(log_power=sp.S.One), top.scale.power), (ONE, sp.log(top.coefficient))]
        rest = bound(below(series, top.scale, self.facts), self.facts)
        remainder = None if rest is None else rest / top.scale
        return collect(terms, remainder)

    def _absolute(self, expression: Any) -> Expansion:
        series = self.expand(expression.args[0])
        top = leading(series, self.facts)
        if top is None:
            return Expansion()
        if top.kind.is_strict:
            return series if top.kind is Kind.POSITIVE else multiply(constant(sp.S.NegativeOne), series, self.facts)
        return collect([(top.scale, sp.Abs(top.coefficient))], bound(below(series, top.scale, self.facts), self.facts))

    def _split(self, series: Expansion) -> tuple[Expression, Expansion] | None:
        """A finite limit and what goes to zero beside it; None if there is no finite limit."""
        if series.remainder is not None and compare(series.remainder, ONE, self.facts) >= 0:
            return None
        value, small = sp.S.Zero, []
        for scale, coefficient in series.terms:
            order = compare(scale, ONE, self.facts)
            if order > 0:
                return None
            if order == 0:
                value += coefficient
            else:
                small.append((scale, coefficient))
        return value, Expansion(tuple(small), series.remainder)

    def _oscillating(self, expression: Any) -> Expansion:
        parts = self._split(self.expand(expression.args[0]))
        if parts is not None:
            return collect([(ONE, expression.func(parts[0]))], bound(parts[1], self.facts))
        if expression.free_symbols & self.facts.ranges.keys():
            raise Undecided("{} oscillates ever faster and depends on a state", expression.func.__name__)
        return Expansion((), ONE)

    def _tangent(self, expression: Any) -> Expansion:
        parts = self._split(self.expand(expression.args[0]))
        if parts is None:
            raise Undecided("a tangent has infinitely many poles")
        value, small = parts
        if isinstance(expression, sp.cot):  # cot(a) = tan(pi/2 - a)
            value, small = sp.pi / 2 - value, multiply(constant(sp.S.NegativeOne), small, self.facts)
        if value.free_symbols & self.facts.ranges.keys():
            raise Undecided("the argument of a tangent depends on the state")
        if self.facts.sign(sp.cos(value)) != 0:
            return collect([(ONE, sp.tan(value))], bound(small, self.facts))
        # tan(pole + d) = -1/d + O(d)
        inverse = multiply(constant(sp.S.NegativeOne), self._fixed_power(small, sp.S.NegativeOne), self.facts)
        return Expansion(inverse.terms, larger(inverse.remainder, bound(small, self.facts), self.facts))

    def _saturating(self, expression: Any) -> Expansion:
        series = self.expand(expression.args[0])
        parts = self._split(series)
        if parts is not None:
            return collect([(ONE, expression.func(parts[0]))], bound(parts[1], self.facts))
        top = self._strict(series, "the argument of a saturating function")
        sign = 1 if top.kind is Kind.POSITIVE else -1
        return collect([(ONE, expression.func(sign * sp.oo))], ONE / top.scale)

    def sign_far_out(self, expression: Any) -> int:
        """The sign that an expression has for all large values."""
        series = self.expand(expression)
        if series.is_zero():
            return 0
        top = self._strict(series, "the comparison")
        return 1 if top.kind is Kind.POSITIVE else -1

    def _step(self, expression: Any) -> Expansion:
        return constant(expression.func(sp.Integer(self.sign_far_out(expression.args[0]))))

    def _extreme(self, expression: Any) -> Expansion:
        wanted = 1 if isinstance(expression, sp.Max) else -1
        best: Any = expression.args[0]
        for other in expression.args[1:]:
            if self.sign_far_out(other - best) == wanted:
                best = other
        return self.expand(best)

    def _piecewise(self, expression: Any) -> Expansion:
        for value, condition in expression.args:
            if is_true(condition, self.sign_far_out):
                return self.expand(value)
        raise Undecided("no branch of a Piecewise is valid there")
