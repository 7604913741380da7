"""The flow of a scalar field in closed form, on every component of its phase line."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import sympy as sp

from ..errors import DerivationError
from ..limits import TimeLimit
from .antiderivative import y
from .arrangement import number
from .derivation import t
from .evaluation import EXACT, QUADRATURE, digits_for, double, keeps_digits, precise, quadrature, some, unit_of
from .quadrature import Line, Part, choose, inverse, other_parts
from .writing import expanded, roots_taken_out

_TIMES, _LONG, _SECONDS = (0.003, 0.4, 0.97), 80, 2.0
_clock: Any = sp.Dummy("clock", real=True)


@dataclass(frozen=True)
class _Journey:
    """A potential, a time later, and the potential then: what a flow is compared with."""

    start: float
    time: float
    allowance: float  # by how much rounding start and time moves the end
    end: Any


def derive_flow(line: Line, rising: list[Part], through_spike: Any = None) -> tuple[Any, bool]:
    """Find the flow; return it and whether it is accurate.

    Args:
        line: The phase line.
        rising: The integrated parts of the component from which spikes come; empty if there is none.
        through_spike: The flow there as composed of the time to the spike and its inverse, if there is one.

    Raises:
        DerivationError: if there is no closed form.
    """
    components = line.arrangement.components
    parts = [other_parts(line, c) for c in (components[:-1] if rising else components)] + ([rising] if rising else [])
    one = _one_formula(line, parts, through_spike)
    if one is not None and one[1]:
        return one
    try:
        found = line.budget.spend(_SECONDS, lambda: _by_component(line, parts, rising, through_spike))
    except TimeLimit:
        found = None
    if found is not None and (one is None or found[1]):
        return found
    if one is None:
        raise DerivationError("SymPy cannot solve the integral for the potential")
    return one


def _by_component(line: Line, parts: list[list[Part]], rising: list[Part], through_spike: Any) -> Any:
    """A formula for every component, the zeros between them staying where they are; None if one is missing."""
    pieces, accurate = [], True
    for index, here in enumerate(parts):
        composed = [through_spike] if here is rising and through_spike is not None else []
        found = _on_component(line, here, composed)
        if found is None:
            return None
        last = index == len(parts) - 1
        zero = here[0].segment.high
        pieces.append((found[0], True if last else line.potential < zero))
        pieces += [] if last else [(zero, sp.Eq(line.potential, zero))]
        accurate = accurate and found[1]
    return sp.Piecewise(*pieces), accurate


def _one_formula(line: Line, parts: list[list[Part]], through_spike: Any) -> tuple[Any, bool] | None:
    """A single formula for all components, valid at the zeros between them too."""
    composed = [] if through_spike is None or len(parts) > 1 else [through_spike]
    if any(len(component) > 1 for component in parts) and not composed:
        return None

    def check(form: Any) -> tuple[bool, bool]:
        checks = [_check(line, component, form) for component in reversed(parts)]
        rests = all(_stays(line, form, zero) for zero in line.arrangement.zeros)
        return rests and all(right for right, _ in checks), all(good for _, good in checks)

    single = [] if len(parts[-1]) > 1 else _candidates(line, parts[-1][0])
    return choose(itertools.chain(single, composed), check)


def _on_component(line: Line, parts: list[Part], composed: list[Any]) -> tuple[Any, bool] | None:
    if len(parts) == 1 or composed:
        single = [] if len(parts) > 1 else _candidates(line, parts[0])
        return choose(itertools.chain(composed, single), lambda form: _check(line, parts, form))
    back = inverse(line, parts, _clock, lambda part, form: (_undoes(line, part, form), True))
    if back is None:
        return None
    clock = sp.Piecewise(
        *[(part.clock(line.potential), line.potential >= part.segment.low) for part in parts[:-1]],
        (parts[-1].clock(line.potential), True),
    )
    form = back[0].subs(_clock, clock + t)
    right, accurate = _check(line, parts, form)
    return (form, accurate) if right else None


def _undoes(line: Line, part: Part, form: Any) -> bool:
    row, digits = line.rows[0], digits_for(part.segment.field, line.potential)
    try:
        clock = precise([line.potential], part.clock(line.potential).subs(row), digits)
        back = precise([_clock], form.subs(row), digits)
        places = some(line.places(part.segment, row), 4)
        with mpmath.workdps(digits):
            return all(abs(back(clock(place)) - place) < EXACT * abs(place) for place in places)
    except DerivationError:
        return False


def _candidates(line: Line, part: Part) -> Any:
    found = part.antiderivative
    coordinate, now = found.coordinate, found.coordinate.of(line.potential)
    for candidate in found.advanced(t, line.solve):
        form = coordinate.back(candidate).subs(y, now)
        yield from dict.fromkeys((expanded(form), form) if form.count_ops() < _LONG else (form,))
        if any(power.exp.is_Rational and not power.exp.is_Integer for power in form.atoms(sp.Pow)):
            yield roots_taken_out(form)
    for candidate in found.inverses(found.value().subs(y, now) + t, line.solve):
        yield coordinate.back(candidate)


def _stays(line: Line, form: Any, zero: Any) -> bool:
    try:
        for row in line.rows:
            here = sp.sympify(zero).subs(row)
            there = precise([t], form.subs(row).subs(line.potential, here), 50)(0.3)
            if not abs(there - mpmath.mpf(str(number(here, {})))) < EXACT * (1 + abs(there)):
                return False
    except DerivationError:
        return False
    return True


def _check(line: Line, parts: list[Part], form: Any) -> tuple[bool, bool]:
    """Whether a formula solves the equation on a component, to 25 digits; and whether double precision keeps digits."""
    try:
        if not all(_solves(line, parts, form, row) for row in line.rows):
            return False, False
        journeys = _journeys(line, parts, form, line.rows[0])
    except DerivationError:
        return False, False
    values = double(
        [line.potential, t], form.subs(line.rows[0]), [(journey.start, journey.time) for journey in journeys]
    )
    if values is None:
        return True, False
    kept = keeps_digits(values, [journey.end for journey in journeys], [journey.allowance for journey in journeys])
    return True, bool(kept.all())


def _solves(line: Line, parts: list[Part], form: Any, row: dict[Any, Any]) -> bool:
    """Its derivative is the field, it begins where it should, and the time taken is what quadrature gives."""
    digits = max(digits_for(part.segment.field, line.potential) for part in parts)
    end = precise([line.potential, t], form.subs(row), digits)
    slope = precise([line.potential, t], sp.diff(form, t).subs(row), digits)
    fields = _fields(line, parts, row, digits)
    for part in parts:
        for place in some(line.places(part.segment, row), 3):
            with mpmath.workdps(digits):
                if not abs(end(place, 0) - place) < EXACT * (1 + abs(place)):
                    return False
                for time in _times(line, parts, part, place, row):
                    there = end(place, time)
                    if not abs(slope(place, time) / fields(there) - 1) < EXACT:
                        return False
    return _takes_its_time(line, parts, end, fields, row)


def _takes_its_time(line: Line, parts: list[Part], end: Callable, fields: Callable, row: dict[Any, Any]) -> bool:
    knots = [mpmath.mpf(str(number(part.segment.low, row))) for part in parts[:-1]]
    place = some(line.places(parts[-1].segment, row), 1)[0]
    for time in _times(line, parts, parts[-1], place, row)[1:]:
        there = end(place, time)
        low, high = sorted((mpmath.mpf(place), there))
        taken = quadrature(fields, low, high, sorted(knots))
        if not abs(abs(taken) - time) < QUADRATURE * time:
            return False
    return True


def _fields(line: Line, parts: list[Part], row: dict[Any, Any], digits: int) -> Callable:
    cut = [(_low(part, row), precise([line.potential], part.segment.field.subs(row), digits)) for part in parts]

    def field(place: Any) -> Any:
        return next(rate for low, rate in cut if place >= low or low == cut[-1][0])(place)

    return field


def _low(part: Part, row: dict[Any, Any]) -> Any:
    low = number(part.segment.low, row)
    return mpmath.mpf("-inf") if low == -sp.oo else mpmath.mpf(str(low))


def _times(line: Line, parts: list[Part], part: Part, place: float, row: dict[Any, Any]) -> list[float]:
    """Times before the spike, or on the scale on which the potential changes where no spike comes."""
    field = precise([line.potential], part.segment.field.subs(row), 50)
    if not part.forms:
        slope = precise([line.potential], sp.diff(part.segment.field.subs(row), line.potential), 50)
        steepness = max(abs(slope(place)), abs(field(place) / place) if place else 0, mpmath.mpf(1) / 3)
        return [float(fraction / steepness / 2) for fraction in _TIMES]  # before it could escape to minus infinity
    time = precise([line.potential], part.forms[0].subs(row), digits_for(part.segment.field, line.potential))(place)
    return [float(min(time, mpmath.mpf(1e290)) * fraction) for fraction in _TIMES]


def _journeys(line: Line, parts: list[Part], form: Any, row: dict[Any, Any]) -> list[_Journey]:
    digits = max(digits_for(part.segment.field, line.potential) for part in parts)
    end = precise([line.potential, t], form.subs(row), digits)
    fields = _fields(line, parts, row, digits)
    found = []
    for part in parts:
        unit = unit_of(part.segment.field.subs(row), line.potential)
        for place in some(line.places(part.segment, row), 12):
            for time in _times(line, parts, part, place, row):
                if not 1e-290 < time < 1e290:
                    continue
                there = end(place, time)
                # a change of the start moves the end in proportion to the field there
                moved = abs(fields(there)) * (time + abs(mpmath.mpf(place) / fields(place))) + unit
                found.append(_Journey(place, time, float(min(moved, mpmath.mpf(1e300))), there))
    return found
