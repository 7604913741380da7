"""`verify`: from a declared model to its certificate."""

from dataclasses import replace
from typing import Any

import sympy as sp

from ..declare import (
    NeuronModel,
    has_moving_threshold,
    time_constants,
    with_any_currents,
    with_fixed_threshold,
)
from ..errors import ContinuityError, ModelError
from .certificate import Certificate
from .conditions.input_order import input_conditions
from .conditions.neuron import neuron_conditions
from .conditions.order_swap import route_conditions
from .context import Case, declared_case, with_derived_ranges
from .normalise_symbols import with_plain_states
from .parameter_cases import decided_by_cases, deciding_parameter, in_region, merged, regions_of, translated
from .reason import Reason
from .regularity.simultaneous_inputs import crossing_class
from .reports import Proof, report_on, worst_of
from .results import Condition, RouteReport, Verdict
from .signs.kinds import Row, Split, Undecided

_MAX_CASES = 2  # open parameters that are divided into cases one after the other


def verify(model: NeuronModel, strict: bool = False) -> Certificate:
    """Decide from the declared equations whether a model's spikes change continuously.

    Two properties are decided: no spike appears or vanishes within a trial, since the place where spikes happen is
    always crossed transversally; and nothing jumps when an input and the neuron's own spike change places. A step that
    cannot be taken leaves the verdict UNDECIDED and is named in the reason; a failure is reported only if it is proven.

    Where the threshold moves with states, the conditions are on the distance from it.

    After a refractory time, inputs meet the release as they meet the spike: what happens there is decided, too.

    Currents that are given at run time may be any piecewise linear functions within their bounds: each is taken as a
    state that may step to any of these values at any time, and so may its rate of change. The report on the route of
    its name is on steps, that on the route of its rate on kinks.

    Args:
        model: The declared model.
        strict: Raise instead of returning a certificate that does not hold.

    Raises:
        ModelError: if the model is a readout, which has no spikes and so no certificate.
        ContinuityError: if `strict` and the verdict is not HOLDS; it gives the reason.

    Example:
        >>> from symbolic import models
        >>> verify(models.qif()).verdict.name, verify(models.lif()).verdict.name
        ('HOLDS', 'FAILS')
        >>> print(verify(models.lif()).failures[0].reason)
        dV/dt at V = V_th is (I - V_th)/tau_m; it vanishes or is negative for admissible states, for example at \
I = V_th: trajectories graze.
    """
    if model.is_readout:
        raise ModelError(
            f"{model.name} is a readout: it has no spike rule, hence no spikes whose continuity could be proven or "
            "refuted; verify the neurons that drive it"
        )
    fixed = with_fixed_threshold(with_any_currents(model))
    certificate = replace(_verified(fixed, _given(model), _MAX_CASES), model=model)
    if has_moving_threshold(model):
        certificate = replace(certificate, conditions=(_change_of_variables(model, fixed), *certificate.conditions))
    if strict and not certificate.holds:
        raise ContinuityError(_complaint(certificate))
    return certificate


def _change_of_variables(model: NeuronModel, fixed: NeuronModel) -> Condition:
    """Say what the other conditions are about where the threshold moves."""
    distance, variable, threshold = fixed.variable, model.variable, model.spike.threshold
    reason = Reason(
        "{} crosses {} where {} crosses 0: d{}/dt = {}, and the reset takes {} to {}. The change of variables is "
        "smooth and invertible, so that what holds of {} holds of {}.",
        variable, threshold, distance, distance, fixed.field, distance, fixed.reset_value, distance, variable,
    )  # fmt: skip
    return Condition("the threshold moves", True, sp.Eq(distance, variable - threshold, evaluate=False), reason)


def _given(model: NeuronModel) -> frozenset[str]:
    """The states whose ranges are kept by what is given at run time, which is checked then."""
    return frozenset(current.name for current in model.currents)


def _verified(model: NeuronModel, given: frozenset[str], depth: int) -> Certificate:
    try:
        certificate = _certificate(model, _verify_rows(with_plain_states(model), _rows(model), given))
    except Undecided as problem:
        certificate = _open(model, problem.reason)
    if certificate.verdict is Verdict.UNDECIDED and depth:
        return decided_by_cases(replace(certificate, cases=_cases(model, certificate, given, depth)))
    return certificate


def _open(model: NeuronModel, reason: Reason) -> Certificate:
    condition = Condition("declaration", None, sp.true, Reason("{}.", reason.as_sentence))
    unknown = tuple(RouteReport(r.name, Verdict.UNDECIDED, Verdict.UNDECIDED) for r in model.routes)
    return _certificate(model, Proof((condition,), unknown))


def _cases(model: NeuronModel, certificate: Certificate, given: frozenset[str], depth: int) -> tuple[Any, ...]:
    """The verdicts in the regions of an open parameter; nothing where none of them is decided."""
    deciding = deciding_parameter(model, certificate.conditions)
    if deciding is None:
        return ()
    found = []
    is_time_constant = deciding[0] in time_constants(model.dynamics)
    for region in regions_of(*deciding, is_positive=is_time_constant):
        try:
            part = in_region(model, deciding[0], region)
            case = _verified(part, given, depth - 1)
        except (ModelError, TypeError) as problem:  # SymPy raises TypeError for a comparison with an infinite number
            case = _open(model, Reason("the declaration is not valid there ({})", problem))
        found.append((region.condition, translated(case, model, region)))
    decided = any(part.verdict is not Verdict.UNDECIDED or part.cases for _, part in found)
    return merged(found) if decided else ()


