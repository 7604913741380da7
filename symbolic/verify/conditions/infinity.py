"""Conditions at plus and minus infinity of the spiking variable: finite times, finite other states.

Failures are proven with the other states held fixed. That is rigorous where they do not follow the spiking variable;
where they do, and act back on it, each failure first checks that they move too little to matter.
"""

from typing import Any

import sympy as sp

from ..asymptotics.growth import growth, without_oscillations
from ..asymptotics.scales import ONE, Leading, Scale, bound, compare, integrable, leading
from ..context import Answer, Case
from ..reason import Reason, listed
from ..signs.facts import Facts
from ..signs.influence import following
from ..signs.kinds import Expression, Kind, Undecided, affine_parts, at_place
from .boundedness import require_drift, split_states

_LINEAR = Scale(power=sp.S.One)


def reaches_infinity(case: Case) -> Answer:
    """Decide whether the spiking variable always crosses infinity transversally, after a finite time."""
    try:
        return _reaches_infinity(case)
    except Undecided as problem:
        exponent = _deciding_exponent(case)
        if exponent is None:
            raise
        raise Undecided(
            "d{}/dt reaches infinity in finite time if {} > 1, but {} is not known",
            case.model.variable,
            exponent,
            exponent,
            needs=sp.Gt(exponent, 1),
        ) from problem


def _reaches_infinity(case: Case) -> Answer:
    variable, facts = case.model.variable, case.facts
    top = _leading_at(case, 1)
    if top is None:
        require_drift(case, 1)
        return False, Reason(
            "d{}/dt vanishes for large {}, so that {} never reaches infinity.", variable, variable, variable
        )
    behaviour = _describe(case, top, 1)
    if top.kind is Kind.NEGATIVE:
        require_drift(case, 1)
        return False, Reason("{}, which is negative, so that {} is driven away from infinity.", behaviour, variable)
    if top.kind in (Kind.MIXED, Kind.NONPOSITIVE):
        if _feedback(case):
            raise Undecided(
                "{}, whose coefficient is not always positive, and {} react", behaviour, listed(_feedback(case))
            )
        if top.kind is Kind.NONPOSITIVE or not (case.reach.can_spike() and case.reach.swallows(top.coefficient)):
            raise Undecided("{}, {}", behaviour, _may_fail(top))
        return False, Reason(
            "{}; the coefficient is not positive for all admissible states{}.", behaviour, at_place(top.where)
        )
    if not _inverse_is_integrable(top.scale, facts):
        require_drift(case, 1)
        return False, Reason(
            "{}; the integral of its inverse diverges, so that infinity is never reached in finite time.", behaviour
        )
    if top.kind is Kind.NONNEGATIVE:
        raise _vanishing(behaviour, top)
    return True, Reason(
        "{}, with a positive coefficient whatever the other states are; the integral of its inverse "
        "converges, so that infinity is reached after a finite time and crossed transversally.",
        behaviour,
    )


def comes_back(case: Case) -> Answer:
    """Decide whether the spiking variable returns from minus infinity in finite time."""
    variable = case.model.variable
    top = _leading_at(case, -1)
    if top is not None and top.kind is Kind.POSITIVE and _inverse_is_integrable(top.scale, case.facts):
        behaviour = _describe(case, top, -1)
        return True, Reason("{}, which is positive, and the integral of its inverse converges.", behaviour)
    _require_short_transit(case, top, -1)
    if top is None:
        return False, Reason("d{}/dt vanishes for very negative {}: it never comes back from -oo.", variable, variable)
    behaviour = _describe(case, top, -1)
    if not _inverse_is_integrable(top.scale, case.facts):
        return False, Reason(
            "{}; the integral of its inverse diverges: {} never comes back from -oo.", behaviour, variable
        )
    if top.kind is Kind.NONNEGATIVE:
        raise _vanishing(behaviour, top)
    if not case.reach.can_spike() or (top.kind is not Kind.NEGATIVE and not case.reach.swallows(top.coefficient)):
        raise Undecided("{}, {}", behaviour, _may_fail(top))
    where = at_place(top.where)
    return False, Reason(
        "{}, which is not positive{}, so that {} does not come back from -oo.", behaviour, where, variable
    )


