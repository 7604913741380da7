"""Conditions that other states stay finite and that spikes do not accumulate.

Bounded states have an equation that is affine in themselves (and in states that depend on each other), whose
coefficients depend on bounded states, and on V through bounded functions only, and a reset that does not make them
larger: they stay below a bound that does not depend on how often the neuron spikes. A range that is declared on both
sides does the same.

All other states, x, must enter affinely: dx/dt = g(V) + A(V) x and dV/dt = f(V) + c(V) x, with resets x -> r x + b,
|r| <= 1. Where A and c are bounded and g is integrable against f at infinite V (and grows at most linearly where V can
only drift), |x| grows at most exponentially in time plus a fixed amount per spike; between two spikes V must cross a
fixed interval, at a speed of at most a constant times 1 + |x|, so that n spikes take at least about log(n).
"""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ...algebra import expanded
from ...declare import NeuronModel
from ..asymptotics.growth import growth
from ..asymptotics.scales import ONE, Scale, bound, compare, integrable, leading
from ..context import Answer, Case
from ..reason import Reason, listed
from ..signs.facts import Facts
from ..signs.influence import following
from ..signs.kinds import Expression, Kind, Undecided, affine_parts

_LINEAR = Scale(power=sp.S.One)


class Diverges(Undecided):
    """A state that nothing else influences runs to infinity in finite time."""


@dataclass(frozen=True)
class Growing:
    """States that may grow from spike to spike, and their affine equations."""

    states: tuple[sp.Symbol, ...]
    bounded: frozenset[sp.Symbol]


def between_spikes(case: Case) -> Answer:
    """Decide whether the other states can diverge between spikes."""
    try:
        growing = split_states(case)
    except Diverges as divergence:
        return False, Reason("{}.", divergence.reason)
    require_affine(case, growing)
    if not growing.states:
        return True, Reason(
            "Neither spikes nor the size of "
            "{} drive the other states, which are bounded, linear, or driven back from infinity: "
            "they grow at most exponentially.",
            case.model.variable,
        )
    driven = [state for state in growing.states if state in following(case.model, case.model.variable)]
    if driven:
        _require_moderate(case, growing)
    return True, Reason(
        "The equations drive {} back from infinity, or are affine with coefficients that stay bounded, and each "
        "spike adds a bounded "
        "amount: growth is at most exponential in time and proportional to the number of spikes.",
        listed(growing.states),
    )


def no_accumulation(case: Case) -> Answer:
    """Decide whether infinitely many spikes can happen in finite time."""
    model, variable = case.model, case.model.variable
    if model.refractory is not None:
        return True, Reason("At least the refractory time {} lies between two spikes.", model.refractory)
    if _climbs(case):
        return False, Reason(
            "Each spike brings the reset of {} nearer to the threshold by the same factor: the times between "
            "spikes add up to a finite time, in which there are infinitely many.",
            variable,
        )
    growing = split_states(case)
    require_affine(case, growing)
    reset = model.reset_value
    start = "every interval" if case.returns_from_below else Reason("an interval that begins at {}", reset)
    if reset.free_symbols & set(growing.states):
        raise Undecided("the reset of {} to {} depends on states that grow from spike to spike", variable, reset)
    if not growing.states:
        return True, Reason("Between two spikes {} must cross {}, where its speed is bounded.", variable, start)
    return True, Reason(
        "Between two spikes {} must cross {}, where its speed is at most proportional to the number of "
        "spikes so far: the times between spikes add up to infinity, like the harmonic series.",
        variable,
        start,
    )


def _climbs(case: Case) -> bool:
    """Whether the gap between reset and threshold shrinks by a fixed factor with every spike and is else constant."""
    model, facts = case.model, case.facts
    gap = expanded(model.spike.threshold - model.reset_value) if not model.spike.is_at_infinity else sp.oo
    read = sorted(gap.free_symbols & set(model.other_states), key=str)
    if len(read) != 1 or model.variable in gap.free_symbols:
        return False
    state: Any = read[0]
    after = gap.subs(state, model.reset.get(state, state))
    parts, before = affine_parts(after, [state]), affine_parts(gap, [state])
    if parts is None or before is None or model.dynamics[state] != 0 or facts.sign(before[0][state]) == 0:
        return False
    factor = parts[0][state] / before[0][state]
    shrinks = facts.sign(factor) > 0 and facts.sign(1 - factor) > 0
    if not shrinks or not facts.vanishes(expanded(after - factor * gap)):
        return False
    first = model.reset_value.subs(state, model.initial[state])
    way = facts.over({model.variable: (first, model.spike.threshold)})
    is_passed = facts.sign(model.spike.threshold - first) > 0 and way.spread(model.field).kind is Kind.POSITIVE
    starts = facts.sign(model.initial[model.variable] - first) >= 0
    return is_passed and starts


