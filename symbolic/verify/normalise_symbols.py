"""Declarations whose symbols say more than the declaration: made plain, or left undecided."""

from typing import Any

import sympy as sp

from ..declare import Jump, NeuronModel, SpikeRule
from ..declare.frozen import FrozenMapping
from .signs.kinds import Undecided

_REAL = sp.Symbol("x", real=True).assumptions0
_SIGNS = (
    (lambda low, high: low.is_nonnegative, sp.Symbol("x", positive=True).assumptions0),
    (lambda low, high: high.is_nonpositive, sp.Symbol("x", negative=True).assumptions0),
)


def with_plain_states(model: NeuronModel) -> NeuronModel:
    """Return the model with states that are merely real; their ranges are those that are declared as bounds."""
    new = {state: _plain(state, model) for state in model.states}
    if all(old == plain for old, plain in new.items()):
        return model

    def renamed(mapping: Any) -> dict[Any, Any]:
        return {new.get(symbol, symbol): value.xreplace(new) for symbol, value in mapping.items()}

    return NeuronModel(
        model.name,
        dynamics=renamed(model.dynamics),
        spike=SpikeRule(new[model.variable], model.spike.threshold),
        reset=renamed(model.reset),
        inputs={route.name: Jump(FrozenMapping(renamed(route.jump))) for route in model.routes},
        parameters=dict(model.parameters),
        initial=renamed(model.initial),
        bounds={new[state]: limits for state, limits in model.bounds.items()},
        refractory=model.refractory,
    )


def _plain(state: sp.Symbol, model: NeuronModel) -> sp.Symbol:
    extra = {fact: value for fact, value in state.assumptions0.items() if _REAL.get(fact) != value}
    if not extra:
        return state
    low, high = model.bounds.get(state, (-sp.oo, sp.oo))
    for confirmed, facts in _SIGNS:
        if confirmed(low, high) and all(facts.get(fact) == value for fact, value in extra.items()):
            return sp.Symbol(state.name, real=True)
    claims = ", ".join(fact for fact, value in extra.items() if value)
    raise Undecided(
        "the symbol {} is declared {}, which no declared range confirms: give it bounds, or make it real", state, claims
    )
