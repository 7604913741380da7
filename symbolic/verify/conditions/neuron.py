"""No spike appears or vanishes within a trial: the conditions on the neuron alone, decided one by one."""

from collections.abc import Iterable
from typing import Any

import sympy as sp

from ...algebra import expanded, tidy
from ...declare import NeuronModel
from ...structure import is_on_circle
from ..asymptotics.branches import from_below
from ..context import Answer, Case
from ..reason import Reason, listed
from ..regularity.own_spike import effect_of_jump
from ..results import Condition
from ..signs.kinds import Expression, Kind, Undecided, affine_parts, at_place
from ..signs.lipschitz import require_lipschitz
from ..signs.reach import grazes
from .boundedness import between_spikes, no_accumulation
from .infinity import comes_back, no_escape, others_stay_finite, reaches_infinity

_NOT_NEGATIVE = (Kind.POSITIVE, Kind.NONNEGATIVE, Kind.ZERO)

DERIVED = "states stay in ranges that follow from the equations"
COMES_BACK = "comes back from -oo in finite time"
FINITE_AT_SPIKE = "other states stay finite at the spike"
#: What happens from the spike on does not concern the time of the spike itself.
FROM_THE_SPIKE_ON = (COMES_BACK, FINITE_AT_SPIKE)


def neuron_conditions(case: Case) -> tuple[Condition, ...]:
    """Decide every condition that does not depend on the input route."""
    model, variable, field = case.model, case.model.variable, case.model.field
    found = [case.condition("one solution", _smooth_statement(case), lambda: _one_solution(case))]
    if case.derived:
        found.append(
            Condition(DERIVED, True, _derived_statement(case), _derived_reason(case), None, case.range_assumptions)
        )
    if any(end.is_finite for state, ends in model.bounds.items() if state.name not in case.given for end in ends):
        found.append(case.condition("declared ranges are kept", _ranges_statement(case), lambda: _ranges(case)))
    if model.spike.is_at_infinity:
        statement = _finite_time(field, variable, sp.oo)
        found.append(case.condition("reaches infinity in finite time", statement, lambda: reaches_infinity(case)))
    else:
        statement = sp.Gt(field.subs(variable, model.spike.threshold), 0, evaluate=False)
        found.append(case.condition("field is positive at the spike", statement, lambda: _crossing(case)))
    below = sp.Lt(model.reset_value, model.spike.threshold, evaluate=False)
    found.append(case.condition("reset lies below the threshold", below, lambda: _reset_below(case)))
    if case.returns_from_below:
        statement = _finite_time(field, variable, -sp.oo)
        found.append(case.condition(COMES_BACK, statement, lambda: comes_back(case)))
    else:
        statement = sp.Gt(variable, -sp.oo, evaluate=False)
        found.append(case.condition("no other divergence", statement, lambda: no_escape(case)))
    if model.other_states:
        found += _other_state_conditions(case)
    statement = sp.Lt(sp.Symbol("N_spikes"), sp.oo, evaluate=False)
    found.append(case.condition("spikes do not accumulate", statement, lambda: no_accumulation(case)))
    return tuple(found)


def _derived_statement(case: Case) -> sp.Basic:
    statements: list[sp.Basic] = []
    for state, (low, high) in case.derived.items():
        if low == high:
            statements.append(sp.Eq(state, low, evaluate=False))
            continue
        statements += [sp.Ge(state, low, evaluate=False)] if low.is_finite else []
        statements += [sp.Le(state, high, evaluate=False)] if high.is_finite and state != case.model.variable else []
    return _all(statements)


def _derived_reason(case: Case) -> Reason:
    return Reason(
        "Started from the declared initial values, {} cannot cross the ends of these ranges: neither the "
        "equations nor resets nor inputs lead out of them. Declare bounds if other initial values are to be admitted.",
        listed(case.derived),
    )


