"""Quadratic neurons, solved exactly on the projective line (see `symbolic.derive.riccati` for the derivation)."""

import functools
import operator
from collections.abc import Mapping
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from symbolic import Derivation
from symbolic.derive import ProjectiveForm

from ..numerics.adaptive_steps import Integration
from ..numerics.projective import (
    angle_of,
    normalise,
    phase_and_period,
    rotate,
    rotation,
    slope_by_drive,
    turned_by,
    unscaled,
    wronskian,
    zero,
)  # fmt: skip
from ..numerics.winding import half_turns, winding, windings
from .compile.from_form import Values, from_form, row, rows
from .compile.to_jax import lower
from .interface import Neurons, VoltageRange, from_tangent_coordinates, to_tangent_coordinates
from .projective_chart import RayChart
from .vectorised import (
    AbstractVectorisedDynamics,
    EventJacobian,
    Inputs,
    InterEventInterval,
    ScanResult,
    SpikeCounter,
    input_jump,
)  # fmt: skip

#: Up to so many inputs are scanned without a loop.
_UNROLLED = 4


class RiccatiState(NamedTuple):
    """A ray `(g, q)` with the potential `V = g / (gain q) + offset`, and the currents."""

    g: Neurons
    q: Neurons
    currents: dict[str, Neurons]


