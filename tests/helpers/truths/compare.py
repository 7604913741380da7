"""What is known about a generated model, and every way in which a certificate may contradict it."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symbolic import NeuronModel
from symbolic.verify import Certificate, Regularity, Verdict


@dataclass(frozen=True)
class Route:
    """The truth about an input route; None where the construction does not tell.

    Attributes:
        exponent: The contact exponent.
        own: The class of the own spike.
        later: The class of later spikes.
        at_most: Whether `own` and `later` are upper bounds only.
        hoelder: The largest exponent with which later spikes are Hölder continuous.
        is_attained: Whether that exponent itself is one, and not only everything below it.
    """

    exponent: Any = None
    own: Regularity | None = None
    later: Regularity | None = None
    at_most: bool = False
    hoelder: Any = None
    is_attained: bool = True


@dataclass(frozen=True)
class Known:
    """A model and the truth about it.

    Attributes:
        name: The ingredients that it was built from.
        model: The declaration.
        holds: Whether its spikes are continuous.
        routes: The truth about some of its routes, where it holds.
        simultaneous: The class where two inputs change places.
        is_plain: Whether verification should decide it.
    """

    name: str
    model: NeuronModel
    holds: bool
    routes: dict[str, Route] = field(default_factory=dict)
    simultaneous: Regularity | None = None
    is_plain: bool = False


def of_exponent(exponent: Any) -> Regularity:
    """The class of |s|^e (of s |s|^(e - 1) for even e) next to zero."""
    return Regularity(min(math.ceil(exponent) - 1, Regularity.C9))


def drawn(makers: Sequence[Callable[[random.Random], Known]], seed: int) -> Iterator[Known]:
    """Ever more models, each once; every maker has its turn before one has a second."""
    rng, seen = random.Random(seed), set()
    waiting: list[Callable[[random.Random], Known]] = []
    while True:
        waiting = waiting or rng.sample(makers, len(makers))
        known = waiting.pop()(rng)
        if known.name not in seen:
            seen.add(known.name)
            yield known


def complaints(known: Known, certificate: Certificate) -> list[str]:
    """Everything that a certificate says and that is not true."""
    if certificate.verdict is Verdict.UNDECIDED:
        return [f"{known.name}: not decided"] if known.is_plain else []
    if certificate.holds is not bool(known.holds):
        return [f"{known.name}: {certificate.verdict.name}"]
    if not known.holds:
        return []
    found = []
    for name, truth in known.routes.items():
        found += [f"{known.name}, route {name}: {what}" for what in _about(truth, certificate.route(name))]
    said: Any = certificate.simultaneous_inputs
    exact = certificate.simultaneous_is_exact
    if known.simultaneous is not None and (said > known.simultaneous or (exact and said != known.simultaneous)):
        found.append(f"{known.name}: simultaneous inputs {said!r}, exact: {exact}, in truth {known.simultaneous!r}")
    return found


def _about(truth: Route, report: Any) -> list[str]:
    found = []
    if truth.exponent not in (None, report.contact_exponent) and report.contact_exponent is not None:
        gap = truth.exponent - report.contact_exponent
        is_bound = "at least" in report.own_reason
        if (gap != 0 and not is_bound) or (is_bound and gap < 0):
            found.append(f"contact exponent {report.contact_exponent}, in truth {truth.exponent}")
    claims = (
        ("own", truth.own, report.own_spike, report.own_is_exact),
        ("later", truth.later, report.later_spikes, report.later_is_exact),
    )
    for what, real, said, is_exact in claims:
        if real is not None and said is not None:
            if said > real or (is_exact and said != real and not truth.at_most):
                found.append(f"{what} {said!r}, exact: {is_exact}, in truth {real!r}")
    claimed = report.later_exponent
    if truth.hoelder is not None and claimed is not None:
        gap = sp.S(truth.hoelder) - claimed
        if gap < 0 or (gap == 0 and not truth.is_attained):
            found.append(f"Hölder exponent {claimed}, in truth {truth.hoelder}, attained: {truth.is_attained}")
    return found