def split_states(case: Case) -> Growing:
    """Find the states that are bounded whatever the spikes; the rest may grow."""
    model = case.model
    bounded = {s for s in model.other_states if all(end.is_finite for end in case.facts.ranges[s])}
    waiting = [s for s in model.other_states if s not in bounded]
    while True:
        for group in _groups(model, waiting):
            needed = set().union(*(model.dynamics[s].free_symbols for s in group)) & set(model.other_states)
            if needed <= bounded | set(group) and _is_bounded(case, group, bounded):
                bounded |= set(group)
                waiting = [s for s in waiting if s not in group]
                break
        else:
            break
    return Growing(tuple(s for s in model.other_states if s not in bounded), frozenset(bounded))


def _groups(model: NeuronModel, states: list[sp.Symbol]) -> list[list[sp.Symbol]]:
    """The states that depend on each other, together."""
    reach: dict[Any, set[Any]] = {s: {s} for s in states}
    for _ in states:
        for s in states:
            for other in list(reach[s]):
                reach[s] |= model.dynamics[other].free_symbols & set(states)
    groups = []
    for s in states:
        group = [other for other in states if other in reach[s] and s in reach[other]]
        if group not in groups:
            groups.append(group)
    return groups


def _is_bounded(case: Case, group: list[sp.Symbol], bounded: set[sp.Symbol]) -> bool:
    model, facts = case.model, case.facts
    if not all(_is_tame(case, state, group) for state in group) and not _dissipates(case, group):
        return False
    for state in group:
        after = model.reset.get(state, state)
        parts = affine_parts(after, group)
        if parts is None or (parts[1].free_symbols & set(model.states)) - bounded:
            return False
        others = [slope for other, slope in parts[0].items() if other != state and slope != 0]
        shrinks = _at_most_one(parts[0][state], facts, strictly=parts[1] != 0)
        if others or not shrinks:
            return False
    return True


def _is_tame(case: Case, state: sp.Symbol, group: list[sp.Symbol]) -> bool:
    """Whether an equation is affine in its group, with coefficients that the spiking variable keeps bounded."""
    model, facts = case.model, case.facts
    parts = affine_parts(model.dynamics[state], group)
    if parts is None:
        return False
    for coefficient in (*parts[0].values(), parts[1]):
        for direction in (1, -1) if coefficient.has(model.variable) else ():
            try:
                largest = bound(growth(coefficient, model.variable, direction, facts), facts)
            except Undecided:
                return False
            if largest is not None and compare(largest, ONE, facts) > 0:
                return False
    return True


def _dissipates(case: Case, group: list[sp.Symbol]) -> bool:
    """Whether a single nonlinear state is driven back from infinity wherever it could diverge."""
    (state, *others) = group
    if others or case.model.dynamics[state].has(case.model.variable):
        return False
    rate, facts = case.model.dynamics[state], case.facts
    for direction, end in zip((1, -1), reversed(facts.ranges[state]), strict=True):
        if end.is_finite:
            continue
        series = growth(rate, state, direction, facts)
        largest = bound(series, facts)
        if largest is None or not integrable(ONE / largest, facts):
            if largest is not None and compare(largest, _LINEAR, facts) > 0:
                return False
            continue
        top = leading(series, facts)
        outward = Kind.POSITIVE if direction > 0 else Kind.NEGATIVE
        if top is None or not top.kind.is_strict:
            return False
        if top.kind is outward:
            if integrable(ONE / top.scale, facts) and case.reach.can_run_away(state, direction):
                alone = not rate.free_symbols & (set(case.model.states) - {state})
                how = "by itself" if alone else "for some inputs"
                raise Diverges("d{}/dt = {} drives {} to infinity in finite time {}", state, rate, state, how)
            return False
    return True


