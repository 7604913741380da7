"""Cases: the verdict in each region of a parameter that was left open and decides it."""

from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from ..algebra import tidy
from ..declare import Jump, NeuronModel, SpikeRule
from ..declare.frozen import FrozenMapping
from .certificate import Certificate
from .reason import Reason
from .reports import worst_of
from .results import Condition, Verdict
from .signs.kinds import solved


@dataclass(frozen=True)
class Region:
    """A part of a parameter's range.

    Attributes:
        condition: What holds there.
        value: The parameter, written with a positive (or negative) symbol of its own, or its one value.
        back: From that symbol to the parameter.
    """

    condition: Any
    value: sp.Expr
    back: tuple[tuple[sp.Symbol, sp.Expr], ...] = ()


def deciding_parameter(model: NeuronModel, conditions: tuple[Condition, ...]) -> tuple[Any, sp.Expr] | None:
    """Find an open parameter, and the number from which on an open question has another answer."""
    open_parameters = {symbol for symbol, value in model.parameters.items() if value is None}
    for condition in conditions:
        if condition.needs is None or not condition.needs.free_symbols <= open_parameters:
            continue
        relation: Any = solved(condition.needs)
        if relation.is_Relational and relation.lhs in open_parameters and relation.rhs.is_number:
            return relation.lhs, relation.rhs
    return None


def regions_of(symbol: Any, threshold: sp.Expr, *, is_positive: bool = False) -> tuple[Region, ...]:
    """Divide the range of a parameter: above, at and below a number, as far as it is positive if it must be."""
    edge: Any = threshold
    above = sp.Symbol(symbol.name if edge.is_zero else f"({symbol - edge})", positive=True)
    found = [Region(sp.Gt(symbol, edge), edge + above, ((above, symbol - edge),))]
    if not (symbol.is_positive or is_positive):
        below = sp.Symbol(
            symbol.name if edge.is_zero else f"({edge - symbol})", positive=not edge.is_zero, negative=edge.is_zero
        )
        value, back = (below, symbol) if edge.is_zero else (edge - below, edge - symbol)
        return (*found, Region(sp.Eq(symbol, edge), edge), Region(sp.Lt(symbol, edge), value, ((below, back),)))
    if edge.is_positive:
        ratio = sp.Symbol(f"({edge / symbol - 1})", positive=True)
        less = Region(sp.Lt(symbol, edge), edge / (1 + ratio), ((ratio, edge / symbol - 1),))
        return (*found, Region(sp.Eq(symbol, edge), edge), less)
    return tuple(found)


def in_region(model: NeuronModel, symbol: Any, region: Region) -> NeuronModel:
    """The model where the parameter is in a region."""
    new: dict[Any, Any] = {symbol: region.value}

    def at(value: Any) -> Any:
        return value.xreplace(new)

    def put(mapping: Any) -> dict[Any, Any]:
        return {key: at(value) for key, value in mapping.items()}

    parameters = {other: value for other, value in model.parameters.items() if other != symbol}
    return NeuronModel(
        model.name,
        dynamics=put(model.dynamics),
        spike=SpikeRule(model.variable, at(model.spike.threshold)),
        reset=put(model.reset),
        inputs={route.name: Jump(FrozenMapping(put(route.jump))) for route in model.routes},
        parameters=parameters | dict.fromkeys(own for own, _ in region.back),
        initial=put(model.initial),
        bounds={state: (at(limits[0]), at(limits[1])) for state, limits in model.bounds.items()},
        refractory=None if model.refractory is None else at(model.refractory),
    )


