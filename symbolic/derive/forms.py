"""Normal forms from which general solvers are built: every entry is an expression in the parameters."""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..algebra import affine_split, inserted, tidy, vanishes
from ..declare import FrozenMapping, NeuronModel

StateMap = FrozenMapping[sp.Symbol, sp.Expr]


@dataclass(frozen=True)
class ProjectiveForm:
    """An elementary quadratic neuron, in the coordinates in which it is linear.

    The potential is `V = u / gain + offset` with `u' = u**2 - decay * u + d`, where the drive
    `d = drive + sum(current_gains[I] * I)` falls as `exp(-2 * decay * t)`; without currents, or with constant ones,
    `decay` is zero and `d` is constant. For a circle variable `circle` holds its reset and its threshold, and `V` is
    the tangent of half its angle. All entries are expressions in the parameters.
    """

    potential: sp.Symbol
    circle: tuple[sp.Expr, sp.Expr] | None
    gain: sp.Expr
    offset: sp.Expr
    decay: sp.Expr
    drive: sp.Expr
    current_gains: StateMap
    routes: FrozenMapping[str, StateMap]


@dataclass(frozen=True)
class AutonomousStates:
    """States that obey `s' = couplings s + sources` whatever the membrane potential does.

    Attributes:
        states: Their symbols, in order.
        couplings: For every state, what the states that drive it are multiplied by.
        sources: The constant part of its equation, where there is one.
        resting: Where the synaptic ones among them settle without input.
    """

    states: tuple[sp.Symbol, ...]
    couplings: FrozenMapping[sp.Symbol, StateMap]
    sources: StateMap
    resting: StateMap


@dataclass(frozen=True)
class TransferForm:
    """A quadratic neuron whose coefficients follow autonomous states.

    The potential is `V = u / gain + offset` with `u' = u**2 + beta * u + d`, `d = drive + sum(drive_gains[s] * s)` and
    `beta = sum(conductance_gains[s] * s)`.

    Attributes:
        potential: The membrane potential; for a circle variable the tangent of half its angle.
        circle: Reset and threshold of a circle variable, or None.
        gain: Coefficient of the squared potential.
        offset: Where u vanishes.
        drive: Constant part of d.
        drive_gains: What each state adds to d.
        conductance_gains: What each state adds to beta.
        others: The states that drive it.
        routes: What an input of weight 1 adds to which states, for every route.
        reset: New values after a spike, in the states; the potential's is None where it goes on at minus infinity.
    """

    potential: sp.Symbol
    circle: tuple[sp.Expr, sp.Expr] | None
    gain: sp.Expr
    offset: sp.Expr
    drive: sp.Expr
    drive_gains: StateMap
    conductance_gains: StateMap
    others: AutonomousStates
    routes: FrozenMapping[str, StateMap]
    reset: FrozenMapping[sp.Symbol, sp.Expr | None]

    @property
    def passes_spikes(self) -> bool:
        """Whether the reset is nothing but going on from minus infinity."""
        return not any(value is not None for value in self.reset.values())


@dataclass(frozen=True)
class AffineForm:
    """Affine equations and a finite threshold: `y' = couplings y + sources`, the spiking variable first.

    Attributes:
        states: All states.
        couplings: For every state, what the states that drive it are multiplied by.
        sources: The constant part of its equation, where there is one.
        resting: Where the synaptic states settle without input.
        threshold: Where a spike is.
        routes: What an input of weight 1 adds to which states, for every route.
        reset: New values after a spike, in the states.
    """

    states: tuple[sp.Symbol, ...]
    couplings: FrozenMapping[sp.Symbol, StateMap]
    sources: StateMap
    resting: StateMap
    threshold: sp.Expr
    routes: FrozenMapping[str, StateMap]
    reset: StateMap


@dataclass(frozen=True)
class ReadoutForm:
    """Affine equations without spikes: `y' = couplings y + sources`, the state that is read out first.

    Attributes:
        states: All states.
        couplings: For every state, what the states that drive it are multiplied by.
        sources: The constant part of its equation, where there is one.
        routes: What an input of weight 1 adds to which states, for every route.
    """

    states: tuple[sp.Symbol, ...]
    couplings: FrozenMapping[sp.Symbol, StateMap]
    sources: StateMap
    routes: FrozenMapping[str, StateMap]