def _at_most_one(factor: Expression, facts: Facts, *, strictly: bool) -> bool:
    if factor.free_symbols & facts.ranges.keys():
        return False
    if not strictly and factor in (1, -1, 0):
        return True
    ends = (facts.sign(1 - factor), facts.sign(1 + factor))
    return all(end > 0 or (end == 0 and not strictly) for end in ends)


def require_affine(case: Case, growing: Growing) -> None:
    """Check the affine form that the proof needs."""
    model, states = case.model, list(growing.states)
    for state in (model.variable, *states):
        if state in states and _is_driven_back(case, state, growing):
            continue
        if affine_parts(model.dynamics[state], states) is None:
            raise Undecided(
                "whether the states stay finite is not known, since d{}/dt is not affine in {}", state, listed(states)
            )
    for state in states:
        parts = affine_parts(model.reset.get(state, state), states)
        if parts is None or parts[1].free_symbols & (set(model.states) - growing.bounded):
            raise Undecided("the reset of {} is not affine in the states that grow from spike to spike", state)
        mixes = any(slope != 0 for other, slope in parts[0].items() if other != state)
        if mixes or not _at_most_one(parts[0][state], case.facts, strictly=False):
            raise Undecided("the reset of {} may make it larger at every spike", state)


def _is_driven_back(case: Case, state: sp.Symbol, growing: Growing) -> bool:
    """Whether a state cannot run away between spikes, whatever its equation, and only spikes make it grow."""
    read = case.model.dynamics[state].free_symbols & set(case.model.states)
    return read <= growing.bounded | {state} and _dissipates(case, [state])


def _require_moderate(case: Case, growing: Growing) -> None:
    """States that follow the spiking variable: their couplings to it must be bounded, and their drive moderate."""
    if case.model.spike.is_at_infinity:
        _require_bounded_couplings(case, growing, 1)
    if not case.low.is_finite:
        _require_bounded_couplings(case, growing, -1)
        if not case.returns_from_below:
            _require_moderate_drive(case, growing, -1)
    # at an infinity that is crossed, the drive is integrable: the condition that others stay finite at the spike


def require_drift(case: Case, direction: int) -> None:
    """Check that states which follow the spiking variable cannot carry it to an infinity that it avoids alone."""
    growing = split_states(case)
    driven = following(case.model, case.model.variable) & set(growing.states)
    if driven & case.model.field.free_symbols:
        require_affine(case, growing)
        _require_bounded_couplings(case, growing, direction)
        _require_moderate_drive(case, growing, direction)


def _parts(case: Case, growing: Growing, state: sp.Symbol) -> tuple[list[Expression], Expression]:
    slopes, rest = affine_parts(case.model.dynamics[state], list(growing.states)) or ({}, sp.S.Zero)
    return list(slopes.values()), rest


def _require_bounded_couplings(case: Case, growing: Growing, direction: int) -> None:
    variable, facts = case.model.variable, case.facts
    for state in (variable, *growing.states):
        for coefficient in _parts(case, growing, state)[0]:
            largest = bound(growth(coefficient, variable, direction, facts), facts)
            if largest is not None and compare(largest, ONE, facts) > 0:
                raise Undecided("the coefficient {} between states grows with {}", coefficient, variable)


def _require_moderate_drive(case: Case, growing: Growing, direction: int) -> None:
    """Where the spiking variable only drifts, all rates may grow at most linearly with it."""
    variable, facts = case.model.variable, case.facts
    for state in growing.states:
        drive = _parts(case, growing, state)[1]
        largest = bound(growth(drive, variable, direction, facts), facts)
        if largest is not None and compare(largest, _LINEAR, facts) > 0:
            raise Undecided("the drive {} of {} grows faster than linearly far out", drive, state)
    series = growth(_parts(case, growing, variable)[1], variable, direction, facts)
    largest = bound(series, facts)
    if largest is not None and compare(largest, _LINEAR, facts) > 0:
        top = leading(series, facts)
        inward = Kind.NEGATIVE if direction > 0 else Kind.POSITIVE
        if top is None or top.kind is not inward:
            raise Undecided("{} may move outwards faster than exponentially", variable)