def translated(certificate: Certificate, model: NeuronModel, region: Region) -> Certificate:
    """A region's certificate in the parameters of the declared model."""
    back: dict[Any, Any] = dict(region.back)

    def put(expression: Any) -> Any:
        return expression.xreplace(back)

    def say(reason: str) -> str:
        return reason.mapped(shown) if isinstance(reason, Reason) else reason

    def shown(expression: Any) -> Any:
        found = put(expression)
        return expression if found == expression else _tidy(found) if found.is_Relational else tidy(found)

    conditions = tuple(
        replace(
            c,
            statement=put(c.statement),
            reason=say(c.reason),
            assumptions=tuple(map(put, c.assumptions)),
            needs=None if c.needs is None else _tidy(put(c.needs)),
        )
        for c in certificate.conditions
    )
    routes = tuple(
        replace(
            report,
            contact_exponent=None if report.contact_exponent is None else tidy(put(report.contact_exponent)),
            own_reason=say(report.own_reason),
            later_reason=say(report.later_reason),
        )
        for report in certificate.routes
    )
    assumptions = {put(assumption) for assumption in certificate.assumptions} - {sp.true}
    cases = tuple(
        (_within(region.condition, _tidy(put(condition))), translated(case, model, region))
        for condition, case in certificate.cases
    )
    return replace(
        certificate,
        model=model,
        conditions=conditions,
        routes=routes,
        assumptions=tuple(sorted({*assumptions, region.condition}, key=str)),
        cases=cases,
    )


def _tidy(relation: Any) -> Any:
    return solved(relation.func(relation.lhs - relation.rhs, 0)) if relation.is_Relational else relation


def _within(outer: Any, inner: Any) -> Any:
    """A condition on a parameter in a region of the same parameter; the region is named unless it follows."""
    if not (inner.is_Relational and outer.is_Relational and inner.lhs == outer.lhs and inner.rhs.is_number):
        return inner
    sides = [isinstance(relation, (sp.Gt, sp.Ge)) for relation in (outer, inner)]
    return inner if isinstance(inner, sp.Eq) or sides[0] == sides[1] else sp.And(outer, inner)


def merged(cases: list[tuple[Any, Certificate]]) -> tuple[tuple[Any, Certificate], ...]:
    """Put the edge to the open region beside it where verdict and classes are the same."""
    if len(cases) != 3:
        return tuple(cases)
    (upper, above), (equal, at), (lower, below) = cases
    if _alike(at, below):
        joined: Any = sp.Le(equal.lhs, equal.rhs)
        return (upper, above), (joined, _under(below, lower, joined, (equal, at)))
    if _alike(at, above):
        joined = sp.Ge(equal.lhs, equal.rhs)
        return (joined, _under(above, upper, joined, (equal, at))), (lower, below)
    return tuple(cases)


def _under(certificate: Certificate, old: Any, new: Any, edge: tuple[Any, Certificate]) -> Certificate:
    """A region's certificate with its edge; where reasons differ, as a case of its own."""
    reasons = [[(c.name, c.reason) for c in found.failures] for found in (certificate, edge[1])]
    same = reasons[0] == reasons[1] and not certificate.cases
    cases = certificate.cases if same else (edge, *(certificate.cases or ((old, certificate),)))
    return replace(certificate, assumptions=tuple(new if a == old else a for a in certificate.assumptions), cases=cases)


def decided_by_cases(certificate: Certificate) -> Certificate:
    """Take over the verdict that all cases agree on: together they are exhaustive."""
    verdicts = {case.verdict for _, case in certificate.cases}
    if len(verdicts) != 1 or Verdict.UNDECIDED in verdicts:
        return certificate
    reports = zip(*(case.routes for _, case in certificate.cases), strict=True)
    return replace(certificate, verdict=verdicts.pop(), routes=tuple(worst_of(group) for group in reports))


def _alike(left: Certificate, right: Certificate) -> bool:
    if left.verdict is not right.verdict or left.verdict is Verdict.UNDECIDED:
        return False
    classes = [(r.own_spike, r.later_spikes, r.contact_exponent) for r in left.routes]
    return classes == [(r.own_spike, r.later_spikes, r.contact_exponent) for r in right.routes]
