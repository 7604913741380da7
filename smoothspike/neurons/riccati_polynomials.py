"""Quadratic neurons with one exponential current, from input to input by polynomials in it."""

import dataclasses
from collections.abc import Mapping
from typing import Any, final

import jax
import jax.numpy as jnp

from symbolic import Derivation
from symbolic.derive import TransferForm

from ..numerics.adaptive_steps import Integration
from ..numerics.current_polynomials import (
    REACHES,
    Interval,
    in_steps,
    level,
    pass_interval,
    transfer,
    transfer_and_slope,
)  # fmt: skip
from ..numerics.current_zeros import Drive, time_to_zero
from ..numerics.projective import normalise, unscaled, wronskian
from .compile.from_form import Values, from_form, row, rows
from .compile.to_jax import Update, lower
from .interface import AbstractOnePassDynamics, Neurons, VoltageRange
from .projective_chart import RayChart
from .riccati_series import RiccatiSeriesDynamics, RiccatiSeriesState
from .vectorised import (
    AbstractVectorisedDynamics,
    EventJacobian,
    Inputs,
    InterEventInterval,
    ScanResult,
    SpikeCounter,
    input_jump,
)  # fmt: skip


def has_one_current(series: RiccatiSeriesDynamics) -> bool:
    """Whether a neuron is driven by one exponential current alone and goes on through its spikes."""
    names = list(series.couplings)
    return (
        series.resets_by_flow
        and len(names) == 1
        and list(series.drive_gains) == names
        and list(series.couplings[names[0]]) == names
        and not (series.conductance_gains or series.sources)
    )


