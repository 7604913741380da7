"""The membrane of a model: the spiking variable's equation with the other states at rest."""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..algebra import affine_split, inserted, multiplied_out, vanishes
from ..declare import NeuronModel
from ..derive.forms import settled_states
from ..enclosure.isolation import WINDOW
from ..errors import ModelError
from .zeros import sign_of

#: Stands for the potential to which the other states have settled.
place = sp.Symbol("place", real=True)


@dataclass(frozen=True)
class Membrane:
    """The spiking variable's equation at one set of parameter values; other states rest as they do at `place`."""

    variable: sp.Symbol
    rate: Any
    threshold: Any
    reset: Any
    initial: Any

    def settled_at(self, potential: Any) -> Any:
        """The field while the other states stay where they settle at a given potential."""
        return multiplied_out(self.rate.subs(place, potential))

    @property
    def follows(self) -> bool:
        """Whether other states settle differently at different potentials."""
        return self.rate.has(place)

    @property
    def top(self) -> float:
        """How far up zeros are looked for."""
        return float(self.threshold) if self.threshold.is_number and self.threshold.is_finite else WINDOW

    def is_below_threshold(self, value: Any) -> bool:
        """Whether a potential lies below the threshold."""
        return self.threshold is sp.oo or sign_of(self.threshold - value) > 0


def settled(model: NeuronModel) -> dict[Any, Any]:
    """Where the other states rest without input while the spiking variable stays at `place`; currents are 0."""
    others = model.other_states
    no_current: dict[Any, Any] = dict.fromkeys(model.currents, sp.S.Zero)
    start: dict[Any, Any] = {state: model.initial[state] for state in others} | no_current
    if all(vanishes(inserted(model.dynamics[state], start)) for state in others):
        return start
    held: dict[Any, Any] = {model.variable: place} | no_current
    rates = [model.dynamics[state].subs(held) for state in others]
    rows = [affine_split(rate, others) for rate in rates]
    if None in rows:
        raise ModelError(
            f"{model.name}: where {', '.join(map(str, others))} rest without input is not known, since their equations "
            "are not linear in them; start them at rest with initial=..., or declare them linear"
        )
    found = settled_states(others, rows)
    if found is None:
        raise ModelError(f"{model.name}: {', '.join(map(str, others))} have no single place where they rest without "
                         "input; let each decay, as in dI/dt = -I/tau_s")  # fmt: skip
    return found | no_current


def rows_of(model: NeuronModel) -> list[dict[Any, Any]]:
    """The parameter values of every neuron: one row, unless some parameters have one value per neuron."""
    arrays = {symbol: value for symbol, value in model.values.items() if isinstance(value, sp.Tuple)}
    if arrays and None in model.parameters.values():
        unset = ", ".join(str(symbol) for symbol, value in model.parameters.items() if value is None)
        raise ModelError(f"{model.name}: parameters with one value per neuron need all others to be set; "
                         f"give {unset} a value")  # fmt: skip
    rows = zip(*arrays.values(), strict=True) if arrays else [()]
    return [model.scalar_values | dict(zip(arrays, row, strict=True)) for row in rows]


def membranes(model: NeuronModel) -> list[Membrane]:
    """The membrane of every neuron; equal ones are listed as often as they occur."""
    rest: Any = settled(model)
    rate = model.field.subs(rest, simultaneous=True)
    reset = model.reset_value.subs(rest | {model.variable: model.spike.threshold}, simultaneous=True)
    if reset != -sp.oo and (reset.has(sp.nan, sp.zoo, sp.oo) or reset.has(place)):
        raise ModelError(f"{model.name}: the reset of {model.variable} to {model.reset_value} is not one potential; "
                         "reset it to a value")  # fmt: skip
    return [
        Membrane(
            model.variable,
            rate.subs(row),
            model.spike.threshold.subs(row),
            reset.subs(row),
            model.initial[model.variable].subs(row),
        )
        for row in rows_of(model)
    ]
