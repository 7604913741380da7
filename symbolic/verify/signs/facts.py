"""Signs of expressions: over parameters (by assumption or by value) and over the admissible range of the states."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ...algebra import coefficients, expanded, factored, is_zero, tidy
from ...enclosure import sign_at
from ...errors import ModelError
from .kinds import ENCLOSED, Expression, Kind, Range, Split, Spread, Undecided, affine_parts, structural
from .parameters import ParameterFacts
from .sampling import MOST_POINTS, certain_signs, kind_over_box, points

_FEW_POINTS, _LONG_POINTS = 12, 3  # the last for expressions of more operations than ...
_SHORT = 40  # ... this


@dataclass
class Facts(ParameterFacts):
    """The assumptions: values of parameters (one row per kind of neuron) and ranges of states.

    The end of a range belongs to it, except for a `cut`: a state (the spiking variable) and the end (its finite
    threshold) where it is taken away, so that no trajectory goes on from there. `most_boxes` limits the work of
    interval arithmetic.
    """

    cut: tuple[sp.Symbol, Expression] | None = None
    most_boxes: int = 300

    def over(self, ranges: Mapping[sp.Symbol, Range]) -> "Facts":
        """The same facts with other or more ranges."""
        return Facts(self.rows, self.ranges | dict(ranges), self.used, self.cut, self.most_boxes)

    def is_nonnegative(self, expression: Expression) -> bool:
        """Whether SymPy's assumptions and the states' ranges say that an expression is not negative."""
        return bool(self._with_assumptions(expression).is_nonnegative)

    def spread(self, expression: Expression) -> Spread:
        """Return the signs that an expression takes while each state runs over its whole range."""
        expression = self._with_constants(sp.sympify(expression))
        states = sorted(expression.free_symbols & self.ranges.keys(), key=str)
        if not states:
            return Spread((Kind.ZERO, Kind.POSITIVE, Kind.NEGATIVE)[self.sign(expression)])
        known = structural(self._with_assumptions(expression))
        if known is not None:
            return Spread((Kind.ZERO, Kind.POSITIVE, Kind.NEGATIVE)[known])
        affine = affine_parts(expression, states)
        if affine is not None:
            return self._spread_of_affine(*affine)
        for state in states:
            row = coefficients(expression, state, 2) if self.ranges[state] == (-sp.oo, sp.oo) else None
            if row is not None and len(row) == 3:
                return self._spread_of_quadratic(state, *reversed(row))
        product = factored(expression)
        if isinstance(product, sp.Mul):
            try:
                return self._spread_of_product(product)
            except Undecided:
                pass
        found = self._spread_by_enclosure(expression) or self._spread_over_box(expression, states)
        return found or self._spread_by_samples(expression, states)

    def vanishes(self, expression: Expression) -> bool:
        """Whether an expression is zero for all admissible states."""
        expression = self._with_constants(expanded(expression))
        if expression == 0:
            return True
        if not expression.free_symbols & self.ranges.keys():
            return self.sign(expression) == 0
        states = sorted(expression.free_symbols & self.ranges.keys(), key=str)
        if any(
            self._is_nonzero_at(expression, point)
            for point in itertools.islice(points(states, self.ranges), _FEW_POINTS)
        ):
            return False
        if is_zero(expression):
            return True
        for sign, _, used in self._samples(expression, states):
            if sign:
                self.used |= used
                return False
        raise Undecided("whether {} is zero is not known", expression, needs=sp.Eq(expression, 0))

    def _with_constants(self, expression: Expression) -> Expression:
        """Put in the values of states whose range is one point."""
        ends = ((state, self.ranges[state]) for state in expression.free_symbols & self.ranges.keys())
        fixed = {state: low for state, (low, high) in ends if low == high}
        return expanded(expression.subs(fixed)) if fixed else expression

    def _is_nonzero_at(self, expression: Expression, point: Mapping[sp.Symbol, Expression]) -> bool:
        """Whether an expression is certainly not zero at a place, for the parameter values of every neuron."""
        for row in self.rows:
            values = dict(row) | dict(point)
            if expression.free_symbols - values.keys():
                return False
            try:
                sign = sign_at(expression, {symbol: values[symbol] for symbol in expression.free_symbols})
            except ModelError:
                return False
            if not sign:
                return False
        return True

    def _with_assumptions(self, expression: Expression) -> Expression:
        """Replace states by symbols with the assumptions that follow from their ranges."""
        new = {}
        for state in expression.free_symbols & self.ranges.keys():
            low, high = self.ranges[state]
            if low.is_finite:
                new[state] = low + sp.Dummy(state.name, nonnegative=True)
            elif high.is_finite:
                new[state] = high - sp.Dummy(state.name, nonnegative=True)
        return expression.subs(new) if new else expression

    def _spread_of_affine(self, slopes: dict[sp.Symbol, Expression], rest: Expression) -> Spread:
        low, high = [rest], [rest]
        lowest: dict[sp.Symbol, Expression] = {}
        for state, slope in slopes.items():
            sign = self.sign(slope)
            if sign == 0:
                continue
            first, last = self.ranges[state][::sign]
            low.append(slope * first if first.is_finite else -sp.oo)
            high.append(slope * last if last.is_finite else sp.oo)
            lowest[state] = first
        signs = (-1 if -sp.oo in low else self.sign(sp.Add(*low)), 1 if sp.oo in high else self.sign(sp.Add(*high)))
        if signs == (-1, 1):
            return Spread(Kind.MIXED, self._root(slopes, rest))
        table = {(1, 1): Kind.POSITIVE, (-1, -1): Kind.NEGATIVE, (0, 0): Kind.ZERO}
        table |= {(0, 1): Kind.NONNEGATIVE, (-1, 0): Kind.NONPOSITIVE}
        return Spread(table[signs], {state: end for state, end in lowest.items() if end.is_finite})

    def _root(self, slopes: dict[sp.Symbol, Expression], rest: Expression) -> dict[sp.Symbol, Expression]:
        """A place where an affine expression vanishes, if all but one state are put at zero."""
        for state, slope in slopes.items():
            others_free = all(_contains_zero(self.ranges[other]) for other in slopes if other != state)
            if others_free and self.ranges[state] == (-sp.oo, sp.oo) and self.sign(slope):
                zeros = {other: sp.S.Zero for other in slopes if other != state}
                return zeros | {state: tidy(-rest / slope)}
        return {}

    def _spread_of_quadratic(self, state: sp.Symbol, a: Expression, b: Expression, c: Expression) -> Spread:
        opening = self.spread(a).kind
        if opening is Kind.ZERO:
            return self.spread(b * state + c)
        if not opening.is_strict:
            raise Undecided("the sign of {} depends on the state", a)
        discriminant = self.spread(b**2 - 4 * a * c)
        kinds = {Kind.NEGATIVE: Kind.POSITIVE, Kind.NONPOSITIVE: Kind.NONNEGATIVE, Kind.ZERO: Kind.NONNEGATIVE}
        kind = kinds.get(discriminant.kind, Kind.MIXED)
        where = {} if kind is Kind.POSITIVE else {state: tidy(-b / (2 * a))}
        return Spread(kind if opening is Kind.POSITIVE else kind.flipped, where)

    def _spread_by_enclosure(self, expression: Expression) -> Spread | None:
        """Let bounded functions take any value between their bounds: a sign that survives that is certain."""
        new, ranges = {}, {}
        for function in sorted(expression.atoms(*ENCLOSED), key=sp.default_sort_key):
            if function.free_symbols & self.ranges.keys():
                new[function] = sp.Dummy(real=True)
                ranges[new[function]] = ENCLOSED[function.func]
        masked = expression.xreplace(new)
        varying = [*ranges, *sorted(masked.free_symbols & self.ranges.keys(), key=str)]
        parts = affine_parts(masked, varying) if new else None
        if parts is None:
            return None
        spread = self.over(ranges)._spread_of_affine(*parts)
        if spread.kind in (Kind.POSITIVE, Kind.NEGATIVE):
            return spread
        wanted = {Kind.NONNEGATIVE: 1, Kind.NONPOSITIVE: -1}.get(spread.kind)
        states = sorted(expression.free_symbols & self.ranges.keys(), key=str)
        return Spread(spread.kind) if any(sign == wanted for sign, _, _ in self._samples(expression, states)) else None

    def _spread_over_box(self, expression: Expression, states: list[sp.Symbol]) -> Spread | None:
        """Bound the expression over the ranges by interval arithmetic, at the values of the parameters."""
        kinds: set[Kind] = set()
        values: set[Any] = set()
        for row in self.rows:
            value = expression.subs(dict(row))
            box = {state: tuple(end.subs(dict(row)) for end in self.ranges[state]) for state in states}
            open_symbols = value.free_symbols - box.keys()
            if open_symbols or any(end.free_symbols for ends in box.values() for end in ends):
                return None
            kind = kind_over_box(value, box, self.most_boxes)
            if kind is None:
                return None
            kinds.add(kind)
            values |= {sp.Eq(symbol, row[symbol]) for symbol in expression.free_symbols & row.keys()}
        if len(kinds) != 1:
            return None
        self.used |= dict.fromkeys(sorted(values, key=str))
        return Spread(kinds.pop())

    def _spread_of_product(self, product: sp.Mul) -> Spread:
        weak: Spread | None = None
        flip = False
        for factor in product.args:
            spread = self.spread(factor)
            if spread.kind is Kind.ZERO:
                return spread
            if spread.kind.is_strict:
                flip ^= spread.kind is Kind.NEGATIVE
            elif weak is None:
                weak = spread
            else:
                raise Undecided("the sign of {} is not known", product)
        if weak is None:
            return Spread(Kind.NEGATIVE if flip else Kind.POSITIVE)
        return Spread(weak.kind.flipped if flip else weak.kind, weak.where)

    def _spread_by_samples(self, expression: Expression, states: list[sp.Symbol]) -> Spread:
        found: dict[int, tuple[dict[sp.Symbol, Expression], dict[sp.Basic, None]]] = {}
        for sign, point, used in self._samples(expression, states):
            found.setdefault(sign, (point, used))
            if 1 in found and -1 in found:
                self.used |= found[1][1] | found[-1][1]
                return Spread(Kind.MIXED, found[-1][0])
        if is_zero(expression):
            return Spread(Kind.ZERO)
        raise Undecided(
            "the sign of {} over the admissible states is not known", expression, needs=sp.Gt(expression, 0)
        )

    def _samples(
        self, expression: Expression, states: list[sp.Symbol]
    ) -> Iterator[tuple[int, dict[sp.Symbol, Expression], dict[sp.Basic, None]]]:
        """Signs at admissible points where they are known, with the assumptions that each rests on."""
        if expression.free_symbols <= set(states):
            yield from ((sign, point, {}) for sign, point in certain_signs(expression, states, self.ranges))
            return
        split: Split | None = None
        count = MOST_POINTS if expression.count_ops() <= _SHORT else _LONG_POINTS
        for point in itertools.islice(points(states, self.ranges), count):
            with self.recording() as used:
                try:
                    sign = self.sign(expression.subs(point))
                except Undecided:
                    continue
                except Split as difference:
                    split = split or difference
                    continue
            yield sign, point, used
        if split is not None:
            raise split


def _contains_zero(limits: Range) -> bool:
    return (limits[0] <= 0) == sp.true and (limits[1] >= 0) == sp.true
