"""What the conditions are decided on: a model, what is known about its symbols, and one decided condition at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sympy as sp

from ..declare import NeuronModel, weight
from ..structure import is_periodic
from .certificate import Condition
from .facts import Facts
from .signs import Expression, Kind, Range, Row, Split, Undecided, solved

Answer = tuple[bool | None, str]
T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """A model with what is known about its symbols.

    Attributes:
        model: The model.
        facts: Signs of parameters and ranges of states; the spiking variable runs from `low` to the threshold.
        low: The lowest value that the spiking variable can reach, or minus infinity.
    """

    model: NeuronModel
    facts: Facts
    low: Expression

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
                needs = "" if problem.needs is None else f"; this depends on whether {solved(problem.needs)}"
                reason = f"Undecided: {problem.reason}{needs}."
                return Condition(name, None, statement, reason, route, tuple(used), problem.needs)
        return Condition(name, holds, statement, reason, route, tuple(used))

    def attempt(self, work: Callable[[], T]) -> T:
        """Return what a function returns.

        Raises:
            Undecided: if SymPy stops with any error.
        """
        try:
            return work()
        except (Undecided, Split):
            raise
        except Exception as error:  # SymPy raises anything on exotic input; an open question is the honest answer
            raise Undecided(f"SymPy stopped with {type(error).__name__}: {error}") from error


def case_of(model: NeuronModel, rows: tuple[Row, ...]) -> Case:
    """Collect what is known about the symbols of a model for neurons with the given parameter values."""
    ranges: dict[sp.Symbol, Range] = {state: model.bounds.get(state, (-sp.oo, sp.oo)) for state in model.states}
    low, high = ranges[model.variable]
    ranges[model.variable] = (low, high if model.spike.is_at_infinity else model.spike.threshold)
    case = Case(model, Facts(rows, ranges), low)
    floor = case.condition("floor", sp.true, lambda: (_cannot_fall_below_reset(case), ""))
    if floor.holds:
        low = model.reset_value
        ranges[model.variable] = (low, ranges[model.variable][1])
    return Case(model, Facts(rows, ranges), low)


def _cannot_fall_below_reset(case: Case) -> bool:
    """Whether the spiking variable, started above a finite reset value, stays above it; jumps are examined apart."""
    model, facts = case.model, case.facts
    reset, start = model.reset_value, model.initial[model.variable]
    if model.spike.is_at_infinity or reset.free_symbols & set(model.states):
        return False
    if any(route.additive_target == model.variable for route in model.routes):
        return False
    if any(model.variable in route.jump for route in model.routes) and not is_periodic(model):
        return False
    return (
        facts.at_least_zero(start - reset)
        and facts.spread(model.field.subs(model.variable, reset)).kind is Kind.POSITIVE
    )  # fmt: skip
