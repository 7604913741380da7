"""Signs of expressions in parameters: by the assumptions of their symbols, or by their values."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from ...algebra import factored
from .kinds import Expression, Range, Row, Split, Undecided, sign_of_value, solved, structural


@dataclass
class ParameterFacts:
    """Values of parameters, one row per kind of neuron; `ranges` distinguishes states from parameters.

    Every condition on parameters that rests on a value instead of on the declaration of the symbol is noted in `used`.
    """

    rows: tuple[Row, ...]
    ranges: dict[sp.Symbol, Range]
    used: dict[sp.Basic, None] = field(default_factory=dict)

    @contextmanager
    def recording(self) -> Iterator[dict[sp.Basic, None]]:
        """Collect the assumptions that are used inside the block."""
        outer, self.used = self.used, {}
        try:
            yield self.used
        finally:
            self.used = outer

    def sign(self, expression: Expression) -> int:
        """Return 1, 0 or -1 for an expression in parameters."""
        expression = sp.sympify(expression)
        if expression.free_symbols & self.ranges.keys():
            raise Undecided("the sign of {} depends on the state", expression)
        known = structural(expression)
        if known is None and not expression.is_number:
            expression = factored(expression)
            known = structural(expression)
        if known is not None:
            return known
        if isinstance(expression, sp.Mul):
            return self._sign_of_product(expression)
        if isinstance(expression, sp.Pow) and expression.exp.is_Integer:
            sign = self.sign(expression.base)
            if sign == 0 and expression.exp.is_negative:
                raise Undecided("{} divides by zero", expression)
            return sign if expression.exp.is_odd else abs(sign)
        return self._sign_by_value(expression)

    def _sign_of_product(self, product: Any) -> int:
        sign, notes = 1, {}
        for factor in product.args:
            with self.recording() as used:
                part = self.sign(factor)
            sign *= part
            notes = notes | used if part else used
            if part == 0:  # then the other factors do not matter
                break
        self.used |= notes
        return sign

    def _sign_by_value(self, expression: Expression) -> int:
        signs: dict[int | None, list[Row]] = {}
        for row in self.rows:
            signs.setdefault(sign_of_value(expression, row), []).append(row)
        if None in signs:
            needs = sp.Gt(expression, 0) if expression.free_symbols else None  # of a number SymPy would work it out
            raise Undecided("the sign of {} is not known", expression, needs=needs)
        if len(signs) > 1:
            raise Split(tuple(tuple(group) for group in signs.values()))
        (sign,) = signs
        assert sign is not None
        if expression.free_symbols:
            relation = (sp.Eq, sp.Gt, sp.Lt)[sign](expression, 0)
            if relation not in (sp.true, sp.false):
                self.used[solved(relation)] = None
        return sign

    def at_least_zero(self, expression: Expression) -> bool:
        """Whether an expression in parameters is not negative."""
        if sp.sympify(expression).is_nonnegative:
            return True
        return self.sign(expression) >= 0
