"""Neurons whose threshold moves, run by the distance of their variable from it, and seen as they are declared."""

from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp

from symbolic import NeuronModel
from symbolic.declare import has_moving_threshold, with_fixed_threshold

from .compile.from_form import Values
from .compile.to_jax import Update
from .interface import AbstractDynamics, AbstractOnePassDynamics, Neurons, State, VoltageRange, until_spike


@final
class MovingThresholdDynamics(AbstractOnePassDynamics):
    """A neuron in terms of `distance = variable - threshold`.

    Attributes:
        own: The dynamics of the distance and of all other states.
        threshold: The threshold as a function of the other states, by the name of the variable.
        variable: The name of the declared spiking variable.
        distance: The name of the distance.
    """

    own: AbstractDynamics
    threshold: Update
    variable: str = eqx.field(static=True)
    distance: str = eqx.field(static=True)

    @property
    def resets_by_flow(self) -> bool:
        """False: the threshold is finite."""
        return False

    @property
    def routes(self) -> tuple[str, ...]:
        """Names of the input routes."""
        return self.own.routes

    @property
    def voltage_range(self) -> VoltageRange:
        """The declared variable; its ends are NaN, as the threshold is at no one place."""
        ends = self.own.voltage_range
        nowhere = jnp.full_like(ends.threshold, jnp.nan)
        return VoltageRange(self.variable, nowhere, nowhere, False)

    def initial_state(self, values: Mapping[str, Neurons]) -> State:
        """Turn values of all declared states into a state."""
        distance = values[self.variable] - self.threshold(values)[self.variable]
        return self.own.initial_state({**values, self.distance: distance})

    def readout(self, state: State) -> dict[str, Neurons]:
        """Return the declared states by name."""
        found = self.own.readout(state)
        distance = found.pop(self.distance)
        return {self.variable: distance + self.threshold(found)[self.variable]} | found

    def flow(self, state: State, duration: Neurons) -> State:
        """Evolve a state over an interval without events, at most up to its spike."""
        return self.own.flow(state, duration)

    def advance(self, state: State, duration: Neurons) -> tuple[State, Neurons]:
        """Refuse to count spikes."""
        raise TypeError("the flow of a neuron with a finite threshold ends at its spike: use flow and reset")

    def time_to_spike(self, state: State, index: Neurons, within: Neurons) -> Neurons:
        """Return the time to the next spike."""
        return self.own.time_to_spike(state, index, within)

    def until_spike(self, state: State, within: Neurons) -> tuple[Neurons, State]:
        """Return the time to the next spike and the state at it, or at the end of the interval."""
        return until_spike(self.own, state, within)

    def reset(self, state: State) -> State:
        """Return the state just after a spike, from the state at it."""
        return self.own.reset(state)

    def jump(self, state: State, weights: Mapping[str, Neurons]) -> State:
        """Return the state just after an input of these weights, one for each route."""
        return self.own.jump(state, weights)

    def pseudo_phase_and_period(self, state: State, duration: Neurons) -> tuple[Neurons, Neurons]:
        """Return time to the first spike and period in the suprathreshold dynamics after a trial of `duration`."""
        return self.own.pseudo_phase_and_period(state, duration)

    def zero_synaptic_state(self, state: State) -> State:
        """Return the state with its synaptic drive removed."""
        return self.own.zero_synaptic_state(state)


def with_declared_states(own: AbstractDynamics, model: NeuronModel, values: Values) -> AbstractDynamics:
    """Show a neuron as it is declared, where its threshold moves."""
    if not has_moving_threshold(model):
        return own
    variable: Any = model.variable
    names = variable.name, with_fixed_threshold(model).variable.name
    return MovingThresholdDynamics(own, Update.of({variable: model.spike.threshold}, values), *names)
