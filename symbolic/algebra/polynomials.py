"""Polynomials in one variable with symbols in their coefficients: coefficients, factors, and zeros by radicals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .simplification import digits, factored, fraction, nodes, raw_coefficients, summands, tidy
from .values import value
from .zeros import is_zero, sign

_MOST_DEGREE, _MOST_DIGITS = 12, 40
Row = dict[Any, Any]


def coefficients(expression: Any, variable: Any, most: int = 12) -> list[Any] | None:
    """The coefficients of a polynomial, constant term first, the last one certainly not zero but for a constant.

    None if it is not a polynomial of a degree up to `most`, or if its degree is not certain.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> coefficients(sp.exp(-300) * x**2 + x, x), coefficients((sp.sqrt(6) - sp.sqrt(2) * sp.sqrt(3)) * x**2 + x, x)
        ([0, 1, exp(-300)], [0, 1])
    """
    row = raw_coefficients(expression, variable, most)
    while row is not None and len(row) > 1 and (zero := is_zero(row[-1])) is not False:
        row = row[:-1] if zero else None
    return row


def affine_split(expression: Any, variables: Sequence[Any]) -> tuple[dict[Any, Any], Any] | None:
    """Split an expression that is affine in several variables into slopes and a constant; None if it is not.

    Example:
        >>> x, z, a = sp.symbols("x z a", real=True)
        >>> affine_split((x - z) / a + 1, (x, z)), affine_split(x * z, (x, z))
        (({x: 1/a, z: -1/a}, 1), None)
    """
    slopes: dict[Any, list[Any]] = {}
    constant: list[Any] = []
    if not variables:
        return {}, expression
    for term in summands(expression):
        factor, rest = term.as_independent(*variables, as_Add=False)
        if rest == 1:
            constant.append(term)
        elif rest in variables:
            slopes.setdefault(rest, []).append(factor)
        else:
            return None
    found = {variable: tidy(sp.Add(*slopes[variable])) for variable in variables if variable in slopes}
    return {variable: slope for variable, slope in found.items() if slope != 0}, sp.Add(*constant)


def low_roots(expression: Any, variable: Any) -> list[Any]:
    """The zeros of the numerator of a quotient if its degree is 1 or 2, including complex ones; else nothing.

    Example:
        >>> x, z = sp.symbols("x z", positive=True)
        >>> low_roots(1 / x**2 - 4 / z**2, x), low_roots(x**3 - 1, x)
        ([z/2, -z/2], [])
    """
    found = fraction(expression)
    row = None if found is None else coefficients(found[0], variable, 2)
    if row is None or len(row) == 1:
        return []
    if len(row) == 2:
        return [tidy(-row[0] / row[1])]
    root = sp.sqrt(tidy((row[1] ** 2 - 4 * row[0] * row[2]) / (4 * row[2] ** 2)))
    return [tidy(-row[1] / (2 * row[2]) + turn * root) for turn in (1, -1)]


@dataclass(frozen=True)
class Factor:
    """A power of a polynomial of degree 1 or 2, with the leading coefficient 1 and real coefficients."""

    coefficients: tuple[Any, ...]
    power: int
    discriminant: int | None = None  # of degree 2: its sign, at the parameter values for which it was factored

    def zeros(self) -> list[Any]:
        """Its real zeros."""
        if len(self.coefficients) == 2:
            return [tidy(-self.coefficients[0])]
        if self.discriminant == -1:
            return []
        constant, slope, _ = self.coefficients
        root = _root(slope**2 - 4 * constant, 2)
        return [tidy((-slope - root) / 2), tidy((-slope + root) / 2)]


def factor(polynomial: Any, variable: Any, rows: Sequence[Row]) -> tuple[Any, list[Factor]] | None:
    """Factor a polynomial with real coefficients into a constant and factors of degree 1 and 2, if radicals do that.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> sorted(part.zeros() for part in factor(x**4 - x, x, [{}])[1])
        [[], [0], [1]]
        >>> factor(x**5 - x - 1, x, [{}]) is None
        True
    """
    masked, back = _symbols_for_functions(polynomial, variable)
    quotient = fraction(masked)
    if quotient is None or variable in quotient[1].free_symbols:
        return None
    masked = quotient[0]
    row = coefficients(masked, variable)
    if row is None or digits(masked) > _MOST_DIGITS or nodes(masked) > 200 or len(masked.free_symbols) > 6:
        return None
    names = [{symbol: _value_of(expression, values) for symbol, expression in back.items()} for values in rows]
    if any(None in known.values() for known in names):
        return None
    values = [dict(given) | known for given, known in zip(rows, names, strict=True)]
    found = _factored(masked, variable, values) or _factored_binomial(row, values)
    if found is None:
        return None
    constant, factors = found
    split = [Factor(tuple(c.xreplace(back) for c in part), power, kind) for part, power, kind in factors]
    return (constant / quotient[1]).xreplace(back), split


_Found = tuple[Any, list[tuple[list[Any], int, int | None]]]


def _factored(polynomial: Any, variable: Any, values: list[Row]) -> _Found | None:
    """Factor over the fractions, and what is irreducible there by radicals."""
    pieces = sp.factor_list(polynomial)
    constant, found = pieces[0], []
    for piece, power in pieces[1]:
        parts = coefficients(piece, variable)
        if parts is None:
            return None
        constant *= parts[-1] ** power
        if len(parts) == 1:
            continue
        split = _of_low_degree([tidy(part / parts[-1]) for part in parts], values)
        if split is None:
            return None
        found += [(part, power, kind) for part, kind in split]
    return constant, found


def _factored_binomial(row: list[Any], values: list[Row]) -> _Found | None:
    """Factor `y**k (a y**n + b)`."""
    degrees = [degree for degree, c in enumerate(row) if c != 0]
    if len(degrees) != 2:
        return None
    low, high = degrees
    split = _binomial(tidy(row[low] / row[high]), high - low, values)
    if split is None:
        return None
    zero = [([sp.S.Zero, sp.S.One], low, None)] if low else []
    return row[high], [*zero, *((part, 1, kind) for part, kind in split)]


def _symbols_for_functions(expression: Any, variable: Any) -> tuple[Any, dict[Any, Any]]:
    """Symbols in place of functions and roots of the other symbols."""
    names: dict[Any, Any] = {}

    def of(part: Any) -> Any:
        if part.is_Symbol or part.is_Rational:
            return part
        if variable in part.free_symbols or part.is_Add or part.is_Mul:
            return part.func(*map(of, part.args))
        if part.is_Pow and part.exp.is_Integer:
            return of(part.base) ** part.exp
        return names.setdefault(part, sp.Dummy("f", positive=part.is_positive, real=True))

    replaced = of(expression)
    return replaced, {name: part for part, name in names.items()}


def _value_of(expression: Any, row: Row) -> Any:
    try:
        return sp.Float(value(expression, row, 50), 50)
    except ArithmeticError:
        return None


def _of_low_degree(row: list[Any], values: list[Row]) -> list[tuple[list[Any], int | None]] | None:
    """Split an irreducible polynomial with leading coefficient 1 into real factors of degree 1 and 2."""
    if len(row) == 2:
        return [(row, None)]
    if len(row) == 3:
        kinds = {sign(row[1] ** 2 - 4 * row[0], known) for known in values}
        return [(row, kinds.pop())] if kinds in ({1}, {-1}) else None
    if not any(row[1:-1]):
        return _binomial(row[0], len(row) - 1, values)
    if len(row) == 5 and row[1] == row[3] == 0:
        return _biquadratic(row[0], row[2], values)
    return None


def _binomial(constant: Any, degree: int, values: list[Row]) -> list[tuple[list[Any], int | None]] | None:
    """The factors of `y**n + c`, from its complex zeros, which lie on a circle."""
    signs = {sign(constant, known) for known in values}
    if signs not in ({1}, {-1}):
        return None
    is_positive = signs == {1}
    radius = _root(constant if is_positive else -constant, degree)
    found: list[tuple[list[Any], int | None]] = []
    for turn in range(degree):
        angle = sp.pi * (2 * turn + (1 if is_positive else 0)) / degree
        if angle == 0:
            found.append(([-radius, sp.S.One], None))
        elif angle == sp.pi:
            found.append(([radius, sp.S.One], None))
        elif angle < sp.pi:
            found.append(([radius**2, -2 * radius * sp.cos(angle), sp.S.One], -1))
    return found


def _biquadratic(constant: Any, square: Any, values: list[Row]) -> list[tuple[list[Any], int | None]] | None:
    """The factors of `y**4 + b y**2 + c`."""
    signs = [(sign(constant, known), sign(square**2 - 4 * constant, known), sign(square, known)) for known in values]
    if len(set(signs)) != 1:
        return None
    below, split, _ = signs[0]
    if split == 1:  # two real values of y**2
        root = _root(square**2 - 4 * constant, 2)
        found: list[tuple[list[Any], int | None]] = []
        for level in ((-square + root) / 2, (-square - root) / 2):
            kinds = {sign(level, known) for known in values}
            if kinds not in ({1}, {-1}):
                return None
            found.append(([tidy(-level), sp.S.Zero, sp.S.One], kinds.pop()))
        return found
    if below == 1 and split == -1:
        middle = _root(constant, 2)
        slope = _root(2 * middle - square, 2)
        return [([middle, slope, sp.S.One], -1), ([middle, -slope, sp.S.One], -1)]
    return None


def _root(expression: Any, order: int) -> Any:
    """A root of something positive, with powers taken out of it."""
    return tidy(sp.powdenest(sp.root(factored(tidy(expression)), order), force=False))