def _other_state_conditions(case: Case) -> list[Condition]:
    model = case.model
    finite = _all(sp.Lt(sp.Abs(state), sp.oo, evaluate=False) for state in model.other_states)
    between = case.condition("other states stay finite between spikes", finite, lambda: between_spikes(case))
    if not model.spike.is_at_infinity:
        return [between]
    changes = [sp.Abs(model.dynamics[state] / model.field, evaluate=False) for state in model.other_states]
    place = sp.Symbol(f"{model.variable.name}_1", real=True)
    ends = [(model.variable, place, sp.oo)] + [(model.variable, -sp.oo, place)] * case.returns_from_below
    statement = _all(sp.Lt(sp.Integral(change, end), sp.oo, evaluate=False) for change in changes for end in ends)
    at_spike = case.condition(
        FINITE_AT_SPIKE, statement, lambda: others_stay_finite(case)
    )  # fmt: skip
    return [at_spike, between]


def _all(statements: Iterable[Any]) -> sp.Basic:
    parts = tuple(statements)
    together: Any = sp.And
    return parts[0] if len(parts) == 1 else together(*parts, evaluate=False)


def _smooth_statement(case: Case) -> sp.Basic:
    states = case.model.states
    slopes = [
        sp.Abs(sp.Derivative(rate, s), evaluate=False)
        for rate in case.model.dynamics.values()
        for s in states
        if rate.has(s)
    ]
    return _all(sp.Lt(slope, sp.oo, evaluate=False) for slope in slopes) if slopes else sp.true


def _finite_time(field: Expression, variable: sp.Symbol, end: Expression) -> sp.Basic:
    start = sp.Symbol(f"{variable.name}_1", real=True)
    bounds = (variable, start, sp.oo) if end is sp.oo else (variable, -sp.oo, start)
    return sp.Lt(sp.Integral(1 / field, bounds), sp.oo, evaluate=False)


def _one_solution(case: Case) -> Answer:
    for state, rate in case.model.dynamics.items():
        try:
            require_lipschitz(rate, case.facts)
        except Undecided as problem:
            raise Undecided("in d{}/dt, {}", state, problem.reason, needs=problem.needs) from problem
    return True, (
        "Every right-hand side is locally Lipschitz in the states, so that trajectories are unique and depend "
        "continuously on where they start."
    )


def _ranges_statement(case: Case) -> sp.Basic:
    statements: list[sp.Basic] = []
    for state, (low, high) in case.model.bounds.items():
        if state.name in case.given:
            continue
        rate = case.model.dynamics[state]
        statements += [sp.Ge(sp.Subs(rate, state, low), 0, evaluate=False)] if low.is_finite else []
        statements += [sp.Le(sp.Subs(rate, state, high), 0, evaluate=False)] if high.is_finite else []
    return _all(statements)


def _ranges(case: Case) -> Answer:
    model, facts = case.model, case.facts
    for state, ends in model.bounds.items():
        if state.name in case.given:
            continue
        is_spiking = state == model.variable
        if is_spiking and (case.returns_from_below or (model.spike.is_at_infinity and ends[1].is_finite)):
            raise Undecided("the range of {} leaves out its spike or its reset", state)
        for end, inward in zip(ends, (1, -1), strict=True):
            if not end.is_finite or (is_spiking and inward == -1):
                continue
            rate = inward * model.dynamics[state].subs(state, end)
            if facts.spread(rate).kind not in _NOT_NEGATIVE:
                raise Undecided("the equations drive {} out of its declared range at {} = {}", state, state, end)
            after, start = (inward * (value - end) for value in (model.reset.get(state, state), model.initial[state]))
            if facts.spread(after).kind not in _NOT_NEGATIVE or not facts.at_least_zero(start):
                raise Undecided("the reset or the initial value of {} may lie outside its declared range", state)
    return True, (
        "At the ends of the declared ranges the equations do not point outwards, and resets stay inside; inputs are "
        "taken to respect the ranges."
    )


