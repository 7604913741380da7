"""Models whose threshold moves as models whose threshold does not: the variable's distance from it crosses 0.

With U = V - h, where h is an expression in the other states, U crosses 0 where V crosses h. Its equation follows from
those of V and of the states in h, and so do its reset and its jumps; V is U + h in all others. The change of variables
is smooth and invertible, so that what is proven and derived of U holds of V.
"""

from functools import lru_cache
from typing import Any

import sympy as sp

from .declaration import Declaration
from .frozen import FrozenMapping
from .model import NeuronModel
from .rules import Jump, SpikeRule
from .threshold import has_moving_threshold


def distance_symbol(model: Declaration) -> sp.Symbol:
    """Return the symbol of the distance U = V - h from a moving threshold.

    Example:
        >>> adaptive = NeuronModel.from_equations(
        ...     "dV/dt = 2 - V; dh/dt = 1 - h", name="x", spike="V = h", reset="V = 0, h = h + 1", inputs="V",
        ...     initial={"h": 1},
        ... )
        >>> distance_symbol(adaptive)
        U
    """
    taken = {symbol.name for symbol in (*model.states, *model.parameters, *model.currents)}
    names = ("U", *(f"U_{number}" for number in range(1, 2 + len(taken))))
    return sp.Symbol(next(name for name in names if name not in taken), real=True)


def with_fixed_threshold(model: NeuronModel) -> NeuronModel:
    """Return the model in terms of the distance from its threshold, if that moves; else the model itself.

    Example:
        >>> adaptive = NeuronModel.from_equations(
        ...     "dV/dt = 2 - V; dh/dt = 1 - h", name="x", spike="V = h", reset="V = 0, h = h + 1", inputs="V",
        ...     initial={"h": 1},
        ... )
        >>> fixed = with_fixed_threshold(adaptive)
        >>> fixed.dynamics[fixed.variable], fixed.reset[fixed.variable], fixed.spike.threshold
        (1 - U, -h - 1, 0)
    """
    return _with_fixed_threshold(model, model.order) if has_moving_threshold(model) else model


@lru_cache(maxsize=256)
def _with_fixed_threshold(model: NeuronModel, order: Any) -> NeuronModel:
    variable, threshold, distance = model.variable, model.spike.threshold, distance_symbol(model)
    back: dict[Any, Any] = {variable: distance + threshold}

    def moved(changes: Any) -> dict[Any, Any]:
        """New values of states in terms of the distance, and of the distance itself where it changes."""
        states = {state: value for state, value in changes.items() if state != variable}
        new = changes.get(variable, variable) - threshold.subs(states, simultaneous=True)
        found = {state: sp.sympify(value).subs(back) for state, value in states.items()}
        here = sp.expand(new.subs(back))
        return found if here == distance else {distance: here, **found}

    drift = sum((sp.diff(threshold, state) * model.dynamics[state] for state in model.other_states), sp.Integer(0))
    rates: dict[Any, Any] = {variable: model.field - drift} | {s: model.dynamics[s] for s in model.other_states}
    start: dict[Any, Any] = dict(model.initial)
    return NeuronModel(
        model.name,
        dynamics={
            distance if state == variable else state: _written(rates[state].subs(back)) for state in model.dynamics
        },
        spike=SpikeRule(distance, sp.Integer(0)),
        reset={distance: distance} | moved(model.reset),
        inputs={route.name: Jump(FrozenMapping(moved(route.jump))) for route in model.routes},
        parameters=model.parameters,
        initial={distance if state == variable else state: value for state, value in start.items()}
        | {distance: start[variable] - threshold.subs(start, simultaneous=True)},
        bounds={state: ends for state, ends in model.bounds.items() if state != variable},
        currents=model.currents,
    )


def _written(rate: Any) -> Any:
    """A rate in the shorter of two ways."""
    return min((rate, sp.expand(rate)), key=lambda written: len(str(written)))
