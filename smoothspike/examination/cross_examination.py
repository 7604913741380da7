"""Certificates against simulations: contact exponents on log-log axes, swaps of events, and a search for jumps."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbolic import Certificate, ModelError, NeuronModel, Regularity, RouteReport, Verdict, Witness, verify

from .concrete import concrete_models
from .draws import Pilot, prepared
from .meeting import Contact, Swap, contact, swap_with_input, swap_with_spike
from .search import find_example
from .trials import TRIALS, Simulator

_STATES = 6
_ATTEMPTS = {Verdict.HOLDS: 1, Verdict.UNDECIDED: 1, Verdict.FAILS: 3}
_CLOSE = 0.1  # of a measured exponent
_KINK, _SMOOTH = 1.2, 1.15


@dataclass(frozen=True)
class RouteFindings:
    """What was measured about one input route.

    Attributes:
        name: The route's name.
        contact: Times left to a spike and the shifts by an input then; None where there is nothing to measure.
        contact_exponent: The fitted exponent, the median over random states; NaN if it could not be measured.
        swap_with_spike: What the next spike does when an input passes the own spike.
        swap_with_input: The same when two inputs change places.
    """

    name: str
    contact: Contact | None
    contact_exponent: float
    swap_with_spike: Swap
    swap_with_input: Swap


@dataclass(frozen=True)
class CrossExamination:
    """Measurements beside a certificate, and whether they agree with it.

    Attributes:
        certificate: The certificate, for the parameters that were simulated.
        routes: What was measured about each route.
        witness: An example of a failure, if one was found.
        contradictions: Measurements that the certificate excludes, in words.
        agreements: Statements of the certificate that a measurement confirms, in words.
        open_questions: What could not be measured, in words.
    """

    certificate: Certificate
    routes: tuple[RouteFindings, ...]
    witness: Witness | None
    contradictions: tuple[str, ...]
    agreements: tuple[str, ...]
    open_questions: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing contradicts the certificate and something confirms its verdict."""
        return not self.contradictions and bool(self.agreements)

    def route(self, name: str) -> RouteFindings:
        """Return the findings on a route.

        Raises:
            ModelError: if there is no such route.
        """
        for findings in self.routes:
            if findings.name == name:
                return findings
        raise ModelError(f"{self.certificate.model.name} has no input route {name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Write the findings as plain data, ready for JSON; numbers that could not be measured become None."""

        def finite(number: float) -> float | None:
            return float(number) if np.isfinite(number) else None

        return {
            "verdict": self.certificate.verdict.name,
            "agrees": self.agrees,
            "contradictions": list(self.contradictions),
            "agreements": list(self.agreements),
            "open_questions": list(self.open_questions),
            "contact_exponents": {findings.name: finite(findings.contact_exponent) for findings in self.routes},
            "witness": self.witness.to_dict() if self.witness else None,
        }

    def __str__(self) -> str:
        verdict = self.certificate.verdict.name
        result = "agrees with" if self.agrees else "CONTRADICTS" if self.contradictions else "says nothing about"
        lines = [f"{self.certificate.model.name}: the simulation {result} the verdict {verdict}."]
        for mark, sentences in (("!", self.contradictions), ("+", self.agreements), ("?", self.open_questions)):
            lines += [f"  {mark} {sentence}" for sentence in sentences]
        return "\n".join(lines)


@dataclass
class _Notes:
    contradictions: list[str] = field(default_factory=list)
    agreements: list[str] = field(default_factory=list)
    open_questions: list[str] = field(default_factory=list)

    def compare(self, agrees: bool, statement: str) -> None:
        (self.agreements if agrees else self.contradictions).append(statement)


def cross_examine(
    model: NeuronModel, *, seed: int = 0, duration: float | None = None, trials: int = TRIALS
) -> CrossExamination:
    """Simulate a model around the places where its spikes could jump or lose smoothness, and compare with `verify`.

    The shift that an input causes in the own spike is measured for times left to it down to 1e-13, in coordinates in
    which no digits cancel, and its exponent fitted on log-log axes. Inputs pass the own spike and other inputs from one
    side to the other. Weights and times of random trials are varied, and the places where spikes change most closed
    in on. The divergence of a spike is cut off at several values, to see that it does not matter where.

    Args:
        model: The declared model. Open parameters get numbers for which its certificate's assumptions hold.
        seed: Of the random trials.
        duration: The trials' end; chosen by the time scale of the equations if None.
        trials: How many trials are varied side by side.

    Returns:
        What was measured, and whether it agrees; it never changes a certificate.

    Raises:
        ModelError: if no numbers can be found for parameters that were left open.

    Example:
        >>> from symbolic import models
        >>> findings = cross_examine(models.qif_delta(), trials=4)
        >>> findings.agrees, round(findings.route("V").contact_exponent, 3)
        (True, 2.0)
    """
    numbers = next(concrete_models(verify(model)), None)
    if numbers is None:
        raise ModelError(f"{model.name}: give its open parameters values to simulate it; see model.with_parameters()")
    certificate, notes, generator = verify(numbers), _Notes(), np.random.default_rng(seed)
    simulator, pilot = prepared(numbers, generator, duration, trials)
    attempts = _ATTEMPTS[certificate.verdict]
    witness = find_example(simulator, pilot, generator, attempts)
    _compare_verdict(certificate, witness, len(pilot.with_spikes(trials)), notes)
    places = [k for k, report in enumerate(certificate.routes) if report.contact_exponent is not None]
    routes: tuple[RouteFindings, ...] = ()
    if simulator.setting.is_reachable:
        routes = tuple(_measured(simulator, pilot, place, generator) for place in places)
    elif certificate.holds:
        notes.open_questions.append("the spike lies beyond the largest numbers: nothing could be measured there")
    for findings in routes:
        _compare(certificate, findings, notes)
    parts = (notes.contradictions, notes.agreements, notes.open_questions)
    return CrossExamination(certificate, routes, witness, *map(tuple, parts))


def _compare_verdict(certificate: Certificate, witness: Witness | None, spiking: int, notes: _Notes) -> None:
    verdict = certificate.verdict
    if witness is not None:
        found = {Verdict.FAILS: notes.agreements, Verdict.HOLDS: notes.contradictions}.get(
            verdict, notes.open_questions
        )
        found.append(str(witness))
    elif verdict is Verdict.HOLDS and spiking:
        notes.agreements.append("no jump was found in sweeps of weights and times, nor any effect of a cut-off")
    else:
        notes.open_questions.append(
            "no example of a failure was found" if spiking else "no trial with spikes was found"
        )


def _measured(simulator: Simulator, pilot: Pilot, place: int, generator: np.random.Generator) -> RouteFindings:
    count = simulator.trials
    spiking = pilot.with_spikes(count)
    swaps = (
        swap_with_spike(simulator, pilot.with_spikes(count, at_least=2), place, generator),
        swap_with_input(simulator, spiking, place, generator),
    )
    found = None
    if len(spiking):
        found = contact(simulator.setting, place, spiking.trial.at_spikes[:_STATES, 0, 1:], generator)
    exponent = float(np.nanmedian(found.exponent)) if found and np.isfinite(found.exponent).any() else float("nan")
    if found and np.isposinf(found.exponent).any():
        exponent = float("inf")
    return RouteFindings(simulator.setting.model.routes[place].name, found, exponent, *swaps)


def _compare(certificate: Certificate, findings: RouteFindings, notes: _Notes) -> None:
    report = certificate.route(findings.name)
    _compare_contact(report, findings, notes)
    later, is_exact = report.later_spikes, report.later_is_exact
    _compare_swap(f"input {report.name} past the own spike", later, is_exact, findings.swap_with_spike, notes)
    both, is_exact = certificate.simultaneous_inputs, certificate.simultaneous_is_exact
    _compare_swap(f"input {report.name} past another input", both, is_exact, findings.swap_with_input, notes)


def _compare_contact(report: RouteReport, findings: RouteFindings, notes: _Notes) -> None:
    measured, expected = findings.contact_exponent, report.contact_exponent
    if np.isnan(measured):
        notes.open_questions.append(f"the contact exponent of input {report.name} could not be measured")
    elif expected is None:
        notes.open_questions.append(f"input {report.name}: contact exponent {measured:.4g}; the certificate names none")
    else:
        proven: Any = float(expected)
        close = measured == proven or abs(measured - proven) < _CLOSE
        agrees = close or (not report.own_is_exact and measured > proven)
        notes.compare(agrees, f"input {report.name}: contact exponent {measured:.4g}, by the certificate {expected}")


def _compare_swap(what: str, proven: Regularity | None, is_exact: bool, swap: Swap, notes: _Notes) -> None:
    """A second difference like the delay itself is a kink; one that vanishes faster is a derivative."""
    if proven is Regularity.DISCONTINUOUS:
        return  # the witness tells
    usable = swap.exponent[np.isfinite(swap.exponent)]
    if not len(usable):
        notes.open_questions.append(f"{what}: too few spikes to measure its effect on the next one")
        return
    has_kink = proven is Regularity.CONTINUOUS and is_exact
    # a kink may be too small to be seen in many trials, but not in all of them
    exponent = float(np.quantile(usable, 0.1) if has_kink else np.median(usable))
    claimed = "not known" if proven is None else ("" if is_exact else "at least ") + proven.name
    statement = f"{what}: the next spike bends like |delay|^{exponent:.3g}, by the certificate {claimed}"
    if proven is None:
        notes.open_questions.append(statement)
    elif proven >= Regularity.C1:
        notes.compare(exponent > _SMOOTH, statement)
    else:
        notes.compare(exponent < _KINK or not has_kink, statement)
