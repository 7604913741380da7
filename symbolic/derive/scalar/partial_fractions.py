"""Partial fractions and the logarithms that they leave: polynomials are lists of coefficients, constant term first."""

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp

from ...algebra import Factor, factored, tidy

_MOST_POWERS = 12


def product(factors: Sequence[Factor]) -> list[Any]:
    """The product of factors."""
    row = [sp.S.One]
    for part in factors:
        for _ in range(part.power):
            row = _times(row, list(part.coefficients))
    return row


def _times(left: list[Any], right: list[Any]) -> list[Any]:
    row = [sp.S.Zero] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            row[i + j] += a * b
    return [tidy(c) for c in row]


def divided(above: list[Any], below: list[Any]) -> tuple[list[Any], list[Any]]:
    """Quotient and remainder; the leading coefficient of the divisor is 1."""
    rest, quotient = list(above), []
    while len(rest) >= len(below):
        lead = rest[-1]
        quotient.append(lead)
        shift = len(rest) - len(below)
        rest = [tidy(c - (lead * below[k - shift] if k >= shift else 0)) for k, c in enumerate(rest)][:-1]
    return quotient[::-1], rest or [sp.S.Zero]


def partial_fractions(above: list[Any], part: Factor, others: list[Any]) -> Iterator[tuple[int, list[Any]]]:
    """The partial fractions of `above / (part * others)` whose denominators are powers of the factor."""
    row = list(part.coefficients)
    reciprocal = _reciprocal(divided(others, row)[1], row)
    for power in range(part.power, 0, -1):
        numerator = divided(_times(divided(above, row)[1], reciprocal), row)[1]
        yield power, numerator
        product = _times(numerator, others)
        width = max(len(above), len(product))
        padded = [[*r, *[sp.S.Zero] * (width - len(r))] for r in (above, product)]
        above = divided([tidy(a - b) for a, b in zip(*padded, strict=True)], row)[0] or [sp.S.Zero]


def _reciprocal(row: list[Any], modulus: list[Any]) -> list[Any]:
    """The reciprocal of a polynomial of degree 0 or 1 modulo one of degree 1 or 2."""
    if len(row) == 1 or len(modulus) == 2:
        return [1 / row[0]]
    (low, high), (c, b, _) = row, modulus
    norm = tidy(low**2 - low * high * b + high**2 * c)
    return [tidy((low - high * b) / norm), tidy(-high / norm)]


def joined(logarithms: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Join logarithms whose factors have rational ratios into one."""
    groups: list[list[tuple[Any, Any]]] = []  # ratios to the first factor, and arguments
    firsts: list[Any] = []
    for c, argument in logarithms:
        for first, group in zip(firsts, groups, strict=True):
            ratio = tidy(c / first)
            if ratio.is_Rational:
                group.append((ratio, argument))
                break
        else:
            firsts.append(c)
            groups.append([(sp.S.One, argument)])
    found = []
    for first, group in zip(firsts, groups, strict=True):
        ratios = [ratio for ratio, _ in group]
        unit = sp.Rational(sp.igcd(0, 0, *(ratio.p for ratio in ratios)), sp.ilcm(1, 1, *(ratio.q for ratio in ratios)))
        powers = [ratio / unit for ratio in ratios]
        if any(abs(power) > _MOST_POWERS for power in powers):
            found += [(first * ratio, argument) for ratio, argument in group]
            continue
        whole = sp.Mul(*(argument**power for power, (_, argument) in zip(powers, group, strict=True)))
        above, below = sp.fraction(whole)
        found.append((first * unit, factored(above) / factored(below)))
    return found
