"""No spike appears or vanishes within a trial: the conditions on the neuron alone, decided one by one."""

import sympy as sp

from .boundedness import between_spikes, following, no_accumulation
from .case import Answer, Case, is_periodic
from .certificate import Condition
from .facts import Kind, Undecided
from .growth import growth
from .scales import Leading, bound, integrable, leading
from .well_posed import require_lipschitz

_start = sp.Symbol("V_1", real=True)


def neuron_conditions(case: Case) -> tuple[Condition, ...]:
    """Decide every condition that does not depend on the input route."""
    model, variable, field = case.model, case.model.variable, case.model.field
    found = [case.condition("one solution", _smooth_statement(case), lambda: _one_solution(case))]
    if any(end.is_finite for state in model.bounds for end in model.bounds[state]):
        found.append(case.condition("declared ranges are kept", _ranges_statement(case), lambda: _ranges(case)))
    if model.spike.is_at_infinity:
        statement = _finite_time(field, variable, sp.oo)
        found.append(case.condition("reaches infinity in finite time", statement, lambda: _blow_up(case)))
    else:
        statement = sp.Gt(field.subs(variable, model.spike.threshold), 0, evaluate=False)
        found.append(case.condition("field is positive at the spike", statement, lambda: _crossing(case)))
    below = sp.Lt(model.reset_value, model.spike.threshold, evaluate=False)
    found.append(case.condition("reset lies below the threshold", below, lambda: _reset_below(case)))
    if case.returns_from_below:
        statement = _finite_time(field, variable, -sp.oo)
        found.append(case.condition("comes back from -oo in finite time", statement, lambda: _return(case)))
    else:
        statement = sp.Gt(variable, -sp.oo, evaluate=False)
        found.append(case.condition("no other divergence", statement, lambda: _no_escape(case)))
    if model.other_states:
        found += _other_state_conditions(case)
    statement = sp.Lt(sp.Symbol("N_spikes"), sp.oo, evaluate=False)
    found.append(case.condition("spikes do not accumulate", statement, lambda: no_accumulation(case)))
    return tuple(found)


def _other_state_conditions(case: Case) -> list[Condition]:
    model = case.model
    statement = sp.And(
        *(sp.Lt(sp.Integral(sp.Abs(model.dynamics[state]) / sp.Abs(model.field), (model.variable, _start, sp.oo)), sp.oo,
                evaluate=False) for state in model.other_states), evaluate=False,
    )  # fmt: skip
    finite = sp.And(*(sp.Lt(sp.Abs(state), sp.oo, evaluate=False) for state in model.other_states), evaluate=False)
    between = case.condition("other states stay finite between spikes", finite, lambda: between_spikes(case))
    if not model.spike.is_at_infinity:
        return [between]
    return [case.condition("other states stay finite at the spike", statement, lambda: _finite_at_spike(case)), between]


def _smooth_statement(case: Case) -> sp.Basic:
    slopes = [sp.Abs(sp.Derivative(rate, case.model.variable)) for rate in case.model.dynamics.values()]
    return sp.And(*(sp.Lt(slope, sp.oo, evaluate=False) for slope in slopes), evaluate=False)


def _finite_time(field: sp.Expr, variable: sp.Symbol, end: sp.Expr) -> sp.Basic:
    bounds = (variable, _start, sp.oo) if end is sp.oo else (variable, -sp.oo, _start)
    return sp.Lt(sp.Integral(1 / field, bounds), sp.oo, evaluate=False)


def _one_solution(case: Case) -> Answer:
    for state, rate in case.model.dynamics.items():
        try:
            require_lipschitz(rate, case.facts)
        except Undecided as problem:
            raise Undecided(f"in d{state}/dt, {problem.reason}", problem.needs) from problem
    return True, (
        "Every right-hand side is locally Lipschitz in the states, so that trajectories are unique and depend "
        "continuously on where they start."
    )


def _ranges_statement(case: Case) -> sp.Basic:
    facts = []
    for state, ends in case.model.bounds.items():
        rate = case.model.dynamics[state]
        low, high = (rate.subs(state, end) if end.is_finite else None for end in ends)
        facts += [sp.Ge(low, 0, evaluate=False)] if low is not None else []
        facts += [sp.Le(high, 0, evaluate=False)] if high is not None else []
    return sp.And(*facts, evaluate=False)


