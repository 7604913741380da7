"""The flow of a scalar field in closed form, on every component of its phase line."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import sympy as sp

from ...algebra import numbers, value
from ...declare import time as t
from ..parameter_rows import Row
from .phase_line import PhaseLine
from .time_to_spike import Part, other_parts, places

_TIMES = (sp.Rational(3, 1000), sp.Rational(2, 5), sp.Rational(97, 100))
_DIGITS = 60
_clock: Any = sp.Dummy("clock", real=True)


def derive_flow(line: PhaseLine, rising: list[Part]) -> Any:
    """Find the flow; None if there is no closed form."""
    components = line.components[:-1] if rising else line.components
    parts = [*(other_parts(line, component) for component in components), *([rising] if rising else [])]
    if all(len(component) == 1 for component in parts):
        rests = lambda form: all(_stays(line, form, zero) for zero in line.zeros)  # noqa: E731
        one = _chosen(
            _candidates(parts[-1][0]), lambda form: rests(form) and all(_solves(line, each, form) for each in parts)
        )
        if one is not None:
            return one
    pieces: list[Any] = []
    for index, component in enumerate(parts):
        found = _on_component(line, component)
        if found is None:
            return None
        is_last = index == len(parts) - 1
        pieces.append((found, True if is_last else line.potential < line.zeros[index]))
        pieces += [] if is_last else [(line.zeros[index], sp.Eq(line.potential, line.zeros[index]))]
    return sp.Piecewise(*pieces)


def _candidates(part: Part) -> Iterator[Any]:
    yield from part.antiderivative.flows()
    yield from part.antiderivative.inverses(part.antiderivative.at(part.antiderivative.coordinate.potential) + t)


def _chosen(candidates: Iterator[Any], is_right: Callable[[Any], bool]) -> Any:
    for candidate in itertools.islice(candidates, 8):
        if not candidate.has(sp.I, sp.nan, sp.zoo) and is_right(candidate):
            return candidate
    return None


def _on_component(line: PhaseLine, parts: list[Part]) -> Any:
    if len(parts) == 1:
        return _chosen(_candidates(parts[0]), lambda form: _solves(line, parts, form))
    back = []
    for part in parts:
        inverses = part.antiderivative.inverses(_clock - part.offset)
        back.append(_chosen(inverses, lambda form, part=part: _undoes(line, part, form)))
    if None in back:
        return None
    pieces = []
    for index, part in enumerate(parts):
        begins = sp.true if part is parts[-1] else line.potential >= part.segment.low
        later = part.clock(line.potential) + t
        rises = part.segment.sign > 0
        for other in range(index + 1) if rises else range(index, len(parts)):
            there = parts[other]
            if there is part:
                form = _chosen(part.antiderivative.flows(), lambda form, part=part: _begins(line, part, form))
            else:
                form = None
            edge = there.clock(there.segment.low) if there is not parts[-1] else None
            ends = sp.true if edge is None or (rises and there is part) else later >= edge if rises else later <= edge
            pieces.append((back[other].subs(_clock, later) if form is None else form, sp.And(begins, ends)))
    form = sp.Piecewise(*pieces, evaluate=False)  # else SymPy would solve the conditions
    return form if _solves(line, parts, form) else None


def _everywhere(line: PhaseLine, parts: list[Part], check: Callable[[Part, Any, Row], bool]) -> bool:
    """Whether a check passes at several places of every part, for every row of parameters."""
    try:
        return all(check(part, at, row) for row in line.rows for part in parts for at in places(part.segment, row))
    except ArithmeticError:
        return False


def _begins(line: PhaseLine, part: Part, form: Any) -> bool:
    slope = sp.diff(form, t)

    def check(part: Part, place: Any, row: Row) -> bool:
        here = {**row, line.potential: place}
        began, pace = (value(each, {**here, t: sp.S.Zero}, _DIGITS) for each in (form, slope))
        return _is_near(began, place) and _is_near(pace, value(part.segment.field, here, _DIGITS))

    return _everywhere(line, [part], check)


def _undoes(line: PhaseLine, part: Part, form: Any) -> bool:
    def check(part: Part, place: Any, row: Row) -> bool:
        return _is_near(value(form, {**row, _clock: value(part.clock(place), row, _DIGITS)}, _DIGITS), place)

    return _everywhere(line, [part], check)


def _stays(line: PhaseLine, form: Any, zero: Any) -> bool:
    try:
        for row in line.rows:
            here = value(zero, row, _DIGITS)
            if not _is_near(value(form, {**row, line.potential: here, t: sp.Rational(3, 10)}, _DIGITS), here):
                return False
    except ArithmeticError:
        return False
    return True


def _solves(line: PhaseLine, parts: list[Part], form: Any) -> bool:
    """Whether a form starts at the potential, has the field as its slope, and takes the right time."""
    slope = sp.diff(form, t)

    def check(part: Part, place: Any, row: Row) -> bool:
        here = {**row, line.potential: place}
        if not _is_near(value(form, {**here, t: 0}, _DIGITS), place):
            return False
        began = value(part.clock(line.potential), here, _DIGITS)
        for time in _times(part, line.potential, here):
            there = value(form, {**here, t: time}, _DIGITS)
            at = {**row, line.potential: there}
            now = next(other for other in parts if other is parts[-1] or _is_above(there, other.segment.low, row))
            if not _is_near(value(slope, {**here, t: time}, _DIGITS) / value(now.segment.field, at, _DIGITS), 1):
                return False
            if not _is_near(value(now.clock(line.potential), at, _DIGITS) - began, time):
                return False
        return True

    return _everywhere(line, parts, check)


def _times(part: Part, potential: Any, here: Row) -> list[Any]:
    """Times before the spike, or on the scale on which the potential changes where no spike comes."""
    if part.time is not None:
        whole = value(part.time, here, _DIGITS)
        return [whole * value(fraction) for fraction in _TIMES]
    field = part.segment.field
    steepness = max(abs(value(sp.diff(field, potential), here)), abs(value(field, here)), numbers().mpf(1) / 3)
    return [value(fraction) / steepness / 4 for fraction in _TIMES]  # before it could escape to minus infinity


def _is_above(there: Any, low: Any, row: Row) -> bool:
    return low == -sp.oo or there >= value(low, row, _DIGITS)


def _is_near(found: Any, expected: Any) -> bool:
    expected = value(expected, digits=_DIGITS) if isinstance(expected, sp.Basic) else numbers().convert(expected)
    return bool(abs(found - expected) < numbers().mpf(10) ** -25 * (1 + abs(expected)))
