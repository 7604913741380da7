"""Quadratic neurons, solved exactly on the projective line (see `symbolic.derive.riccati` for the derivation)."""

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ..numerics import spherical_bessel as half_odd
from ..numerics.projective import (
    Rotation,
    angle_of,
    free_running,
    gauge,
    normalise,
    rotate,
    rotate_briefly,
    turn,
    turned_briefly,
    turned_by,
    turned_by_drive,
    unscaled,
    zero,
)  # fmt: skip
from ..numerics.rotation import functions_briefly
from ..numerics.special_functions import lifted
from ..numerics.winding import Windings, half_turns, winding, windings
from .event import EventJacobian, Inputs, InterEventInterval, ScanResult, input_jump
from .interface import AbstractDynamics, Neurons, VoltageRange, earliest, first_quiet, flow_until_spike
from .rays import RayChart


class RiccatiState(NamedTuple):
    """A ray `(g, q)` with the potential `V = g / (gain q) + offset`, and the currents."""

    g: Neurons
    q: Neurons
    currents: dict[str, Neurons]


class Turn(NamedTuple):
    """What is known of an interval.

    Attributes:
        x: Its length in the clock that makes the ray rotate, or in time where there is none.
        shrink: The factor by which the scale of `u` shrinks, or currents where there is no such clock.
        turned: The rotation where no current changes its speed.
        windings: How often it can pass through a spike, likewise.
    """

    x: Neurons
    shrink: Neurons
    turned: Rotation | None
    windings: Windings | None