@final
class RiccatiDynamics(AbstractVectorisedDynamics):
    """`u' = u**2 - decay u + d` with `V = u / gain + offset` and a drive `d` that falls as `exp(-2 decay t)`.

    In a clock `x` that runs down, the ray `u = g / q` rotates at a constant speed.

    Attributes:
        chart: From the declared spiking variable to rays.
        decay: Rate at which the potential relaxes; None where the drive is constant.
        drive: Constant part of `d`.
        current_gains: What each current adds to `d`.
        jumps: What an input of weight 1 adds to which state, for every route.
        potential: Name of the potential as a jump's target.
    """

    chart: RayChart
    decay: Neurons | None
    drive: Neurons
    current_gains: dict[str, Neurons]
    jumps: dict[str, dict[str, Neurons]]
    potential: str = eqx.field(static=True)

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(self.jumps)

    @property
    def voltage_range(self) -> VoltageRange:
        return self.chart.voltage_range

    @property
    def resets_by_flow(self) -> bool:
        return True

    @property
    def fusible(self) -> bool:
        return True

    @property
    def vectorises_over_inputs(self) -> bool:
        return bool(self.current_gains)

    def initial_state(self, values: Mapping[str, Neurons]) -> RiccatiState:
        currents = {name: values[name] for name in self.current_gains}
        return RiccatiState(*normalise(*self.chart.ray(values[self.chart.variable])), currents)

    def readout(self, state: RiccatiState) -> dict[str, Neurons]:
        return {self.chart.variable: self.chart.value(state.g, state.q)} | state.currents

    def flow(self, state: RiccatiState, duration: Neurons) -> RiccatiState:
        after, _ = self._advanced(state, duration)
        g, q = normalise(after.g, after.q)
        # not turned to q >= 0: a spike that rounding puts just before this instant must still be found ahead
        sign = jnp.where(after.q < 0, -1.0, 1.0)
        return RiccatiState(sign * g, sign * q + 0.0, after.currents)

    def advance(self, state: RiccatiState, duration: Neurons) -> tuple[RiccatiState, Neurons]:
        after, count = self._advanced(state, duration)
        return after._replace(**dict(zip("gq", normalise(after.g, after.q), strict=True))), count

    def scan_inputs(self, state: RiccatiState, inputs: Inputs, counter: SpikeCounter) -> ScanResult:
        x, shrink = self._clock(inputs.lengths[:, None])
        unroll = len(inputs.lengths) <= _UNROLLED
        # a spike that is overdue comes before everything else
        counter = counter._replace(spiked=counter.spiked + jnp.where(state.q < 0, 1.0, 0.0))
        if not self.current_gains:
            weights: Any = inputs.sources  # looked up in the loop, which keeps them out of memory
        else:
            weights = input_jump(inputs.columns, inputs.sources, 1)

        def decay(before: dict[str, Neurons], interval: tuple) -> tuple:
            shrink, weights = interval
            decayed = {name: shrink**2 * value for name, value in before.items()}
            return self.jump(state._replace(currents=decayed), weights).currents, before

        # currents evolve without the ray: with them, all its rotations are known at once
        last, currents = {}, {}
        if self.current_gains:
            last, currents = jax.lax.scan(decay, state.currents, (shrink, weights), unroll=unroll)
        drive = self._drive(currents)
        drive = jnp.broadcast_to(drive, jnp.broadcast_shapes(drive.shape, x.shape))

        def step(carry: tuple, interval: tuple) -> tuple:
            ((g, q), counter), (drive, x, by, shrink, turns, weights) = carry, interval
            # scaled by the ray before: the compiler would compute that after the interval twice
            scale = unscaled(g, q)
            g_end, q_end = rotate(scale * g, scale * q, drive, x, by)
            counter = counter.after(winding(g, q, q_end, turns))
            weights = weights if self.current_gains else input_jump(inputs.columns, weights)
            # currents have their inputs already
            after = self.jump(RiccatiState(shrink * g_end, q_end, state.currents), weights)
            return ((after.g, after.q), counter), (g, q, counter.spiked)

        turns = half_turns(drive, x)
        intervals = drive, x, rotation(drive, x), shrink, turns if self.current_gains else windings(turns), weights
        start = normalise(state.g, state.q), counter
        (ray, counter), (gs, qs, upto) = jax.lax.scan(step, start, intervals, unroll=unroll)
        return ScanResult(RiccatiState(gs, qs, currents), RiccatiState(*ray, last), counter, upto)

    def normalised(self, state: RiccatiState) -> RiccatiState:
        return RiccatiState(*normalise(state.g, state.q), state.currents)

    def event_jacobian(
        self,
        state: RiccatiState,
        interval: InterEventInterval,
        jump: Mapping[str, Neurons],
        jump_tangents: Mapping[str, Neurons | None],
    ) -> EventJacobian:
        names, drive = sorted(state.currents), self._drive(state.currents)
        x, shrink = self._clock(interval.length)
        way = state.g, state.q, drive, x, rotation(drive, x)
        g, q = rotate(*way)
        by_drive = wronskian(g, q, *slope_by_drive(*way))
        scale = 1 / (jnp.abs(shrink * g) + jnp.abs(q))
        # one factor after the other: on the separatrix the ray is tiny and its square no number any more
        g, q = scale * shrink * g, scale * q
        after = self.jump(RiccatiState(g, q, state.currents), jump)
        inverse = 1 / (after.g**2 + after.q**2)
        by_length = -(g**2 + drive * (shrink * q) ** 2)
        if self.decay is not None:
            by_length += self.decay * g * q
        # by the ray before, and by the drive at the end
        by_angle = inverse * (scale * (scale * (shrink * way[-1].determinant * (state.g**2 + state.q**2))))
        by_drive = interval.unless_reset(inverse * (scale * (scale * (shrink * by_drive))))
        shears, added = self._forced(jump_tangents)
        sheared = None if shears is None else interval.unless_reset(-(q**2) * shears * inverse)
        decayed = None if self.decay is None else -2 * self.decay * shrink**2
        by_state: list[list[Neurons | None]] = [
            [None, *(shrink**2 if other == name else None for other in names)] for name in names
        ]
        return EventJacobian(
            [[interval.unless_reset(by_angle), *(self.current_gains[name] * by_drive for name in names)], *by_state],
            [
                interval.unless_reset(inverse * by_length),
                *(None if decayed is None else decayed * state.currents[name] for name in names),
            ],
            [sheared, *(added[name] for name in names)],
        )

    def time_to_spike(self, state: RiccatiState, index: Neurons, within: Neurons) -> Neurons:
        x = zero(*jnp.broadcast_arrays(state.g, state.q, self._drive(state.currents), index))
        if self.decay is None:
            return x
        comes = self.decay * x < 1
        return jnp.where(comes, -jnp.log1p(-self.decay * jnp.where(comes, x, 0.0)) / self.decay, jnp.inf)

    def reset(self, state: RiccatiState) -> RiccatiState:
        return state._replace(g=jnp.full_like(state.g, -1.0), q=jnp.zeros_like(state.q))

    def jump(self, state: RiccatiState, weights: Mapping[str, Neurons]) -> RiccatiState:
        g, currents = self.chart.jumped(self.potential, self.jumps, weights, state.g, state.q, state.currents)
        return state._replace(g=g, currents=currents)

    def pseudo_phase_and_period(self, state: RiccatiState, duration: Neurons) -> tuple[Neurons, Neurons]:
        half = 0.0 if self.decay is None else self.decay / 2
        at_rest = self.drive - half**2
        excess = self.lift(self._drive(state.currents) - self.drive, at_rest, 1 / jnp.asarray(duration) ** 2)
        return phase_and_period(state.g - half * state.q, state.q, jnp.broadcast_to(excess, state.q.shape))

    def zero_synaptic_state(self, state: RiccatiState) -> RiccatiState:
        return state._replace(currents={name: jnp.zeros_like(value) for name, value in state.currents.items()})

    def _drive(self, currents: Mapping[str, Neurons]) -> Neurons:
        return sum((gain * currents[name] for name, gain in self.current_gains.items()), self.drive)

    def _clock(self, duration: Neurons) -> tuple[Neurons, Neurons]:
        """The clock `x` at the end of an interval, and the factor by which `u` and the root of the drive shrink."""
        if self.decay is None:
            return duration, jnp.ones_like(duration)
        return -jnp.expm1(-self.decay * duration) / self.decay, jnp.exp(-self.decay * duration)

    def _advanced(self, state: RiccatiState, duration: Neurons) -> tuple[RiccatiState, Neurons]:
        """The state after an interval with its ray not normalised, and how many spikes it has passed."""
        (x, shrink), drive = self._clock(duration), self._drive(state.currents)
        g, q = rotate(state.g, state.q, drive, x, rotation(drive, x))
        currents = {name: shrink**2 * value for name, value in state.currents.items()}
        return RiccatiState(shrink * g, q, currents), winding(state.g, state.q, q, half_turns(drive, x))

    def _forced(self, moves: Mapping[str, Neurons | None]) -> tuple[Neurons | None, dict[str, Neurons | None]]:
        """By how much inputs shear the ray, and what they add to each current; None for nothing."""
        by_target: dict[str, list[Neurons]] = {name: [] for name in (self.potential, *self.current_gains)}
        for route, changes in self.jumps.items():
            for name, slope in changes.items():
                if (move := moves[route]) is not None:
                    by_target[name].append(slope * move)
        total = {name: functools.reduce(operator.add, added) if added else None for name, added in by_target.items()}
        sheared = total.pop(self.potential)
        return None if sheared is None else self.chart.gain * sheared, total


@to_tangent_coordinates.register
def _to_angle(state: RiccatiState, change: RiccatiState) -> tuple[Array, dict[str, Array]]:
    return angle_of(state.g, state.q, change.g, change.q), change.currents


@from_tangent_coordinates.register
def _from_angle(state: RiccatiState, change: tuple[Array, dict[str, Array]]) -> RiccatiState:
    return RiccatiState(*turned_by(state.g, state.q, change[0]), change[1])


@from_form.register
def _from_projective_form(form: ProjectiveForm, derivation: Derivation, values: Values, _: Integration) -> Any:
    return RiccatiDynamics(
        chart=RayChart.of(form, derivation.model.variable.name, values),
        decay=None if form.decay == 0 else lower(form.decay, values),
        drive=lower(form.drive, values),
        current_gains=row(form.current_gains, values),
        jumps=rows(form.routes, values),
        potential=form.potential.name,
    )
