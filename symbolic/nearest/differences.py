"""Differences between a proposed QIF and the original model, in sentences."""

from collections.abc import Iterator
from typing import Any

import sympy as sp

from ..declare import NeuronModel
from .construction import Construction, column
from .excitability import Firing, Resting
from .proposal import shown

_LOGARITHM = "Rate near the rheobase: it rises like the square root of the excess drive, not like 1/|log| of it."


def differences(construction: Construction, proposed: NeuronModel) -> tuple[str, ...]:
    """The differences, in sentences."""
    resting = [item for item in construction.found if isinstance(item, Resting)]
    firing = [item for item in construction.found if isinstance(item, Firing)]
    found = _of_resting(construction, resting) if resting else _of_firing(construction, firing)
    return (*found, *_of_other_states(construction, proposed))


def _of_resting(construction: Construction, found: list[Resting]) -> Iterator[str]:
    model, variable, tau = construction.original, construction.original.variable, construction.time_constant
    new, old = construction.unstable, construction.each("unstable")
    if not model.spike.is_at_infinity:
        named = _assigned(model.spike.threshold, construction)
        threshold = column(model.spike.threshold.subs(row) for row in construction.rows)
        before = named if old == threshold else f"{shown(old)}; the spike lies at infinity, not at {named}"
        new_point = f"the unstable point {variable} = {shown(new)}"
        yield (
            f"Threshold: {new_point}, not {before}; {variable} returns to rest below it, and above it the spike "
            "follows later."
            if shown(new) != shown(old)
            else f"Spike: at infinity, not at {named}, and later by the time from there; {new_point} is the same."
        )
    elif shown(new) != shown(old):
        yield (
            f"Threshold: the unstable point, beyond which {variable} goes on to the spike without input, is "
            f"{variable} = {shown(new)}, not {shown(old)}."
        )
    if any(variable in route.jump for route in model.routes):
        yield from _of_jumps(construction, found)
    for state, slope in construction.conductances.items():
        yield from _of_conductance(construction, found, state, slope)
    if model.reset_value != -sp.oo:
        yield (
            f"After a spike: {variable} comes back from -oo, not from {_reset(construction)}; "
            f"without input it is still 4 rheobases below rest a time log(2)*{tau} later."
        )
    if any(item.is_at_edge for item in found):
        yield _LOGARITHM
    if all(item.period is not None for item in found):
        yield from _of_periods(construction, found)
    if any(item.fires_on for item in found):
        yield "Bistability: after a spike the original keeps firing without input; the proposal returns to rest."
    if construction.starts_at_rest:
        yield f"Start: {variable} starts at rest, since its initial value lies beyond the unstable point."


def _of_conductance(construction: Construction, found: list[Resting], state: Any, slope: Any) -> Iterator[str]:
    """Which constant conductances make the proposal fire, for one that excites."""
    variable = construction.original.variable
    weakest, strongest = [], []
    for item, row in zip(found, construction.rows, strict=True):
        strength = sp.simplify(-sp.diff(slope, variable).subs(row) * item.time_constant)
        reversal = sp.simplify(-slope.subs(variable, 0).subs(row) / sp.diff(slope, variable).subs(row))
        if (reversal - item.rest - item.rheobase).is_positive is not True:
            return
        excess = (reversal - item.rest) / item.rheobase - 2
        if (excess - 2).is_positive is None:
            return
        root = sp.sqrt(excess**2 - 4) if (excess - 2).is_positive else sp.oo
        weakest.append(sp.oo if root is sp.oo else sp.simplify((excess - root) / (2 * strength)))
        strongest.append(sp.oo if root is sp.oo else sp.simplify((excess + root) / (2 * strength)))
    if column(weakest).has(sp.oo):
        yield (
            f"Conductance {state}: its reversal potential does not lie above the unstable point {variable} = "
            f"{shown(construction.unstable)}, so that {state} alone never makes the proposal spike, however large "
            "its weight; use a higher reversal potential or a current."
        )
    else:
        yield (
            f"Conductance {state}: a constant {state} between {shown(column(weakest))} and "
            f"{shown(column(strongest))} makes the proposal fire; a larger one holds {variable} near its reversal "
            "potential."
        )


