"""Absolute refractoriness: after a spike the spiking variable is held, and the other states go on without it.

Between the release and the next spike a neuron moves as its own class does, so that spikes are as exact as there. The
time that is left is a state, which flows like any other: where the release comes a moment later because the spike did,
so does all that follows, and derivatives know it.
"""

from collections.abc import Mapping
from functools import lru_cache, singledispatch
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import sympy as sp

from symbolic import Derivation, NeuronModel, crosses, derive
from symbolic.algebra import affine_split
from symbolic.declare import held_equations

from ..numerics.adaptive_steps import Integration
from .compile.from_form import Values, from_form
from .compile.to_jax import lower
from .general import GeneralState
from .interface import (
    AbstractDynamics,
    AbstractOnePassDynamics,
    Neurons,
    State,
    VoltageRange,
    from_tangent_coordinates,
    to_tangent_coordinates,
    until_spike,
)  # fmt: skip
from .riccati import RiccatiState
from .riccati_series import RiccatiSeriesState

#: Stands for a spiking variable where none is free to move.
_CLOCK = sp.Symbol("held", real=True)


class RefractoryState(NamedTuple):
    """The state of a neuron and for how long its spiking variable is still held, 0 where it is not."""

    own: State
    remaining: Neurons


@final
class RefractoryDynamics(AbstractOnePassDynamics):
    """A neuron of any class that is held for a time after each of its spikes.

    Attributes:
        own: How it moves once it is released.
        held: How its states move until then, by their declared equations; None where there are none.
        period: The refractory time.
        variable: The name of the spiking variable.
    """

    own: AbstractDynamics
    held: AbstractDynamics | None
    period: Neurons
    variable: str = eqx.field(static=True)

    @property
    def resets_by_flow(self) -> bool:
        """False: a spike begins a refractory time."""
        return False

    @property
    def routes(self) -> tuple[str, ...]:
        """Names of the input routes."""
        return self.own.routes

    @property
    def voltage_range(self) -> VoltageRange:
        """The values between which the spiking variable runs from reset to spike."""
        return self.own.voltage_range

    def initial_state(self, values: Mapping[str, Neurons]) -> RefractoryState:
        """Turn values of all declared states into a state, which is not held."""
        return RefractoryState(self.own.initial_state(values), jnp.zeros_like(values[self.variable]))

    def readout(self, state: RefractoryState) -> dict[str, Neurons]:
        """Return the declared states by name; the spiking variable at its reset value where it is held."""
        return self.own.readout(state.own)

    def flow(self, state: RefractoryState, duration: Neurons) -> RefractoryState:
        """Evolve a state over an interval without events: held first, then released."""
        until = jnp.where(duration < state.remaining, duration, state.remaining)
        return RefractoryState(self.own.flow(self._held(state.own, until), duration - until), state.remaining - until)

    def advance(self, state: RefractoryState, duration: Neurons) -> tuple[RefractoryState, Neurons]:
        """Refuse to count spikes."""
        raise TypeError("the flow of a neuron with a refractory time ends at its spike: use flow and reset")

    def time_to_spike(self, state: RefractoryState, index: Neurons, within: Neurons) -> Neurons:
        """Return the time that is left to the release, and from there to the spike."""
        left = jnp.maximum(within - state.remaining, 0.0)
        wait = self.own.time_to_spike(self._held(state.own, state.remaining), jnp.zeros_like(index), left)
        return state.remaining + wait

    def until_spike(self, state: RefractoryState, within: Neurons) -> tuple[Neurons, RefractoryState]:
        """Return the time to the next spike and the state at it, or at the end of the interval."""
        until = jnp.where(within < state.remaining, within, state.remaining)
        wait, at = until_spike(self.own, self._held(state.own, until), within - until)
        return until + wait, RefractoryState(at, state.remaining - until)

    def reset(self, state: RefractoryState) -> RefractoryState:
        """Return the state just after a spike, which is held."""
        remaining = jnp.broadcast_to(self.period, state.remaining.shape).astype(state.remaining.dtype)
        return RefractoryState(self.own.reset(state.own), remaining)

    def jump(self, state: RefractoryState, weights: Mapping[str, Neurons]) -> RefractoryState:
        """Return the state just after an input, which leaves a variable that is held as it is."""
        after = self.own.jump(state.own, weights)
        held = with_other_states(state.own, self.variable, self.own.readout(after))
        own = jax.tree.map(lambda a, b: jnp.where(state.remaining > 0, a, b), held, after)
        return state._replace(own=own)

    def pseudo_phase_and_period(self, state: RefractoryState, duration: Neurons) -> tuple[Neurons, Neurons]:
        """Return times that include what is left of the refractory time, and all of it."""
        first, period = self.own.pseudo_phase_and_period(state.own, duration)
        return state.remaining + first, self.period + period

    def zero_synaptic_state(self, state: RefractoryState) -> RefractoryState:
        """Return the state with its synaptic drive removed."""
        return state._replace(own=self.own.zero_synaptic_state(state.own))

    def _held(self, own: State, duration: Neurons) -> State:
        """Let all states but the spiking variable go on for some time."""
        if self.held is None:
            return own
        values = self.own.readout(own) | {_CLOCK.name: jnp.zeros_like(duration)}
        moved = self.held.readout(self.held.flow(self.held.initial_state(values), duration))
        return with_other_states(own, self.variable, moved)