def _rows(model: NeuronModel) -> tuple[Row, ...]:
    """The values of the parameters: one row, or one per neuron where some parameters have one value per neuron."""
    arrays = {symbol: value for symbol, value in model.values.items() if isinstance(value, sp.Tuple)}
    if not arrays:
        return (model.scalar_values,)
    rows = sorted(set(zip(*arrays.values(), strict=True)), key=str)
    return tuple(model.scalar_values | dict(zip(arrays, row, strict=True)) for row in rows)


def _verify_rows(model: NeuronModel, rows: tuple[Row, ...], given: frozenset[str]) -> Proof:
    """Decide all conditions; neurons for which signs differ are decided apart."""
    try:
        case = declared_case(model, rows, given)
        proof = _decided(case)
        if _rank(proof.conditions) == 0:
            return proof
        narrower = with_derived_ranges(case)
        return _decided(narrower) if narrower.derived else proof
    except Split as split:
        proofs = [_verify_rows(model, group, given) for group in split.groups]
        ranks = [_rank(proof.conditions) for proof in proofs]
        if max(ranks) > 0:
            return proofs[ranks.index(max(ranks))]
        reports = zip(*(proof.routes for proof in proofs), strict=True)
        crossing = min(proof.crossing for proof in proofs if proof.crossing is not None)
        worst = tuple(worst_of(group) for group in reports)
        shared = tuple(pair for pair in proofs[0].ranges if all(pair in proof.ranges for proof in proofs))
        return Proof(_joined([proof.conditions for proof in proofs]), worst, crossing, shared)


def _decided(case: Case) -> Proof:
    """Decide all conditions, for neurons that do not differ in signs."""
    found = list(neuron_conditions(case))
    for route in case.model.routes:
        found += route_conditions(case, route)
    conditions = (*found, *input_conditions(case))
    reports = tuple(report_on(case, route, conditions) for route in case.model.routes)
    crossing = crossing_class(case) if _rank(conditions) == 0 else None
    return Proof(conditions, reports, crossing, tuple(case.derived.items()))


def _joined(groups: list[tuple[Condition, ...]]) -> tuple[Condition, ...]:
    """Conditions that hold for every group of neurons, each under the assumptions of one group or another."""
    joined = []
    for first in groups[0]:
        alike: list[Any] = [c for group in groups for c in group if (c.name, c.route) == (first.name, first.route)]
        either: Any = sp.Or(*(sp.And(*condition.assumptions) for condition in alike))
        assumptions = () if either in (sp.true, sp.false) else either.args if isinstance(either, sp.And) else (either,)
        joined.append(replace(first, assumptions=assumptions))
    return tuple(joined)


def _rank(conditions: tuple[Condition, ...]) -> int:
    """Worst first: a failure, an open question, all well."""
    answers = [condition.holds for condition in conditions]
    return 2 if False in answers else 1 if None in answers else 0


def _certificate(model: NeuronModel, proof: Proof) -> Certificate:
    conditions = proof.conditions
    verdict = Verdict.all(condition.verdict for condition in conditions)
    wanted = [c for c in conditions if verdict is not Verdict.FAILS or c.holds is False]
    used = {assumption for condition in wanted for assumption in condition.assumptions}
    crossing, is_exact = proof.crossing or (None, False)
    return Certificate(
        model,
        verdict,
        conditions,
        proof.routes,
        tuple(sorted(_strongest(used), key=str)),
        simultaneous_inputs=crossing,
        simultaneous_is_exact=is_exact,
        derived_ranges=proof.ranges,
    )


def _strongest(assumptions: set[Any]) -> list[Any]:
    """Leave out what follows from others, such as `p > 0` beside `p > 1` or `exp(a/b) > 0` beside `b > 0`."""

    def follows(weak: Any, strong: Any) -> bool:
        if weak == strong or weak.lhs != strong.lhs or not (weak.rhs.is_number and strong.rhs.is_number):
            return False
        if isinstance(strong, sp.Eq):
            return weak.func(strong.rhs, weak.rhs) == sp.true
        difference = strong.rhs - weak.rhs
        above = isinstance(weak, sp.Gt) and isinstance(strong, sp.Gt) and difference.is_positive
        return bool(above or (isinstance(weak, sp.Lt) and isinstance(strong, sp.Lt) and difference.is_negative))

    plain = [a for a in assumptions if a.is_Relational]
    positive = {a.lhs: sp.Dummy(positive=True) for a in plain if a == sp.Gt(a.lhs, 0) and a.lhs.is_Symbol}
    certain = {a for a in plain if a.lhs not in positive and a.xreplace(positive) == sp.true}
    plain, assumptions = [a for a in plain if a not in certain], assumptions - certain
    return [a for a in assumptions if a not in plain or not any(follows(a, other) for other in plain)]


def _complaint(certificate: Certificate) -> str:
    questions = certificate.failures or certificate.open_questions
    reasons = " ".join(f"{condition.name}: {condition.reason}" for condition in questions[:1])
    return f"{certificate.model.name}: continuity {certificate.verdict.value}. {reasons}"
