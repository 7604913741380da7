"""Limits on declared expressions: finite and real, and small enough for SymPy."""

from functools import lru_cache
from math import comb, prod
from typing import Any

import sympy as sp

from ..algebra import value
from ..errors import ModelError
from .tokens import Source, Token

MAX_EXPONENT = 20
MAX_OPERATIONS, MAX_POWER = 5000, 1000
MAX_DIGITS = 300
#: SymPy distinguishes numbers by a hundred digits; far below that it does so reliably.
LARGEST = 1e50
#: SymPy computes 12**p to find the roots in 12**(p/q).
_MAX_FRACTION = 10**4
#: SymPy looks for the roots of a polynomial in one positive symbol, to know its sign.
_MAX_DEGREE = 10
_IRRATIONAL_COST = 3
#: SymPy multiplies out the argument of a function where it looks for its real part.
_MAX_TERMS = 50


def exact_number(source: Source, token: Token) -> sp.Expr:
    """Return the fraction that a decimal number is written as."""
    digits, _, power = token.text.lower().partition("e")
    if len(digits) > MAX_DIGITS or len(power) > 4 or abs(int(power or "0")) > MAX_DIGITS:
        message = f"a number of more than {MAX_DIGITS} digits; write a number of ordinary size"
        raise source.error(token.position, message)
    return sp.Rational(token.text)


def require_ordinary(result: Any, source: Source, token: Token, *, everywhere: bool = False) -> Any:
    """Return an expression that arose at a token, if it is finite and real as far as its top shows."""
    for part in sp.preorder_traversal(result) if everywhere else (result, *result.args):
        if part in (sp.zoo, sp.nan, sp.oo, -sp.oo):
            raise source.error(token.position, "this has no finite value (division by zero?)")
        if part is sp.I:
            raise source.error(token.position, "this is not a real number")
        if isinstance(part, sp.Rational) and max(abs(part.p), part.q) > 10**MAX_DIGITS:
            message = f"a number of more than {MAX_DIGITS} digits arises; use numbers of ordinary size"
            raise source.error(token.position, message)
        if isinstance(part, sp.Pow) and not isinstance(part, sp.exp):
            require_exponent(part.base, part.exp, source, token)
    if result.is_number:
        ordinary_value(result, source, token)
    elif result.has(sp.Add):
        _require_low_degree(result, source, token)
    return result


def require_exponent(base: sp.Expr, exponent: Any, source: Source, token: Token) -> None:
    """Check an exponent before SymPy evaluates the power."""
    # SymPy may split 2**(9**9 + V) into factors and work out the first, so no number in it may be large
    numbers = exponent.atoms(sp.Rational)
    if any(abs(number) > MAX_EXPONENT for number in numbers) or (
        exponent.is_number and abs(ordinary_value(exponent, source, token)) > MAX_EXPONENT
    ):
        message = f"an exponent with numbers larger than {MAX_EXPONENT}; write smaller ones"
        raise source.error(token.position, message)
    has_factor = any(abs(number) != 1 for number in base.atoms(sp.Rational))
    constant: Any = exponent.as_coeff_Add()[0]
    if has_factor and constant.is_Rational and max(abs(constant.p), constant.q) > _MAX_FRACTION:
        message = "an exponent with too many digits over a number; write up to four, or make it a parameter"
        raise source.error(token.position, message)


def require_size(expression: sp.Basic, where: str) -> None:
    """Check an expression of SymPy before anything is done with it."""
    count, waiting = 0, [expression]
    while waiting:
        part = waiting.pop()
        count += 1
        if count > MAX_OPERATIONS:
            raise ModelError(f"{where}: more than {MAX_OPERATIONS} operations, symbols and numbers; write less")
        if isinstance(part, sp.Rational) and max(abs(part.p), part.q).bit_length() > 4 * MAX_DIGITS:
            raise ModelError(f"{where}: a number of more than {MAX_DIGITS} digits; write one of ordinary size")
        if isinstance(part, sp.Pow) and not isinstance(part, sp.exp):
            for number in part.exp.atoms(sp.Number):
                if number.is_finite and abs(number) > MAX_POWER:
                    raise ModelError(
                        f"{where}: a number above {MAX_POWER} in the exponent of {part}; write a smaller one"
                    )
        waiting.extend(part.args)


