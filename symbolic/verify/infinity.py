"""What happens at plus and minus infinity of the spiking variable: finite times, and finite values of other states.

Failures are proven with the other states held fixed. That is rigorous where they do not follow the spiking variable;
where they do, and act back on it, each failure first checks that they move too little to matter.
"""

from typing import Any

import sympy as sp

from .boundedness import require_drift, split_states
from .case import Answer, Case
from .facts import Facts
from .growth import growth, without_oscillations
from .influence import following
from .scales import ONE, Leading, Scale, bound, compare, integrable, leading
from .signs import Expression, Kind, Undecided, affine_parts, at_place

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
            f"d{case.model.variable}/dt reaches infinity in finite time if {exponent} > 1, but {exponent} is not known",
            sp.Gt(exponent, 1),
        ) from problem


def _reaches_infinity(case: Case) -> Answer:
    variable, facts = case.model.variable, case.facts
    top = _leading_at(case, 1)
    if top is None:
        require_drift(case, 1)
        return False, f"d{variable}/dt vanishes for large {variable}, so that {variable} never reaches infinity."
    behaviour = _describe(case, top, 1)
    if top.kind is Kind.NEGATIVE:
        require_drift(case, 1)
        return False, f"{behaviour}, which is negative, so that {variable} is driven away from infinity."
    if top.kind in (Kind.MIXED, Kind.NONPOSITIVE):
        if _feedback(case):
            raise Undecided(
                f"{behaviour}, whose coefficient is not always positive, and {_listed(_feedback(case))} react"
            )
        if top.kind is Kind.NONPOSITIVE or not (case.reach.can_spike() and case.reach.swallows(top.coefficient)):
            raise Undecided(f"{behaviour}, {_may_fail(top)}")
        return False, f"{behaviour}; the coefficient is not positive for all admissible states{at_place(top.where)}."
    if not _inverse_is_integrable(top.scale, facts):
        require_drift(case, 1)
        return False, (
            f"{behaviour}; the integral of its inverse diverges, so that infinity is never reached in finite time."
        )
    if top.kind is Kind.NONNEGATIVE:
        raise Undecided(
            f"{behaviour}, whose coefficient vanishes at the end of the admissible range{at_place(top.where)}"
        )
    return True, (
        f"{behaviour}, with a positive coefficient whatever the other states are; the integral of its inverse "
        "converges, so that infinity is reached after a finite time and crossed transversally."
    )


def comes_back(case: Case) -> Answer:
    """Decide whether the spiking variable returns from minus infinity in finite time."""
    variable = case.model.variable
    top = _leading_at(case, -1)
    if top is not None and top.kind is Kind.POSITIVE and _inverse_is_integrable(top.scale, case.facts):
        behaviour = _describe(case, top, -1)
        return True, f"{behaviour}, which is positive, and the integral of its inverse converges."
    _require_short_transit(case, top, -1)
    if top is None:
        return False, f"d{variable}/dt vanishes for very negative {variable}: it never comes back from -oo."
    behaviour = _describe(case, top, -1)
    if not _inverse_is_integrable(top.scale, case.facts):
        return False, f"{behaviour}; the integral of its inverse diverges: {variable} never comes back from -oo."
    if top.kind is Kind.NONNEGATIVE:
        raise Undecided(
            f"{behaviour}, whose coefficient vanishes at the end of the admissible range{at_place(top.where)}"
        )
    if not case.reach.can_spike() or (top.kind is not Kind.NEGATIVE and not case.reach.swallows(top.coefficient)):
        raise Undecided(f"{behaviour}, {_may_fail(top)}")
    where = at_place(top.where)
    return False, f"{behaviour}, which is not positive{where}, so that {variable} does not come back from -oo."


