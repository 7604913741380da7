"""Normal forms and zero tests that take a bounded amount of work, whatever a user writes.

`sympy.simplify` tries dozens of strategies, some of which do not return for harmless expressions. A certificate needs
less: to know that an expression is zero, that it is not, or that neither could be shown.
"""

from collections.abc import Iterator
from typing import Any

import sympy as sp

from .enclosure import sign_at
from .errors import ModelError

#: Above these counts of operations a normal form is not tried.
_MAX_OPERATIONS, _MAX_FACTORED = 400, 150
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


def tidied(expression: Any) -> Any:
    """Write an expression with one denominator and common factors taken out, if it is not too long for that.

    Example:
        >>> I, V, tau = sp.symbols("I V tau")
        >>> tidied(I / tau - V / tau)
        (I - V)/tau
    """
    expression = sp.sympify(expression)
    if expression.is_Atom or expression.count_ops() > _MAX_OPERATIONS:
        return expression
    together: Any = sp.together(sp.expand(expression))
    forms: list[Any] = [expression, sp.factor_terms(together)]
    if together.is_rational_function(*together.free_symbols):
        cancelled: Any = sp.cancel(together)
        forms.append(sp.factor_terms(cancelled))
    return min(forms, key=lambda form: (form.count_ops(), len(str(form))))


def factored(expression: Any) -> Any:
    """Factor an expression that is not too long for that.

    Example:
        >>> x = sp.Symbol("x")
        >>> factored(x**2 - x)
        x*(x - 1)
    """
    if expression.count_ops() > _MAX_FACTORED:
        return sp.factor_terms(expression)
    product: Any = sp.factor(expression)
    return sp.factor_terms(product)


def _normal_forms(expression: Any) -> Iterator[Any]:
    """Ways to write an expression, some of which are 0 if it is zero; the cheapest first."""
    yield sp.expand(expression)
    if expression.count_ops() > _MAX_OPERATIONS:
        return
    numerator, _ = sp.fraction(sp.together(expression))
    yield sp.expand(numerator)
    if expression.has(sp.tan, sp.cot, sp.sin, sp.cos):
        plain = sp.expand_trig(sp.expand(expression)).rewrite(sp.tan, sp.sin)
        yield sp.expand(plain)
        yield _on_the_unit_circle(sp.fraction(sp.together(plain))[0])
    powers = sp.powsimp(sp.expand(expression.rewrite(sp.exp)))
    yield sp.expand(powers)
    yield sp.expand(sp.fraction(sp.together(powers))[0])
    if expression.has(sp.log):
        yield sp.expand(sp.expand_log(expression, force=False))


def _on_the_unit_circle(polynomial: Any) -> Any:
    """Replace every even power of a sine by the cosine of the same argument."""
    result = sp.expand(polynomial)
    for sine in sorted(result.atoms(sp.sin), key=sp.default_sort_key):
        stand_in, square = sp.Dummy("s"), 1 - sp.cos(sine.args[0]) ** 2
        poly = sp.Poly(result.subs(sine, stand_in), stand_in)
        terms = [c * stand_in ** (m[0] % 2) * square ** (m[0] // 2) for m, c in poly.terms()]
        result = sp.expand(sp.Add(*terms).subs(stand_in, sine))
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