def require_argument(argument: sp.Expr, source: Source, token: Token) -> None:
    """Check the argument of a function, at the function's name."""
    if _terms(argument) > _MAX_TERMS:
        message = f"the argument of {token.text} has more than {_MAX_TERMS} terms when multiplied out; simplify it"
        raise source.error(token.position, message)


def require_exponential(argument: sp.Expr, source: Source, token: Token) -> None:
    """Check the argument of exp before SymPy turns `exp(a*log(b))` into `b**a`."""
    for product in argument.atoms(sp.Mul) if argument.has(sp.log) else ():
        for logarithm in product.atoms(sp.log):
            require_exponent(logarithm.args[0], product.as_coeff_Mul()[0], source, token)


def _require_low_degree(expression: sp.Expr, source: Source, token: Token) -> None:
    symbols: list[Any] = list(expression.free_symbols)
    is_signed = len(symbols) == 1 and (symbols[0].is_extended_nonnegative or symbols[0].is_extended_nonpositive)
    if is_signed and _degree(expression) > _MAX_DEGREE:
        message = f"a polynomial in {symbols[0]} alone of degree above {_MAX_DEGREE} (irrational numbers count more)"
        raise source.error(token.position, f"{message}; make part of it a parameter")


@lru_cache(maxsize=2000)
def _degree(expression: Any) -> float:
    """A bound of the degree of a sum's numerator, higher where its numbers are hard to multiply out."""
    if expression.is_Symbol:
        return 1
    parts = [_degree(part) for part in expression.args]
    if expression.is_Add:
        # over a common denominator the degrees of the denominators add up
        fractions = sum(degree for part, degree in zip(expression.args, parts, strict=True) if _is_fraction(part))
        return max(parts) + fractions
    if expression.is_Mul:
        return sum(parts) * _cost(expression.args)
    if expression.is_Pow and expression.exp.is_Rational:
        return _degree(expression.base) * abs(expression.exp) * _cost((expression.base,))
    return max(parts, default=0)


@lru_cache(maxsize=2000)
def _terms(expression: Any) -> int:
    """The number of terms of an expression that is multiplied out."""
    if expression.is_Add:
        return sum(_terms(part) for part in expression.args)
    if expression.is_Mul:
        return prod(_terms(part) for part in expression.args)
    if expression.is_Pow and expression.exp.is_Integer:
        terms, power = _terms(expression.base), abs(int(expression.exp))
        # no larger number is needed than one that is refused
        return min(comb(power + terms - 1, power), 10**6) if power <= MAX_EXPONENT else terms
    # a function has a real and an imaginary part, in which its argument is multiplied out again
    return 2 * max(_terms(part) for part in expression.args) if expression.args else 1


def _is_fraction(term: Any) -> bool:
    factors: Any = sp.Mul.make_args(term)
    return any(power.is_Pow and power.exp.is_Rational and power.exp < 0 for power in factors)


def _cost(factors: Any) -> int:
    inside = (part for factor in factors if factor.is_Add for part in sp.preorder_traversal(factor))
    return _IRRATIONAL_COST if any(part.is_number and not part.is_Rational for part in inside) else 1


def ordinary_value(number: sp.Expr, source: Source, token: Token) -> float:
    """Return the value of a number."""
    try:
        found = value(number)
    except ArithmeticError:
        found = 2 * LARGEST
    if number != 0 and not 1 / LARGEST <= abs(found) <= LARGEST:
        message = f"this is not a real number of ordinary size ({1 / LARGEST:g} to {LARGEST:g})"
        raise source.error(token.position, message)
    return float(found)


def surely_real(expression: sp.Expr) -> bool:
    """Whether an expression is real wherever it is defined, judged by its roots and logarithms."""
    roots: set[Any] = {power.base for power in expression.atoms(sp.Pow) if not power.exp.is_integer}
    logarithms: set[Any] = {logarithm.args[0] for logarithm in expression.atoms(sp.log)}
    return all(part.is_extended_nonnegative for part in roots | logarithms)