def no_escape(case: Case) -> Answer:
    """Decide whether the spiking variable can run to minus infinity, where nothing is declared."""
    model, facts = case.model, case.facts
    variable = model.variable
    if case.low.is_finite:
        return True, Reason("{} never falls below {}.", variable, case.low)
    series = growth(model.field, variable, -1, facts)
    largest = bound(series, facts)
    top = None
    if largest is not None and _inverse_is_integrable(largest, facts):
        top = leading(series, facts)
    if top is None or not _inverse_is_integrable(top.scale, facts):
        return True, Reason("d{}/dt grows too slowly as {} -> -oo for a divergence in finite time.", variable, variable)
    behaviour = _describe(case, top, -1)
    if top.kind is Kind.POSITIVE:
        return True, Reason("{}, which is positive, so that {} is driven away from -oo.", behaviour, variable)
    if top.kind is Kind.NONNEGATIVE:
        raise _vanishing(behaviour, top)
    _require_short_transit(case, top, -1)
    if not case.reach.can_fall() or (top.kind is not Kind.NEGATIVE and not case.reach.swallows(top.coefficient)):
        raise Undecided(
            "{}: whether {} can run to -oo there is not known; declare the range of {} as bounds if it cannot",
            behaviour,
            variable,
            variable,
        )
    where = at_place(top.where) if top.kind is not Kind.MIXED else " for admissible states"
    return False, Reason(
        "{}: {} runs to -oo in finite time{}, where the model declares nothing.", behaviour, variable, where
    )


def _vanishing(behaviour: Reason, top: Leading) -> Undecided:
    place = at_place(top.where)
    return Undecided("{}, whose coefficient vanishes at the end of the admissible range{}", behaviour, place)


def _may_fail(top: Leading) -> Reason:
    return Reason(
        "whose coefficient is not positive for some values{}; whether a trial gets there is not "
        "known. Declare the ranges of {} as bounds if they are narrower",
        at_place(top.where),
        listed(top.where) or "the states",
    )


def others_stay_finite(case: Case) -> Answer:
    """Decide whether the other states change by a finite amount on the way to (and from) infinity."""
    answers = [_finite_towards(case, direction) for direction in ((1, -1) if case.returns_from_below else (1,))]
    for holds, reason in answers:
        if holds is False:
            return holds, reason
    variable = case.model.variable
    ends = (
        Reason("{} -> oo and as {} -> -oo", variable, variable)
        if case.returns_from_below
        else Reason("{} -> oo", variable)
    )
    return True, Reason(
        "As {}, the rate of every other state divided by d{}/dt is integrable over {}.", ends, variable, variable
    )


def _finite_towards(case: Case, direction: int) -> Answer:
    model, facts = case.model, case.facts
    where = Reason("{} -> {}", model.variable, _end(direction))
    top = _leading_at(case, direction)
    if top is None or top.kind is not Kind.POSITIVE or not _inverse_is_integrable(top.scale, facts):
        raise Undecided("d{}/dt is not known to be positive and fast enough as {}", model.variable, where)
    diverging: list[tuple[sp.Symbol, Leading]] = []
    for state in model.other_states:
        series = growth(model.dynamics[state], model.variable, direction, facts)
        largest = bound(series, facts)
        if largest is None or integrable(largest / top.scale, facts):
            continue
        strongest = leading(series, facts)
        if strongest is not None and not integrable(strongest.scale / top.scale, facts):
            diverging.append((state, strongest))
    if diverging:
        return _divergence(case, diverging, top, direction)
    return True, ""


def _divergence(case: Case, diverging: list[tuple[sp.Symbol, Leading]], top: Leading, direction: int) -> Answer:
    """A divergence is certain if its rate is fixed by states that do not follow the spiking variable.

    If all other states stayed finite, the diverging integral would be right, which is a contradiction. It must be
    known besides that the spike is reached in spite of what they do, and that the reset does not overwrite them.
    """
    model = case.model
    followers = following(model, model.variable)
    enclosed = {state for state in followers if all(end.is_finite for end in case.facts.ranges[state])}
    certain = [
        (state, growing)
        for state, growing in diverging
        if state not in enclosed and not growing.coefficient.free_symbols & followers
    ]
    overwritten = [state for state in followers if not _passes_on(model.reset.get(state, state), state)]
    if not (certain and _spike_survives(case, diverging, top, direction) and case.reach.can_spike()) or overwritten:
        names = listed(state for state, _ in diverging)
        raise Undecided("whether {} stays finite at the spike is not known: the integral of its rate diverges", names)
    state, growing = certain[0]
    variable = model.variable
    rate = sp.factor_terms(growing.coefficient) * growing.scale.of(_distance(variable, direction))
    return False, Reason(
        "d{}/dt grows like {} as {} -> {}; divided by d{}/dt and "
        "integrated over {} it diverges, so that {} is infinite at the spike. A bounded function of {} in its place, "
        "such as {}, would keep it finite.",
        *(state, rate, variable, _end(direction), variable, variable, state, variable, sp.tanh(variable)),
    )