@final
class RiccatiPolynomialDynamics(AbstractOnePassDynamics, AbstractVectorisedDynamics):
    """The same neurons as those of the series, which do all that polynomials do not reach.

    Attributes:
        series: The neurons, of which `has_one_current` holds.
    """

    series: RiccatiSeriesDynamics

    @property
    def routes(self) -> tuple[str, ...]:
        return self.series.routes

    @property
    def voltage_range(self) -> VoltageRange:
        return self.series.voltage_range

    @property
    def resets_by_flow(self) -> bool:
        return True

    @property
    def searches_for_spikes(self) -> bool:
        return True

    @property
    def fusible(self) -> bool:
        return True

    @property
    def in_kernels(self) -> RiccatiSeriesDynamics:
        return self.series

    @property
    def kept_every(self) -> int:
        return self.series.kept_every

    @property
    def vectorises_over_inputs(self) -> bool:
        return True

    @property
    def most_at_once(self) -> int:
        return 16  # the longest interval decides with how many powers all of them are computed

    def initial_state(self, values: Mapping[str, Neurons]) -> RiccatiSeriesState:
        return self.series.initial_state(values)

    def readout(self, state: RiccatiSeriesState) -> dict[str, Neurons]:
        return self.series.readout(state)

    def flow(self, state: RiccatiSeriesState, duration: Neurons) -> RiccatiSeriesState:
        return self.series.flow(state, duration)

    def advance(self, state: RiccatiSeriesState, duration: Neurons) -> tuple[RiccatiSeriesState, Neurons]:
        return self.series.advance(state, duration)

    def time_to_spike(self, state: RiccatiSeriesState, index: Neurons, within: Neurons) -> Neurons:
        ((name, gain),), (current,) = self.series.drive_gains.items(), state.others.values()
        drive = Drive(self.series.drive, gain * current, self.series.couplings[name][name])
        return time_to_zero(within, index, drive, state.g, state.q)

    def until_spike(self, state: RiccatiSeriesState, within: Neurons) -> tuple[Neurons, RiccatiSeriesState]:
        return self.series.until_spike(state, within)

    def reset(self, state: RiccatiSeriesState) -> RiccatiSeriesState:
        return self.series.reset(state)

    def jump(self, state: RiccatiSeriesState, weights: Mapping[str, Neurons]) -> RiccatiSeriesState:
        return self.series.jump(state, weights)

    def pseudo_phase_and_period(self, state: RiccatiSeriesState, duration: Neurons) -> tuple[Neurons, Neurons]:
        return dataclasses.replace(self.series, lift=self.lift).pseudo_phase_and_period(state, duration)

    def zero_synaptic_state(self, state: RiccatiSeriesState) -> RiccatiSeriesState:
        return self.series.zero_synaptic_state(state)

    def normalised(self, state: RiccatiSeriesState) -> RiccatiSeriesState:
        g, q = normalise(state.g, state.q)
        return state._replace(g=g, q=q)

    def scan_inputs(self, state: RiccatiSeriesState, inputs: Inputs, counter: SpikeCounter) -> ScanResult:
        interval = self._interval(inputs.lengths[:, None])
        weights = input_jump(inputs.columns, inputs.sources, 1)
        # a spike that is overdue comes before everything else
        counter = counter._replace(spiked=counter.spiked + jnp.where(state.q < 0, 1.0, 0.0))

        def decay(before: dict[str, Neurons], passing: tuple) -> tuple:
            decayed, weights = passing
            others = {name: decayed * value for name, value in before.items()}
            return self.jump(state._replace(others=others), weights).others, before

        # the current evolves without the ray: with it, what becomes of rays is known for all intervals at once
        last, others = jax.lax.scan(decay, state.others, (jnp.exp(interval.nu), weights))
        ((name, current),) = others.items()
        levels = level(interval, current)
        by = transfer(interval, current, levels)
        is_beyond = levels == len(REACHES)
        apart = is_beyond.any(tuple(range(1, is_beyond.ndim)))

        def step(carry: tuple, passing: tuple) -> tuple:
            ((g, q), counter), (by, others, weights, length, is_beyond, apart) = carry, passing
            scale = unscaled(g, q)
            g_end, q_end = by(scale * g, scale * q)
            # always turned to q >= 0, so that a ray which ends at zero is still before its spike
            crossed = jnp.where(q_end < 0, 1.0, 0.0)
            turned = jnp.where(q_end < 0, -g_end, g_end), jnp.abs(q_end)

            def in_many() -> tuple:
                after = in_steps(self._interval(length), others[name], g, q)
                ways = (after.g, turned[0]), (after.q, turned[1]), (after.spiked, crossed)
                return tuple(jnp.where(is_beyond, a, b) for a, b in ways)

            g_end, q_end, count = jax.lax.cond(apart, in_many, lambda: (*turned, crossed))
            counter = counter.after(count)
            after = self.jump(RiccatiSeriesState(g_end, q_end, state.others), weights)
            return ((after.g, after.q), counter), (g, q, counter.spiked)

        intervals = by, others, weights, inputs.lengths[:, None], is_beyond, apart
        start = normalise(state.g, state.q), counter
        (ray, counter), (gs, qs, upto) = jax.lax.scan(step, start, intervals)
        return ScanResult(RiccatiSeriesState(gs, qs, others), RiccatiSeriesState(*ray, last), counter, upto)

    def flow_without_spikes(self, state: RiccatiSeriesState, duration: Neurons) -> RiccatiSeriesState:
        interval, ((name, current),) = self._interval(duration), state.others.items()
        levels = level(interval, current)
        g, q = jax.lax.cond(
            (levels == len(REACHES)).any(),
            lambda: pass_interval(None, *interval, current, state.g, state.q),
            lambda: transfer(interval, current, levels)(state.g, state.q),
        )
        return RiccatiSeriesState(g, q, {name: jnp.exp(interval.nu) * current})

    def event_jacobian(
        self,
        state: RiccatiSeriesState,
        interval: InterEventInterval,
        jump: Mapping[str, Neurons],
        jump_tangents: Mapping[str, Neurons | None],
    ) -> EventJacobian:
        passing, ((name, current),) = self._interval(interval.length), state.others.items()
        levels, ray = level(passing, current), (state.g, state.q)

        def at_once() -> tuple:
            by, slope = transfer_and_slope(passing, current, levels)
            g, q = by(*ray)
            return g, q, state.g**2 + state.q**2, wronskian(g, q, *slope(*ray))

        g, q, turned, pushed = jax.lax.cond(
            (levels == len(REACHES)).any(), lambda: tuple(in_steps(passing, current, *ray)[:4]), at_once
        )
        drive = passing.drive + passing.gain * jnp.exp(passing.nu) * current
        after = self.jump(RiccatiSeriesState(g, q, state.others), jump)
        inverse = 1 / (after.g**2 + after.q**2)
        by_angle, by_current, by_length = (
            interval.unless_reset(inverse * each) for each in (turned, pushed, -(g**2 + drive * q**2))
        )
        decayed, rate = jnp.exp(passing.nu), self.series.couplings[name][name]
        shears, added = self._added(name, jump_tangents)
        sheared = None if shears is None else interval.unless_reset(-(q**2) * shears * inverse)
        return EventJacobian(
            [[by_angle, by_current], [None, decayed]], [by_length, rate * decayed * current], [sheared, added]
        )

    def _added(self, current: str, moves: Mapping[str, Neurons | None]) -> tuple[Neurons | None, Neurons | None]:
        """By how much inputs shear the ray, and what they add to the current; None for nothing."""
        total: dict[str, Neurons | None] = {self.series.potential: None, current: None}
        for route, changes in self.series.jumps.items():
            for name, slope in changes.items():
                if (move := moves[route]) is not None:
                    before = total[name]
                    total[name] = slope * move if before is None else before + slope * move
        shears = total[self.series.potential]
        return None if shears is None else self.series.chart.gain * shears, total[current]

    def _interval(self, length: Neurons) -> Interval:
        ((name, gain),) = self.series.drive_gains.items()
        return Interval(length, self.series.drive, gain, self.series.couplings[name][name])


@from_form.register
def _from_transfer_form(form: TransferForm, derivation: Derivation, values: Values, _: Integration) -> Any:
    series = RiccatiSeriesDynamics(
        chart=RayChart.of(form, derivation.model.variable.name, values),
        drive=lower(form.drive, values),
        drive_gains=row(form.drive_gains, values),
        conductance_gains=row(form.conductance_gains, values),
        couplings=rows(form.others.couplings, values),
        sources=row(form.others.sources, values),
        resting=row(form.others.resting, values),
        jumps=rows(form.routes, values),
        update=Update.of({state: value for state, value in form.reset.items() if value is not None}, values),
        potential=form.potential.name,
    )
    return RiccatiPolynomialDynamics(series) if has_one_current(series) else series
