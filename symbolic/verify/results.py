"""The results of a verification as data: verdict, conditions with their reasons, one report per input route."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Self

import sympy as sp

from ..declare import NeuronModel
from ..errors import ModelError


class Verdict(Enum):
    """The answer to a question about a model; UNDECIDED never means that something fails.

    Example:
        >>> Verdict.all([Verdict.HOLDS, Verdict.UNDECIDED])
        <Verdict.UNDECIDED: 'undecided'>
    """

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"

    @classmethod
    def of(cls, holds: bool | None) -> "Verdict":
        """Translate True, False and None."""
        return cls.UNDECIDED if holds is None else cls.HOLDS if holds else cls.FAILS

    @classmethod
    def all(cls, verdicts: Any) -> "Verdict":
        """One failure decides; otherwise one open question leaves the answer open."""
        found = set(verdicts)
        return cls.FAILS if cls.FAILS in found else cls.UNDECIDED if cls.UNDECIDED in found else cls.HOLDS


class Regularity(IntEnum):
    """How smoothly spike times depend on input times and weights, from worst to best.

    Example:
        >>> Regularity.CONTINUOUS < Regularity.C1 < Regularity.ANALYTIC
        True
    """

    def __bool__(self) -> bool:
        """True for every class: CONTINUOUS, whose number is 0, is an answer like the others."""
        return True

    DISCONTINUOUS = -1
    CONTINUOUS = 0
    C1 = 1
    C2 = 2
    C3 = 3
    C4 = 4
    C5 = 5
    C6 = 6
    C7 = 7
    C8 = 8
    C9 = 9
    SMOOTH = 10
    ANALYTIC = 11


@dataclass(frozen=True)
class Condition:
    """One condition for continuous spikes, whether it holds (None: undecided), and why.

    Attributes:
        name: What the condition is called in reports.
        holds: True, False, or None where it could not be decided.
        statement: The condition as a SymPy object.
        reason: Why it holds or fails, or which step could not be taken, in one or two sentences. A `Reason`, which
            keeps its formulas apart, where there are any.
        route: The input route that it is about; None for a condition on the neuron alone.
        assumptions: The conditions on parameters that the reason uses.
        needs: What would have to be known about parameters or states to decide it, where that is known.
    """

    name: str
    holds: bool | None
    statement: sp.Basic
    reason: str
    route: str | None = None
    assumptions: tuple[sp.Basic, ...] = ()
    needs: sp.Basic | None = None

    @property
    def verdict(self) -> Verdict:
        """The same as `holds`, as a verdict."""
        return Verdict.of(self.holds)


@dataclass(frozen=True)
class RouteReport:
    """The findings about one input route.

    Attributes:
        name: The route's name.
        no_grazing: Whether spikes appear and vanish only at the trial's end.
        order_swap: Whether nothing jumps when an input and the neuron's own spike change places.
        contact_exponent: k where the shift that an input causes in the own spike vanishes like u^k with the time u
            left to it (up to slowly varying factors; `oo`: faster than every power), or a lower bound of it where
            `own_reason` says "at least"; None if not known.
        own_spike: The class of the neuron's next spike time, where an input on this route meets it, as a function of
            input times and weights; None if not known.
        later_spikes: The class of later spike times where an input on this route meets the own spike; None if not
            known.
        own_is_exact: Whether the next spike time is of no better class than `own_spike`; else of this class at least.
        later_is_exact: The same for later spikes.
        own_reason: Why the own spike is of this class, in a sentence.
        later_reason: The same for later spikes.
        later_exponent: An exponent a with which later spikes are Hoelder continuous (the change of a spike time is at
            most of the order |change of an input time|^a): 1 where they are Lipschitz continuous or differentiable,
            less where they are merely continuous; None if not known. For the own spike it is the contact exponent.
        has_release: Whether there is a refractory time, at whose end an input meets the release.
        release: The class of later spike times where an input on this route meets the release; None if not known.
        release_is_exact: Whether they are of no better class.
        release_reason: Why, in a sentence.
    """

    name: str
    no_grazing: Verdict
    order_swap: Verdict
    contact_exponent: sp.Expr | None = None
    own_spike: Regularity | None = None
    later_spikes: Regularity | None = None
    own_is_exact: bool = False
    later_is_exact: bool = False
    own_reason: str = ""
    later_reason: str = ""
    later_exponent: sp.Expr | None = None
    has_release: bool = False
    release: Regularity | None = None
    release_is_exact: bool = False
    release_reason: str = ""

    @property
    def regularity(self) -> Regularity | None:
        """The worst of these classes; None if one is not known and the others do not decide."""
        found = (self.own_spike, self.later_spikes, *([self.release] if self.has_release else []))
        known = [regularity for regularity in found if regularity is not None]
        if Regularity.DISCONTINUOUS in known:
            return Regularity.DISCONTINUOUS
        return min(known) if len(known) == len(found) else None


@dataclass(frozen=True)
class Results:
    """Everything that a certificate says."""

    model: NeuronModel
    verdict: Verdict
    conditions: tuple[Condition, ...]
    routes: tuple[RouteReport, ...]
    assumptions: tuple[sp.Basic, ...] = ()
    cases: tuple[tuple[Any, Self], ...] = ()
    simultaneous_inputs: Regularity | None = None
    simultaneous_is_exact: bool = False
    derived_ranges: tuple[tuple[sp.Symbol, tuple[sp.Expr, sp.Expr]], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the verdict is HOLDS."""
        return self.verdict is Verdict.HOLDS

    @property
    def regularity(self) -> Regularity | None:
        """The worst class over all routes: spike times are at least this regular where one input meets a spike.

        None if one is not known. Where two inputs arrive together, `simultaneous_inputs` limits it further.
        """
        found = [report.regularity for report in self.routes]
        known = [regularity for regularity in found if regularity is not None]
        if Regularity.DISCONTINUOUS in known:
            return Regularity.DISCONTINUOUS
        return min(known) if known and len(known) == len(found) else None

    @property
    def failures(self) -> tuple[Condition, ...]:
        """The conditions that fail; where only the cases decide, those that fail in one of them."""
        found = tuple(condition for condition in self.conditions if condition.holds is False)
        if found or self.verdict is not Verdict.FAILS:
            return found
        return tuple(condition for _, case in self.cases for condition in case.failures)

    @property
    def open_questions(self) -> tuple[Condition, ...]:
        """The conditions that could not be decided."""
        return tuple(condition for condition in self.conditions if condition.holds is None)

    def route(self, name: str) -> RouteReport:
        """Return the report on the input route of this name.

        Raises:
            ModelError: if there is no such route.
        """
        for report in self.routes:
            if report.name == name:
                return report
        known = ", ".join(report.name for report in self.routes)
        raise ModelError(f"{self.model.name} has no input route {name!r}; its routes are: {known}")

    def condition(self, name: str, route: str | None = None) -> Condition:
        """Return the condition of this name (on this route).

        Raises:
            KeyError: if the certificate has no such condition.
        """
        for condition in self.conditions:
            if condition.name == name and condition.route == route:
                return condition
        raise KeyError(f"no condition {name!r} on route {route!r}; see the names in certificate.conditions")
