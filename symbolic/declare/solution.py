"""A user's own solution of declared equations, to be checked like a derived one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..errors import ModelError
from .frozen import FrozenMapping

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