def no_escape(case: Case) -> Answer:
    """Decide whether the spiking variable can run to minus infinity, where nothing is declared."""
    model, facts = case.model, case.facts
    variable = model.variable
    if case.low.is_finite:
        return True, f"{variable} never falls below {case.low}."
    series = growth(model.field, variable, -1, facts)
    largest = bound(series, facts)
    top = None
    if largest is not None and _inverse_is_integrable(largest, facts):
        top = leading(series, facts)
    if top is None or not _inverse_is_integrable(top.scale, facts):
        return True, f"d{variable}/dt grows too slowly as {variable} -> -oo for a divergence in finite time."
    behaviour = _describe(case, top, -1)
    if top.kind is Kind.POSITIVE:
        return True, f"{behaviour}, which is positive, so that {variable} is driven away from -oo."
    if top.kind is Kind.NONNEGATIVE:
        raise Undecided(
            f"{behaviour}, whose coefficient vanishes at the end of the admissible range{at_place(top.where)}"
        )
    _require_short_transit(case, top, -1)
    if not case.reach.can_fall() or (top.kind is not Kind.NEGATIVE and not case.reach.swallows(top.coefficient)):
        raise Undecided(
            f"{behaviour}: whether {variable} can run to -oo there is not known; declare the range of {variable} as "
            "bounds if it cannot"
        )
    where = at_place(top.where) if top.kind is not Kind.MIXED else " for admissible states"
    return False, f"{behaviour}: {variable} runs to -oo in finite time{where}, where the model declares nothing."


def _may_fail(top: Leading) -> str:
    states = ", ".join(sorted(str(state) for state in top.where)) or "the states"
    return (
        f"whose coefficient is not positive for some values{at_place(top.where)}; whether a trial gets there is not "
        f"known. Declare the ranges of {states} as bounds if they are narrower"
    )


def others_stay_finite(case: Case) -> Answer:
    """Decide whether the other states change by a finite amount on the way to (and from) infinity."""
    answers = [_finite_towards(case, direction) for direction in ((1, -1) if case.returns_from_below else (1,))]
    for holds, reason in answers:
        if holds is False:
            return holds, reason
    variable = case.model.variable
    ends = f"{variable} -> oo and as {variable} -> -oo" if case.returns_from_below else f"{variable} -> oo"
    return True, f"As {ends}, the rate of every other state divided by d{variable}/dt is integrable over {variable}."


def _finite_towards(case: Case, direction: int) -> Answer:
    model, facts = case.model, case.facts
    where = f"{model.variable} -> {_end(direction)}"
    top = _leading_at(case, direction)
    if top is None or top.kind is not Kind.POSITIVE or not _inverse_is_integrable(top.scale, facts):
        raise Undecided(f"d{model.variable}/dt is not known to be positive and fast enough as {where}")
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
        names = _listed(state for state, _ in diverging)
        raise Undecided(f"whether {names} stays finite at the spike is not known: the integral of its rate diverges")
    state, growing = certain[0]
    rate = sp.factor_terms(growing.coefficient) * growing.scale.of(_distance(model.variable, direction))
    return False, (
        f"d{state}/dt grows like {rate} as {model.variable} -> {_end(direction)}; divided by d{model.variable}/dt and "
        f"integrated over {model.variable} it diverges, so that {state} is infinite at the spike."
    )


def _passes_on(reset: Expression, state: sp.Symbol) -> bool:
    """Whether a reset leaves an infinite state infinite: affine in it, with a coefficient that is no zero."""
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
    """Check that states which act back on the spiking variable change little while it is far out.

    Raises:
        Undecided: if they may change much.
    """
    model, facts = case.model, case.facts
    for state in sorted(_feedback(case), key=str):
        rate = bound(growth(model.dynamics[state], model.variable, direction, facts), facts)
        if rate is not None and (top is None or not integrable(rate / top.scale, facts)):
            raise Undecided(f"what {state} does while {model.variable} is near {_end(direction)} is not known")


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
        raise Undecided(f"whether {top.coefficient} keeps its sign is not known")
    return top


def _distance(variable: sp.Symbol, direction: int) -> Expression:
    return variable if direction > 0 else sp.Abs(variable)


def _end(direction: int) -> str:
    return "oo" if direction > 0 else "-oo"


def _describe(case: Case, top: Leading, direction: int) -> str:
    variable = case.model.variable
    shown = sp.factor_terms(top.coefficient) * top.scale.of(_distance(variable, direction))
    return f"d{variable}/dt behaves like {shown} as {variable} -> {_end(direction)}"


def _listed(symbols: Any) -> str:
    return ", ".join(sorted(str(symbol) for symbol in symbols))