def _ranges(case: Case) -> Answer:
    model, facts = case.model, case.facts
    for state, ends in model.bounds.items():
        if state == model.variable and (model.spike.is_at_infinity and ends[1].is_finite or case.returns_from_below):
            raise Undecided(f"the range of {state} leaves out its spike or its reset")
        for end, inward in zip(ends, (1, -1), strict=True):
            if not end.is_finite or (state == model.variable and inward == -1):
                continue
            rate = inward * model.dynamics[state].subs(state, end)
            if facts.spread(rate).kind not in (Kind.POSITIVE, Kind.NONNEGATIVE, Kind.ZERO):
                raise Undecided(f"the equations drive {state} out of its declared range at {state} = {end}")
            after = inward * (model.reset.get(state, state) - end)
            if facts.spread(after).kind not in (Kind.POSITIVE, Kind.NONNEGATIVE, Kind.ZERO):
                raise Undecided(f"the reset may put {state} out of its declared range")
    return True, (
        "At the ends of the declared ranges the equations point inwards, and resets stay inside; input weights are "
        "taken to respect the ranges."
    )


def _leading_at(case: Case, direction: int) -> Leading | None:
    return leading(growth(case.model.field, case.model.variable, direction, case.facts), case.facts)


def _describe(case: Case, top: Leading, direction: int) -> str:
    variable = case.model.variable
    shown = sp.factor_terms(top.coefficient) * top.scale.of(variable if direction > 0 else sp.Abs(variable))
    return f"d{variable}/dt behaves like {shown} as {variable} -> {'oo' if direction > 0 else '-oo'}"


def _blow_up(case: Case) -> Answer:
    variable, facts = case.model.variable, case.facts
    top = _leading_at(case, 1)
    if top is None:
        return False, f"d{variable}/dt vanishes for large {variable}, so that {variable} never reaches infinity."
    behaviour = _describe(case, top, 1)
    if top.kind is Kind.NEGATIVE:
        return False, f"{behaviour}: it is negative there, so that {variable} is driven away from infinity."
    if top.kind in (Kind.MIXED, Kind.NONPOSITIVE):
        return False, f"{behaviour}; the coefficient is not positive for all admissible states{_at(top.where)}."
    if not integrable(top.scale ** sp.Integer(-1), facts):
        return False, f"{behaviour}; the integral of its inverse diverges: infinity is never reached in finite time."
    if top.kind is Kind.NONNEGATIVE:
        raise Undecided(f"{behaviour}, whose coefficient vanishes at the end of the admissible range{_at(top.where)}")
    return True, (
        f"{behaviour}, with a positive coefficient whatever the other states; the integral of its inverse converges, "
        "so that infinity is crossed transversally and after a finite time."
    )


def _crossing(case: Case) -> Answer:
    model = case.model
    speed = sp.simplify(model.field.subs(model.variable, model.spike.threshold))
    spread = case.facts.spread(speed)
    at = f"d{model.variable}/dt at {model.variable} = {model.spike.threshold} is {speed}"
    if spread.kind is Kind.POSITIVE:
        where = ": the point of the spike on a circle" if is_periodic(model, case.facts) else ""
        return True, f"{at}, positive for all admissible states{where}, so that the spike is crossed transversally."
    if spread.kind is Kind.NONNEGATIVE:
        raise Undecided(f"{at}, which vanishes at the end of the admissible range{_at(spread.where)}")
    if spread.kind is Kind.MIXED:
        return False, f"{at}; it vanishes or is negative for admissible states{_at(spread.where)}: trajectories graze."
    return False, f"{at}, which is never positive: the threshold is not crossed by the dynamics."


def _at(where: dict[sp.Symbol, sp.Expr]) -> str:
    return ", for example at " + ", ".join(f"{state} = {value}" for state, value in where.items()) if where else ""


def _reset_below(case: Case) -> Answer:
    model = case.model
    variable = model.variable
    if model.spike.is_at_infinity and not model.reset_value.has(variable):
        return True, f"After a spike {variable} is finite or -oo."
    if model.spike.is_at_infinity:
        raise Undecided(f"the reset of {variable} to {model.reset_value} depends on {variable} itself, which is infinite")
    gap = model.spike.threshold - model.reset_value.subs(variable, model.spike.threshold)
    if case.facts.spread(gap).kind is Kind.POSITIVE:
        return True, "After a spike the spiking variable is below its threshold."
    raise Undecided(f"the reset of {variable} to {model.reset_value} may not lie below {model.spike.threshold}")


