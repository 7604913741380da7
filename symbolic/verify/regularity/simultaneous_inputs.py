"""How smooth spike times are where two inputs to the same neuron change places.

With a time h between them, `i then j` leads to J_j Phi_h J_i Phi_-h x and `j then i`, continued to the same h, to
Phi_h J_i Phi_-h J_j x. Both are analytic in h and agree at h = 0, where jumps commute; the first power of h on which
they differ gives the class. Only the first is examined: whether there is a kink.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import sympy as sp

from ...declare import InputRoute, NeuronModel, weight
from ..certificate import Regularity
from ..context import Case
from ..influence import relevant_states
from ..signs.kinds import Expression, Undecided
from .own_spike import smoothness_of_equations

_ORDERS = 1
_h = sp.Dummy("h", real=True)
_other = sp.Symbol("weight'", real=True)


def crossing_class(case: Case) -> tuple[Regularity, bool]:
    """The class of spike times where two inputs change places: a kink, or C1 at least; and whether it is exact."""
    cap = case.attempt(lambda: smoothness_of_equations(case))
    facts = case.with_weight.over({_other: (-sp.oo, sp.oo)})
    for order in range(1, _ORDERS + 1):
        try:
            differs = case.attempt(lambda order=order: _differs(case.model, order, facts))
        except Undecided:
            return Regularity(order - 1), False
        if differs:
            return Regularity(order - 1), True
    return min(Regularity(_ORDERS), cap), False


def _differs(model: NeuronModel, order: int, facts: Any) -> bool:
    return any(
        not facts.vanishes(change)
        for first, second in product(model.routes, repeat=2)
        for change in _changes(model, first, second, order)
    )


def _changes(model: NeuronModel, first: InputRoute, second: InputRoute, order: int) -> list[Expression]:
    """The difference of both orders at a power of h, for every state that spikes depend on."""
    felt = {model.variable, *relevant_states(model)}
    here = list(model.states)
    back = _flow(model, here, -1, order)
    before = _jump(model, second, _flow(model, _jump(model, first, back, weight), 1, order), _other)
    swapped = _flow(model, _jump(model, second, here, _other), -1, order)
    after = _flow(model, _jump(model, first, swapped, weight), 1, order)
    pairs = zip(model.states, before, after, strict=True)
    return [sp.diff(a - b, _h, order).subs(_h, 0) for state, a, b in pairs if state in felt]


def _flow(model: NeuronModel, place: Sequence[Any], sign: int, order: int) -> list[Expression]:
    """The Taylor polynomial of the flow for a time h, from a place that may depend on h itself."""
    terms: list[Any] = list(model.states)
    total = list(place)
    at = dict(zip(model.states, place, strict=True))
    for power in range(1, order + 1):
        terms = [sp.Add(*(sp.diff(term, state) * rate for state, rate in model.dynamics.items())) for term in terms]
        scale = (sign * _h) ** power / sp.factorial(power)
        total = [value + scale * term.subs(at, simultaneous=True) for value, term in zip(total, terms, strict=True)]
    return total


def _jump(model: NeuronModel, route: InputRoute, place: Sequence[Any], strength: Any) -> list[Expression]:
    at: dict[Any, Any] = dict(zip(model.states, place, strict=True)) | {weight: strength}
    return [sp.sympify(route.jump.get(state, state)).subs(at, simultaneous=True) for state in model.states]
