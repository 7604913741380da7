"""Measurements on a membrane: rest, time constant, rheobase, period."""

from dataclasses import dataclass
from typing import Any

import mpmath
import sympy as sp

from ..algebra import multiplied_out, tidy
from ..enclosure.isolation import WINDOW, precisely, rounded
from ..errors import ModelError
from .membrane import Membrane
from .zeros import sign_of, zeros

_TRUSTED = 1e-15


@dataclass(frozen=True)
class Resting:
    """A neuron that rests without input.

    Attributes:
        rest: The resting potential.
        time_constant: The time constant with which it returns there, the other states held at rest.
        rheobase: The smallest constant drive that makes it fire, in units of the potential.
        unstable: The potential beyond which it fires without input.
        is_at_edge: Whether the drive is needed most at the threshold itself, where the field ends.
        period: Time between spikes at twice the rheobase; `oo` where it does not fire; None where it is not known.
        fires_on: Whether it keeps firing after a spike, without input.
    """

    rest: Any
    time_constant: Any
    rheobase: Any
    unstable: Any
    is_at_edge: bool
    period: Any
    fires_on: bool


@dataclass(frozen=True)
class Firing:
    """A neuron that fires by itself.

    Attributes:
        drive: The smallest value of its field between reset and threshold: minus its rheobase, in units of dV/dt.
        period: Time between spikes.
        centre: Half-way from reset to threshold; where the field is smallest if either is infinite.
        is_at_edge: Whether the field is smallest at the reset or the threshold.
        threshold: Where it spikes.
        period_doubled: Time between spikes where `drive` is added to the field; None where it is not known.
    """

    drive: Any
    period: Any
    centre: Any
    is_at_edge: bool
    threshold: Any
    period_doubled: Any


def measure(membrane: Membrane) -> Resting | Firing:
    """Measure a membrane, exactly where closed forms exist and to 25 digits otherwise."""
    variable, total = membrane.variable, membrane.settled_at(membrane.variable)
    found = [zero for zero in zeros(total, variable, high=membrane.top) if _at_or_below(membrane, zero)]
    slopes = [sign_of(sp.diff(total, variable).subs(variable, zero)) for zero in found]
    if 0 in slopes:
        zero = found[slopes.index(0)]
        raise ModelError(f"the field only touches zero at {variable} = {zero}, between resting and firing; "
                         "change a parameter")  # fmt: skip
    stable = [zero for zero, slope in zip(found, slopes, strict=True) if slope < 0]
    if stable:
        return _resting(membrane, _reached(membrane, total, found, stable), found)
    return _firing(membrane, total, found)


def _at_or_below(membrane: Membrane, zero: Any) -> bool:
    if membrane.threshold is not sp.oo and sign_of(membrane.threshold - zero) == 0:
        raise ModelError(f"the field vanishes at the threshold {membrane.threshold}: the rheobase is zero, the neuron "
                         "is between resting and firing; change a parameter")  # fmt: skip
    return membrane.is_below_threshold(zero)


def _reached(membrane: Membrane, total: Any, found: list[Any], stable: list[Any]) -> Any:
    """The stable zero that the initial value leads to; the only one where there is only one."""
    if len(stable) == 1:
        return stable[0]
    direction = sign_of(total.subs(membrane.variable, membrane.initial))
    ahead = [zero for zero in found if sign_of(zero - membrane.initial) in (0, direction)]
    if not ahead:
        raise ModelError(f"the initial value {membrane.initial} of {membrane.variable} leads to no rest; "
                         "choose another one")  # fmt: skip
    return ahead[0] if direction >= 0 else ahead[-1]


def _resting(membrane: Membrane, rest: Any, found: list[Any]) -> Resting:
    variable = membrane.variable
    field = membrane.settled_at(rest)
    slope = sp.diff(field, variable)
    at_rest: Any = slope.subs(variable, rest)
    if sign_of(at_rest) >= 0:
        raise ModelError(f"at rest ({variable} = {rest}) only other states keep {variable} from running away: there "
                         "is no membrane time constant to match; declare a leak")  # fmt: skip
    inner = [zero for zero in zeros(slope, variable, high=membrane.top) if _is_within(membrane, zero, rest)]
    ends = [] if membrane.threshold is sp.oo else [membrane.threshold]
    if not inner and not ends:
        raise ModelError(f"d{variable}/dt stays negative above the rest {rest}: no drive makes it reach infinity; "
                         "declare a threshold with crosses()")  # fmt: skip
    where, lowest = _lowest(field, variable, [*inner, *ends])
    if sign_of(lowest) >= 0:
        raise ModelError(f"the rheobase is not positive at rest {rest}; change a parameter")
    time_constant = _number(-1 / at_rest)
    above = [zero for zero in _zeros_above(field, variable, rest, membrane) if membrane.is_below_threshold(zero)]
    unstable = above[0] if above else membrane.threshold
    return Resting(
        rest=rest,
        time_constant=time_constant,
        rheobase=_number(-lowest * time_constant),
        unstable=unstable,
        is_at_edge=where in ends and sign_of(slope.subs(variable, where)) != 0,
        period=period_of(membrane, field - 2 * lowest),
        fires_on=_fires_on(membrane, rest, found),
    )


