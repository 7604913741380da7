"""Orders of vanishing in the time to a spike, or since one.

Near a spike the spiking variable is a clock: with `u(V) = integral_V^oo dV'/F` the time left, everything that depends
on V behaves like a power of u, up to factors that vary more slowly than any power (powers of log u). For F ~ V^p,
V^m ~ u^(-m/(p - 1)); for F ~ exp(k V^r), exp(c V^r) ~ u^(-c/k); for F ~ V log(V)^q, log(V) ~ u^(-1/(q - 1)); at a
finite threshold u is proportional to the distance that is left.
"""

from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from ...algebra import expanded, is_zero, tidy
from ..context import Case
from ..signs.facts import Facts
from ..signs.kinds import Expression, Kind, Undecided
from .branches import from_below
from .growth import approach, growth
from .scales import ONE, Expansion, Leading, Scale, bound, compare, leading

_MAX_DERIVATIVE = 6
_LINEAR = Scale(power=sp.S.One)


@dataclass(frozen=True)
class Order:
    """The order u^exponent of something; `oo` for what vanishes faster than every power.

    Attributes:
        exponent: The exponent.
        is_pure: Whether the factor before the power tends to a constant, not only varies slowly.
        is_exact: Whether something of exactly this order is there; otherwise it is at least of this order.
    """

    exponent: Expression
    is_pure: bool = True
    is_exact: bool = True

    def __add__(self, other: "Order") -> "Order":
        exponent = sp.oo if sp.oo in (self.exponent, other.exponent) else tidy(self.exponent + other.exponent)
        return Order(exponent, self.is_pure and other.is_pure, self.is_exact and other.is_exact)

    def after_integration(self) -> "Order":
        """The order of the integral from the spike to the time u before it."""
        return self + Order(sp.S.One)


#: The order of no effect at all, compared by identity: an effect may also be smaller than every power.
NEVER = Order(sp.oo)


def smallest(orders: list[Order], facts: Facts) -> Order | None:
    """Return the order of a sum: the least exponent. Where two are equal they might cancel."""
    best: Order | None = None
    for order in orders:
        relation = -1 if best is None else compare_orders(order, best, facts)
        if relation < 0:
            best = order
        elif relation == 0 and best is not None:
            best = Order(best.exponent, best.is_pure and order.is_pure, False)
    return best


def compare_orders(left: Order, right: Order, facts: Facts) -> int:
    """Return 1, 0 or -1: whether the left exponent is larger, equal or smaller."""
    if sp.oo in (left.exponent, right.exponent):
        return int(left.exponent == sp.oo) - int(right.exponent == sp.oo)
    return facts.sign(left.exponent - right.exponent)


def with_values(order: Order | None, facts: Facts) -> Order | None:
    """Put parameter values into the exponent, where all neurons have the same."""
    if order is None or len(facts.rows) != 1:
        return order
    return replace(order, exponent=tidy(order.exponent.subs(dict(facts.rows[0]))))


