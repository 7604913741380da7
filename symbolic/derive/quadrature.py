"""From antiderivatives to formulas: time to spike, its inverse and the flow, each checked before it is returned."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from ..errors import DerivationError
from ..limits import Budget, TimeLimit
from .antiderivative import Antiderivative, Coordinate, integrate, y
from .arrangement import Arrangement, Segment, between, number
from .evaluation import EXACT, QUADRATURE, digits_for, double, keeps_digits, precise, quadrature, samples, some, unit_of
from .phase_form import until_spike as u
from .writing import equal_forms

_PER_SEGMENT = 4


@dataclass(frozen=True)
class Line:
    """What formulas are derived from and checked on: a phase line, and parameter values for the checks."""

    potential: Any
    end: Any
    arrangement: Arrangement
    rows: tuple[dict[Any, Any], ...]
    budget: Budget

    def solve(self, equation: Any, unknown: Any) -> list[Any]:
        """Solve an equation; nothing where SymPy cannot, or not soon."""
        try:
            return list(self.budget.spend(1.0, lambda: sp.solve(equation, unknown)))
        except (NotImplementedError, ValueError, TypeError, TimeLimit):
            return []

    def integral(self, segment: Segment) -> Antiderivative:
        """Integrate on a segment."""
        place = between(segment.low, segment.high, self.rows[0])

        def is_positive(expression: Any, coordinate: Coordinate) -> bool:
            here = coordinate.of(place).subs(self.rows[0])
            return bool(expression.subs(self.rows[0]).subs(y, here).evalf(40) > 0)

        return self.budget.spend(2.0, lambda: integrate(segment.field, self.potential, is_positive))

    def places(self, segment: Segment, row: dict[Any, Any]) -> list[float]:
        """Potentials to try on a segment."""
        low, high = number(segment.low, row), number(segment.high, row)
        return samples(low, high, segment.field.subs(row), self.potential)


@dataclass(frozen=True)
class Part:
    """A segment with its antiderivative: along the flow, `antiderivative + offset` grows like time."""

    segment: Segment
    antiderivative: Antiderivative
    offset: Any
    forms: tuple[Any, ...] = ()  # of the time to the spike

    def clock(self, potential: Any) -> Any:
        """What grows like time, as a function of the potential."""
        coordinate = self.antiderivative.coordinate
        return self.antiderivative.value().subs(y, coordinate.of(potential)) + self.offset


def rising_parts(line: Line) -> list[Part]:
    """Integrate from the spike downwards, as far as the field is positive; the uppermost part first."""
    parts, remaining = [], sp.S.Zero
    for segment in reversed(line.arrangement.components[-1]):
        found = line.integral(segment)
        end = found.coordinate.of(segment.high)
        forms = tuple(form + remaining for form in found.until(end))
        parts.append(Part(segment, found, -(found.final(end) + remaining), forms))
        remaining = forms[0].subs(line.potential, segment.low)
    return parts


def other_parts(line: Line, component: tuple[Segment, ...]) -> list[Part]:
    """Integrate on a component from which no spike comes; the uppermost part first."""
    parts: list[Part] = []
    for segment in component:
        found, offset = line.integral(segment), sp.S.Zero
        if parts:
            here = found.value().subs(y, found.coordinate.of(segment.low))
            offset = parts[-1].clock(segment.low) - here
        parts.append(Part(segment, found, offset))
    return parts[::-1]


def time_to_spike(line: Line, parts: list[Part]) -> tuple[Any, bool]:
    """Check the time to the spike; return it for the uppermost component, and whether it is accurate.

    Raises:
        DerivationError: if it is wrong.
    """
    pieces, accurate = [], True
    for part in parts:
        _check_time(line, part, parts)
        form, good = _accurate_time(line, part)
        pieces.append((form, line.potential >= part.segment.low))
        accurate = accurate and good
    return _joined(pieces), accurate


def _joined(pieces: list[tuple[Any, Any]]) -> Any:
    if len(pieces) == 1:
        return pieces[0][0]
    return sp.Piecewise(*pieces[:-1], (pieces[-1][0], True))


def _check_time(line: Line, part: Part, parts: list[Part]) -> None:
    """Its derivative is `-1/F` to 25 digits, and it is what quadrature gives."""
    digits = digits_for(part.segment.field, line.potential)
    for row in line.rows:
        form, field = part.forms[0].subs(row), part.segment.field.subs(row)
        time, slope = (precise([line.potential], e, digits) for e in (form, sp.diff(form, line.potential)))
        rate = precise([line.potential], field, digits)
        for place in some(line.places(part.segment, row), _PER_SEGMENT):
            with mpmath.workdps(digits):
                if not abs(slope(place) * rate(place) + 1) < EXACT:
                    raise DerivationError("the integral that SymPy returns has another derivative")
        for place in some(line.places(part.segment, row), 2 if row is line.rows[0] else 1):
            expected = sum(
                (_passage(line, other, place, row) for other in parts[: parts.index(part) + 1]), mpmath.mpf(0)
            )
            if not abs(time(place) - expected) < QUADRATURE * abs(expected):
                raise DerivationError("the integral that SymPy returns jumps: quadrature gives another value")


def _passage(line: Line, part: Part, place: float, row: dict[Any, Any]) -> Any:
    """How long the way through a segment takes, or from a place in it to its end, by quadrature."""
    rate = precise([line.potential], part.segment.field.subs(row), 30)
    low, high = _number(part.segment.low, row), _number(part.segment.high, row)
    return quadrature(rate, max(mpmath.mpf(place), low), high)


def _number(place: Any, row: dict[Any, Any]) -> Any:
    value = number(place, row)
    return mpmath.mpf("inf") if value == sp.oo else mpmath.mpf("-inf") if value == -sp.oo else mpmath.mpf(str(value))


def _accurate_time(line: Line, part: Part) -> tuple[Any, bool]:
    """The plainest form that is accurate, or two that are accurate on one side each; else the plainest."""
    row, potential = line.rows[0], line.potential
    places = line.places(part.segment, row)
    digits = digits_for(part.segment.field, potential)
    exact = precise([potential], part.forms[0].subs(row), digits)
    rate = precise([potential], part.segment.field.subs(row), digits)
    truths = [exact(place) for place in places]
    allowances = [float(min(abs(place / rate(place)), mpmath.mpf(1e300))) for place in places]
    kept = {}
    for form in sorted(part.forms, key=lambda form: form.count_ops()):
        values = double([potential], form.subs(row), [(place,) for place in places])
        if values is not None:
            kept[form] = keeps_digits(values, truths, allowances)
            if kept[form].all():
                return form, True
    glued = _glued(kept, places, potential)
    return (part.forms[0], False) if glued is None else (glued, True)


def _glued(kept: dict[Any, np.ndarray], places: list[float], potential: Any) -> Any:
    for below, is_below in kept.items():
        for above, is_above in kept.items():
            last = int(np.argmin(is_below))  # the first place at which the lower form is wrong
            first = len(places) - int(np.argmin(is_above[::-1]))  # after the last place at which the upper one is
            if first < last:
                cut = _round_number(places[first], places[last - 1])
                return sp.Piecewise((above, potential > cut), (below, True))
    return None


def _round_number(low: float, high: float) -> Any:
    for candidate in (0, 1, -1, 10, -10):
        if low < candidate < high:
            return sp.Integer(candidate)
    return sp.Rational(str(float(f"{(low + high) / 2:.3g}")))


def inverse(line: Line, parts: list[Part], clock: Any, check: Callable[[Part, Any], tuple[bool, bool]]) -> Any:
    """Find the potential at a reading of the clock; None without a closed form, else it and whether it is accurate."""
    pieces, accurate = [], True
    for part in parts:
        found = part.antiderivative
        candidates = found.inverses(clock - part.offset, line.solve)
        chosen = choose((found.coordinate.back(c) for c in candidates), lambda form, part=part: check(part, form))
        if chosen is None:
            return None
        if part is parts[-1]:
            pieces.append((chosen[0], True))
        else:
            low = part.clock(part.segment.low)
            pieces.append((chosen[0], clock >= low if part.segment.sign > 0 else clock <= low))
        accurate = accurate and chosen[1]
    return _joined(pieces), accurate


def choose(candidates: Iterable[Any], check: Callable[[Any], tuple[bool, bool]]) -> tuple[Any, bool] | None:
    """The first candidate that is right and accurate in one of its forms, else the first that is right; and which."""
    first = None
    for candidate in candidates:
        if candidate.has(sp.I, sp.RootSum, sp.CRootOf, sp.Integral):
            continue
        right, accurate = check(candidate)
        if right and accurate:
            return candidate, True
        if not right:
            continue
        for form in equal_forms(candidate):
            if check(form) == (True, True):
                return form, True
        first = first or (candidate, False)
    return first


def potential_before_spike(line: Line, parts: list[Part]) -> tuple[Any, bool] | None:
    """The potential a time `u` before the spike, checked against the time to spike."""

    def check(part: Part, form: Any) -> tuple[bool, bool]:
        right = all(_undoes(line, part, form, row) for row in line.rows)
        return right, right and _undoes_in_double(line, part, form)

    return inverse(line, parts, -u, check)


def _undoes(line: Line, part: Part, form: Any, row: dict[Any, Any]) -> bool:
    digits = digits_for(part.segment.field, line.potential)
    try:
        time = precise([line.potential], part.forms[0].subs(row), digits)
        back = precise([u], form.subs(row), digits)
        with mpmath.workdps(digits):
            return all(
                abs(back(time(place)) - place) < EXACT * abs(place)
                for place in some(line.places(part.segment, row), _PER_SEGMENT)
            )
    except DerivationError:
        return False


def _undoes_in_double(line: Line, part: Part, form: Any) -> bool:
    """At times that double precision can tell from zero; rounding the time moves the potential by `F(V) du`."""
    row, digits = line.rows[0], digits_for(part.segment.field, line.potential)
    time, back, rate = (precise([symbol], e.subs(row), digits) for symbol, e in
                        ((line.potential, part.forms[0]), (u, form), (line.potential, part.segment.field)))  # fmt: skip
    times = [float(time(place)) for place in line.places(part.segment, row)]
    times = [value for value in times if 1e-290 < value < 1e290]
    truths = [back(value) for value in times]
    values = double([u], form.subs(row), [(value,) for value in times])
    unit = unit_of(part.segment.field.subs(row), line.potential)
    allowances = [float(abs(rate(truth)) * value) + unit for truth, value in zip(truths, times, strict=True)]
    return values is not None and bool(keeps_digits(values, truths, allowances).all())


def period_from_infinity(line: Line, parts: list[Part]) -> Any:
    """The time from minus infinity to the spike, checked by quadrature; None where SymPy does not find it."""
    try:
        period: Any = line.budget.spend(1.0, lambda: sp.limit(parts[-1].forms[0], line.potential, -sp.oo))
    except (TimeLimit, NotImplementedError, ValueError):
        return None
    if isinstance(period, sp.Limit) or period.has(sp.I, sp.nan, line.potential):
        return None
    for row in line.rows:
        field = parts[-1].segment.field.subs(row)
        time = precise([line.potential], parts[-1].forms[0].subs(row), digits_for(field, line.potential))
        start = float(min(0, *(number(part.segment.low, row) for part in parts[:-1]), 0)) - 1
        if period == sp.oo:
            far = (time(start * 1e3) - time(start), time(start * 10) - time(start))
            if far[0] < 1.5 * far[1]:
                return None
            continue
        rate = precise([line.potential], field.subs(line.potential, -line.potential), 30)
        expected = quadrature(rate, -start, mpmath.inf) + time(start)
        if not abs(mpmath.mpf(str(number(period, row))) - expected) < QUADRATURE * expected:
            return None
    return sp.simplify(period)
