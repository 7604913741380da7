"""A user's own solution of declared equations, to be checked like a derived one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp

from ..errors import ModelError
from .frozen import FrozenMapping

if TYPE_CHECKING:
    from .model import NeuronModel

#: Time since the state was known, in solutions.
time = sp.Symbol("t", nonnegative=True)


@dataclass(frozen=True)
class Solution:
    """Formulas for a neuron between events: `NeuronModel(..., solution=Solution(flow, time_to_spike))`.

    Both are put into the declared equations before they are used; wrong ones are refused, never used.

    Attributes:
        flow: Every state a time `symbolic.time` later, as a function of the states now and of the parameters.
        time_to_spike: Time to the next spike without further input, `oo` where none comes: a `Piecewise` as a rule.

    Raises:
        ModelError: if an expression cannot be read.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> Solution({V: V * sp.exp(time)}, sp.Piecewise((-sp.log(V), V > 0), (sp.oo, True))).flow
        {V: V*exp(t)}
    """

    flow: FrozenMapping[sp.Symbol, sp.Expr]
    time_to_spike: sp.Expr

    def __init__(self, flow: Mapping[sp.Symbol, Any], time_to_spike: Any) -> None:
        try:
            formulas = {state: sp.sympify(value) for state, value in flow.items()}
            object.__setattr__(self, "time_to_spike", sp.sympify(time_to_spike))
        except (sp.SympifyError, AttributeError, TypeError) as error:
            raise ModelError(
                f"solution: flow must map states to SymPy expressions, and time_to_spike be one: {error}"
            ) from error
        object.__setattr__(self, "flow", FrozenMapping(formulas))


def check_solution(model: "NeuronModel") -> None:
    """Check that a solution speaks of the model's own states and parameters."""
    solution = model.solution
    if solution is None:
        return
    if not isinstance(solution, Solution):
        raise ModelError(f"solution: expected Solution(flow, time_to_spike), not {type(solution).__name__}")
    names = {symbol.name for symbol in (*model.states, *model.parameters)}
    if time.name in names:
        raise ModelError(f"solution: {time.name!r} stands for time in it; rename the state or parameter of that name")
    for state in model.states:
        if state not in solution.flow:
            raise ModelError(f"solution: no flow of {state}; add {state}: ... as a function of the states and of time")
    known = {*model.states, *model.parameters}
    for name, formula in {**{f"flow of {s}": f for s, f in solution.flow.items()}, "time_to_spike":
                          solution.time_to_spike}.items():  # fmt: skip
        allowed = known if name == "time_to_spike" else known | {time}
        unknown = sorted(map(str, formula.free_symbols - allowed))
        if unknown:
            raise ModelError(
                f"solution: the {name} contains {', '.join(unknown)}, which is no state or parameter of {model.name}"
                f" (time is symbolic.time)"
            )
