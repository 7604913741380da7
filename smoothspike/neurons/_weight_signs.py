"""The sign that weights must have where states have declared ranges."""

from functools import lru_cache
from typing import Any

import sympy as sp

from symbolic import ModelError, NeuronModel, weight


@lru_cache(maxsize=256)
def weight_sign(model: NeuronModel, name: str) -> int:
    """Return the only sign that weights of a route may have, 0 for both; see `Neuron.weight_sign`."""
    route = model.route(name)
    if not any(state in model.bounds for state in route.jump):
        return 0
    allowed = [sign for sign in (1, -1) if _stays(model, route.jump, sign)]
    if not allowed:
        ranges = ", ".join(f"{state} in {model.bounds[state]}" for state in route.jump if state in model.bounds)
        raise ModelError(
            f"{model.name}: an input on route {name!r} may leave the declared range of {ranges}, whatever the sign of "
            "its weight; declare a range with one end, such as (0, oo), or an input that stays inside"
        )
    return allowed[0] if len(allowed) == 1 else 0


def _stays(model: NeuronModel, jump: Any, sign: int) -> bool:
    """Whether inputs with weights of a sign certainly keep all states in their declared ranges."""
    inside: dict[Any, Any] = {weight: sign * sp.Dummy("size", nonnegative=True)}
    for state, (low, high) in model.bounds.items():
        distance = sp.Dummy(state.name, nonnegative=True)
        if low.is_finite or high.is_finite:
            inside[state] = low + distance if low.is_finite else high - distance
    margins = []
    for state, value in jump.items():
        low, high = model.bounds.get(state, (-sp.oo, sp.oo))
        margins += [value - low] * bool(low.is_finite) + [high - value] * bool(high.is_finite)
    return all(
        sp.expand(margin.subs(model.scalar_values).subs(inside, simultaneous=True)).is_nonnegative for margin in margins
    )
