"""Time to the spike and period of a scalar field, in closed form."""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ...algebra import numbers, sign, tidy, value
from ...errors import DerivationError
from ..parameter_rows import Row
from .antiderivative import Antiderivative, integrate
from .coordinate import y
from .phase_line import PhaseLine, Segment, between, same

_PLACES = (1 / 20, 3 / 7, 9 / 10)
_DIGITS = 60


@dataclass(frozen=True)
class Part:
    """A segment with its antiderivative: along the flow, `antiderivative + offset` grows like time.

    Attributes:
        segment: The part of the phase line.
        antiderivative: Of the reciprocal of the field.
        offset: What makes it continuous across segments, and zero at a spike.
        time: The time to the spike; None where no spike comes.
    """

    segment: Segment
    antiderivative: Antiderivative
    offset: Any
    time: Any = None

    def clock(self, potential: Any) -> Any:
        """A function of the potential that grows like time."""
        return self.antiderivative.at(potential) + self.offset


def integrated(line: PhaseLine, segment: Segment) -> Antiderivative:
    """Integrate on a segment, and check the integral there."""
    row, coordinate = line.rows[0], segment.rational.coordinate
    here = coordinate.of(between(segment.low, segment.high, row))
    found = integrate(segment.rational, lambda expression: sign(expression, {**row, y: value(here, row)}) == 1)
    slope = sp.diff(found.at(line.potential), line.potential) * segment.field
    for known in line.rows:
        for place in places(segment, known):
            if not abs(value(slope, {**known, line.potential: place}, _DIGITS) - 1) < numbers().mpf(10) ** -25:
                raise DerivationError("the integral has another derivative")
    return found


def places(segment: Segment, row: Row) -> list[Any]:
    """Potentials at which to check formulas on a segment."""
    return [between(segment.low, segment.high, row, part) for part in _PLACES]


def rising_parts(line: PhaseLine) -> list[Part]:
    """Integrate from the spike downwards, as far as the field is positive; the uppermost part first."""
    parts, remaining = [], sp.S.Zero
    for segment in reversed(line.components[-1]):
        found = integrated(line, segment)
        until, final = found.until(segment.high)
        parts.append(Part(segment, found, -(final + remaining), until + remaining))
        remaining = parts[-1].time.subs(line.potential, segment.low)
    return parts


def other_parts(line: PhaseLine, component: tuple[Segment, ...]) -> list[Part]:
    """Integrate on a component from which no spike comes; the uppermost part first."""
    parts: list[Part] = []
    for segment in component:
        found = integrated(line, segment)
        offset = parts[-1].clock(segment.low) - found.at(segment.low) if parts else sp.S.Zero
        parts.append(Part(segment, found, offset))
    return parts[::-1]


def time_to_spike(line: PhaseLine, parts: list[Part]) -> Any:
    """The time to the spike on the uppermost component."""
    for row in line.rows:
        _compare(line, parts, row)
    pieces = [(part.time, line.potential >= part.segment.low) for part in parts]
    return pieces[0][0] if len(pieces) == 1 else sp.Piecewise(*pieces[:-1], (pieces[-1][0], True))


def _compare(line: PhaseLine, parts: list[Part], row: Row) -> None:
    """Between two places of every segment, where nothing is steep."""
    precision = numbers()
    for part in parts:
        below, above = places(part.segment, row)[:2]
        with precision.workdps(20):
            taken = precision.quad(
                lambda place, part=part: 1 / value(part.segment.field, {**row, line.potential: place}, 20),
                [value(below), value(above)],
            )
        said = [value(part.time, {**row, line.potential: place}) for place in (below, above)]
        if not abs(said[0] - said[1] - taken) <= precision.mpf(10) ** -9 * abs(taken):
            raise DerivationError("the integral jumps: quadrature gives another value")


def everywhere(line: PhaseLine, end: Any, time: Any) -> Any:
    """The time to the spike for any potential: zero beyond a threshold, infinite below the highest zero."""
    potential = line.potential
    if time == sp.oo:
        return time if end == sp.oo else sp.Piecewise((0, potential >= end), (sp.oo, True))
    pieces: list[Any] = list(time.args) if isinstance(time, sp.Piecewise) else [(time, sp.true)]
    if line.zeros:
        pieces = [*pieces[:-1], (pieces[-1][0], potential > line.zeros[-1]), (sp.oo, sp.true)]
    if end != sp.oo:
        pieces = [(sp.S.Zero, potential >= end), *pieces]
    return pieces[0][0] if len(pieces) == 1 else sp.Piecewise(*pieces)


def period(line: PhaseLine, parts: list[Part], reset: Any) -> Any:
    """The time from the reset to the spike; `oo` for never."""
    row = line.rows[0]
    if not parts or (line.zeros and (reset == -sp.oo or sign(reset - line.zeros[-1], row) != 1)):
        return sp.oo
    if reset == -sp.oo:
        start = parts[-1].antiderivative.final(-sp.oo)
        return sp.oo if start == sp.oo else tidy(-parts[-1].offset - start)
    for part in parts:
        low = part.segment.low
        if low == -sp.oo or same(low, reset, row) or sign(reset - low, row) == 1:
            return tidy(part.time.subs(line.potential, reset))
    return None
