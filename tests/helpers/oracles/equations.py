"""A declared model as equations in a potential that is infinite at the spike, and its expressions as functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from reference import INFINITY, mp, number

from symbolic import NeuronModel
from symbolic.declare import weight
from symbolic.structure import recognise

_MPMATH = [{name: getattr(mp, name) for name in dir(mp) if not name.startswith("_")}, "mpmath"]


def exactly(expressions: Sequence[Any], arguments: Sequence[sp.Symbol]) -> Callable[..., list]:
    """A function that evaluates expressions in the precision of the oracle."""
    return sp.lambdify(arguments, list(expressions), modules=_MPMATH)


def value(expression: Any) -> Any:
    """The number that an expression without symbols stands for."""
    return INFINITY if expression is sp.oo else -INFINITY if expression is -sp.oo else exactly([expression], [])()[0]


@dataclass(frozen=True, eq=False)
class Equations:
    """A model on the line, all parameters replaced by their values.

    Attributes:
        potential: The spiking variable, or for a circle variable the tangent of half its angle.
        others: All other states.
        field: The derivative of the potential.
        rates: The derivatives of the other states.
        threshold: Where the potential spikes, possibly infinity.
        reset: The states that a spike changes, and their new values; the potential may go to minus infinity.
        jumps: Per route the states that an input changes, and their new values in terms of `weight`.
        initial: The states at time 0.
        order: Where each state stands among the declared ones.
        circle: Reset and threshold of a circle variable.
    """

    potential: sp.Symbol
    others: tuple[sp.Symbol, ...]
    field: sp.Expr
    rates: tuple[sp.Expr, ...]
    threshold: sp.Expr
    reset: Mapping[sp.Symbol, sp.Expr]
    jumps: Mapping[str, Mapping[sp.Symbol, sp.Expr]]
    initial: tuple
    order: tuple[int, ...]
    circle: tuple | None

    @property
    def states(self) -> tuple[sp.Symbol, ...]:
        return (self.potential, *self.others)

    def from_declared(self, *values: Any) -> tuple:
        """The state with these values of the declared states, in the order of the declaration."""
        potential, *others = (number(values[place]) for place in self.order)
        if self.circle is None:
            return potential, *others
        reset, threshold = self.circle
        return mp.tan(mp.pi * (potential - reset) / (threshold - reset) - mp.pi / 2), *others


def equations(model: NeuronModel) -> Equations:
    """Read the equations off a declaration.

    Raises:
        ValueError: a parameter is open or has one value per neuron.
    """
    values = model.scalar_values
    if set(model.parameters) != set(values):
        raise ValueError(f"{model.name}: the oracle needs one number for every parameter")
    structure = recognise(model)
    variable, potential = model.variable, structure.potential
    reset, threshold = model.reset_value.subs(values), model.spike.threshold.subs(values)
    back = variable
    if structure.is_circle:
        back = reset + (threshold - reset) * (2 * sp.atan(potential) + sp.pi) / (2 * sp.pi)

    def plain(expression: Any) -> Any:
        return sp.sympify(expression).subs(variable, back).subs(values)

    order = tuple(model.states.index(state) for state in (variable, *model.other_states))
    circle = (value(reset), value(threshold)) if structure.is_circle else None
    jumps = {
        route: {state: state + change.subs(variable, back).subs(values) for state, change in changes.items()}
        for route, changes in structure.jumps.items()
    }
    after_spike = {state: plain(new) for state, new in model.reset.items() if state != variable}
    found = Equations(
        potential,
        model.other_states,
        structure.field.subs(values),
        tuple(plain(model.dynamics[state]) for state in model.other_states),
        sp.oo if structure.is_circle else threshold,
        {potential: -sp.oo if structure.is_circle else reset, **after_spike},
        jumps,
        (),
        order,
        circle,
    )
    start = found.from_declared(*(value(model.initial[state].subs(values)) for state in model.states))
    return Equations(**{**vars(found), "initial": start})


class Declared:
    """What every oracle of a declared model shares: its initial state, resets and inputs."""

    def __init__(self, given: Equations) -> None:
        self.equations, self.initial, self.from_declared = given, given.initial, given.from_declared
        changes = (given.reset.get(state, state) for state in given.others)
        self._others_after_spike = exactly(list(changes), given.others)
        self._reset = value(given.reset[given.potential])
        self._jumps = {
            route: exactly([changes.get(state, state) for state in given.states], (*given.states, weight))
            for route, changes in given.jumps.items()
        }

    def after_spike(self, state: tuple) -> tuple:
        """The state after the reset, from the state at the spike."""
        return self._reset, *(number(part) for part in self._others_after_spike(*state[1:]))

    def jump(self, state: tuple, weight: Any, route: str | None = None) -> tuple:
        """The state after an input on a route, the first unless named.

        Raises:
            ValueError: an input meets a potential that is minus infinity and would be more than shifted.
        """
        route = next(iter(self._jumps)) if route is None else route
        if not mp.isfinite(state[0]):
            moved = self.equations.jumps[route].get(self.equations.potential, self.equations.potential)
            if sp.diff(moved, self.equations.potential) != 1:
                raise ValueError("this input right after a reset to minus infinity has no meaning")
            return state[0], *(number(part) for part in self._jumps[route](mp.zero, *state[1:], number(weight))[1:])
        return tuple(number(part) for part in self._jumps[route](*state, number(weight)))
