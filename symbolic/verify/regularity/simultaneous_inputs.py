"""Regularity of spike times where two inputs to the same neuron change places.

With a time h between them, `i then j` leads to J_j Phi_h J_i Phi_-h x and `j then i`, continued to the same h, to
Phi_h J_i Phi_-h J_j x. Both are analytic in h and agree at h = 0, where jumps commute; the first power of h on which
they differ gives the class. Only the first is examined: whether there is a kink.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import sympy as sp

from ...declare import NeuronModel, weight
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
        is_kink = case.attempt(lambda: _is_kink(_declared(case.model), facts))
        if (
            not is_kink
            and case.model.refractory is not None
            and case.attempt(lambda: _is_kink(_held(case.model), facts))
        ):
            return Regularity.CONTINUOUS, False
    except Undecided:
        return Regularity.CONTINUOUS, False
    return (Regularity.CONTINUOUS, True) if is_kink else (min(Regularity.C1, cap), False)


@dataclass(frozen=True)
class _Motion:
    """How states move between inputs and at them.

    Attributes:
        states: The states.
        rates: Their rates of change.
        jumps: What inputs of every route do.
        felt: The states that spikes depend on.
    """

    states: tuple[sp.Symbol, ...]
    rates: Mapping[sp.Symbol, Expression]
    jumps: tuple[Mapping[sp.Symbol, Expression], ...]
    felt: frozenset[sp.Symbol]


def _declared(model: NeuronModel) -> _Motion:
    felt = frozenset({model.variable, *relevant_states(model)})
    return _Motion(model.states, model.dynamics, tuple(route.jump for route in model.routes), felt)


def _held(model: NeuronModel) -> _Motion:
    """In the refractory time."""
    declared, variable = _declared(model), model.variable
    jumps = tuple({state: new for state, new in jump.items() if state != variable} for jump in declared.jumps)
    return replace(declared, rates=dict(declared.rates) | {variable: sp.S.Zero}, jumps=jumps)


def _is_kink(motion: _Motion, facts: Any) -> bool:
    pairs = product(motion.jumps, repeat=2)
    return any(not facts.vanishes(change) for first, second in pairs for change in _changes(motion, first, second))


def _changes(motion: _Motion, first: Any, second: Any) -> list[Expression]:
    """The difference of both orders at the first power of h, for every state that spikes depend on."""
    here = list(motion.states)
    before = _jump(motion, second, _flow(motion, _jump(motion, first, _flow(motion, here, -1), weight), 1), _other)
    after = _flow(motion, _jump(motion, first, _flow(motion, _jump(motion, second, here, _other), -1), weight), 1)
    pairs = zip(motion.states, before, after, strict=True)
    return [sp.diff(a - b, _h).subs(_h, 0) for state, a, b in pairs if state in motion.felt]


def _flow(motion: _Motion, place: Sequence[Any], sign: int) -> list[Expression]:
    """The flow for a time h, to the first order, from a place that may depend on h itself."""
    at: dict[Any, Any] = dict(zip(motion.states, place, strict=True))
    rates = (motion.rates[state].subs(at, simultaneous=True) for state in motion.states)
    return [value + sign * _h * rate for value, rate in zip(place, rates, strict=True)]


def _jump(motion: _Motion, jump: Any, place: Sequence[Any], strength: Any) -> list[Expression]:
    at: dict[Any, Any] = dict(zip(motion.states, place, strict=True)) | {weight: strength}
    return [sp.sympify(jump.get(state, state)).subs(at, simultaneous=True) for state in motion.states]