def _passes_on(reset: Expression, state: sp.Symbol) -> bool:
    """Whether a reset leaves an infinite state infinite: affine in it, with a nonzero coefficient."""
    parts = affine_parts(reset, [state])
    return parts is not None and parts[0][state].is_number and parts[0][state] != 0


def _spike_survives(case: Case, diverging: list[tuple[sp.Symbol, Leading]], top: Leading, direction: int) -> bool:
    """Whether the diverging states remain too small to stop the spiking variable."""
    model, facts = case.model, case.facts
    acting = sorted(_feedback(case), key=str)
    parts = affine_parts(model.field, acting)
    if parts is None:
        return False
    # the integral of rate/field grows at most like x**(1/2) times rate * x / field
    slack = Scale(power=sp.Rational(3, 2))
    for _, growing in diverging:
        for coefficient in parts[0].values():
            strength = bound(growth(coefficient, model.variable, direction, facts), facts)
            if strength is not None and compare(growing.scale * slack * strength / top.scale, top.scale, facts) >= 0:
                return False
    return True


def _require_short_transit(case: Case, top: Leading | None, direction: int) -> None:
    """Check that states which act back on the spiking variable change little while it is far out."""
    model, facts = case.model, case.facts
    for state in sorted(_feedback(case), key=str):
        rate = bound(growth(model.dynamics[state], model.variable, direction, facts), facts)
        if rate is not None and (top is None or not integrable(rate / top.scale, facts)):
            raise Undecided("what {} does while {} is near {} is not known", state, model.variable, _end(direction))


def _feedback(case: Case) -> set[sp.Symbol]:
    """The states that follow the spiking variable, act back on it, and are not held in a bounded range."""
    model = case.model
    return (following(model, model.variable) & model.field.free_symbols) - split_states(case).bounded


def _deciding_exponent(case: Case) -> sp.Symbol | None:
    """A parameter that is the exponent of a power of the spiking variable and decides if it is above one."""
    variable = case.model.variable
    for power in sorted(case.model.field.atoms(sp.Pow), key=str):
        base, exponent = power.as_base_exp()
        if not (base.has(variable) and isinstance(exponent, sp.Symbol)) or exponent in case.facts.ranges:
            continue
        supposed = case.model.field.subs(exponent, 1 + sp.Dummy("d", positive=True))
        try:
            top = leading(growth(supposed, variable, 1, case.facts), case.facts)
            if top and top.kind is Kind.POSITIVE and _inverse_is_integrable(top.scale, case.facts):
                return exponent
        except Undecided:
            continue
    return None


def _inverse_is_integrable(scale: Scale, facts: Facts) -> bool:
    return integrable(ONE / scale, facts)


def _leading_at(case: Case, direction: int) -> Leading | None:
    try:
        return leading(growth(case.model.field, case.model.variable, direction, case.facts), case.facts)
    except Undecided:
        field, facts = without_oscillations(case.model.field, case.model.variable, case.facts)
        if field == case.model.field:
            raise
    top = leading(growth(field, case.model.variable, direction, facts), facts)
    if top is not None and not top.kind.is_strict:
        raise Undecided("whether {} keeps its sign is not known", top.coefficient)
    return top


def _distance(variable: sp.Symbol, direction: int) -> Expression:
    return variable if direction > 0 else sp.Abs(variable)


def _end(direction: int) -> Any:
    return direction * sp.oo


def _describe(case: Case, top: Leading, direction: int) -> Reason:
    variable = case.model.variable
    shown = sp.factor_terms(top.coefficient) * top.scale.of(_distance(variable, direction))
    return Reason("d{}/dt behaves like {} as {} -> {}", variable, shown, variable, _end(direction))
