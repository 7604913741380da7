"""Reports on input routes: from decided conditions to classes of regularity."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from ..algebra import tidy
from ..declare import InputRoute
from .asymptotics.time_at_infinity import NEVER, Order
from .conditions.input_order import COMMUTE
from .conditions.neuron import FROM_THE_SPIKE_ON
from .conditions.order_swap import CANNOT_TRIGGER, RELEASE
from .context import Case
from .reason import Reason
from .regularity.later_spikes import later_finding
from .regularity.own_spike import Finding, own_finding, own_order, smoothness_of_equations
from .regularity.release import held_finding, release_finding
from .results import Condition, Regularity, RouteReport, Verdict
from .signs.kinds import Undecided

_JUMPS = Finding(Regularity.DISCONTINUOUS, True, "")


@dataclass(frozen=True)
class Proof:
    """Decided conditions, what they say about each route, and about two inputs that change places."""

    conditions: tuple[Condition, ...]
    routes: tuple[RouteReport, ...]
    crossing: tuple[Regularity, bool] | None = None
    ranges: tuple[tuple[sp.Symbol, tuple[sp.Expr, sp.Expr]], ...] = ()


def report_on(case: Case, route: InputRoute, conditions: tuple[Condition, ...]) -> RouteReport:
    """Report on one route, given all conditions."""
    grazing = Verdict.all(c.verdict for c in conditions if c.route is None and c.name != COMMUTE)
    about = [c for c in conditions if c.route == route.name or c.name == COMMUTE]
    swap = Verdict.all(c.verdict for c in about)
    until_spike = [c for c in conditions if c.route is None and c.name not in (COMMUTE, *FROM_THE_SPIKE_ON)]
    before = Verdict.all(c.verdict for c in (*until_spike, *(c for c in about if c.name in (CANNOT_TRIGGER, COMMUTE))))
    after = Verdict.all([grazing, *(c.verdict for c in about if c.name != RELEASE)])
    report = _around_release(case, route, RouteReport(route.name, grazing, swap), Verdict.all([swap, grazing]))
    if before is Verdict.FAILS:
        return _with(report, None, _JUMPS, _JUMPS)
    if before is Verdict.UNDECIDED:
        return _with(report, None, None, _JUMPS if after is Verdict.FAILS else None)
    order, own = _own(case, route)
    later = {Verdict.HOLDS: lambda: _later(case, route, order, own), Verdict.FAILS: lambda: _JUMPS}.get(after)
    shown = None if order is None else replace(order, exponent=_least(order.exponent, case))
    return _with(report, shown, own, later() if later else None)


def _around_release(case: Case, route: InputRoute, report: RouteReport, verdict: Verdict) -> RouteReport:
    """Report on the end of the refractory time, where there is one."""
    if case.model.refractory is None:
        return report
    if verdict is Verdict.HOLDS:
        try:
            found = case.attempt(lambda: release_finding(case, route))
            found = found.capped(case.attempt(lambda: smoothness_of_equations(case)))
        except Undecided as problem:
            reason = Reason("At the release more than continuity is not shown: {}.", problem.reason)
            found = Finding(Regularity.CONTINUOUS, False, reason)
    else:
        found = _JUMPS if verdict is Verdict.FAILS else None
    return replace(
        report,
        has_release=True,
        release=None if found is None else found.regularity,
        release_is_exact=found is not None and found.is_exact,
        release_reason="" if found is None else found.reason,
        later_exponent=None if found is None or found is _JUMPS else found.hoelder_exponent,
    )


def _least(exponent: Any, case: Case) -> sp.Expr:
    """The smallest contact exponent over all neurons; as it is where parameters are open."""
    values: list[Any] = [tidy(exponent.subs(dict(row))) for row in case.facts.rows]
    return min(values) if all(value.is_number for value in values) else exponent


def _with(report: RouteReport, order: Order | None, own: Finding | None, later: Finding | None) -> RouteReport:
    return replace(
        report,
        contact_exponent=None if order is None else order.exponent,
        own_spike=None if own is None else own.regularity,
        later_spikes=None if later is None else later.regularity,
        own_is_exact=own is not None and own.is_exact,
        later_is_exact=later is not None and later.is_exact,
        own_reason="" if own is None else own.reason,
        later_reason="" if later is None else later.reason,
        later_exponent=_later_exponent(report, None if later is None or later is _JUMPS else later.hoelder_exponent),
    )


def _later_exponent(report: RouteReport, exponent: sp.Expr | None) -> sp.Expr | None:
    """The lesser one, where later spikes meet the release, too."""
    if not report.has_release or exponent is None or report.later_exponent is None:
        return None if report.has_release else exponent
    return min(exponent, report.later_exponent) if (exponent - report.later_exponent).is_number else None


def _own(case: Case, route: InputRoute) -> tuple[Order | None, Finding]:
    try:
        order = case.attempt(lambda: own_order(case, route))
        if order is None:
            order = NEVER
            finding = own_finding(None, case.with_weight)
        else:
            finding = case.attempt(lambda: own_finding(order, case.with_weight))
        return order, finding.capped(case.attempt(lambda: smoothness_of_equations(case)))
    except Undecided as problem:
        return None, Finding(
            Regularity.CONTINUOUS, False, Reason("More than continuity is not shown: {}.", problem.reason)
        )


def _later(case: Case, route: InputRoute, order: Order | None, own: Finding) -> Finding:
    if order is None:
        return Finding(Regularity.CONTINUOUS, False, "")
    try:
        find = later_finding if case.model.refractory is None else held_finding
        finding = case.attempt(lambda: find(case, route, order))
        return finding.capped(case.attempt(lambda: smoothness_of_equations(case)))
    except Undecided as problem:
        reason = Reason("For later spikes more than continuity is not shown: {}.", problem.reason)
        return Finding(Regularity.CONTINUOUS, False, reason)


def worst_of(reports: Iterable[RouteReport]) -> RouteReport:
    """The report for several groups of neurons together: the worst class of each."""
    reports = list(reports)
    own = min(reports, key=_own_rank)
    later = min(reports, key=lambda report: _rank(report.later_spikes))
    release = min(reports, key=lambda report: _rank(report.release))
    exponents = {report.contact_exponent for report in reports}
    return replace(
        own,
        contact_exponent=own.contact_exponent if None not in exponents else None,
        later_spikes=later.later_spikes,
        later_is_exact=later.later_is_exact,
        later_reason=later.later_reason,
        later_exponent=later.later_exponent,
        release=release.release,
        release_is_exact=release.release_is_exact,
        release_reason=release.release_reason,
    )


def _own_rank(report: RouteReport) -> tuple[int, float]:
    exponent: Any = report.contact_exponent
    known = exponent is not None and exponent.is_number and exponent != sp.oo
    size = float(sp.N(exponent)) if known else float("inf")
    return _rank(report.own_spike), size


def _rank(regularity: Regularity | None) -> int:
    return -2 if regularity is None else int(regularity)