def _of_periods(construction: Construction, found: list[Resting]) -> Iterator[str]:
    new, old = column(2 * sp.pi * item.time_constant for item in found), column(item.period for item in found)
    formula = 2 * sp.pi * construction.time_constant
    named = f"{formula} = {shown(new)}" if not new.free_symbols else str(formula)
    if old.has(sp.oo):
        yield f"At twice the rheobase it fires with the period {named}; the original does not come up from its reset."
    elif shown(new) != shown(old):
        equal = column(item.period / (2 * sp.pi) for item in found)
        remedy = f" It would be the same with {construction.time_constant} = {shown(equal)}."
        yield (
            f"Period at twice the rheobase (a constant drive, other states at rest): {named}, not {shown(old)}."
            f"{remedy if construction.divides_everything and not old.free_symbols else ''}"
        )


def _of_jumps(construction: Construction, found: list[Resting]) -> Iterator[str]:
    variable = construction.original.variable
    new = column(4 * item.rheobase for item in found)
    old = column(sp.simplify(item.unstable - item.rest) for item in found)
    at_once = " at once" if not construction.original.spike.is_at_infinity else ""
    if new != old or at_once:
        yield (
            f"Single inputs: weights stay in units of {variable}, but "
            f"from rest a jump by more than {shown(new)} is needed for a spike, not by {shown(old)}{at_once}; "
            f"a jump by twice as much spikes a time log(2)*{construction.time_constant} later."
        )


def _of_firing(construction: Construction, found: list[Firing]) -> Iterator[str]:
    model, variable = construction.original, construction.original.variable
    yield (
        "Matched instead of rest and membrane time constant, which a neuron that fires by itself does not have: period "
        "and rheobase."
    )
    ends = model.reset_value.is_infinite or model.spike.is_at_infinity
    where = "where the original field is smallest" if ends else "half-way from reset to threshold"
    yield (
        f"Shape: the field is a parabola, smallest at {variable} = {shown(construction.each('centre'))}, {where}; "
        f"this place is a choice, on which period and rheobase do not depend."
    )
    if not model.spike.is_at_infinity:
        after = column(_time_from_threshold(item, model) for item in found)
        yield (
            f"Threshold: {variable} spikes at infinity, not at {_assigned(model.spike.threshold, construction)}; "
            f"from there it takes a time {shown(after)} more, and no single input makes it spike at once."
        )
    if model.reset_value != -sp.oo:
        yield f"After a spike: {variable} comes back from -oo, not from {_reset(construction)}."
    if any(item.is_at_edge for item in found):
        yield _LOGARITHM
    if all(item.period_doubled is not None for item in found):
        new = column(item.period / sp.sqrt(2) for item in found)
        old = column(item.period_doubled for item in found)
        yield f"Period with as much constant drive again as separates it from silence: {shown(new)}, not {shown(old)}."


def _time_from_threshold(item: Firing, model: NeuronModel) -> Any:
    distance = (item.threshold - item.centre) * sp.pi / (item.drive * item.period)
    return sp.simplify(item.period * (sp.Rational(1, 2) - sp.atan(distance) / sp.pi))


def _of_other_states(construction: Construction, proposed: NeuronModel) -> Iterator[str]:
    model, variable = construction.original, construction.original.variable
    frozen = [state for state in construction.following if proposed.dynamics[state] != model.dynamics[state]]
    if frozen:
        names = ", ".join(map(str, frozen))
        yield (
            f"Couplings dropped: in the equations of {names}, {variable} is replaced by {construction.home}, since at "
            f"the spike of a quadratic field it would drive them to infinity. Time constant and rheobase are those "
            f"of the membrane with {names} at rest."
        )
    elif construction.following:
        names = ", ".join(map(str, construction.following))
        yield f"Time constant and rheobase are those of the membrane with {names} at rest."
    changed = [state for state in model.other_states if state in model.reset and model.reset[state].has(variable)]
    if changed:
        names = ", ".join(map(str, changed))
        yield f"Reset: the new value of {names} takes {variable} at the old threshold, since {variable} is infinite."
    if variable in model.bounds:
        low, high = model.bounds[variable]
        yield f"Range: {variable} runs over all real numbers, not only from {low} to {high}."


def _reset(construction: Construction) -> str:
    model = construction.original
    return _assigned(model.reset_value.subs(model.variable, model.spike.threshold), construction)


def _assigned(expression: Any, construction: Construction) -> str:
    """An expression with its value, such as `V_th = 1`."""
    values = column(expression.subs(row) for row in construction.rows)
    if expression.is_number:
        return f"{construction.original.variable} = {shown(values)}"
    return str(expression) if values == expression else f"{expression} = {shown(values)}"
