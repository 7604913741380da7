"""Quadratic neurons with any linear drive, on the projective line (see `symbolic.derive.riccati_series`)."""

from collections.abc import Mapping
from typing import NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ..numerics.elementwise import not_below
from ..numerics.projective import angle_of, normalise, phase_and_period, turned_by, zero
from ..numerics.riccati_series import Shape, carry, until_zero
from .compile.to_jax import Update
from .interface import (
    AbstractOnePassDynamics,
    Neurons,
    VoltageRange,
    from_tangent_coordinates,
    to_tangent_coordinates,
)  # fmt: skip
from .projective_chart import RayChart


class RiccatiSeriesState(NamedTuple):
    """A ray `(g, q)` and the states that drive it."""

    g: Neurons
    q: Neurons
    others: dict[str, Neurons]


@final
class RiccatiSeriesDynamics(AbstractOnePassDynamics):
    """`u' = u**2 + beta u + d`, with `beta` and `d` affine in states that follow linear equations of their own.

    Attributes:
        chart: From the declared spiking variable to rays `u = g / q`.
        drive: Constant part of `d`.
        drive_gains: What each state adds to `d`.
        conductance_gains: What each state adds to `beta`.
        couplings: For every state, what the states that drive it are multiplied by.
        sources: The constant parts of their equations.
        resting: Where the synaptic states settle without input.
        jumps: What an input of weight 1 adds to which state, for every route.
        update: New values of states after a spike; the potential's only where it does not go on at minus infinity.
        potential: Name of the potential in jumps and updates.
    """

    chart: RayChart
    drive: Neurons
    drive_gains: dict[str, Neurons]
    conductance_gains: dict[str, Neurons]
    couplings: dict[str, dict[str, Neurons]]
    sources: dict[str, Neurons]
    resting: dict[str, Neurons]
    jumps: dict[str, dict[str, Neurons]]
    update: Update
    potential: str = eqx.field(static=True)

    @property
    def resets_by_flow(self) -> bool:
        return not self.update.names

    @property
    def searches_for_spikes(self) -> bool:
        return True

    @property
    def fusible(self) -> bool:
        return self.resets_by_flow

    @property
    def kept_every(self) -> int:
        return 1  # a step of a series is large enough a program

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(self.jumps)

    @property
    def voltage_range(self) -> VoltageRange:
        ends = self.chart.voltage_range
        return ends._replace(reset=self.update(self.resting)[self.potential]) if self._is_finite else ends

    def initial_state(self, values: Mapping[str, Neurons]) -> RiccatiSeriesState:
        g, q = self.chart.ray(values[self.chart.variable])
        return RiccatiSeriesState(*normalise(g, q), {name: values[name] for name in self.couplings})

    def flow(self, state: RiccatiSeriesState, duration: Neurons) -> RiccatiSeriesState:
        if not self.resets_by_flow:
            return self.until_spike(state, duration)[1]
        moved, count = self.advance(state, duration)
        # no turn: a spike that rounding puts just before this instant must still be found ahead
        sign = jnp.where(count > 0, -1.0, 1.0)
        return RiccatiSeriesState(sign * moved.g, not_below(sign * moved.q, jnp.zeros_like(moved.q)), moved.others)

    def advance(self, state: RiccatiSeriesState, duration: Neurons) -> tuple[RiccatiSeriesState, Neurons]:
        if not self.resets_by_flow:
            raise TypeError("the flow of a neuron with such a reset ends at its spike: use flow and reset")
        g, q, *rest = carry(self._shape, duration, *self._arguments(state))
        *others, count = rest
        return self._state(g, q, others), count.astype(g.dtype)

    def time_to_spike(self, state: RiccatiSeriesState, index: Neurons, within: Neurons) -> Neurons:
        return until_zero(self._shape, within, index, *self._arguments(state))[0]

    def until_spike(self, state: RiccatiSeriesState, within: Neurons) -> tuple[Neurons, RiccatiSeriesState]:
        wait, g, q, *others = until_zero(self._shape, within, jnp.zeros_like(within), *self._arguments(state))
        return wait, self._state(g, q, others)

    def reset(self, state: RiccatiSeriesState) -> RiccatiSeriesState:
        updated = self.update(state.others)
        g, q = jnp.full_like(state.g, -1.0), jnp.zeros_like(state.q)
        if self._is_finite:
            g, q = (jnp.broadcast_to(part, state.g.shape) for part in self.chart.ray(updated[self.potential]))
        others = {name: jnp.broadcast_to(updated.get(name, value), value.shape) for name, value in state.others.items()}
        return RiccatiSeriesState(g, q, others)

    def jump(self, state: RiccatiSeriesState, weights: Mapping[str, Neurons]) -> RiccatiSeriesState:
        g, others = self.chart.jumped(self.potential, self.jumps, weights, state.g, state.q, state.others)
        return state._replace(g=g, others=others)

    def pseudo_phase_and_period(self, state: RiccatiSeriesState, duration: Neurons) -> tuple[Neurons, Neurons]:
        lowest, half = self._lowest(state.others)
        at_rest, _ = self._lowest(state.others | self.resting)
        excess = self.lift(lowest - at_rest, at_rest, 1 / jnp.asarray(duration, at_rest.dtype) ** 2)
        excess = jnp.broadcast_to(excess, state.q.shape)
        first, period = phase_and_period(state.g + half * state.q, state.q, excess)
        if self._is_finite:
            g, q = self.chart.ray(self.update(state.others)[self.potential])
            arguments = (g + half * q, q, excess, jnp.zeros_like(excess))
            period = zero(*jnp.broadcast_arrays(*(jnp.asarray(value, excess.dtype) for value in arguments)))
        return first, period

    def zero_synaptic_state(self, state: RiccatiSeriesState) -> RiccatiSeriesState:
        resting = {name: jnp.broadcast_to(value, state.q.shape) for name, value in self.resting.items()}
        return state._replace(others=state.others | resting)

    def readout(self, state: RiccatiSeriesState) -> dict[str, Neurons]:
        return {self.chart.variable: self.chart.value(state.g, state.q)} | state.others

    @property
    def _is_finite(self) -> bool:
        """Whether the potential is reset to a finite value."""
        return self.potential in self.update.names

    def _lowest(self, others: Mapping[str, Neurons]) -> tuple[Neurons, Neurons]:
        """The minimum of `u' ` over u with the other states held, and minus where it lies: `beta / 2`."""
        d, beta = self.drive, jnp.zeros_like(self.drive)
        for name, gain in self.drive_gains.items():
            d = d + gain * others[name]
        for name, gain in self.conductance_gains.items():
            beta = beta + gain * others[name]
        return d - beta**2 / 4, beta / 2

    @property
    def _shape(self) -> Shape:
        place = {name: index for index, name in enumerate(self.couplings)}
        return Shape(
            states=len(place),
            drives=tuple(place[name] for name in self.drive_gains),
            conductances=tuple(place[name] for name in self.conductance_gains),
            couplings=tuple((place[name], place[other]) for name, row in self.couplings.items() for other in row),
            sources=tuple(place[name] for name in self.sources),
        )

    def _arguments(self, state: RiccatiSeriesState) -> tuple[Neurons, ...]:
        """Ray, states and coefficients in the order of `numerics.riccati_series`."""
        couplings = [value for row in self.couplings.values() for value in row.values()]
        return (
            state.g, state.q, *(state.others[name] for name in self.couplings), self.drive, *self.drive_gains.values(),
            *self.conductance_gains.values(), *couplings, *self.sources.values(),
        )  # fmt: skip

    def _state(self, g: Neurons, q: Neurons, others: list[Neurons]) -> RiccatiSeriesState:
        return RiccatiSeriesState(g, q, dict(zip(self.couplings, others, strict=True)))


@to_tangent_coordinates.register
def _to_angle(state: RiccatiSeriesState, change: RiccatiSeriesState) -> tuple[Array, dict[str, Array]]:
    return angle_of(state.g, state.q, change.g, change.q), change.others


@from_tangent_coordinates.register
def _from_angle(state: RiccatiSeriesState, change: tuple[Array, dict[str, Array]]) -> RiccatiSeriesState:
    return RiccatiSeriesState(*turned_by(state.g, state.q, change[0]), change[1])
