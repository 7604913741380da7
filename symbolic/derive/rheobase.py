"""The constant that must be added to a scalar field for spikes without end: minus its least value."""

from collections.abc import Sequence
from typing import Any

import sympy as sp

from ..algebra import coefficients, factor, fraction, inserted, multiplied_out, numbers, sign, tidy, value
from ..errors import DerivationError
from .parameter_rows import Row
from .scalar.coordinate import coordinate_of, hyperbolic_as_exponentials, y
from .scalar.phase_line import pieces_of

_MOST_DEGREE, _DIGITS = 12, 25


def find_rheobase(potential: Any, field: Any, ends: tuple[Any, Any], rows: Sequence[Row]) -> Any:
    """Return minus the least value of a field between the reset and the spike; None where there is no formula."""
    try:
        candidates = _least_values(potential, field, ends, list(rows))
        least = {_least(candidates, row) for row in rows}
    except (ArithmeticError, DerivationError):
        return None
    if len(least) != 1:
        return None
    return tidy(-candidates[least.pop()])


def _least(candidates: list[Any], row: Row) -> int:
    infinite = {sp.oo: numbers().inf, -sp.oo: -numbers().inf}
    sizes = [infinite[candidate] if candidate in infinite else value(candidate, row) for candidate in candidates]
    return min(range(len(sizes)), key=lambda index: sizes[index])


def _least_values(potential: Any, field: Any, ends: tuple[Any, Any], rows: list[Row]) -> list[Any]:
    """The values of the field at the ends of every piece, and where its slope vanishes in between."""
    found = []
    for low, high, piece in pieces_of(potential, field, ends[1], rows):
        if _is_above(ends[0], high, rows, or_at=True):
            continue
        low = ends[0] if low == -sp.oo or _is_above(ends[0], low, rows) else low
        found += [limit(piece, potential, low, rows[0]), limit(piece, potential, high, rows[0])]
        for zero in _turns(piece, potential, rows):
            if _is_above(zero, low, rows) and _is_above(high, zero, rows):
                found.append(inserted(piece, {potential: zero}))
    return list(dict.fromkeys(found))


def _is_above(left: Any, right: Any, rows: list[Row], or_at: bool = False) -> bool:
    """Whether a place lies above another, for all neurons alike."""
    if left in (sp.oo, -sp.oo) or right in (sp.oo, -sp.oo):
        return (left == sp.oo or right == -sp.oo) and left != right
    signs = {sign(left - right, row) for row in rows}
    if None in signs or len({one == 1 or (or_at and one == 0) for one in signs}) > 1:
        raise DerivationError("neurons with different parameters differ in where the field is least")
    return signs <= ({0, 1} if or_at else {1})


def _turns(field: Any, potential: Any, rows: list[Row]) -> list[Any]:
    """Where the slope of a field vanishes: by radicals, else as fractions where there are numbers alone."""
    slope = sp.diff(field, potential)
    coordinate = coordinate_of(slope, potential)
    found = None if coordinate is None else fraction(coordinate.rewritten(slope))
    if coordinate is None or found is None:
        raise DerivationError(f"where {slope} vanishes has no formula")
    if found[0] == 0:
        return []
    factors = factor(found[0], y, rows)
    if factors is not None:
        zeros = [zero for part in factors[1] for zero in part.zeros()]
        if coordinate.rate != 0:
            zeros = [zero for zero in zeros if sign(zero, rows[0]) == 1]
        return [tidy(coordinate.back(zero)) for zero in zeros]
    row = coefficients(found[0], y, _MOST_DEGREE)
    if row is None or coordinate.rate != 0 or not all(c.is_Rational for c in row):
        raise DerivationError(f"where {slope} vanishes has no formula")
    return [_rounded(root) for root in sp.Poly(row[::-1], y).real_roots(multiple=True, radicals=False)]


def _rounded(number: Any) -> Any:
    return number if number.is_Rational else sp.Rational(numbers().nstr(value(number), _DIGITS))


def limit(field: Any, potential: Any, place: Any, row: Row) -> Any:
    """The value of a field at a place, or what it tends to at infinity."""
    if place not in (sp.oo, -sp.oo):
        return inserted(field, {potential: place})
    total: dict[Any, list[Any]] = {}
    for term in sp.Add.make_args(_as_terms(field, potential)):
        constant, pace = _pace(term, potential, place, row)
        total.setdefault(pace, []).append(constant)
    sums = {pace: sp.Add(*constants) for pace, constants in total.items()}
    signs = {pace: sign(constant, row) for pace, constant in sums.items()}
    if None in signs.values():
        raise DerivationError(f"the field has no sign towards {place}")
    growing = [pace for pace, one in signs.items() if one and pace > (0, 0)]
    if growing:
        return sp.oo * signs[max(growing)]
    return sums.get((0, 0), sp.S.Zero)


def _as_terms(field: Any, potential: Any) -> Any:
    """A field as a sum of powers and exponentials; a quotient of polynomials as what its leading terms give."""
    terms = multiplied_out(hyperbolic_as_exponentials(field, potential))
    if field.is_rational_function(potential) and not field.is_polynomial(potential):
        found = fraction(field)
        above, below = (None if found is None else coefficients(part, potential) for part in found or (0, 0))
        if above is None or below is None:
            raise DerivationError(f"{field} is too long")
        return above[-1] / below[-1] * potential ** (len(above) - len(below))
    return terms


def _pace(term: Any, potential: Any, place: Any, row: Row) -> tuple[Any, tuple[Any, int]]:
    """The factor of a term, and how fast it grows: the rate of its exponential and its power."""
    constant, rest = term.as_independent(potential, as_Add=False)
    rate, power = numbers().mpf(0), 0
    for part in sp.Mul.make_args(rest):
        base, exponent = part.as_base_exp()
        if isinstance(part, sp.exp):
            slopes = coefficients(part.exp, potential)
            if slopes is None or len(slopes) > 2:
                raise DerivationError(f"how fast {term} grows cannot be read off its form")
            constant *= sp.exp(slopes[0])
            rate += value(slopes[-1] if len(slopes) == 2 else sp.S.Zero, row) * (1 if place == sp.oo else -1)
        elif base == potential and exponent.is_Integer:
            power += int(exponent)
        elif part != 1:
            raise DerivationError(f"how fast {term} grows cannot be read off its form")
    return constant * (-1 if place == -sp.oo and power % 2 else 1), (float(rate), power)