@dataclass(frozen=True)
class NumericForm:
    """No form at all: the declared equations are integrated as they stand.

    Attributes:
        resting: Where the synaptic states settle without input.
        may_graze: Whether the field at a finite threshold is not known to be positive.
        is_circle: Whether the spiking variable is an angle.
    """

    resting: StateMap
    may_graze: bool
    is_circle: bool


@dataclass(frozen=True)
class SolutionForm:
    """Closed formulas for a neuron between events.

    Attributes:
        resting: Where the synaptic states settle without input.
        may_graze: Whether the field at a finite threshold is not known to be positive.
        is_circle: Whether the spiking variable is an angle.
        flow: Every state a time `t` later.
        time_to_spike: Time to the next spike, `oo` for never.
    """

    resting: StateMap
    may_graze: bool
    is_circle: bool
    flow: StateMap
    time_to_spike: sp.Expr


def synaptic_states(model: NeuronModel) -> tuple[sp.Symbol, ...]:
    """Return the states that inputs reach, directly or through others, and that do not depend on the potential."""
    reached: set[Any] = {state for route in model.routes for state in route.jump} - {model.variable}
    candidates = [s for s in model.other_states if model.variable not in model.dynamics[s].free_symbols]
    for _ in candidates:
        reached |= {state for state in candidates if model.dynamics[state].free_symbols & reached}
    return tuple(state for state in candidates if state in reached)


def resting_states(model: NeuronModel) -> StateMap:
    """Return where the synaptic states settle without input: where their equations vanish; zero if that is unclear."""
    states: tuple[Any, ...] = synaptic_states(model)
    absent: Any = {state: sp.Integer(0) for state in model.other_states if state not in states}
    nothing: Any = {state: sp.Integer(0) for state in states}
    try:
        rates = [inserted(model.dynamics[state], absent) for state in states]
        if all(vanishes(inserted(rate, nothing)) for rate in rates):
            return FrozenMapping(nothing)
    except ArithmeticError:
        return FrozenMapping(nothing)
    # what settles nowhere, such as an input that is kept for ever, is at rest where it starts
    kept: dict[Any, Any] = {}
    for _ in states:
        kept |= {s: sp.Integer(0) for s, rate in zip(states, rates, strict=True) if vanishes(inserted(rate, kept))}
    moving = {state: rate for state, rate in zip(states, rates, strict=True) if state not in kept}
    rows = [affine_split(inserted(rate, kept), tuple(moving)) for rate in moving.values()]
    settled = None if None in rows else settled_states(tuple(moving), rows)
    return FrozenMapping(nothing if settled is None else kept | settled)


def settled_states(states: tuple[Any, ...], rows: list[Any]) -> dict[Any, Any] | None:
    """Where affine rates vanish: by elimination; None if not at one place."""
    matrix = [[slopes.get(state, sp.S.Zero) for state in states] + [-constant] for slopes, constant in rows]
    for column in range(len(states)):
        pivot = next((row for row in matrix[column:] if not vanishes(row[column])), None)
        if pivot is None:
            return None
        matrix.remove(pivot)
        matrix.insert(column, [tidy(entry / pivot[column]) for entry in pivot])
        for index, row in enumerate(matrix):
            if index != column and row[column] != 0:
                matrix[index] = [tidy(a - row[column] * b) for a, b in zip(row, matrix[column], strict=True)]
    return {state: row[-1] for state, row in zip(states, matrix, strict=True)}


def autonomous_states(model: NeuronModel) -> AutonomousStates | None:
    """Return the equations of the other states where they are affine and autonomous, else None."""
    couplings, sources = {}, {}
    for state in model.other_states:
        parts = affine_split(model.dynamics[state], model.other_states)
        if parts is None or model.variable in model.dynamics[state].free_symbols:
            return None
        couplings[state] = FrozenMapping(parts[0])
        if parts[1] != 0:
            sources[state] = parts[1]
    return AutonomousStates(model.other_states, FrozenMapping(couplings), FrozenMapping(sources), resting_states(model))
