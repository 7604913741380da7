"""What the conditions are decided on: a model, what is known about its symbols, and one decided condition at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import sympy as sp

from ..declare import NeuronModel, weight
from .reason import Reason
from .results import Condition
from .signs.facts import Facts
from .signs.kinds import Expression, Range, Row, Split, Undecided, solved
from .signs.ranges import derived_ranges
from .signs.reach import Reach, reach_of

Answer = tuple[bool | None, str]
T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """A model with what is known about its symbols.

    Attributes:
        model: The model.
        facts: Signs of parameters and ranges of states; the spiking variable runs from `low` to the threshold.
        derived: The ranges that follow from the equations, narrower than what is declared.
        range_assumptions: The conditions on parameters that these rest on.
        given: The names of states that are given at run time, where their declared ranges are enforced.
    """

    model: NeuronModel
    facts: Facts
    derived: Mapping[sp.Symbol, Range] = field(default_factory=dict)
    range_assumptions: tuple[sp.Basic, ...] = ()
    given: frozenset[str] = frozenset()

    @property
    def low(self) -> Expression:
        """The lowest value that the spiking variable can reach, or minus infinity."""
        return self.facts.ranges[self.model.variable][0]

    @cached_property
    def reach(self) -> Reach:
        """What inputs can bring about."""
        return reach_of(self.model, self.facts)

    @property
    def returns_from_below(self) -> bool:
        """Whether the reset puts the spiking variable to minus infinity."""
        return self.model.reset_value == -sp.oo

    @property
    def with_weight(self) -> Facts:
        """The facts where an input weight can be any real number."""
        return self.facts.over({weight: (-sp.oo, sp.oo)})

    def condition(
        self, name: str, statement: sp.Basic, decide: Callable[[], Answer], route: str | None = None
    ) -> Condition:
        """Decide one condition; whatever goes wrong on the way leaves it undecided, with the reason."""
        with self.facts.recording() as used:
            try:
                holds, reason = self.attempt(decide)
            except Undecided as problem:
                reason = problem.reason.as_sentence
                if problem.needs is not None:
                    reason = Reason("{}; this depends on whether {}", reason, solved(problem.needs))
                return Condition(name, None, statement, Reason("{}.", reason), route, tuple(used), problem.needs)
        return Condition(name, holds, statement, reason, route, tuple(used))

    def attempt(self, work: Callable[[], T]) -> T:
        """Return what a function returns."""
        try:
            return work()
        except (Undecided, Split):
            raise
        except Exception as error:  # SymPy raises anything on exotic input; an open question is the honest answer
            raise Undecided("SymPy stopped with {}: {}", type(error).__name__, error) from error


def declared_case(model: NeuronModel, rows: tuple[Row, ...], given: frozenset[str] = frozenset()) -> Case:
    """Collect what is known about the symbols of a model for neurons with the given parameter values."""
    declared: dict[sp.Symbol, Range] = {state: model.bounds.get(state, (-sp.oo, sp.oo)) for state in model.states}
    low, high = declared[model.variable]
    declared[model.variable] = (low, high if model.spike.is_at_infinity else model.spike.threshold)
    cut = None if model.spike.is_at_infinity else (model.variable, model.spike.threshold)
    return Case(model, Facts(rows, declared, cut=cut), given=given)


def with_derived_ranges(case: Case) -> Case:
    """The same case with the ranges that states cannot leave, which rest on the declared initial values too."""
    model, facts = case.model, case.facts
    with facts.recording() as used:
        try:
            ranges = case.attempt(lambda: derived_ranges(model, facts))
        except Undecided:
            return case
    narrower = {state: ends for state, ends in ranges.items() if ends != facts.ranges[state]}
    return replace(case, facts=facts.over(ranges), derived=narrower, range_assumptions=tuple(used) if narrower else ())