def _crossing(case: Case) -> Answer:
    model = case.model
    variable, threshold = model.variable, model.spike.threshold
    plain = from_below(model.field, variable, threshold, case.facts).subs(variable, threshold)
    speed = min((plain, tidy(plain)), key=lambda written: len(str(written)))
    spread = case.facts.spread(speed)
    at = Reason("d{}/dt at {} = {} is {}", variable, variable, threshold, speed)
    if spread.kind is Kind.POSITIVE:
        crossed = "the place of the spike on the circle" if is_on_circle(model) else "the threshold"
        return True, Reason(
            "{}, which is positive for all admissible states, so that {} is crossed transversally.", at, crossed
        )
    if spread.kind in (Kind.MIXED, Kind.NONNEGATIVE) and _rises_through_zero(case, speed):
        return True, Reason(
            "{}; where it vanishes it increases, and inputs do not change it, so that {} arrives at the "
            "threshold only while it is positive.",
            at,
            variable,
        )
    if spread.kind is Kind.NONNEGATIVE:
        raise Undecided("{}, which vanishes at the end of the admissible range{}", at, at_place(spread.where))
    if spread.kind is not Kind.MIXED:
        moved = any(variable in route.jump for route in model.routes)
        only = Reason("only an input can carry {} over the threshold", variable) if moved else "the neuron never spikes"
        return False, Reason("{}, which is never positive: {}.", at, only)
    place = at_place(spread.where)
    if grazes(case.reach, speed):
        return False, Reason("{}; it vanishes or is negative for admissible states{}: trajectories graze.", at, place)
    if case.reach.can_spike() and case.reach.swallows(speed):
        return False, Reason(
            "{}; just before a spike an input can make it negative{}, so that the spike vanishes.", at, place
        )
    raise Undecided(
        "{}, which vanishes or is negative for some states{}; whether a trial brings {} to its "
        "threshold there is not known. Declare the ranges of {} as bounds if they are narrower",
        at,
        place,
        variable,
        _names(speed, model),
    )


def _names(expression: Expression, model: NeuronModel) -> str:
    return listed(state for state in model.states if expression.has(state)) or "the states"


def _rises_through_zero(case: Case, speed: Expression) -> bool:
    """Whether the speed at the threshold increases wherever it vanishes, and no input changes it.

    Then V cannot arrive at the threshold while the speed vanishes: just before, the speed was negative.
    """
    model, facts = case.model, case.with_weight
    try:
        if any(not facts.vanishes(effect_of_jump(speed, model, route)) for route in model.routes):
            return False
        at_threshold = {s: from_below(rate, model.variable, model.spike.threshold, facts).subs(
            model.variable, model.spike.threshold) for s, rate in model.dynamics.items()}  # fmt: skip
        change = expanded(sp.Add(*(sp.diff(speed, state) * at_threshold[state] for state in model.other_states)))
        if facts.spread(change).kind is Kind.POSITIVE:
            return True
        for state in model.other_states:
            parts = affine_parts(speed, [state])
            if parts is not None and facts.spread(parts[0][state]).kind.is_strict:
                place = tidy(-parts[1] / parts[0][state])
                return facts.spread(tidy(change.subs(state, place))).kind is Kind.POSITIVE
    except Undecided:
        pass
    return False


def _reset_below(case: Case) -> Answer:
    model = case.model
    variable, threshold, reset = model.variable, model.spike.threshold, model.reset_value
    if model.spike.is_at_infinity:
        if reset.has(variable):
            raise Undecided("the reset of {} to {} depends on {} itself, which is infinite", variable, reset, variable)
        return True, Reason("After a spike {} restarts from {}, below oo.", variable, reset)
    if case.facts.spread(threshold - reset.subs(variable, threshold)).kind is not Kind.POSITIVE:
        raise Undecided("the reset of {} to {} may not lie below {}", variable, reset, threshold)
    if case.facts.sign(threshold - model.initial[variable]) <= 0:
        raise Undecided("{} does not start below {}", variable, threshold)
    return True, Reason("At the start and after a spike {} lies below its threshold.", variable)
