"""SymPy expressions as functions of intervals."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, reduce
from typing import Any

import sympy as sp

from ..errors import ModelError
from .functions import FUNCTIONS, real_power, square_root, steps
from .interval import Arithmetic, Interval

#: The intervals of the symbols.
Box = Mapping[Any, Interval]
Compiled = Callable[[Arithmetic, Box], Interval]

_CONSTANTS = {sp.pi: "pi", sp.E: "e", sp.EulerGamma: "euler"}


@lru_cache(maxsize=4096)
def compiled(expression: Any) -> Compiled:
    """Turn an expression into a function of the intervals of its symbols."""
    if expression.is_Symbol:
        return lambda arithmetic, box: box[expression]
    work = _operation(expression)
    return work if expression.free_symbols else _constant(work)


def _constant(work: Compiled) -> Compiled:
    known: dict[Arithmetic, Interval] = {}

    def apply(arithmetic: Arithmetic, box: Box) -> Interval:
        if arithmetic not in known:
            known[arithmetic] = work(arithmetic, box)
        return known[arithmetic]

    return apply


def _operation(expression: Any) -> Compiled:
    if expression in (sp.oo, -sp.oo, sp.zoo, sp.nan, sp.I):
        return lambda arithmetic, box: arithmetic.undefined
    if expression.is_Rational or expression.is_Float:
        number: Any = sp.Rational(expression)
        return lambda arithmetic, box: arithmetic.of(*arithmetic.numbers.ratio(int(number.p), int(number.q)))
    if expression in _CONSTANTS:
        return lambda arithmetic, box: arithmetic.of(*arithmetic.numbers.constant(_CONSTANTS[expression]))
    if isinstance(expression, sp.Piecewise):
        return _piecewise(expression)
    if isinstance(expression, sp.Pow) and not isinstance(expression, sp.exp):
        return _power(*expression.as_base_exp()) if expression.base != sp.E else _power(sp.E, expression.exp)
    if isinstance(expression, sp.Heaviside):
        return _heaviside(*expression.args[:2])
    operation = _OPERATIONS.get(expression.func)
    if operation is None or not expression.args:
        known = FUNCTIONS.get(expression.func)
        if known is None or len(expression.args) != 1:
            name = expression.func.__name__
            raise ModelError(f"the zeros of expressions with {name} cannot be found yet; write it differently")
        inner = compiled(expression.args[0])
        return lambda arithmetic, box: known(arithmetic, inner(arithmetic, box))
    parts = [compiled(part) for part in expression.args]
    return lambda arithmetic, box: reduce(
        lambda left, right: operation(arithmetic, left, right), [part(arithmetic, box) for part in parts]
    )


_OPERATIONS: dict[Any, Callable[[Arithmetic, Interval, Interval], Interval]] = {
    sp.Add: Arithmetic.add, sp.Mul: Arithmetic.multiply, sp.Max: Arithmetic.maximum, sp.Min: Arithmetic.minimum,
}  # fmt: skip


def _power(base: Any, exponent: Any) -> Compiled:
    inner, raised = compiled(base), compiled(exponent)
    if exponent.is_Integer:
        return lambda arithmetic, box: arithmetic.power(inner(arithmetic, box), int(exponent))
    if exponent.is_Rational and exponent.q == 2:
        return lambda arithmetic, box: arithmetic.power(square_root(arithmetic, inner(arithmetic, box)), exponent.p)
    return lambda arithmetic, box: real_power(arithmetic, inner(arithmetic, box), raised(arithmetic, box))


def _heaviside(argument: Any, at_zero: Any) -> Compiled:
    inner, middle = compiled(argument), compiled(at_zero)
    return lambda arithmetic, box: steps(
        arithmetic, inner(arithmetic, box), arithmetic.zero, middle(arithmetic, box), arithmetic.one
    )


def _piecewise(expression: Any) -> Compiled:
    """The hull of the branches that may be valid, each on the part of the box where its condition may hold."""
    branches = [(compiled(piece), truth(condition), _limits(condition), _limits(sp.Not(condition)))
                for piece, condition in expression.args]  # fmt: skip

    def apply(arithmetic: Arithmetic, box: Box) -> Interval:
        found, left = [], dict(box)
        for piece, holds, within, beyond in branches:
            answer = holds(arithmetic, left)
            here = None if answer is False else _limited(arithmetic, left, within)
            if here is not None:
                found.append(piece(arithmetic, here))
            if answer:
                break
            rest = _limited(arithmetic, left, beyond)
            if rest is None:
                break
            left = rest
        else:  # no branch may be valid somewhere
            found.append(arithmetic.undefined)
        return arithmetic.hull(found)

    return apply


@lru_cache(maxsize=1024)
def truth(condition: Any) -> Callable[[Arithmetic, Box], bool | None]:
    """Turn a condition into a function that tells whether it holds in all of a box, or nowhere; None if neither."""
    if condition in (sp.true, sp.false):
        return lambda arithmetic, box: condition == sp.true
    if isinstance(condition, sp.Not):
        inner = truth(condition.args[0])
        return lambda arithmetic, box: None if (found := inner(arithmetic, box)) is None else not found
    if isinstance(condition, (sp.And, sp.Or)):
        parts, decides = [truth(part) for part in condition.args], isinstance(condition, sp.Or)

        def joined(arithmetic: Arithmetic, box: Box) -> bool | None:
            answers = {part(arithmetic, box) for part in parts}
            return decides if decides in answers else None if None in answers else not decides

        return joined
    if not condition.is_Relational:
        return lambda arithmetic, box: None
    difference: Any = condition.lhs - condition.rhs
    gap = compiled(difference)

    def compared(arithmetic: Arithmetic, box: Box) -> bool | None:
        found = gap(arithmetic, box)
        if not found.is_defined:
            return None
        if found.sign is not None:
            return bool(condition.func(sp.Integer(found.sign), sp.S.Zero))
        if isinstance(condition, (sp.Ge, sp.Lt)) and found.low >= 0:
            return isinstance(condition, sp.Ge)
        if isinstance(condition, (sp.Le, sp.Gt)) and found.high <= 0:
            return isinstance(condition, sp.Le)
        return None

    return compared


_Limit = tuple[Any, bool, bool, Compiled]


def _limits(condition: Any) -> list[_Limit]:
    """Bounds of single symbols that a condition implies: symbol, whether it is above, whether strictly, the bound."""
    relation: Any = condition
    if isinstance(condition, sp.And):
        return [limit for part in condition.args for limit in _limits(part)]
    if not isinstance(condition, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
        return []
    gap: Any = relation.lhs - relation.rhs
    found = []
    for symbol in sorted(gap.free_symbols, key=str):
        slope: Any = sp.diff(gap, symbol)
        if slope.is_Rational and slope != 0:
            bound: Any = sp.expand(symbol - gap / slope)
            is_above = isinstance(condition, (sp.Gt, sp.Ge)) == bool(slope > 0)
            if symbol not in bound.free_symbols:
                found.append((symbol, is_above, isinstance(condition, (sp.Gt, sp.Lt)), compiled(bound)))
    return found


def _limited(arithmetic: Arithmetic, box: Box, limits: list[_Limit]) -> dict[Any, Interval] | None:
    """The part of a box within limits; None if there is nothing left of it."""
    left = dict(box)
    for symbol, is_above, is_strict, bound in limits:
        at = bound(arithmetic, left)
        if not at.is_defined:
            continue
        infinity, part = arithmetic.infinity, left[symbol]
        end = (
            arithmetic.of(at.low, infinity, is_strict)
            if is_above
            else arithmetic.of(-infinity, at.high, False, is_strict)
        )
        part = arithmetic.intersection(part, replace(end, is_defined=True))
        if part.low > part.high or (part.low == part.high and (part.misses_low or part.misses_high)):
            return None
        left[symbol] = part
    return left
