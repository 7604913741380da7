"""Regularity of spike times where two inputs to the same neuron change places.

With a time h between them, `i then j` leads to J_j Phi_h J_i Phi_-h x and `j then i`, continued to the same h, to
Phi_h J_i Phi_-h J_j x. Both are analytic in h and agree at h = 0, where jumps commute; the first power of h on which
they differ gives the class. Only the first is examined: whether there is a kink.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import sympy as sp

from ...declare import InputRoute, NeuronModel, weight
from ..context import Case
from ..results import Regularity
from ..signs.influence import relevant_states
from ..signs.kinds import Expression, Undecided
from .own_spike import smoothness_of_equations

_h = sp.Dummy("h", real=True)
_other = sp.Symbol("weight'", real=True)


def crossing_class(case: Case) -> tuple[Regularity, bool]:
    """The class of spike times where two inputs change places: a kink, or C1 at least; and whether it is exact."""
    cap = case.attempt(lambda: smoothness_of_equations(case))
    facts = case.with_weight.over({_other: (-sp.oo, sp.oo)})
    try:
        is_kink = case.attempt(lambda: _is_kink(case.model, facts))
    except Undecided:
        return Regularity.CONTINUOUS, False
    return (Regularity.CONTINUOUS, True) if is_kink else (min(Regularity.C1, cap), False)


def _is_kink(model: NeuronModel, facts: Any) -> bool:
    changes = (change for first, second in product(model.routes, repeat=2) for change in _changes(model, first, second))
    return any(not facts.vanishes(change) for change in changes)


def _changes(model: NeuronModel, first: InputRoute, second: InputRoute) -> list[Expression]:
    """The difference of both orders at the first power of h, for every state that spikes depend on."""
    felt = {model.variable, *relevant_states(model)}
    here = list(model.states)
    before = _jump(model, second, _flow(model, _jump(model, first, _flow(model, here, -1), weight), 1), _other)
    after = _flow(model, _jump(model, first, _flow(model, _jump(model, second, here, _other), -1), weight), 1)
    pairs = zip(model.states, before, after, strict=True)
    return [sp.diff(a - b, _h).subs(_h, 0) for state, a, b in pairs if state in felt]


def _flow(model: NeuronModel, place: Sequence[Any], sign: int) -> list[Expression]:
    """The flow for a time h, to the first order, from a place that may depend on h itself."""
    at: dict[Any, Any] = dict(zip(model.states, place, strict=True))
    rates = (model.dynamics[state].subs(at, simultaneous=True) for state in model.states)
    return [value + sign * _h * rate for value, rate in zip(place, rates, strict=True)]


def _jump(model: NeuronModel, route: InputRoute, place: Sequence[Any], strength: Any) -> list[Expression]:
    at: dict[Any, Any] = dict(zip(model.states, place, strict=True)) | {weight: strength}
    return [sp.sympify(route.jump.get(state, state)).subs(at, simultaneous=True) for state in model.states]
