"""The constant that must be added to a scalar field for spikes without end: minus its least value."""

from typing import Any

import sympy as sp

from ..errors import DerivationError
from ..limits import Budget, TimeLimit
from .arrangement import number, pieces_of, real_zeros, same


def find_rheobase(potential: Any, field: Any, ends: tuple[Any, Any], row: dict[Any, Any], budget: Budget) -> Any:
    """Return minus the least value of a field between the reset and the spike; None where there is no formula.

    Args:
        potential: The symbol of the potential.
        field: Its time derivative.
        ends: Reset and spike.
        row: Parameter values that tell which value is the least.
        budget: What the search may take.

    Example:
        >>> V, a = sp.symbols("V a", real=True)
        >>> find_rheobase(V, V**2 - a * V, (-sp.oo, sp.oo), {a: 2}, Budget(2.0))
        a**2/4
    """
    try:
        candidates = budget.spend(1.5, lambda: _least_values(potential, field, ends, row))
    except (TimeLimit, NotImplementedError, ValueError, TypeError, DerivationError):
        return None
    least, value = None, sp.oo
    for candidate in candidates:
        here = number(candidate, row)
        if here == sp.nan or here.is_extended_real is not True:
            return None
        if least is None or here < value:
            least, value = candidate, here
    return None if least is None else sp.simplify(-least)


def _least_values(potential: Any, field: Any, ends: tuple[Any, Any], row: dict[Any, Any]) -> list[Any]:
    """The values of the field at the ends of every piece, and where its slope vanishes in between."""
    found = []
    for low, high, piece in pieces_of(potential, field, ends[1], [row]):
        if number(high, row) <= number(ends[0], row):
            continue
        low = ends[0] if number(low, row) < number(ends[0], row) else low
        found += [_value(piece, potential, low, "+"), _value(piece, potential, high, "-")]
        slope = sp.diff(piece, potential)
        inside = [zero for zero in real_zeros(potential, slope.subs(row))
                  if number(low, row) < number(zero, row) < number(high, row)]  # fmt: skip
        closed = [] if not inside else sp.solve(slope, potential)
        for zero in inside:
            names = [root for root in closed if number(root, row).is_real and same(root, zero, row)]
            if not names and slope.free_symbols - {potential}:
                raise DerivationError("the least value has no closed form in the parameters")
            found.append(piece.subs(potential, names[0] if names else zero))
    return found


def _value(field: Any, potential: Any, place: Any, side: str) -> Any:
    return sp.limit(field, potential, place, side) if place in (sp.oo, -sp.oo) else field.subs(potential, place)
