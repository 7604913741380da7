r"""Steps of equations with a finite threshold: exact where they are linear, exponential Euler steps elsewhere.

States that obey linear equations with constant coefficients, such as synaptic currents and the potential of a leaky
neuron, are carried by the exponential of their matrix, without error. Every other state y, with
$\dot y = a + b y + N(y)$, moves by $e^{b\,dt} y + \frac{e^{b\,dt} - 1}{b} (a + N(y))$, with a, b and N at the middle of
the step of the linear states and at the beginning of the step of the others: exact for a constant a and b and no N, and
of first order in general.

Source: Rotter & Diesmann, Biol. Cybern. 81 (1999), for linear neurons; exponential Euler steps as in Brian2 and mlGeNN.
"""

from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array

from symbolic import NeuronModel
from symbolic import weight as weight_symbol

from ..neurons import ReadoutDynamics
from ..neurons.compile.to_jax import Values, lower
from ..numerics.propagator import Entries
from .equations import evaluated, exponential_euler, linear_block
from .stepper import AbstractStepper, Neurons, States


@final
class ExponentialStepper(AbstractStepper):
    """Steps of a model with a finite threshold, or of a readout.

    Attributes:
        model: The declared model.
        parameters: The values of its parameters by name.
        linear: The equations of its linear states; None for no such state.
        propagator: What carries these over a step.
        held_propagator: The same where the spiking variable, one of them, is held.
        amplitude: The distance from reset to threshold at the initial states.
        dt: The step.
        is_circle: Whether the spiking variable is an angle, which goes on by a turn.
    """

    model: NeuronModel = eqx.field(static=True)
    parameters: dict[str, Neurons]
    linear: ReadoutDynamics | None
    propagator: Entries | None
    held_propagator: Entries | None
    amplitude: Neurons | None
    holding: Neurons | None
    dt: float = eqx.field(static=True)
    is_circle: bool = eqx.field(static=True)

    @property
    def spikes(self) -> bool:
        """Whether it spikes."""
        return not self.model.is_readout

    @property
    def takes_inputs_first(self) -> bool:
        """An input can take the variable across a finite threshold; an angle it cannot take across its spike."""
        return not self.is_circle

    @property
    def _variable(self) -> str:
        return self.model.variable.name

    def start(self, values: Mapping[str, Neurons]) -> States:
        """Take the declared states as they are."""
        return {state.name: values[state.name] for state in self.model.states}

    def step(self, states: States, is_held: Array | None) -> States:
        """Move by one step."""
        after, middle = dict(states), dict(states)
        if self.linear is not None and self.propagator is not None:
            moved = self.linear.propagated(self.propagator, states)
            if is_held is not None and self.held_propagator is not None:
                held = self.linear.propagated(self.held_propagator, states)
                moved = {name: jnp.where(is_held, held[name], value) for name, value in moved.items()}
            after |= moved
            middle |= {name: (states[name] + value) / 2 for name, value in moved.items()}
        known = self.parameters | middle
        for state in self.model.states:
            if self.linear is None or state.name not in self.linear.order:
                rate = self.model.dynamics[state]
                after[state.name] = exponential_euler(rate, state, states[state.name], known, self.dt)
        if is_held is not None:
            after[self._variable] = jnp.where(is_held, states[self._variable], after[self._variable])
        return after

    def jump(self, states: States, weights: Mapping[str, Neurons], is_held: Array | None) -> States:
        """Apply inputs as they are declared."""
        for route in self.model.routes:
            if route.name not in weights:  # the step of a current
                continue
            known = self.parameters | states | {weight_symbol.name: weights[route.name]}
            changed = {
                state.name: jnp.broadcast_to(evaluated(value, known), states[state.name].shape)
                for state, value in route.jump.items()
            }
            if is_held is not None and self._variable in changed:
                changed[self._variable] = jnp.where(is_held, states[self._variable], changed[self._variable])
            states = states | changed
        return states

    def distance(self, states: States) -> Neurons:
        """Return the distance from the threshold."""
        assert self.amplitude is not None
        threshold = evaluated(self.model.spike.threshold, self.parameters | states)
        return (states[self._variable] - threshold) / self.amplitude

    def count(self, states: States, distance: Neurons) -> Neurons:
        """A spike where the variable is at its threshold or above."""
        return (distance >= 0).astype(distance.dtype)

    def reset(self, states: States, spikes: Neurons, resetting: Neurons) -> States:
        """Reset the states of neurons that spike."""
        after, known = dict(states), self.parameters | states
        for state, value in self.model.reset.items():
            before = states[state.name]
            new = jnp.broadcast_to(self._reset_value(state, value, known), before.shape)
            surrogate = resetting - stop_gradient(resetting)
            after[state.name] = jnp.where(spikes > 0, new, before) + surrogate * (new - before)
        return after

    def _reset_value(self, state: Any, value: Any, known: Mapping[str, Neurons]) -> Neurons:
        if state == self.model.variable and self.is_circle:
            return known[state.name] + evaluated(value - self.model.spike.threshold, known)
        return evaluated(value, known)

    def declared(self, states: States) -> States:
        """Return the declared states."""
        return states


def amplitude_of(model: NeuronModel, values: Values) -> Neurons:
    """Return the distance from reset to threshold at the initial states; 1 where that is not positive."""
    high: Any = model.spike.threshold
    low: Any = model.reset_value.subs(model.variable, high)
    way: Any = (high - low).subs({state: model.initial[state] for state in model.states})
    found = lower(way, values)
    return stop_gradient(jnp.where(found > 0, found, 1.0))


def carried_over(block: ReadoutDynamics, dt: float, held: str | None = None) -> Entries:
    """Return what carries linear states over a step, one of them held or none."""
    if held is not None:
        couplings = block.couplings | {held: {}}
        sources = {name: source for name, source in block.sources.items() if name != held}
        block = ReadoutDynamics(couplings, sources, {}, block.order)
    return block.propagator(jnp.asarray(dt, float))


def linear_part(
    model: NeuronModel, states: tuple[Any, ...], values: Values, dt: float, is_refractory: bool
) -> tuple[ReadoutDynamics | None, Entries | None, Entries | None]:
    """Return the linear block, its propagator, and that of a held variable that is one of its states."""
    if not states:
        return None, None, None
    block = linear_block(model, states, values)
    is_held = is_refractory and model.variable in states
    return block, carried_over(block, dt), carried_over(block, dt, model.variable.name) if is_held else None