def _return(case: Case) -> Answer:
    variable = case.model.variable
    top = _leading_at(case, -1)
    if top is None:
        return False, f"d{variable}/dt vanishes for very negative {variable}: it never comes back from -oo."
    behaviour = _describe(case, top, -1)
    if not integrable(top.scale ** sp.Integer(-1), case.facts):
        return False, f"{behaviour}; the integral of its inverse diverges: {variable} never comes back from -oo."
    if top.kind is Kind.POSITIVE:
        return True, f"{behaviour}: it is positive there, and the integral of its inverse converges."
    if top.kind is Kind.NONNEGATIVE:
        raise Undecided(f"{behaviour}, whose coefficient vanishes at the end of the admissible range{_at(top.where)}")
    return False, f"{behaviour}: it is not positive{_at(top.where)}, so that {variable} never comes back from -oo."


def _no_escape(case: Case) -> Answer:
    model, facts = case.model, case.facts
    variable = model.variable
    if case.low.is_finite:
        return True, f"{variable} never falls below {case.low}."
    series = growth(model.field, variable, -1, facts)
    largest = bound(series, facts)
    if largest is None or not integrable(largest ** sp.Integer(-1), facts):
        return True, f"d{variable}/dt grows too slowly as {variable} -> -oo for a divergence in finite time."
    top = leading(series, facts)
    if top is None or not integrable(top.scale ** sp.Integer(-1), facts):
        return True, f"d{variable}/dt grows too slowly as {variable} -> -oo for a divergence in finite time."
    behaviour = _describe(case, top, -1)
    if top.kind is Kind.POSITIVE:
        return True, f"{behaviour}: {variable} is driven away from -oo."
    if top.kind is Kind.NONNEGATIVE:
        raise Undecided(f"{behaviour}, whose coefficient vanishes at the end of the admissible range{_at(top.where)}")
    return False, (
        f"{behaviour}: {variable} runs to -oo in finite time{_at(top.where)}, where the model declares nothing."
    )


def _finite_at_spike(case: Case) -> Answer:
    reasons = [_finite_towards(case, 1)]
    if case.returns_from_below:
        reasons.append(_finite_towards(case, -1))
    for holds, reason in reasons:
        if holds is False:
            return holds, reason
    return True, " ".join(reason for _, reason in reasons)


def _finite_towards(case: Case, direction: int) -> Answer:
    """Whether the other states change by a finite amount on the way to or from infinity."""
    model, facts = case.model, case.facts
    where = f"{model.variable} -> {'oo' if direction > 0 else '-oo'}"
    top = _leading_at(case, direction)
    if top is None or not top.kind.is_strict:
        raise Undecided(f"the growth of d{model.variable}/dt as {where} is not known")
    diverging: list[tuple[sp.Symbol, Leading]] = []
    for state in model.other_states:
        series = growth(model.dynamics[state], model.variable, direction, facts)
        largest = bound(series, facts)
        if largest is None or integrable(largest * top.scale ** sp.Integer(-1), facts):
            continue
        strongest = leading(series, facts)
        if strongest is not None and not integrable(strongest.scale * top.scale ** sp.Integer(-1), facts):
            diverging.append((state, strongest))
    if not diverging:
        return True, f"As {where}, the change of every other state per change of {model.variable} is integrable."
    return _divergence(case, diverging, direction)


def _divergence(case: Case, diverging: list[tuple[sp.Symbol, Leading]], direction: int) -> Answer:
    """A divergence is certain if its rate does not depend on the states that follow the spiking variable."""
    model = case.model
    followers = following(model, model.variable)
    for state, top in diverging:
        after = model.reset.get(state, state)
        if top.coefficient.free_symbols & followers or not after.has(state):
            continue
        rate = sp.factor_terms(top.coefficient) * top.scale.of(sp.Abs(model.variable))
        return False, (
            f"d{state}/dt grows like {rate} as {model.variable} -> {'oo' if direction > 0 else '-oo'}; divided by "
            f"d{model.variable}/dt its integral diverges, so that {state} is infinite at the spike."
        )
    names = ", ".join(str(state) for state, _ in diverging)
    raise Undecided(f"whether {names} stays finite at the spike is not known: the integral of its rate diverges")
