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
_CLOSE = 0.1  # of a measured contact exponent
_ABOVE = 0.15  # what a power must exceed a whole number by to be seen to do so
_HIGHEST = 3  # beyond this power a bend is mostly lost in rounding


@dataclass(frozen=True)
class RouteFindings:
    """What was measured about one input route.

    Attributes:
        name: The route's name.
        contact: Times left to a spike and the shifts by an input then; None where there is nothing to measure.
        contact_exponent: The fitted exponent, the median over random states; NaN if it could not be measured.
        swap_with_spike: What the next spike does when an input passes the own spike.
        swap_with_input: The same when two inputs change places.
        has_effect: Whether an input on this route shifted a spike in any of the trials.
    """

    name: str
    contact: Contact | None
    contact_exponent: float
    swap_with_spike: Swap
    swap_with_input: Swap
    has_effect: bool = True


@dataclass(frozen=True)
class CrossExamination:
    """Measurements beside a certificate: what they contradict, what they confirm, and what they cannot tell.

    Attributes:
        certificate: The certificate, for the parameters that were simulated.
        routes: What was measured about each route.
        witness: An example of a failure, if one was found.
        contradictions: Measurements that the certificate excludes, in words.
        agreements: Statements of the certificate that a measurement confirms, in words.
        open_questions: Measurements about which the certificate says nothing, in words.
        not_measured: Statements of the certificate that the measurements could not tell from others, in words.
    """

    certificate: Certificate
    routes: tuple[RouteFindings, ...]
    witness: Witness | None
    contradictions: tuple[str, ...]
    agreements: tuple[str, ...]
    open_questions: tuple[str, ...]
    not_measured: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing contradicts the certificate and something confirms it; `not_measured` says what is left."""
        return not self.contradictions and bool(self.agreements)

    @property
    def is_complete(self) -> bool:
        """Whether every statement of the certificate that can be measured was."""
        return not self.not_measured

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
            "not_measured": list(self.not_measured),
            "contact_exponents": {findings.name: finite(findings.contact_exponent) for findings in self.routes},
            "witness": self.witness.to_dict() if self.witness else None,
        }

    def __str__(self) -> str:
        verdict = self.certificate.verdict.name
        result = "agrees with" if self.agrees else "CONTRADICTS" if self.contradictions else "could not measure"
        rest = "" if self.is_complete or not self.agrees else ", as far as it was measured"
        lines = [f"{self.certificate.model.name}: the simulation {result} the verdict {verdict}{rest}."]
        parts = (("!", self.contradictions), ("+", self.agreements), ("?", self.open_questions))
        for mark, sentences in parts:
            lines += [f"  {mark} {sentence}" for sentence in sentences]
        return "\n".join([*lines, *(f"  ? not measured: {sentence}" for sentence in self.not_measured)])


@dataclass
class _Notes:
    contradictions: list[str] = field(default_factory=list)
    agreements: list[str] = field(default_factory=list)
    open_questions: list[str] = field(default_factory=list)
    not_measured: list[str] = field(default_factory=list)

    def compare(self, agrees: bool | None, statement: str) -> None:
        """File a statement; None stands for a measurement that cannot tell."""
        {True: self.agreements, False: self.contradictions, None: self.not_measured}[agrees].append(statement)


def cross_examine(
    model: NeuronModel | Certificate, *, seed: int = 0, duration: float | None = None, trials: int = TRIALS
) -> CrossExamination:
    """Simulate a model around the places where its spikes could jump or lose smoothness, and compare with `verify`.

    The shift that an input causes in the own spike is measured for times left to it down to 1e-13, in coordinates in
    which no digits cancel, and its exponent fitted on log-log axes. Inputs pass the own spike and other inputs from one
    side to the other, and the least power of the delay is measured that no smooth function has: 1 for a kink, 2 where
    the second derivative jumps. Weights and times of random trials are varied, and the places where spikes change most
    closed in on. The divergence of a spike is cut off at several values, to see that it does not matter where.

    Args:
        model: The declared model, which is verified, or a certificate. Open parameters get numbers for which the
            certificate's assumptions hold, and are verified again with them.
        seed: Of the random trials.
        duration: The trials' end; chosen by the time scale of the equations if None.
        trials: How many trials are varied side by side.

    Returns:
        What was measured, whether it agrees, and what it cannot tell; it never changes a certificate.

    Raises:
        ModelError: if no numbers can be found for parameters that were left open.

    Example:
        >>> from symbolic import models
        >>> findings = cross_examine(models.qif_delta(), trials=4)
        >>> findings.agrees, round(findings.route("V").contact_exponent, 3)
        (True, 2.0)
    """
    given = model if isinstance(model, Certificate) else verify(model)
    numbers = next(concrete_models(given), None)
    if numbers is None:
        name = given.model.name
        raise ModelError(f"{name}: give its open parameters values to simulate it; see model.with_parameters()")
    certificate = given if numbers == given.model else verify(numbers)
    notes, generator = _Notes(), np.random.default_rng(seed)
    simulator, pilot = prepared(numbers, generator, duration, trials)
    witness = find_example(simulator, pilot, generator, _ATTEMPTS[certificate.verdict])
    places = [k for k, report in enumerate(certificate.routes) if report.contact_exponent is not None]
    routes: tuple[RouteFindings, ...] = ()
    if simulator.setting.is_reachable:
        routes = tuple(_measured(simulator, pilot, place, generator) for place in places)
    _compare_verdict(certificate, witness, len(pilot.with_spikes(trials)), routes, notes)
    if not simulator.setting.is_reachable and certificate.holds:
        notes.not_measured.append("the spike lies beyond the largest numbers: nothing could be measured there")
    for findings in routes:
        _compare(certificate, findings, notes)
    parts = (notes.contradictions, notes.agreements, notes.open_questions, notes.not_measured)
    return CrossExamination(certificate, routes, witness, *map(tuple, parts))


def _compare_verdict(
    certificate: Certificate, witness: Witness | None, spiking: int, routes: tuple[RouteFindings, ...], notes: _Notes
) -> None:
    verdict = certificate.verdict
    acting = any(findings.has_effect for findings in routes) or not routes
    if witness is not None:
        found = {Verdict.FAILS: notes.agreements, Verdict.HOLDS: notes.contradictions}.get(
            verdict, notes.open_questions
        )
        found.append(str(witness))
    elif verdict is Verdict.UNDECIDED:
        notes.open_questions.append("no example of a failure was found")
    elif not spiking:
        notes.not_measured.append("no trial with spikes was found")
    elif not acting:
        notes.not_measured.append("no input shifts a spike in any trial, so that none could jump")
    elif verdict is Verdict.HOLDS:
        notes.agreements.append("no jump was found in sweeps of weights and times, nor any effect of a cut-off")
    else:
        notes.not_measured.append("no example of a failure was found")


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
    acts = not np.isnan(exponent) or any(not np.isnan(swap.exponent).all() for swap in swaps)
    return RouteFindings(simulator.setting.model.routes[place].name, found, exponent, *swaps, has_effect=acts)


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
        notes.not_measured.append(f"the contact exponent of input {report.name}: {_why(findings)}")
    elif expected is None:
        notes.open_questions.append(f"input {report.name}: contact exponent {measured:.4g}; the certificate names none")
    else:
        proven: Any = float(expected)
        close = measured == proven or abs(measured - proven) < _CLOSE
        agrees = close or (not report.own_is_exact and measured > proven)
        notes.compare(agrees, f"input {report.name}: contact exponent {measured:.4g}, by the certificate {expected}")


def _why(findings: RouteFindings) -> str:
    return "its slope does not settle" if findings.has_effect else "it shifts no spike in these trials"


def _compare_swap(what: str, proven: Regularity | None, is_exact: bool, findings: Swap, notes: _Notes) -> None:
    """Compare a class with the least power that no smooth function has, which is above n for Cn."""
    if proven is Regularity.DISCONTINUOUS:
        return  # the witness tells
    power, resolved = findings.least
    claimed = "not known" if proven is None else ("" if is_exact else "at least ") + proven.name
    if np.isnan(power):
        notes.not_measured.append(
            f"{what}: too few spikes, or too little effect, to see how the next one bends; by the certificate {claimed}"
        )
        return
    if proven is Regularity.CONTINUOUS and is_exact:  # a kink may be too small to be seen in most trials
        power = float(np.nanmin(findings.exponent))
    seen = (
        f"like |delay|^{power:.3g}" if np.isfinite(power) else f"like no power below |delay|^{resolved:.0f} that shows"
    )
    statement = f"{what}: the next spike bends {seen}, by the certificate {claimed}"
    if proven is None:
        notes.open_questions.append(statement)
    else:
        notes.compare(_is_borne_out(proven, is_exact, power, resolved), statement)


def _is_borne_out(proven: Regularity, is_exact: bool, power: float, resolved: float) -> bool | None:
    """Whether a class agrees with the least power that no smooth function has; None where the power does not tell."""
    least = min(int(proven), _HIGHEST)
    if power < _ABOVE or (proven >= Regularity.C1 and power < least + _ABOVE):
        return False
    if proven >= Regularity.SMOOTH and np.isfinite(power):
        return False
    if is_exact and proven < Regularity.SMOOTH:  # no better than that
        beyond = int(proven) + 1 + _ABOVE
        if power < beyond:
            return True
        return False if proven is Regularity.CONTINUOUS else None
    return True if np.isfinite(power) or resolved >= min(least + 1, _HIGHEST) else None
