"""Checking a closed form by putting it into the declared equations, at random rational points to 30 digits."""

import itertools
import random
from typing import Any

import sympy as sp

from ..declare import NeuronModel
from ..errors import DerivationError
from .derivation import Relation, t

_POINTS, _DIGITS, _TOLERANCE = 6, 40, sp.Float("1e-25")
_HORIZON = 20  # how long a neuron that is said never to spike is followed


def check_flow(model: NeuronModel, flow: dict[Any, Any], relation: Relation | None) -> None:
    """Substitute a flow into the differential equations and its initial condition.

    Raises:
        DerivationError: if the flow is not a solution.
    """
    slopes = {state: sp.diff(flow[state], t) for state in flow}
    for point in _points(model, relation):
        later = {**point, t: sp.Rational(1, 97)}  # early enough not to pass a spike, late enough to tell
        there = later | {state: _evaluated(flow[state], later) for state in flow}
        solves = all(
            _vanishes(model.dynamics[state] - _evaluated(slopes[state], later), there)
            and _vanishes(_evaluated(flow[state], {**point, t: 0}) - state, point)
            for state in flow
        )
        if not solves:
            raise DerivationError(f"{model.name}: the derived flow does not solve the declared equations")


def check_spike(model: NeuronModel, spiking: sp.Expr, time_to_spike: sp.Expr, relation: Relation | None) -> None:
    """Substitute a time to spike into an expression that vanishes at a spike, wherever a spike comes.

    Raises:
        DerivationError: if the expression does not vanish there, or no spike comes at any of the points tried.
    """
    found = 0
    for point in _points(model, relation, spread=40):
        time = time_to_spike.subs(point)
        if time is sp.oo or time.has(sp.nan):
            continue
        found += 1
        if not _vanishes(spiking, {**point, t: time.evalf(_DIGITS)}):
            raise DerivationError(f"{model.name}: the derived time to spike is not a spike of the declared equations")
    if not found:
        raise DerivationError(f"{model.name}: no spike found at which to check the derived time to spike")


def check_course(model: NeuronModel, potential: sp.Expr, time_to_spike: sp.Expr) -> None:
    """Look whether a time to spike is that of the first spike, on the way to it or, where none comes, for a while.

    Raises:
        DerivationError: if the potential reaches a finite threshold before, is not a real number, or passes through
            infinity.
    """
    at_infinity = model.spike.is_at_infinity
    for point in _points(model, None, spread=20):
        if not at_infinity and not sp.N((model.variable - model.spike.threshold).subs(point)) < 0:
            continue
        spike = time_to_spike.subs(point)
        if spike is not sp.oo and not sp.N(spike).is_extended_positive:
            raise DerivationError(f"{model.name}: the time to spike is {sp.N(spike)} at {_listed(point)}")
        horizon = sp.Integer(_HORIZON) if spike is sp.oo else spike
        course = [sp.N(potential.subs({**point, t: horizon * sp.Rational(part, 16)}), 20) for part in range(16)]
        if not all(value.is_real and value.is_finite for value in course):
            raise DerivationError(f"{model.name}: the flow is not a real number on the way from {_listed(point)}")
        rates = [sp.N(model.field.subs({**point, model.variable: value}), 20) for value in course]
        fell = any(b < a for a, b in itertools.pairwise(course)) and min(rates) > 0 and not model.other_states
        limit = sp.N(model.spike.threshold.subs(point)) if not at_infinity else sp.oo
        if fell or any(value >= limit for value in course):
            raise DerivationError(
                f"{model.name}: there is a spike before the time to spike {sp.N(spike, 6)} from {_listed(point)}"
            )


def _listed(point: dict[Any, Any]) -> str:
    return ", ".join(f"{symbol} = {sp.N(value, 6)}" for symbol, value in point.items())


def _points(model: NeuronModel, relation: Relation | None, spread: int = 1) -> list[dict[Any, Any]]:
    """Rational values of states and parameters: declared values slightly moved, related parameters kept related."""
    source = random.Random(20)
    points = []
    for _ in range(_POINTS * (1 if spread == 1 else 4)):
        point: dict[Any, Any] = {}
        for symbol, value in model.parameters.items():
            base = value[0] if isinstance(value, sp.Tuple) else value
            base = sp.Integer(1) if base is None else base
            point[symbol] = base * sp.Rational(source.randint(90, 110), 100)
        if relation is not None and relation.solutions:
            symbol, solution = next(reversed(list(relation.solutions.items())))
            point[symbol] = solution.subs(point)
        elif relation is not None:
            point |= {symbol: model.values[symbol] for symbol in relation.parameters}
        for state in model.states:
            point[state] = sp.Rational(
                (2 * source.randint(-50, 90) + 1) * spread, 200
            )  # not 0, where sin(x)/x is not defined
        points.append(point)
    return points


def _evaluated(expression: sp.Expr, point: dict[Any, Any]) -> sp.Expr:
    return expression.subs(point).evalf(_DIGITS)


def _vanishes(expression: sp.Expr, point: dict[Any, Any]) -> bool:
    value = _evaluated(expression, point)
    return bool(value.is_number and abs(value) < _TOLERANCE)
