"""`Derivation`: closed forms to read, and the normal form from which a solver is built."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sympy as sp

from ..declare import FrozenMapping, NeuronModel
from ..typesetting import escaped, latex
from .forms import AffineForm, NumericForm, ProjectiveForm, ReadoutForm, SolutionForm, StateMap, TransferForm
from .removable_singularities import Singularity, find_singularities


@dataclass(frozen=True)
class Relation:
    """A relation between parameters on which a closed form rests, solved for each parameter where that is possible."""

    equation: sp.Expr  # vanishes where the relation holds
    solutions: StateMap

    @property
    def parameters(self) -> set[Any]:
        """The parameters that the relation ties together."""
        return set(self.equation.free_symbols)

    def __str__(self) -> str:
        if self.solutions:
            symbol, solution = next(reversed(list(self.solutions.items())))
            return f"{symbol} = {solution}"
        return f"{self.equation} = 0"


@dataclass(frozen=True)
class Attempt:
    """A solver that was tried and refused.

    Attributes:
        name: What it is called.
        reason: Why it does not apply.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Derivation:
    """How a model's spikes come about, exactly.

    Attributes:
        model: The declared model.
        method: "projective", "linear", "phase" or "numeric". Under "phase" the formulas are to be read; a network
            integrates the equation, as under "numeric".
        closed_form: Whether flow and time to spike are closed forms.
        reason: Why this method.
        flow: Every state a time `t` later, as a function of the states now; None without a closed form.
        time_to_spike: Time to the next spike without further input, `oo` for never; None without a closed form.
        rheobase: The constant input (in the units of the current that drives the neuron; of dV/dt where there is
            none) above which the neuron fires for ever; None where it has no formula.
        period: Time between spikes under a constant drive above the rheobase, as a function of the current; `oo` for
            a neuron without a current whose drive is too weak; None without a closed form.
        phase: Time since the last spike under that drive, as a function of the potential and the current; None where
            the drive is too weak for spikes, or without a closed form.
        relation: What must hold between parameters for this derivation, or None.
        form: The normal form from which a solver is built.
        attempts: More exact or faster solvers that were tried first, and why each was refused.
        fixed: Parameters at whose declared values alone the closed forms hold.
    """

    model: NeuronModel
    method: str
    closed_form: bool
    reason: str
    form: ProjectiveForm | TransferForm | AffineForm | NumericForm | SolutionForm | ReadoutForm
    flow: StateMap | None = None
    time_to_spike: sp.Expr | None = None
    rheobase: sp.Expr | None = None
    period: sp.Expr | None = None
    phase: sp.Expr | None = None
    relation: Relation | None = None
    attempts: tuple[Attempt, ...] = ()
    fixed: StateMap = field(default_factory=lambda: FrozenMapping({}))

    @property
    def formulas(self) -> dict[str, sp.Expr]:
        """Every closed form by name."""
        named = {f"{state}(t)": value for state, value in (self.flow or {}).items()}
        others = {
            "time to spike": self.time_to_spike,
            "rheobase": self.rheobase,
            "period": self.period,
            "phase": self.phase,
        }
        return named | {name: formula for name, formula in others.items() if formula is not None}

    def __repr__(self) -> str:
        lines = [f"{self.model.name}: method {self.method}", f"  because {self.reason}"]
        if self.relation is not None:
            lines.append(f"  valid where {self.relation}")
        if self.model.refractory is not None:
            lines.append(f"  from the release on, a time {self.model.refractory} after a spike")
        lines += [f"  not by {attempt.name}: {attempt.reason}" for attempt in self.attempts]
        for name, formula in self.formulas.items():
            lines.append(f"  {name} = {formula}")
            lines += [f"    at {where} = {place}: {limit}" for where, place, limit in self._continued(name)]
        return "\n".join(lines)

    def to_latex(self) -> str:
        """Return all formulas as an aligned LaTeX environment."""
        rows = []
        for name, formula in self.formulas.items():
            cases = "".join(
                rf" \\ {latex(limit)} & \text{{if }} {latex(where)} = {latex(place)}"
                for where, place, limit in self._continued(name)
            )
            right = latex(formula)
            right = rf"\begin{{cases}} {right} & \text{{in general}}{cases} \end{{cases}}" if cases else right
            rows.append(rf"\text{{{escaped(name)}}} &= {right}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _continued(self, name: str) -> list[tuple[Any, Any, sp.Expr]]:
        """Where a formula divides by zero although it has a limit: symbol, its value there, and the limit."""
        found = [singularity for singularity in singularities(self) if singularity.formula == name]
        return [(*one.condition.args, one.limit) for one in found if one.is_removable and one.limit is not None]

    def _repr_latex_(self) -> str:
        return f"${self.to_latex()}$"


@lru_cache(maxsize=256)
def singularities(derivation: Derivation) -> tuple[Singularity, ...]:
    """Find where the formulas of a derivation divide by zero, and their limits there."""
    return find_singularities(derivation.model, derivation.formulas, derivation.flow or {})
