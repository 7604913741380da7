"""Models with currents as models without: a current that is given at run time is one more state that inputs move.

Where a current is piecewise constant it has the rate 0, and a step adds to it; where it is piecewise linear its rate is
a second state of rate 0, to which a kink adds. So a step is an event like any other, and what is proven and derived of
states and inputs holds of currents.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sympy as sp

from ..algebra import sign
from .frozen import FrozenMapping
from .model import NeuronModel
from .rules import Jump, weight
from .solution import Solution

#: What a step of a current does, in the order of these names: it falls to 0, then it rises to its new value, exactly.
FALLS, RISES = "{} falls", "{} rises"


def rate_of(current: sp.Symbol) -> sp.Symbol:
    """Return the state that is the rate of change of a piecewise linear current.

    Example:
        >>> rate_of(sp.Symbol("I_ext", real=True))
        dI_ext/dt
    """
    return sp.Symbol(f"d{current.name}/dt", real=True)


def without_currents(model: NeuronModel) -> NeuronModel:
    """Return the model where no current is given: each is 0."""
    return driven_by(model, {}) if model.currents else model


def driven_by(model: NeuronModel, given: Mapping[str, bool]) -> NeuronModel:
    """Return the model with the given currents as states, and the others 0.

    Args:
        model: The declared model.
        given: The names of the currents that are given, and whether each has a slope, as a piecewise linear one has.
    """
    return _driven_by(model, model.order, FrozenMapping(given))


@lru_cache(maxsize=256)
def _driven_by(model: NeuronModel, order: Any, given: FrozenMapping[str, bool]) -> NeuronModel:
    """`order` tells models apart that differ in the order of their states and parameters alone."""
    currents = [symbol for symbol in model.currents if symbol.name in given]
    inputs: dict[str, Any] = {}
    for current in currents:
        # a continuous current does not fall to 0, only its rate does; where it jumps all the same, it rises by that
        steps = rate_of(current) if given[current.name] else current
        for state, name in ((steps, FALLS), (steps, RISES), (current, RISES)):
            inputs[name.format(state.name)] = _adding(state)
    slopes = {current: rate_of(current) for current in currents if given[current.name]}
    return _with_states(model, {current: slopes.get(current, sp.Integer(0)) for current in currents}, inputs)


def with_any_currents(model: NeuronModel) -> NeuronModel:
    """Return the model with currents as states that inputs move: what `verify` proves, it proves for all of them.

    A current may step to any value, and its rate of change, too; the routes are named after both.
    """
    if not model.currents:
        return model
    inputs = {state.name: _adding(state) for each in model.currents for state in (each, rate_of(each))}
    return _with_states(model, {current: rate_of(current) for current in model.currents}, inputs)


def _adding(state: sp.Symbol) -> Jump:
    return Jump(FrozenMapping({state: state + weight}))


def _with_states(model: NeuronModel, rates: Mapping[Any, Any], inputs: Mapping[str, Any]) -> NeuronModel:
    """Make some currents states with these rates, and the others 0."""
    absent: dict[Any, Any] = {current: sp.Integer(0) for current in model.currents if current not in rates}
    slopes: dict[Any, Any] = {rate: sp.Integer(0) for rate in rates.values() if rate != 0}
    dynamics: dict[Any, Any] = {state: rate.xreplace(absent) for state, rate in model.dynamics.items()}
    return NeuronModel(
        model.name,
        dynamics=dynamics | dict(rates) | slopes,
        spike=model.spike,
        reset=model.reset,
        inputs={route.name: Jump(route.jump) for route in model.routes} | dict(inputs),
        parameters=model.parameters,
        initial=dict(model.initial) | {current: _start(model, current) for current in rates},
        bounds={symbol: ends for symbol, ends in model.bounds.items() if symbol not in absent},
        solution=_solution(model, absent, rates) if not slopes else None,
        refractory=model.refractory,
    )


def _start(model: NeuronModel, current: sp.Symbol) -> sp.Expr:
    """A value within the bounds of a current: 0 where that is one."""
    low, high = model.bounds.get(current, (-sp.oo, sp.oo))
    is_above = low.is_finite and sign(low, model.scalar_values) != -1
    is_below = high.is_finite and sign(high, model.scalar_values) != 1
    return low if is_above and low != 0 else high if is_below and high != 0 else sp.Integer(0)


def _solution(model: NeuronModel, absent: Mapping[Any, Any], constant: Mapping[Any, Any]) -> Solution | None:
    """A user's own solution where currents are constant; none where it does not say what happens without one."""
    if model.solution is None:
        return None
    flow: dict[Any, Any] = {state: value.subs(absent) for state, value in model.solution.flow.items()}
    time = model.solution.time_to_spike.subs(absent)
    if any(formula.has(sp.nan, sp.zoo) for formula in (*flow.values(), time)):
        return None
    return Solution(flow | {current: current for current in constant}, time)