def _zeros_above(field: Any, variable: sp.Symbol, rest: Any, membrane: Membrane) -> list[Any]:
    """The zeros above the rest; the rest itself may come out with another last digit."""
    return [zero for zero in zeros(field, variable, high=membrane.top)
            if not (zero - rest).is_number or abs(float(zero - rest)) > _TRUSTED * (1 + abs(float(rest)))
            if sign_of(zero - rest) > 0]  # fmt: skip


def _fires_on(membrane: Membrane, rest: Any, found: list[Any]) -> bool:
    above = [zero for zero in found if zero != rest and sign_of(zero - rest) > 0]
    return bool(above) and membrane.reset != -sp.oo and sign_of(membrane.reset - above[-1]) > 0


def _is_within(membrane: Membrane, value: Any, low: Any) -> bool:
    return (low == -sp.oo or sign_of(value - low) > 0) and membrane.is_below_threshold(value)


def _firing(membrane: Membrane, total: Any, found: list[Any]) -> Firing:
    variable, reset, threshold = membrane.variable, membrane.reset, membrane.threshold
    starts = [membrane.initial] + ([reset] if reset != -sp.oo else [])
    climbs = all(sign_of(total.subs(variable, start)) > 0 for start in starts)
    if not climbs or any(reset == -sp.oo or sign_of(zero - min_of(starts)) > 0 for zero in found):
        raise ModelError(f"d{variable}/dt = {total} has no stable zero below the spike and does not lead there either: "
                         "the neuron neither rests nor fires by itself; declare a leak or a drive")  # fmt: skip
    if membrane.follows:
        raise ModelError(f"the neuron fires by itself, so that states which follow {variable} never rest; leave them "
                         "out or lower the drive")  # fmt: skip
    ends = [end for end in (reset, threshold) if end.is_finite]
    inner = [zero for zero in zeros(sp.diff(total, variable), variable, high=membrane.top)
             if _is_within(membrane, zero, reset)]  # fmt: skip
    where, drive = _lowest(total, variable, [*inner, *ends])
    period = period_of(membrane, total)
    if period is None:
        raise ModelError("the period of free firing has no simple closed form; give all parameters a value")
    slope = sp.diff(total, variable).subs(variable, where)
    return Firing(
        drive=_number(drive),
        period=period,
        centre=tidy((reset + threshold) / 2) if len(ends) == 2 else where,
        is_at_edge=where in ends and sign_of(slope) != 0,
        threshold=threshold,
        period_doubled=period_of(membrane, total + drive),
    )


def min_of(values: list[Any]) -> Any:
    """The smallest of some values whose order is known."""
    smallest = values[0]
    for value in values[1:]:
        smallest = value if sign_of(smallest - value) > 0 else smallest
    return smallest


def _lowest(field: Any, variable: sp.Symbol, places: list[Any]) -> tuple[Any, Any]:
    if not places:
        raise ModelError(f"the field {field} has no smallest value; declare a finite reset or threshold")
    values = [tidy(field.subs(variable, place)) for place in places]
    lowest = min_of(values)
    return places[values.index(lowest)], lowest


def _number(value: Any) -> Any:
    """A closed form, or a fraction of 25 digits where it would not be one to read."""
    value = tidy(value)
    return rounded(value) if value.is_number and value.has(sp.exp, sp.sin, sp.cos, sp.tanh) else value


def period_of(membrane: Membrane, field: Any) -> Any:
    """Time from reset to spike; `oo` where the field vanishes on the way, None where it is not known."""
    variable, reset, threshold = membrane.variable, membrane.reset, membrane.threshold
    field = multiplied_out(field)
    slope = sp.diff(field, variable)
    finite = reset.is_finite and threshold.is_finite
    if finite and not slope.has(variable):
        start, end = (tidy(field.subs(variable, place)) for place in (reset, threshold))
        if any(not value.is_number and value.is_positive is None for value in (start, end)):
            return None
        if sign_of(start) <= 0 or sign_of(end) <= 0:
            return sp.oo
        return -sp.log(tidy(start / end)) / tidy(slope) if slope != 0 else (threshold - reset) / start
    if any(item.free_symbols - {variable} for item in (field, reset, threshold)):
        return None
    low, high = (float(end) if end.is_finite else WINDOW * sp.sign(end) for end in (reset, threshold))
    if any(low <= zero <= high for zero in zeros(field, variable, high=membrane.top)):
        return sp.oo
    return _integrated(field, variable, reset, threshold)


def _integrated(field: Any, variable: sp.Symbol, reset: Any, threshold: Any) -> Any:
    rate = precisely(field, variable)
    slow = [zero for zero in zeros(sp.diff(field, variable), variable, high=WINDOW)
            if (zero > reset) == sp.true and (zero < threshold) == sp.true]  # fmt: skip
    with mpmath.workdps(30):
        places = [_float(place) for place in (reset, *slow, threshold)]
        if not slow and mpmath.isinf(places[-1]):
            places.insert(1, (0 if mpmath.isinf(places[0]) else places[0]) + 1)
        time, error = mpmath.quad(lambda value: 1 / rate(value), places, error=True, maxdegree=10)
    return rounded(str(time)) if error < _TRUSTED * time else None


def _float(value: Any) -> Any:
    return mpmath.mpf(str(sp.N(value, 35)).replace("oo", "inf"))