@singledispatch
def with_other_states(state: Any, variable: str, values: Mapping[str, Neurons]) -> State:
    """Return a state of some dynamics with other values of all declared states but the spiking variable."""
    raise TypeError(f"no other states are known of {type(state).__name__}")


@with_other_states.register(dict)
def _of_mapping(state: dict[str, Neurons], variable: str, values: Mapping[str, Neurons]) -> State:
    return {name: value if name == variable else values[name] for name, value in state.items()}


@with_other_states.register(GeneralState)
@with_other_states.register(RiccatiSeriesState)
def _of_others(state: Any, variable: str, values: Mapping[str, Neurons]) -> State:
    return state._replace(others={name: values[name] for name in state.others})


@with_other_states.register
def _of_currents(state: RiccatiState, variable: str, values: Mapping[str, Neurons]) -> State:
    return state._replace(currents={name: values[name] for name in state.currents})


@to_tangent_coordinates.register
def _to_own(state: RefractoryState, change: RefractoryState) -> tuple[Any, Neurons]:
    return to_tangent_coordinates(state.own, change.own), change.remaining


@from_tangent_coordinates.register
def _from_own(state: RefractoryState, change: tuple[Any, Neurons]) -> RefractoryState:
    return RefractoryState(from_tangent_coordinates(state.own, change[0]), change[1])


def with_refractory_time(
    own: AbstractDynamics, derivation: Derivation, values: Values, integration: Integration
) -> AbstractDynamics:
    """Hold a neuron after its spikes, if that is declared."""
    model = derivation.model
    if model.refractory is None:
        return own
    held = _held_model(model, model.order)
    if held is not None:
        found = derive(held, None if held.is_readout else "numeric")
        held = from_form(found.form, found, values, integration)
    return RefractoryDynamics(own, held, lower(model.refractory, values), model.variable.name)


@lru_cache(maxsize=256)
def _held_model(model: NeuronModel, order: Any) -> NeuronModel | None:
    """Declare what goes on in the refractory time: a readout where it is linear, else a neuron that never spikes."""
    equations = held_equations(model)
    if not set(equations) - {model.variable}:
        return None
    initial = {state: value for state, value in model.initial.items() if state in equations}
    name, parameters = f"{model.name}, held", model.parameters
    if all(affine_split(rate, list(equations)) is not None for rate in equations.values()):
        inputs = {"any": next(iter(equations))}
        return NeuronModel(name, dynamics=equations, inputs=inputs, parameters=parameters, initial=initial)
    return NeuronModel(
        name, dynamics={_CLOCK: sp.Integer(0), **equations}, spike=crosses(_CLOCK, 1), reset={_CLOCK: 0},
        inputs={"any": _CLOCK}, parameters=parameters, initial=initial,
    )  # fmt: skip
