"""Checks of closed forms by substitution into the declared equations, at random points to 30 digits."""

import itertools
import random
from typing import Any

import sympy as sp

from ..algebra import extended_value, numbers, value
from ..declare import NeuronModel
from ..declare import time as t
from ..errors import DerivationError
from .derivation import Relation

_POINTS, _DIGITS = 6, 60
_HORIZON = 20  # how long a neuron that is said never to spike is followed


def check_flow(model: NeuronModel, flow: dict[Any, Any], relation: Relation | None) -> None:
    """Substitute a flow into the differential equations and its initial condition."""
    slopes = {state: sp.diff(flow[state], t) for state in flow}
    for point in _points(model, relation):
        later = {**point, t: sp.Rational(1, 97)}  # early enough not to pass a spike, late enough to differ
        start = {**point, t: sp.S.Zero}
        try:
            there = later | {state: value(flow[state], later, _DIGITS) for state in flow}
            solves = all(
                _is_near(value(slopes[state], later, _DIGITS), value(model.dynamics[state], there, _DIGITS))
                and _is_near(value(flow[state], start, _DIGITS), value(state, point, _DIGITS))
                for state in flow
            )
        except ArithmeticError:
            solves = False
        if not solves:
            raise DerivationError(f"{model.name}: the derived flow does not solve the declared equations")


def check_spike(model: NeuronModel, spiking: sp.Expr, time_to_spike: sp.Expr, relation: Relation | None) -> None:
    """Substitute a time to spike into an expression that vanishes at a spike, wherever a spike comes."""
    found = 0
    for point in _points(model, relation, spread=40):
        time = extended_value(time_to_spike, point, _DIGITS)
        if time is None or time == numbers().inf:
            continue
        found += 1
        just_before = time * (1 - numbers().mpf(10) ** -45)  # at a spike at infinity formulas have no value
        if not _vanishes(spiking, {**point, t: just_before}):
            raise DerivationError(f"{model.name}: the derived time to spike is not a spike of the declared equations")
    if not found:
        raise DerivationError(f"{model.name}: no spike found at which to check the derived time to spike")


def check_course(model: NeuronModel, potential: sp.Expr, time_to_spike: sp.Expr) -> None:
    """Check that a time to spike is that of the first spike."""
    at_infinity, precision = model.spike.is_at_infinity, numbers()
    for point in _points(model, None, spread=20):
        limit = precision.inf if at_infinity else value(model.spike.threshold, point, _DIGITS)
        if not value(model.variable, point, _DIGITS) < limit:
            continue
        spike = extended_value(time_to_spike, point, _DIGITS)
        if spike is None or spike <= 0:
            raise DerivationError(f"{model.name}: the time to spike is {_shown(spike)} at {_listed(point)}")
        horizon = _HORIZON if spike == precision.inf else spike
        try:
            course = [value(potential, {**point, t: horizon * part / 16}, _DIGITS) for part in range(16)]
            rates = [value(model.field, {**point, model.variable: place}, _DIGITS) for place in course]
        except ArithmeticError:
            raise DerivationError(
                f"{model.name}: the flow is not a real number on the way from {_listed(point)}"
            ) from None
        fell = any(b < a for a, b in itertools.pairwise(course)) and min(rates) > 0 and not model.other_states
        if fell or any(place >= limit for place in course):
            raise DerivationError(
                f"{model.name}: there is a spike before the time to spike {_shown(spike)} from {_listed(point)}"
            )


def _shown(time: Any) -> str:
    return "not a real number" if time is None else "oo" if time == numbers().inf else numbers().nstr(time, 6)


def _listed(point: dict[Any, Any]) -> str:
    return ", ".join(f"{symbol} = {numbers().nstr(value(number, point), 6)}" for symbol, number in point.items())


def _points(model: NeuronModel, relation: Relation | None, spread: int = 1) -> list[dict[Any, Any]]:
    """Rational values of states and parameters: declared values slightly moved, related parameters kept related."""
    source = random.Random(20)
    points = []
    for _ in range(_POINTS * (1 if spread == 1 else 4)):
        point: dict[Any, Any] = {}
        for symbol, declared in model.parameters.items():
            base = declared[0] if isinstance(declared, sp.Tuple) else declared
            base = sp.Integer(1) if base is None else base
            point[symbol] = base * sp.Rational(source.randint(90, 110), 100)
        if relation is not None and relation.solutions:
            symbol, solution = next(reversed(list(relation.solutions.items())))
            point[symbol] = value(solution, point, _DIGITS)
        elif relation is not None:
            point |= {symbol: model.values[symbol] for symbol in relation.parameters}
        for state in model.states:
            point[state] = sp.Rational(
                (2 * source.randint(-50, 90) + 1) * spread, 200
            )  # not 0, where sin(x)/x is not defined
        points.append(point)
    return points


def _is_near(found: Any, expected: Any) -> bool:
    return bool(abs(found - expected) < numbers().mpf(10) ** -25 * (1 + abs(expected)))


def _vanishes(expression: Any, point: dict[Any, Any]) -> bool:
    try:
        return bool(abs(value(expression, point, _DIGITS)) < numbers().mpf(10) ** -25)
    except ArithmeticError:
        return False
