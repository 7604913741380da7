"""Leaky integrators with exponential currents and a finite threshold (see `symbolic.derive.linear`)."""

from collections.abc import Mapping
from typing import NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from ..numerics.elementwise import not_above
from ..numerics.leaky import crossing, response
from ..numerics.special_functions import squareplus
from .interface import AbstractDynamics, Interval, Neurons, VoltageRange, earliest, flow_until_spike


class LinearState(NamedTuple):
    """The potential and the currents."""

    v: Neurons
    currents: dict[str, Neurons]


@final
class LinearDynamics(AbstractDynamics):
    """`V' = -leak (V - rest) + drive` with a drive that falls as `exp(-current_decay t)`.

    Attributes:
        leak: Rate of the leak, positive.
        rest: Potential without input.
        current_decay: Decay rate of the currents.
        threshold: Potential of the spike.
        reset_value: Potential after it.
        current_gains: What each current adds to the drive.
        jumps: What an input of weight 1 adds to which state, for every route.
        variable: Name of the potential.
    """

    leak: Neurons
    rest: Neurons
    current_decay: Neurons
    threshold: Neurons
    reset_value: Neurons
    current_gains: dict[str, Neurons]
    jumps: dict[str, dict[str, Neurons]]
    variable: str = eqx.field(static=True)

    @property
    def resets_by_flow(self) -> bool:
        return False

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(self.jumps)

    @property
    def voltage_range(self) -> VoltageRange:
        return VoltageRange(self.variable, self.reset_value, self.threshold, False)

    def initial_state(self, values: Mapping[str, Neurons]) -> LinearState:
        return LinearState(values[self.variable], {name: values[name] for name in self.current_gains})

    def flow(self, state: LinearState, duration: Neurons) -> LinearState:
        excess = self.current_decay - self.leak
        v = self.rest + response(duration, state.v - self.rest, self._drive(state), self.leak, excess)
        v = not_above(v, jnp.maximum(state.v, self.threshold))  # a flow ends before its spike
        shrink = jnp.exp(-self.current_decay * duration)
        return LinearState(v, {name: shrink * value for name, value in state.currents.items()})

    def through(self, state: LinearState, interval: Interval) -> tuple[LinearState, Neurons]:
        raise TypeError("a leaky integrator does not pass through its spikes; use flow and reset")

    def time_to_spike(self, state: LinearState, index: Neurons, within: Neurons) -> Neurons:
        arguments = (
            state.v - self.rest, self._drive(state), self.leak, self.current_decay - self.leak,
            self.threshold - self.rest, within,
        )  # fmt: skip
        return crossing(*jnp.broadcast_arrays(*(jnp.asarray(value, state.v.dtype) for value in arguments)))

    def first_to_spike(self, state: LinearState, within: Neurons) -> tuple[Neurons, Int[Array, ""]]:
        return earliest(self, state, within)

    def until_spike(self, state: LinearState, within: Neurons) -> tuple[Neurons, LinearState]:
        return flow_until_spike(self, state, within)

    def reset(self, state: LinearState) -> LinearState:
        return state._replace(v=jnp.broadcast_to(self.reset_value, state.v.shape).astype(state.v.dtype))

    def jump(self, state: LinearState, weights: Mapping[str, Neurons]) -> LinearState:
        v, currents = state
        for route, changes in self.jumps.items():
            for name, slope in changes.items():
                change = slope * weights[route]
                if name == self.variable:
                    v = v + change
                else:
                    currents = currents | {name: currents[name] + change}
        return LinearState(v, currents)

    def pseudo_phase_and_period(self, state: LinearState, duration: Neurons) -> tuple[Neurons, Neurons]:
        scale = self.leak * (self.threshold - self.reset_value)
        # how far the potential's limit lies above the threshold
        above = scale * squareplus(self._drive(state) / scale) / self.leak
        first = jnp.log1p((self.threshold - state.v) / above) / self.leak
        period = jnp.log1p((self.threshold - self.reset_value) / above) / self.leak
        return first, period

    def zero_synaptic_state(self, state: LinearState) -> LinearState:
        return state._replace(currents={name: jnp.zeros_like(value) for name, value in state.currents.items()})

    def readout(self, state: LinearState) -> dict[str, Neurons]:
        return {self.variable: state.v} | state.currents

    def _drive(self, state: LinearState) -> Neurons:
        drive = jnp.zeros_like(state.v)
        for name, gain in self.current_gains.items():
            drive = drive + gain * state.currents[name]
        return drive
