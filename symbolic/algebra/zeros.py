"""Zero tests and signs with bounded work.

`sympy.simplify` tries dozens of strategies, some of which do not return for harmless expressions. A certificate needs
less: to know that an expression is zero, that it is not, or that neither could be shown.
"""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import sympy as sp

from ..enclosure import sign_at
from ..errors import ModelError
from .simplification import expanded, fraction, is_long, multiplied_out, raw_coefficients
from .values import complex_value, numbers, value

_BITS = 160  # of the numbers that distinguish an expression from zero
_TRIES, _ENOUGH, _DIGITS = 24, 3, 60
_PROBES = ("7/11", "-13/17", "23/19", "-3/29", "5/31")


def is_zero(expression: Any) -> bool | None:
    """Whether an expression is zero for all real values of its symbols; None if undecided.

    Example:
        >>> x, y = sp.symbols("x y", real=True)
        >>> is_zero((x + y) ** 2 - x**2 - 2 * x * y - y**2), is_zero(sp.sin(x) ** 2 + sp.cos(x) ** 2 - 1)
        (True, True)
        >>> is_zero(x - y)
        False
    """
    expression = sp.sympify(expression)
    if expression.is_Rational:
        return bool(expression.is_zero)
    if any(_probes(expression)):
        return False
    if any(form == 0 for form in _normal_forms(expression)):
        return True
    return None


def _normal_forms(expression: Any) -> Iterator[Any]:
    """Ways to write an expression, some of which are 0 if it is zero; the cheapest first."""
    yield expanded(expression)
    if is_long(expression):
        return
    yield _numerator(expression)
    if expression.has(sp.tan, sp.cot, sp.sin, sp.cos):
        plain = sp.expand_trig(expanded(expression)).rewrite(sp.tan, sp.sin)
        yield expanded(plain)
        yield _on_the_unit_circle(_numerator(plain))
    powers = sp.powsimp(expanded(expression.rewrite(sp.exp)))
    yield expanded(powers)
    yield _numerator(powers)
    if expression.has(sp.log):
        yield expanded(sp.expand_log(expression, force=False))


def _numerator(expression: Any) -> Any:
    found = fraction(expression)
    return expression if found is None else expanded(found[0])


def _on_the_unit_circle(polynomial: Any) -> Any:
    """Replace every even power of a sine by the cosine of the same argument."""
    result = expanded(polynomial)
    for sine in sorted(result.atoms(sp.sin), key=sp.default_sort_key):
        stand_in, square = sp.Dummy("s"), 1 - sp.cos(sine.args[0]) ** 2
        row = raw_coefficients(result.subs(sine, stand_in), stand_in)
        if row is None:
            return result
        reduced = [c * stand_in ** (power % 2) * square ** (power // 2) for power, c in enumerate(row)]
        result = expanded(sp.Add(*reduced).subs(stand_in, sine))
    return result


def _probes(expression: Any) -> Iterator[bool]:
    """Whether an expression is certainly not zero, at a few points that the symbols' assumptions admit."""
    symbols = sorted(expression.free_symbols, key=str)
    if any(not symbol.is_real for symbol in symbols):
        return
    for shift in range(len(_PROBES)):
        point = {symbol: _admitted(symbol, shift + place) for place, symbol in enumerate(symbols)}
        try:
            yield bool(sign_at(expression, point, most_bits=_BITS))
        except ModelError:  # a function of which no bounds are known
            return


def _admitted(symbol: sp.Symbol, place: int) -> Any:
    value = sp.Rational(_PROBES[place % len(_PROBES)]) * (1 + place // len(_PROBES))
    if symbol.is_nonnegative:
        return abs(value)
    return -abs(value) if symbol.is_nonpositive else value


def vanishes(expression: Any, known: Mapping[Any, Any] | None = None) -> bool:
    """Whether neither 40 digits nor an enclosure at several places distinguishes an expression from zero.

    Args:
        expression: The expression.
        known: Values of some of its symbols.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> vanishes(sp.sin(x) ** 2 + sp.cos(x) ** 2 - 1), vanishes(sp.sin(x) - x), vanishes(sp.exp(-300) * x)
        (True, False, False)
    """
    expression = sp.sympify(expression)
    if expression.is_Rational:
        return expression == 0
    tried, source = 0, random.Random(7)
    fixed = dict(known or {})
    symbols = sorted(expression.free_symbols - fixed.keys(), key=lambda symbol: symbol.name)
    for _ in range(_TRIES if symbols else 1):
        point = fixed | {symbol: _drawn(symbol, source) for symbol in symbols}
        try:
            size = sum(abs(complex_value(term, point, _DIGITS)) for term in sp.Add.make_args(expression))
            here = abs(complex_value(expression, point, _DIGITS))
        except (ArithmeticError, AttributeError):
            continue
        if here > (1 + size) * numbers().mpf(10) ** (20 - _DIGITS):
            return False
        tried += 1
        if tried == _ENOUGH:
            break
    if not tried:
        return multiplied_out(expression) == 0
    return bool(fixed) or not any(_probes(expression))


def _drawn(symbol: Any, source: random.Random) -> Any:
    size = sp.Rational(source.randint(11, 97), source.randint(23, 61))
    return -size if symbol.is_negative or (not symbol.is_nonnegative and source.random() < 0.5) else size


def sign(expression: Any, point: dict[Any, Any] | None = None) -> int | None:
    """The sign of a real number, or of an expression at given values; None where it has none."""
    expression = sp.sympify(expression)
    if expression in (sp.oo, -sp.oo):
        return 1 if expression is sp.oo else -1
    try:
        found = value(expression, point)
        size = max(abs(value(term, point)) for term in sp.Add.make_args(expression))
    except (ArithmeticError, AttributeError):
        return None
    return 0 if abs(found) <= numbers().mpf(10) ** -32 * (size + numbers().mpf(10) ** -60) else 1 if found > 0 else -1
