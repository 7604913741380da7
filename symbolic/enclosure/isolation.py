"""Isolation of all zeros of an expression by interval arithmetic."""

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import sympy as sp

from ..errors import ModelError
from . import enclosure, exactly, factors_of, inside, scaled, sign_at
from .smooth_zeros import DIGITS, MOST_BITS, Isolation, rational

#: Distance from zero up to which a field that is not a polynomial is searched.
WINDOW = 2.0**20
_PRECISE = 45
_PIECES = (sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.sign, sp.Heaviside)


def rounded(number: Any) -> sp.Expr:
    """Return a fraction that agrees with a number in the first 25 digits."""
    return sp.Rational(str(sp.N(number, DIGITS)))


def precisely(expression: Any, variable: sp.Symbol) -> Callable[[Any], Any]:
    """Turn an expression into a function that is evaluated with 45 digits."""
    function: Any = sp.lambdify(variable, expression, "mpmath")

    def evaluate(value: Any) -> Any:
        with mpmath.workdps(_PRECISE):
            return mpmath.mpmathify(function(mpmath.mpf(value)))

    return evaluate


def isolate(expression: Any, variable: sp.Symbol, low: float | Fraction, high: float | Fraction) -> list[Any]:
    """Halve intervals until each one has provably no zero, or exactly one; return the zeros as fractions.

    Each factor of the expression is searched apart, and each piece of a piecewise one. Polynomials with rational
    coefficients are solved exactly. A multiple zero is found where it is a simple fraction. Where a piecewise
    expression jumps from one sign to the other, that counts as a zero.
    """
    expression, ends = exactly(expression), (Fraction(low), Fraction(high))
    if expression.has(*_PIECES):
        pieces = _pieces(expression, variable, *ends)
        found = [zero for piece, *part in pieces for zero in _zeros(piece, variable, *part)]
        found += _jumps(expression, variable, pieces)
    else:
        found = _zeros(expression, variable, *ends)
    return sorted({_tidy(zero, expression, variable) for zero in found})


def _tidy(zero: Any, expression: Any, variable: sp.Symbol) -> Any:
    """A simple fraction where that is exactly the zero."""
    fraction: Any = rounded(zero)
    simple = fraction.limit_denominator(10_000)
    return simple if abs(simple - fraction) < 1e-18 and expression.subs(variable, simple) == 0 else fraction


def _pieces(
    expression: Any, variable: sp.Symbol, low: Fraction, high: Fraction
) -> list[tuple[Any, Fraction, Fraction]]:
    """Where an expression is made of several, each of them with the part of the line on which it holds."""
    folded: Any = sp.piecewise_fold(expression.rewrite(sp.Piecewise))
    if not isinstance(folded, sp.Piecewise):
        return [(folded, low, high)]
    branches: Any = folded.args
    relations: set[Any] = {atom for _, condition in branches for atom in condition.atoms(sp.core.relational.Relational)}
    edges = {zero for relation in relations for zero in isolate(relation.lhs - relation.rhs, variable, low, high)}
    slack = {Fraction(int(edge.p), int(edge.q)): _slack(edge, relations, variable) for edge in edges}
    slack |= {low: Fraction(0), high: Fraction(0)}
    places = sorted(slack)
    found = []
    for left, right in itertools.pairwise(places):
        at = inside(left, right)
        middle = sp.Rational(at.numerator, at.denominator)
        piece = next((piece for piece, condition in branches if condition.subs(variable, middle) == sp.true), None)
        if piece is None:
            raise ModelError(f"{expression} is not defined at {variable} = {float(at):.6g}; declare all its pieces")
        found.append((piece, left - slack[left], right + slack[right]))
        if piece == 0:
            raise ModelError(
                f"{expression} vanishes all over from {variable} = {float(left):.6g} to {float(right):.6g}"
            )
    return found


def _slack(edge: Any, relations: set[Any], variable: sp.Symbol) -> Fraction:
    """By how much an edge may lie elsewhere: by nothing where it is exact, else by its last digits."""
    if any((relation.lhs - relation.rhs).subs(variable, edge) == 0 for relation in relations):
        return Fraction(0)
    return Fraction(10, 10**DIGITS) * (1 + abs(Fraction(int(edge.p), int(edge.q))))


def _jumps(expression: Any, variable: sp.Symbol, pieces: list[tuple[Any, Fraction, Fraction]]) -> list[Any]:
    """The places between pieces at which an expression vanishes, or has different signs on either side."""
    found = []
    for (before, _, end), (after, start, _) in itertools.pairwise(pieces):
        at = rational((end + start) / 2)
        signs = [sign_at(piece, {variable: at}, MOST_BITS) for piece in (before, after)]
        if set(signs) == {-1, 1} or expression.subs(variable, at) == 0:
            found.append(at)
    return found


def _zeros(expression: Any, variable: sp.Symbol, low: Fraction, high: Fraction) -> list[Any]:
    """The zeros of an expression without kinks."""
    numerator, denominator = sp.fraction(sp.together(expression))
    found: list[Any] = []
    for factor in _factors(numerator):
        if variable in factor.free_symbols:
            found += [zero for zero in _zeros_of_factor(factor, expression, variable, low, high) if zero not in found]
    if variable in denominator.free_symbols:
        for zero in found:
            near = rounded(zero) * (1 + sp.Rational(1, 10**DIGITS)), rounded(zero) * (1 - sp.Rational(1, 10**DIGITS))
            if not enclosure(denominator, {variable: (min(near), max(near))}, 4 * _PRECISE).excludes_zero:
                raise ModelError(f"{expression} divides zero by zero at {variable} = {float(zero):.6g}; cancel it")
    return found


def _factors(expression: Any) -> list[Any]:
    bases = [factor.as_base_exp()[0] if factor.is_Pow and factor.exp.is_positive else factor
             for factor in factors_of(expression)]  # fmt: skip
    return [factor for factor in bases if not isinstance(factor, sp.exp)]


def _zeros_of_factor(expression: Any, whole: Any, variable: sp.Symbol, low: Fraction, high: Fraction) -> list[Any]:
    if expression.is_polynomial(variable):
        polynomial: Any = sp.Poly(expression, variable)
        if polynomial.domain.is_QQ or polynomial.domain.is_ZZ:
            first, last = (sp.Rational(end.numerator, end.denominator) for end in (low, high))
            return [root for root in sorted(set(polynomial.real_roots())) if first <= root <= last]
    return Isolation(expression, variable, [whole, *scaled(expression, variable)]).zeros(low, high)
