"""Zero tests that take a bounded amount of work, whatever a user writes.

`sympy.simplify` tries dozens of strategies, some of which do not return for harmless expressions. A certificate needs
less: to know that an expression is zero, that it is not, or that neither could be shown.
"""

from collections.abc import Iterator
from typing import Any

import sympy as sp

from ..enclosure import sign_at
from ..errors import ModelError
from .polynomials import raw_coefficients
from .simplification import fraction, nodes, terms

#: Above these sizes nothing is multiplied out.
_MAX_NODES, _MAX_TERMS = 3000, 500
_BITS = 160  # of the numbers with which an expression is told from zero
_PROBES = ("7/11", "-13/17", "23/19", "-3/29", "5/31")


def is_zero(expression: Any) -> bool | None:
    """Whether an expression is zero for all real values of its symbols; None if that could not be told.

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


def expanded(expression: Any) -> Any:
    """Multiply an expression out, arguments of functions too, where that makes few terms.

    Example:
        >>> x = sp.Symbol("x")
        >>> expanded((x + 1) ** 2), expanded((x + 1) ** 900)
        (x**2 + 2*x + 1, (x + 1)**900)
    """
    expression = sp.sympify(expression)
    if expression.is_Atom or nodes(expression) > _MAX_NODES or terms(expression) > _MAX_TERMS:
        return expression
    return sp.expand(expression)


def coefficients(expression: Any, variable: Any, most: int = 12) -> list[Any] | None:
    """The coefficients of a polynomial, constant term first, the last one certainly not zero but for a constant.

    None if it is no polynomial of a degree up to `most`, or if its degree is not certain.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> coefficients(sp.exp(-300) * x**2 + x, x), coefficients((sp.sqrt(6) - sp.sqrt(2) * sp.sqrt(3)) * x**2 + x, x)
        ([0, 1, exp(-300)], [0, 1])
    """
    row = raw_coefficients(expression, variable, most)
    while row is not None and len(row) > 1 and (zero := is_zero(row[-1])) is not False:
        row = row[:-1] if zero else None
    return row


def _normal_forms(expression: Any) -> Iterator[Any]:
    """Ways to write an expression, some of which are 0 if it is zero; the cheapest first."""
    yield expanded(expression)
    if nodes(expression) > _MAX_NODES or terms(expression) > _MAX_TERMS:
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