@final
class RiccatiDynamics(AbstractDynamics):
    """`u' = u**2 - decay u + d` with `V = u / gain + offset` and a drive `d` that falls as `exp(-2 rate t)`.

    There `decay = (2 order + 1) rate`: with order 0 the solutions are trigonometric in a clock that runs down, with
    others they are spherical Bessel functions of that order.

    Attributes:
        chart: From the declared spiking variable to rays `u = g / q`.
        decay: Rate at which the potential relaxes; None where the drive is constant.
        drive: Constant part of `d`.
        current_gains: What each current adds to `d`.
        jumps: What an input of weight 1 adds to which state, for every route.
        potential: Name of the potential as a jump's target.
        order: Order of the spherical Bessel functions that solve the equation.
    """

    chart: RayChart
    decay: Neurons | None
    drive: Neurons
    current_gains: dict[str, Neurons]
    jumps: dict[str, dict[str, Neurons]]
    potential: str = eqx.field(static=True)
    order: int = eqx.field(static=True, default=0)

    @property
    def resets_by_flow(self) -> bool:
        return True

    @property
    def vectorises_over_inputs(self) -> bool:
        return bool(self.current_gains) and self._rate is None

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(self.jumps)

    @property
    def voltage_range(self) -> VoltageRange:
        return self.chart.voltage_range

    def initial_state(self, values: Mapping[str, Neurons]) -> RiccatiState:
        currents = {name: values[name] for name in self.current_gains}
        return RiccatiState(*normalise(*self.chart.ray(values[self.chart.variable])), currents)

    def flow(self, state: RiccatiState, duration: Neurons) -> RiccatiState:
        return _unturned(RiccatiState(*self._carried(state, self.interval(duration), briefly=True)))

    def interval(self, duration: Neurons) -> Turn:
        if self._rate is not None:
            return Turn(duration, jnp.exp(-2 * self._rate * duration), None, None)
        x, shrink = self._clock(duration)
        if self.current_gains:
            return Turn(x, shrink, None, None)
        return Turn(x, shrink, turn(self.drive, x), windings(half_turns(self.drive, x)))

    def through(self, state: RiccatiState, interval: Turn) -> tuple[RiccatiState, Neurons]:
        drive, rate = self._drive(state), self._rate
        if rate is not None:
            g, q, currents = self._carried(state, interval)
            count = half_odd.winding(self.order, state.g, state.q, drive, rate, interval.x, g, q)
            return RiccatiState(*normalise(g, q), currents), count
        turns = half_turns(drive, interval.x) if interval.windings is None else interval.windings
        # what one input makes of the size of a ray is undone at the next: found from the state, not from its outcome
        scale = unscaled(state.g, state.q)
        g, q, currents = self._carried(state._replace(g=scale * state.g, q=scale * state.q), interval)
        return RiccatiState(g, q, currents), winding(state.g, state.q, q, turns)

    def course(
        self, state: RiccatiState, inputs: Inputs, tally: Callable[..., tuple[Any, Any]], start: Any
    ) -> ScanResult:
        if not self.vectorises_over_inputs:
            return super().course(state, inputs, tally, start)
        # currents go their way without the ray: with them, all its rotations are known at once
        x, shrink = self._clock(inputs.lengths[:, None])
        weights = input_jump(inputs.columns, inputs.sources, 1)

        def decay(before: dict[str, Neurons], stretch: tuple) -> tuple:
            shrink, weights = stretch
            decayed = state._replace(currents={name: shrink**2 * value for name, value in before.items()})
            return self.jump(decayed, weights).currents, before

        last, currents = jax.lax.scan(decay, state.currents, (shrink, weights))
        drive = self._drive(state._replace(currents=currents))
        known = functions_briefly(drive, x)
        cosine, sine = known.cosine, x * known.sine

        def step(carry: tuple, stretch: tuple) -> tuple:
            (g, q, carried), (cosine, sine, sine_drive, shrink, turns, weights) = carry, stretch
            scale = unscaled(g, q)
            g_before, q_before = scale * g, scale * q
            g_end, q_end = shrink * (cosine * g_before + sine_drive * q_before), cosine * q_before - sine * g_before
            carried, kept = tally(carried, winding(g, q, q_end, turns))
            # currents have their inputs already
            after = self.jump(state._replace(g=g_end, q=q_end), weights)
            return (after.g, after.q, carried), (g, q, kept)

        stretches = cosine, sine, drive * sine, shrink, half_turns(drive, x), weights
        (g, q, carried), (gs, qs, kept) = jax.lax.scan(step, (state.g, state.q, start), stretches)
        return ScanResult(RiccatiState(gs, qs, currents), RiccatiState(g, q, last), carried, kept, known)

    def quietly(
        self, state: RiccatiState, lengths: Array, weights: Mapping[str, Array], most: Int[Array, ""]
    ) -> tuple[RiccatiState, Int[Array, ""]]:
        if self._rate is not None:
            return super().quietly(state, lengths, weights, most)
        x, shrink = self._clock(lengths[:, None])
        brought = [{route: rows[place] for route, rows in weights.items()} for place in range(len(lengths))]
        # currents first, as in `course`
        currents, states, counts = [state.currents], [state], []
        for place, each in enumerate(brought):
            decayed = {name: shrink[place] ** 2 * value for name, value in currents[-1].items()}
            currents.append(self.jump(state._replace(currents=decayed), each).currents)
        drive = jnp.stack(
            [jnp.broadcast_to(self._drive(state._replace(currents=each)), state.g.shape) for each in currents[:-1]]
        )
        known = functions_briefly(drive, x)
        cosine, sine = known.cosine, x * known.sine
        turns = half_turns(drive, x)
        sine_drive = sine * drive
        g, q = state.g, state.q
        for place, each in enumerate(brought):
            g_end = shrink[place] * (cosine[place] * g + sine_drive[place] * q)
            q_end = cosine[place] * q - sine[place] * g
            counts.append(winding(g, q, q_end, turns[place]))
            after = self.jump(state._replace(g=g_end, q=q_end), each)
            g, q = after.g, after.q
            states.append(RiccatiState(g, q, currents[place + 1]))
        # a spike that is overdue comes before everything else
        counts[0] += jnp.where(state.q < 0, 1.0, 0.0)
        state, number = first_quiet(states, counts, most)
        return _unturned(state), number

    def normalised(self, state: RiccatiState) -> RiccatiState:
        return RiccatiState(*normalise(state.g, state.q), state.currents)

    def gave_up(self, state: RiccatiState) -> Bool[Array, ""]:
        # of a ray that rounding has lost, nothing is left but zeros
        return super().gave_up(state) | ((state.g == 0) & (state.q == 0)).any()

    def to_tangent_coordinates(self, state: RiccatiState, change: RiccatiState) -> tuple[Neurons, dict[str, Neurons]]:
        return angle_of(state.g, state.q, change.g, change.q), change.currents

    def from_tangent_coordinates(self, state: RiccatiState, change: tuple[Neurons, dict[str, Neurons]]) -> RiccatiState:
        return RiccatiState(*turned_by(state.g, state.q, change[0]), change[1])

    def event_jacobian(
        self,
        tangents: Any,
        state: RiccatiState,
        stretch: InterEventInterval,
        weights: Mapping[str, Neurons],
        weight_tangents: Mapping[str, Neurons | None],
    ) -> EventJacobian:
        if self._rate is not None or jax.tree.leaves(tangents):
            return super().event_jacobian(tangents, state, stretch, weights, weight_tangents)
        names, drive, ray = sorted(state.currents), self._drive(state), (state.g, state.q)
        if isinstance(stretch.interval, Turn):
            x, shrink, turned, _ = stretch.interval
            turned = turn(drive, x) if turned is None else turned
            (g, q), determinant = rotate(*ray, drive, x, turned), turned.determinant
            by_drive = turned_by_drive(ray, (g, q), drive, x, turned) if names else determinant
        else:
            x, shrink = self._clock(stretch.length)
            known = functions_briefly(drive, x) if stretch.interval is None else stretch.interval
            (g, q), determinant, by_drive = turned_briefly(*ray, drive, x, known)
        scale = unscaled(shrink * g, q)
        # one factor after the other: on the separatrix the ray is tiny and its square no number any more
        g, q = scale * shrink * g, scale * q
        after = self.jump(RiccatiState(g, q, state.currents), weights)
        inverse = 1 / (after.g**2 + after.q**2)
        d_interval = -(g**2 + drive * (shrink * q) ** 2)
        if self.decay is not None:
            d_interval += self.decay * g * q
        # of the ray before, and of the change of the drive, at the end
        by_angle = stretch.unless_reset(
            inverse * (scale * (scale * (shrink * determinant * (state.g**2 + state.q**2))))
        )
        by_drive = stretch.unless_reset(inverse * (scale * (scale * (shrink * by_drive))))
        shears, added = self._forced(weight_tangents)
        sheared = None if shears is None else stretch.unless_reset(-(q**2) * shears * inverse)
        by_currents = [self.current_gains[name] * by_drive for name in names]
        decayed = None if self.decay is None else -2 * self.decay * shrink**2
        d_state: list[list[Neurons | None]] = [
            [None, *(shrink**2 if other == name else None for other in names)] for name in names
        ]
        return EventJacobian(
            [[by_angle, *by_currents], *d_state],
            [
                stretch.unless_reset(inverse * d_interval),
                *(None if decayed is None else decayed * state.currents[name] for name in names),
            ],
            [sheared, *(added[name] for name in names)],
        )

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

    def time_to_spike(self, state: RiccatiState, index: Neurons, within: Neurons) -> Neurons:
        ray, rate = (state.g, state.q, self._drive(state)), self._rate
        if rate is not None:
            return half_odd.zero_time(self.order, *jnp.broadcast_arrays(*ray, rate, index))
        return self._when(zero(*jnp.broadcast_arrays(*ray, index)))

    def first_to_spike(self, state: RiccatiState, within: Neurons) -> tuple[Neurons, Int[Array, ""]]:
        if self._rate is not None or jnp.ndim(self.decay if self.decay is not None else 0.0):
            return earliest(self, state, within)
        # the clock is common to all neurons: the first on it is the first in time
        x = zero(*jnp.broadcast_arrays(state.g, state.q, self._drive(state), jnp.zeros_like(within)))
        first = jnp.argmin(x)
        return self._when(x[first]), first

    def _when(self, x: Neurons) -> Neurons:
        """When the clock shows `x`, `inf` if it never does."""
        if self.decay is None:
            return x
        comes = self.decay * x < 1
        return jnp.where(comes, -jnp.log1p(-self.decay * jnp.where(comes, x, 0.0)) / self.decay, jnp.inf)

    def until_spike(self, state: RiccatiState, within: Neurons) -> tuple[Neurons, RiccatiState]:
        return flow_until_spike(self, state, within)

    def reset(self, state: RiccatiState) -> RiccatiState:
        return state._replace(g=jnp.full_like(state.g, -1.0), q=jnp.zeros_like(state.q))

    def jump(self, state: RiccatiState, weights: Mapping[str, Neurons]) -> RiccatiState:
        g, currents = self.chart.jumped(self.potential, self.jumps, weights, state.g, state.q, state.currents)
        return state._replace(g=g, currents=currents)

    def pseudo_phase_and_period(self, state: RiccatiState, duration: Neurons) -> tuple[Neurons, Neurons]:
        half = 0.0 if self.decay is None else self.decay / 2
        at_rest = self.drive - half**2
        excess = lifted(self._drive(state) - self.drive, at_rest, 1 / jnp.asarray(duration) ** 2)
        return free_running(state.g - half * state.q, state.q, jnp.broadcast_to(excess, state.q.shape))

    def zero_synaptic_state(self, state: RiccatiState) -> RiccatiState:
        return state._replace(currents={name: jnp.zeros_like(value) for name, value in state.currents.items()})

    def readout(self, state: RiccatiState) -> dict[str, Neurons]:
        return {self.chart.variable: self.chart.value(state.g, state.q)} | state.currents

    def _drive(self, state: RiccatiState) -> Neurons:
        added = self._by_currents(state.currents)
        return self.drive if added is None else self.drive + added

    def _by_currents(self, currents: Mapping[str, Neurons]) -> Neurons | None:
        """What currents add to the drive, None without currents."""
        added = [gain * currents[name] for name, gain in self.current_gains.items()]
        return functools.reduce(operator.add, added) if added else None

    @property
    def _rate(self) -> Neurons | None:
        """Half the rate at which the currents decay; None where the clock that runs down makes all elementary."""
        return None if self.decay is None or self.order == 0 else self.decay / (2 * self.order + 1)

    def _clock(self, duration: Neurons) -> tuple[Neurons, Neurons]:
        """The projective time `x` of an interval and the factor by which the scale of `u` shrinks, for order 0."""
        if self.decay is None:
            return duration, jnp.ones_like(duration)
        return -jnp.expm1(-self.decay * duration) / self.decay, jnp.exp(-self.decay * duration)

    def _carried(
        self, state: RiccatiState, interval: Turn, *, briefly: bool = False
    ) -> tuple[Neurons, Neurons, dict[str, Neurons]]:
        x, shrink, turned, _ = interval
        rate, drive = self._rate, self._drive(state)
        if rate is not None:
            g, q = half_odd.carry(self.order, state.g, state.q, drive, rate, x)
            return g, q, {name: shrink * value for name, value in state.currents.items()}
        if briefly:
            g, q = rotate_briefly(state.g, state.q, drive, x)
        else:
            g, q = rotate(state.g, state.q, drive, x, turn(drive, x) if turned is None else turned)
        return shrink * g, q, {name: shrink**2 * value for name, value in state.currents.items()}


def _unturned(state: RiccatiState) -> RiccatiState:
    """Scale rays, but turn none: a spike that rounding puts just before this instant must still be found ahead."""
    scale = jnp.abs(gauge(state.g, state.q))
    return state._replace(g=scale * state.g, q=scale * state.q + 0.0)  # -0.0 would be on the other side of the cut
