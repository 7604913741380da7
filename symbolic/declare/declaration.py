"""The parts of a declared model."""

from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from .frozen import FrozenMapping
from .rules import InputRoute, SpikeRule
from .solution import Solution

Bounds = tuple[sp.Expr, sp.Expr]
#: A number, one number per neuron, or open.
Value = sp.Expr | sp.Tuple | None


@dataclass(frozen=True)
class Declaration:
    """The fields of `NeuronModel`, and properties that are read off them.

    A readout has no spike rule: its `spike` is None, and `verify` and every solver of spikes refuse it first.
    """

    name: str
    dynamics: FrozenMapping[sp.Symbol, sp.Expr]
    spike: SpikeRule
    reset: FrozenMapping[sp.Symbol, sp.Expr]
    routes: tuple[InputRoute, ...]
    parameters: FrozenMapping[sp.Symbol, Value]
    initial: FrozenMapping[sp.Symbol, sp.Expr]
    bounds: FrozenMapping[sp.Symbol, Bounds]
    solution: Solution | None
    currents: tuple[sp.Symbol, ...] = ()
    refractory: sp.Expr | None = None
    units: FrozenMapping[sp.Symbol, str] = field(default_factory=lambda: FrozenMapping({}))

    @property
    def states(self) -> tuple[sp.Symbol, ...]:
        """All states, in the order of their equations."""
        return tuple(self.dynamics)

    @property
    def order(self) -> tuple[tuple[sp.Symbol, ...], ...]:
        """The order of states, parameters and resets, in which models that are equal may differ."""
        return tuple(self.dynamics), tuple(self.parameters), tuple(self.reset)

    @property
    def is_readout(self) -> bool:
        """Whether it emits no spikes."""
        return self.spike is None

    @property
    def variable(self) -> sp.Symbol:
        """The spiking variable; of a readout, its first state."""
        return self.states[0] if self.is_readout else self.spike.variable

    @property
    def field(self) -> sp.Expr:
        """The right-hand side of the spiking variable's equation."""
        return self.dynamics[self.variable]

    @property
    def other_states(self) -> tuple[sp.Symbol, ...]:
        """All states but the spiking variable."""
        return tuple(state for state in self.states if state != self.variable)

    @property
    def reset_value(self) -> sp.Expr:
        """Where the spiking variable goes at a spike."""
        return self.reset[self.variable]

    @property
    def values(self) -> dict[sp.Symbol, Any]:
        """The parameters that have a value."""
        return {symbol: value for symbol, value in self.parameters.items() if value is not None}

    @property
    def scalar_values(self) -> dict[Any, Any]:
        """The parameters that have one value for all neurons."""
        return {symbol: value for symbol, value in self.values.items() if not isinstance(value, sp.Tuple)}
