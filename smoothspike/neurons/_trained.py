"""What of a neuron is trained: names that users choose, and initial values that stay in the range of their state."""

from typing import Any

import sympy as sp
from jaxtyping import Array, Float

from symbolic import ModelError, NeuronModel

from ..numerics.positive import any_inside, inside
from .compile.to_jax import Values, lower


def chosen_names(model: NeuronModel, trainable: Any, per_neuron: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of what is trained, and of what each neuron has a value of its own, once checked."""
    names, own = ((given,) if isinstance(given, str) else tuple(given) for given in (trainable, per_neuron))
    parameters, states = [symbol.name for symbol in model.values], [symbol.name for symbol in model.states]
    for name in names:
        if name not in parameters and name not in states:
            known = ", ".join(parameters) or "none"
            raise ModelError(
                f"trainable: {model.name} has no parameter {name!r} with a value; it has {known}, and the initial "
                f"values of {', '.join(states)}"
            )
    for name in own:
        if name not in names:
            raise ModelError(f"per_neuron: {name!r} is not in trainable, {names}; add it there")
    return names, own


def initial_value(
    raw: Float[Array, "..."], ends: tuple[Any, Any], model: NeuronModel, state: sp.Symbol, values: Values
) -> Float[Array, "..."]:
    """Return the initial value that a trained number stands for.

    Args:
        raw: The trained number, one or one for each neuron.
        ends: Of the range of the state, in SymPy.
        model: The declared neuron.
        state: The state.
        values: Of the parameters.
    """
    return inside(raw, *_between(ends, model, state, values))


def initial_unconstrained(
    ends: tuple[Any, Any], model: NeuronModel, state: sp.Symbol, values: Values
) -> Float[Array, "..."]:
    """Return the number to train that stands for the declared initial value of a state.

    Raises:
        ModelError: if that value lies at an end of its range, from where no step of an optimiser leads away.
    """
    value = lower(model.initial[state], values)
    low, high = _between(ends, model, state, values)
    if (low is not None and (value <= low).any()) or (high is not None and (value >= high).any()):
        raise ModelError(
            f"trainable: the initial value of {state}, {model.initial[state]}, lies at an end of its range, "
            f"{ends[0]} to {ends[1]}, from where it could not be trained; declare one inside, as in "
            f"model.with_initial({state}=...)"
        )
    return any_inside(value, low, high)


def _between(ends: tuple[Any, Any], model: NeuronModel, state: sp.Symbol, values: Values) -> tuple[Any, Any]:
    """Return the ends of the range in which a state starts, None for none; a potential starts below its threshold."""
    low, high = (None if end.is_infinite else lower(end, values) for end in ends)
    if model.spike is not None and model.spike.variable == state and not model.spike.is_at_infinity:
        starts: Any = dict(model.initial)
        high = lower(model.spike.threshold.subs(starts), values)
    return low, high
