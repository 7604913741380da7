"""`cross_examine`: compare a certificate with simulations: contact exponents, order swaps and a search for jumps."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbolic import Certificate, ModelError, NeuronModel, Regularity, RouteReport, Verdict, Witness, verify

from .contact_exponent import Contact, contact
from .instantiate import instantiate
from .order_swap import Swap, swap_with_input, swap_with_release, swap_with_spike
from .random_trials import Screening, prepared
from .trials import TRIALS, Simulator
from .witness_search import find_example

_STATES = 6
_ATTEMPTS = {Verdict.HOLDS: 1, Verdict.UNDECIDED: 1, Verdict.FAILS: 3}
_CLOSE = 0.1  # of a measured contact exponent
_ABOVE = 0.15  # a power that exceeds an integer does so by more
_HIGHEST = 3  # singularities of higher powers are mostly lost in rounding


@dataclass(frozen=True)
class RouteFindings:
    """Measurements of one input route.

    Attributes:
        name: The route's name.
        contact: Times left to a spike and the shifts that inputs then cause; None if there is nothing to measure.
        contact_exponent: The fitted exponent, the median over random states; NaN if it could not be measured.
        swap_with_spike: The response of the next spike as an input passes the own spike.
        swap_with_input: The same as two inputs swap their order.
        has_effect: Whether an input on this route shifted a spike in any trial.
        swap_with_release: The response of the next spike as an input passes the end of the refractory time, if any.
    """

    name: str
    contact: Contact | None
    contact_exponent: float
    swap_with_spike: Swap
    swap_with_input: Swap
    has_effect: bool = True
    swap_with_release: Swap | None = None


@dataclass(frozen=True)
class CrossExamination:
    """The comparison of a certificate with simulations.

    Attributes:
        certificate: The certificate, for the simulated parameters.
        routes: Measurements of each route.
        witness: An example of a failure, if one was found.
        contradictions: Measurements that the certificate excludes, in words.
        agreements: Statements of the certificate that a measurement confirms.
        open_questions: Measurements on which the certificate makes no statement.
        not_measured: Statements of the certificate that no measurement could decide.
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
        """Whether nothing contradicts the certificate and something confirms it; `not_measured` lists the rest."""
        return not self.contradictions and bool(self.agreements)

    @property
    def is_complete(self) -> bool:
        """Whether every measurable statement of the certificate was measured."""
        return not self.not_measured

    def route(self, name: str) -> RouteFindings:
        """Return the measurements of a route.

        Raises:
            ModelError: if there is no such route.
        """
        for findings in self.routes:
            if findings.name == name:
                return findings
        raise ModelError(f"{self.certificate.model.name} has no input route {name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain data for JSON; numbers that could not be measured become None."""

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
class Notes:
    """Sentences about agreement, while a comparison proceeds."""

    contradictions: list[str] = field(default_factory=list)
    agreements: list[str] = field(default_factory=list)
    open_questions: list[str] = field(default_factory=list)
    not_measured: list[str] = field(default_factory=list)

    def compare(self, agrees: bool | None, statement: str) -> None:
        """File a statement; None means that the measurement is inconclusive."""
        {True: self.agreements, False: self.contradictions, None: self.not_measured}[agrees].append(statement)


def cross_examine(
    model: NeuronModel | Certificate, *, seed: int = 0, duration: float | None = None, trials: int = TRIALS
) -> CrossExamination:
    """Simulate a model where its spikes could jump or lose smoothness, and compare with its certificate.

    The shift that an input causes in the own spike is measured down to 1e-13 before the spike, in coordinates without
    cancellation, and its exponent is fitted on log-log axes. Inputs are moved past the own spike and past other inputs,
    and the leading singular power of the delay is measured: 1 for a kink, 2 where the second derivative jumps. Weights
    and times of random trials are varied in search of jumps. The divergence of a spike is cut off at several values, to
    check that the cut-off does not matter.

    Args:
        model: The declared model, which is then verified, or a certificate. Open parameters get numbers that satisfy
            the certificate's assumptions, and the model is verified again with them.
        seed: Seed of the random trials.
        duration: The trial end; by default chosen by the time scale of the equations.
        trials: Number of trials that are varied in parallel.

    Returns:
        The comparison. It never changes a certificate.

    Raises:
        ModelError: if no admissible numbers are found for open parameters.

    Example:
        >>> from symbolic import models
        >>> findings = cross_examine(models.qif_delta(), trials=4)
        >>> findings.agrees, round(findings.route("V").contact_exponent, 3)
        (True, 2.0)
    """
    given = model if isinstance(model, Certificate) else verify(model)
    numbers = next(instantiate(given), None)
    if numbers is None:
        name = given.model.name
        raise ModelError(f"{name} has open parameters; set them with model.with_parameters() to simulate it")
    certificate = given if numbers == given.model else verify(numbers)
    notes, generator = Notes(), np.random.default_rng(seed)
    simulator, screening = prepared(numbers, generator, duration, trials)
    witness = find_example(simulator, screening, generator, _ATTEMPTS[certificate.verdict])
    places = [k for k, report in enumerate(certificate.routes) if report.contact_exponent is not None]
    routes: tuple[RouteFindings, ...] = ()
    if simulator.numeric.is_reachable:
        routes = tuple(_measured(simulator, screening, place, generator) for place in places)
    _compare_verdict(certificate, witness, len(screening.with_spikes(trials)), routes, notes)
    if not simulator.numeric.is_reachable and certificate.holds:
        notes.not_measured.append(
            "the spike lies beyond the largest floating-point numbers: nothing could be measured there"
        )
    for findings in routes:
        compare_route(certificate, findings, notes)
    parts = (notes.contradictions, notes.agreements, notes.open_questions, notes.not_measured)
    return CrossExamination(certificate, routes, witness, *map(tuple, parts))


def _compare_verdict(
    certificate: Certificate, witness: Witness | None, spiking: int, routes: tuple[RouteFindings, ...], notes: Notes
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


def _measured(simulator: Simulator, screening: Screening, place: int, generator: np.random.Generator) -> RouteFindings:
    count = simulator.trials
    spiking = screening.with_spikes(count)
    swaps = (
        swap_with_spike(simulator, screening.with_spikes(count, at_least=2), place, generator),
        swap_with_input(simulator, spiking, place, generator),
    )
    release = None
    if simulator.numeric.refractory:
        release = swap_with_release(simulator, screening.with_spikes(count, at_least=2), place, generator)
    found = None
    if len(spiking):
        found = contact(simulator.numeric, place, spiking.outcomes.at_spikes[:_STATES, 0, 1:], generator)
    exponent = float(np.nanmedian(found.exponent)) if found and np.isfinite(found.exponent).any() else float("nan")
    if found and np.isposinf(found.exponent).any():
        exponent = float("inf")
    acts = not np.isnan(exponent) or any(not np.isnan(swap.exponent).all() for swap in swaps)
    return RouteFindings(simulator.numeric.model.routes[place].name, found, exponent, *swaps, acts, release)


def compare_route(certificate: Certificate, findings: RouteFindings, notes: Notes) -> None:
    """Compare the measurements of a route with the certificate."""
    report = certificate.route(findings.name)
    _compare_contact(report, findings, notes)
    later, is_exact = report.later_spikes, report.later_is_exact
    _compare_swap(f"input {report.name} past the own spike", later, is_exact, findings.swap_with_spike, notes)
    if findings.swap_with_release is not None:
        at_release = report.release, report.release_is_exact, findings.swap_with_release
        _compare_swap(f"input {report.name} past the release", *at_release, notes)
    # of several routes it is the class of the worst pair: others may be smoother
    is_exact = certificate.simultaneous_is_exact and len(certificate.routes) == 1
    both = certificate.simultaneous_inputs
    _compare_swap(f"input {report.name} past another input", both, is_exact, findings.swap_with_input, notes)


def _compare_contact(report: RouteReport, findings: RouteFindings, notes: Notes) -> None:
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


def _compare_swap(what: str, proven: Regularity | None, is_exact: bool, findings: Swap, notes: Notes) -> None:
    """Compare a class with the leading singular power, which is above n for Cn."""
    if proven is Regularity.DISCONTINUOUS:
        return  # shown by the witness
    power, resolved = findings.least
    claimed = "not known" if proven is None else ("" if is_exact else "at least ") + proven.name
    if np.isnan(power):
        notes.not_measured.append(
            f"{what}: too few spikes, or too small an effect, to measure the next one; by the certificate {claimed}"
        )
        return
    if proven is Regularity.CONTINUOUS and is_exact:  # a kink may be too small to be seen in most trials
        power = float(np.nanmin(findings.exponent))
    found = f"singular like |delay|^{power:.3g}" if np.isfinite(power) else f"smooth below |delay|^{resolved:.0f}"
    statement = f"{what}: the next spike is {found}, by the certificate {claimed}"
    if proven is None:
        notes.open_questions.append(statement)
    else:
        notes.compare(is_borne_out(proven, is_exact, power, resolved), statement)


def is_borne_out(proven: Regularity, is_exact: bool, power: float, resolved: float) -> bool | None:
    """Whether a class agrees with the leading singular power; None if the power cannot decide it."""
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