@dataclass(frozen=True)
class Clock:
    """Measures orders near the spike, or near the reset to minus infinity.

    Attributes:
        variable: The spiking variable.
        end: The value that it approaches: infinite, or a finite threshold.
        facts: What is known about the symbols, weights included.
        pace: The leading scale of its speed; ONE at a finite threshold.
    """

    variable: sp.Symbol
    end: Expression
    facts: Facts
    pace: Scale

    @property
    def is_infinite(self) -> bool:
        """Whether the spiking variable is infinite there."""
        return not self.end.is_finite

    def expand(self, expression: Expression) -> Expansion:
        """How an expression in the states behaves on the way to the end."""
        if self.is_infinite:
            return growth(expression, self.variable, 1 if self.end is sp.oo else -1, self.facts)
        return approach(expression, self.variable, self.end, -1, self.facts)

    def order(self, expression: Expression, *, over_speed: bool = False) -> Order | None:
        """Return the order of an expression, or of its quotient by the speed; None for zero."""
        if expanded(expression) == 0:
            return None
        if not self.is_infinite and (found := self._by_derivatives(expression)) is not None:
            return found
        expression = expanded(expression)
        scale, is_exact = self._scale(expression)
        if scale is None:
            return None
        order = self.of_scale(scale / self.pace if over_speed else scale)
        return Order(order.exponent, order.is_pure, is_exact)

    def _scale(self, expression: Expression) -> tuple[Scale | None, bool]:
        series = self.expand(expression)
        try:
            top = leading(series, self.facts)
        except Undecided:
            return bound(series, self.facts), False
        return (None, True) if top is None else (top.scale, True)

    def _by_derivatives(self, expression: Expression) -> Order | None:
        """At a finite threshold: the first derivative from below that does not vanish, where all of them are finite."""
        try:
            expression = from_below(expression, self.variable, self.end, self.facts)
        except Undecided:
            return None
        for number in range(_MAX_DERIVATIVE):
            value = expression.subs(self.variable, self.end)
            if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.AccumBounds, sp.Piecewise, sp.Abs):
                return None
            value = tidy(value)
            if not self.facts.vanishes(value):
                return Order(sp.Integer(number))
            expression = sp.diff(expression, self.variable)
        return None

    def of_scale(self, scale: Scale) -> Order:
        """The order of a scale in the spiking variable (or in one over the distance to a finite threshold)."""
        if self.is_infinite and self.pace.exponent:
            return self._of_exponential(scale)
        if not self.is_infinite:
            return self._of_power(scale, sp.S.One, Scale(power=sp.S.NegativeOne))
        excess = tidy(self.pace.power - 1)
        if self.facts.sign(excess) > 0:
            return self._of_power(scale, excess, _LINEAR / self.pace)
        return self._of_logarithm(scale)

    def _of_power(self, scale: Scale, excess: Expression, time_left: Scale) -> Order:
        sign = compare(Scale(exponent=scale.exponent), ONE, self.facts)
        if sign:
            return self._flat(sign)
        exponent = tidy(-scale.power / excess)
        return Order(exponent, self._is_equal(scale, time_left**exponent))

    def _of_logarithm(self, scale: Scale) -> Order:
        sign = compare(Scale(power=scale.power, exponent=scale.exponent), ONE, self.facts)
        if sign:
            return self._flat(sign)
        return Order(tidy(-scale.log_power / (self.pace.log_power - 1)))

    def _of_exponential(self, scale: Scale) -> Order:
        top, rate = self._fastest()
        here = sp.S.Zero
        for power, coefficient in scale.exponent:
            order = self.facts.sign(power - top)
            if order > 0:
                return self._flat(self.facts.sign(coefficient))
            here += coefficient if order == 0 else 0
        exponent = tidy(-here / rate)
        time_left = Scale(power=1 - top) / self.pace
        return Order(exponent, self._is_equal(scale, time_left**exponent))

    def _is_equal(self, left: Scale, right: Scale) -> bool:
        try:
            return compare(left, right, self.facts) == 0
        except Undecided:
            return False

    def _fastest(self) -> tuple[Expression, Expression]:
        """The power r and the rate k of the fastest exponential exp(k V^r) in the speed."""
        best = self.pace.exponent[0]
        for pair in self.pace.exponent[1:]:
            if self.facts.sign(pair[0] - best[0]) > 0:
                best = pair
        return best

    def _flat(self, sign: int) -> Order:
        if sign > 0:
            raise Undecided("something grows faster than every power of the time to the spike")
        return Order(sp.oo)

    def order_of_shift(self, jump: Expression) -> Order | None:
        """The order of the change of the time left that a jump of the spiking variable causes; None for no jump."""
        step = tidy(jump - self.variable)
        if is_zero(step):
            return None
        if not self.is_infinite:
            return self._order_of_step_to(jump)
        scale, is_exact = self._scale(step)
        if scale is None:
            return None
        share = scale / _LINEAR  # the relative change of V
        if self.pace.exponent:
            return self._shift_by_step(scale, is_exact)
        if compare(share, ONE, self.facts) > 0:
            raise Undecided("the jump to {} grows faster than {}", jump, self.variable)
        if compare(share, ONE, self.facts) == 0 and self.facts.sign(self.pace.power - 1) > 0:
            return Order(sp.S.One, True, is_exact)  # V is multiplied, and with it the time left
        order = self.of_scale(share)
        if self.facts.sign(self.pace.power - 1) == 0:  # the time left is V/F times log(V)
            order = self.of_scale(scale / self.pace)
            return Order(order.exponent, order.is_pure, is_exact)
        return Order(tidy(order.exponent + 1), order.is_pure, is_exact)

    def _shift_by_step(self, scale: Scale, is_exact: bool) -> Order:
        """Where the speed is exponential in V^r, it changes by the factor exp(k r V^(r - 1) step)."""
        top, _ = self._fastest()
        if compare(scale, _LINEAR, self.facts) >= 0:
            raise Undecided("the input changes {} by as much as its value", self.variable)
        factor = scale * Scale(power=top - 1)
        relation = compare(factor, ONE, self.facts)
        if relation == 0:
            return Order(sp.S.One, True, is_exact)
        if relation > 0:  # an excitatory input takes almost all of the time left, an inhibitory one adds more than it
            return Order(sp.S.One, False, is_exact)
        order = self.of_scale(factor)
        return Order(tidy(order.exponent + 1), order.is_pure, is_exact)

    def _order_of_step_to(self, jump: Expression) -> Order | None:
        """At a finite threshold that the jump leaves in place: one more than the order of its derivative minus one."""
        slope: Any = sp.diff(jump, self.variable).replace(sp.tan, lambda angle: sp.sin(angle) / sp.cos(angle))
        together: Any = sp.together(slope - 1)
        stretch = sp.factor_terms(together)  # of sines and cosines: finite
        if is_zero(stretch):
            return None
        order = self.order(stretch)
        if order is None:
            return None
        return order.after_integration()


def clock_before(case: Case) -> Clock:
    """The clock that runs towards the spike."""
    model, facts = case.model, case.with_weight
    if not model.spike.is_at_infinity:
        return Clock(model.variable, model.spike.threshold, facts, ONE)
    return Clock(model.variable, sp.oo, facts, _pace(case, 1).scale)


def clock_after(case: Case) -> Clock:
    """The clock that runs from the reset to minus infinity."""
    return Clock(case.model.variable, -sp.oo, case.with_weight, _pace(case, -1).scale)


def _pace(case: Case, direction: int) -> Leading:
    facts: Any = case.with_weight
    top = leading(growth(case.model.field, case.model.variable, direction, facts), facts)
    if top is None or top.kind is not Kind.POSITIVE:
        raise Undecided("the speed of {} far out is not known to be positive", case.model.variable)
    return top
