"""Trials step by step against the oracle, closed forms, and touches of a threshold that a step could jump over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import LeakyCurrent, LeakyDelta, QuadraticCurrent, QuadraticDelta, mp, number, simulate_single

import smoothspike as ss
from smoothspike.numerics.adaptive_steps import Line
from smoothspike.numerics.trajectory import (
    DONE,
    ESCAPED,
    STALLED,
    TOO_MANY_SPIKES,
    TOO_MANY_STEPS,
    Equations,
    Inputs,
    Trial,
    simulate,
)
from smoothspike.validation.equations import numeric_model

pytestmark = pytest.mark.usefixtures("float64")

TRIALS, INPUTS = 32, 6
TIMES = 1e-10  # steps err by 1e-12; near an unstable state, or after many spikes, that grows


def tangent(offset: str) -> Callable[..., tuple]:
    return lambda angle, *currents: (mp.tan(number(angle) / 2) + mp.mpf(offset), *currents)


@dataclass(frozen=True)
class Kind:
    """A model, its oracle, and where random trials come from.

    Attributes:
        oracle: The same neuron in the oracle.
        weight: The largest weight.
        initial: The range of each initial state.
        duration: The trial end.
        excitation: How large a part of the inputs may excite.
        to_oracle: From initial states to those of the oracle.
        is_continuous: Whether an input may come exactly at a spike.
    """

    oracle: Any
    weight: float
    initial: tuple[tuple[float, float], ...]
    duration: float = 4.0
    excitation: float = 1.0
    to_oracle: Callable[..., tuple] = lambda *state: state
    is_continuous: bool = True


V, I, ANGLE = (-1.0, 0.9), (-1.0, 3.0), (-2.0, 2.0)
KINDS: Mapping[str, Kind] = {
    "qif": Kind(QuadraticCurrent(1, 0.5), 5.0, (V, I)),
    "qif_delta": Kind(QuadraticDelta(1, -1, 0), 5.0, (V,)),
    "theta_neuron": Kind(QuadraticDelta(1, 0, 1), 5.0, (ANGLE,), 12.0, to_oracle=tangent("0")),
    "theta_current": Kind(QuadraticCurrent(1, 0.5), 5.0, (ANGLE, I), to_oracle=tangent("0.5")),
    "lif": Kind(LeakyCurrent(1, 0.5), 20.0, (V, I), excitation=0.6, is_continuous=False),
    "lif_delta": Kind(LeakyDelta(0), 1.5, (V,), excitation=0.8, is_continuous=False),
    "lif_oscillatory": Kind(LeakyDelta(2), 1.0, (V,), excitation=0.6, is_continuous=False),
}


@dataclass(frozen=True)
class Trials:
    """Inputs in the order of their times, padded with inf, initial states and ends; one row per trial."""

    times: np.ndarray
    weights: np.ndarray
    initial: np.ndarray
    ends: np.ndarray

    def oracle(self, kind: Kind, row: int, end: float | None = None) -> tuple[list, tuple]:
        """Spike times and final states to 50 digits."""
        return simulate_single(
            kind.oracle, self.times[row], self.weights[row], self.ends[row] if end is None else end,
            kind.to_oracle(*self.initial[row]),
        )  # fmt: skip


@cache
def compiled(name: str) -> Callable[..., Trial]:
    ready = numeric_model(getattr(ss.models, name)())

    def one(times: jax.Array, weights: jax.Array, initial: jax.Array, end: jax.Array) -> Trial:
        inputs = Inputs(times, jnp.zeros(INPUTS, int), weights)
        return simulate(
            ready.equations, ready.line(), inputs, initial, end, may_graze=not ready.model.spike.is_at_infinity
        )

    return jax.jit(jax.vmap(one))


def run(name: str, trials: Trials) -> Trial:
    """Simulate up to `TRIALS` trials."""
    count = len(trials.ends)
    rows = np.minimum(np.arange(TRIALS), count - 1)
    parts = (trials.times, trials.weights, trials.initial, trials.ends)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:count], compiled(name)(*(part[rows] for part in parts)))


def draw(kind: Kind) -> Trials:
    """Inputs of both signs; some come together, some have the weight 0, and one trial has none."""
    generator = np.random.default_rng(20260101)
    times = np.sort(generator.uniform(0, kind.duration, (TRIALS, INPUTS)), axis=1)
    times[::3, 2] = times[::3, 1]
    excites = generator.random((TRIALS, INPUTS)) < generator.uniform(0.2, kind.excitation, (TRIALS, 1))
    weights = generator.uniform(0, kind.weight, (TRIALS, INPUTS)) * np.where(excites, 1, -1)
    weights[1::4, 3] = 0
    times[5] = np.inf
    initial = np.stack([generator.uniform(*limits, TRIALS) for limits in kind.initial], axis=1)
    return Trials(times, weights, initial, np.full(TRIALS, kind.duration))


def worst_error(name: str, trials: Trials, found: Trial) -> tuple[float, int]:
    """The largest error of any spike time, and how many spikes there were; all trials must have the right number."""
    assert (found.status == DONE).all()
    assert not np.isnan(found.spike_times).any()
    worst, spikes = 0.0, 0
    for row in range(len(trials.ends)):
        expected, _ = trials.oracle(KINDS[name], row)
        times = found.spike_times[row]
        assert found.num_spikes[row] == len(expected), row
        assert np.isposinf(times[len(expected) :]).all()
        errors = [float(abs(number(one) - other)) for one, other in zip(times, expected, strict=False)]
        worst, spikes = max([worst, *errors]), spikes + len(expected)
    return worst, spikes


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_spike_times_against_the_oracle(name, figures):
    kind, trials = KINDS[name], draw(KINDS[name])
    found = run(name, trials)
    worst, spikes = worst_error(name, trials, found)
    assert spikes > TRIALS / 2
    assert worst < TIMES
    figures(f"simulation of any equations, {name}: {TRIALS} trials, {spikes} spikes, error {worst:.0e} ({TIMES:.0e})")
    spiking = found.num_spikes > 0
    last = found.spike_times[spiking, found.num_spikes[spiking] - 1]
    for shift in (1e-9, -1e-9):  # just after and just before the last spike, which is or is not in the trial
        cut = Trials(trials.times[spiking], trials.weights[spiking], trials.initial[spiking], last + shift)
        assert worst_error(name, cut, run(name, cut))[0] < TIMES
    if kind.is_continuous:
        met = trials.times.copy()
        met[spiking, -1] = found.spike_times[spiking, 0]
        order = np.argsort(met, axis=1, kind="stable")
        weights = np.take_along_axis(trials.weights, order, 1)
        meeting = Trials(np.take_along_axis(met, order, 1), weights, trials.initial, trials.ends)
        assert worst_error(name, meeting, run(name, meeting))[0] < TIMES


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qif", "lif"])
def test_states_before_inputs_at_spikes_and_at_the_end(name):
    kind, trials = KINDS[name], draw(KINDS[name])
    found = run(name, trials)
    for row in range(1, TRIALS, 3):  # no inputs at the same time, which the oracle would leave out
        for place, time in enumerate(trials.times[row]):
            if np.isinf(time):
                assert np.isnan(found.before[row, place]).all()
                continue
            _, expected = trials.oracle(kind, row, end=time)
            np.testing.assert_allclose(found.before[row, place], [float(e) for e in expected], rtol=1e-9, atol=1e-10)
        _, expected = trials.oracle(kind, row)
        np.testing.assert_allclose(found.states[row], [float(e) for e in expected], rtol=1e-9, atol=1e-10)
        assert found.ended[row] == kind.duration
        count = int(found.num_spikes[row])
        assert np.isnan(found.at_spikes[row, count:]).all()
        for time, (potential, current) in zip(found.spike_times[row, :count], found.at_spikes[row], strict=False):
            came = trials.times[row] < time
            arrived = trials.weights[row, came] * np.exp(-(time - trials.times[row, came]) / 0.5)
            decayed = trials.initial[row, 1] * np.exp(-time / 0.5)
            np.testing.assert_allclose(current, arrived.sum() + decayed, rtol=1e-9, atol=1e-10)
            assert potential == pytest.approx(1, rel=1e-12) if name == "lif" else potential > 1e12


@pytest.mark.slow
def test_inputs_after_the_end_do_not_come():
    late = Trials(np.array([[0.1, 2.0] + 4 * [np.inf]]), np.full((1, 6), 9.0), np.zeros((1, 2)), np.array([1.0]))
    found = run("lif", late)
    assert np.isfinite(found.before[0, 0]).all()
    assert np.isnan(found.before[0, 1:]).all()


@pytest.mark.slow
@pytest.mark.parametrize("distance", [1e-4, 1e-8, 1e-10, 1e-12])
def test_a_maximum_that_touches_the_threshold(distance, figures):
    """One input of weight w lifts V to w/4; it crosses the threshold 1 where exp(-t) = (1 + sqrt(1 - 4/w))/2."""
    weights, start = 4 * (1 + np.array([distance, -distance])), 0.1
    times = np.full((2, INPUTS), np.inf)
    times[:, 0] = start
    trials = Trials(times, np.repeat(weights[:, None], INPUTS, 1), np.zeros((2, 2)), np.full(2, 3.0))
    found = run("lif", trials)
    assert found.num_spikes.tolist() == [1, 0]
    root = mp.sqrt(1 - 4 / number(weights[0]))
    error = float(abs(number(found.spike_times[0, 0]) - number(start) + mp.log((1 + root) / 2)))
    # rounding of the potential, divided by its slope; the crossing on the way down is much farther away
    assert error < 2e-14 / np.sqrt(distance)
    assert error < 0.05 * np.sqrt(distance)
    figures(f"simulation of any equations: LIF at a weight {distance:.0e} above its threshold, error {error:.0e}")


# --- slopes that turn within a step -----------------------------------------------------------------------------------


@jax.jit
@jax.vmap
def cubic(slope: jax.Array, bend: jax.Array, start: jax.Array, top: jax.Array) -> Trial:
    """V = slope s + bend s^3 from s = start on, after a rest in which steps have become long."""

    def rates(states: jax.Array) -> jax.Array:
        _, s, pace = states
        return jnp.stack([pace * (slope + 3 * bend * s**2), pace, jnp.zeros(())])

    equations = Equations(
        rates, jump=lambda route, weight, states: states.at[2].add(weight), reset=lambda states: states.at[0].set(-9.0)
    )
    line = Line(jnp.arcsinh(top), *(jnp.asarray(value) for value in (-40.0, 1.0)))
    inputs = Inputs(jnp.array([5.0]), jnp.array([0]), jnp.array([1.0]))
    return simulate(
        equations, line, inputs, jnp.stack([slope * start + bend * start**3, start, jnp.zeros(())]), jnp.asarray(8.0),
        max_spikes=2,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1, -1])
def test_a_maximum_and_a_minimum_within_one_step(sign):
    """The slope has the same sign at both ends: it dips below zero on the way, or rises above it."""
    generator, count = np.random.default_rng(3), 64
    width = 10 ** generator.uniform(-2.5, -0.7, count) if sign > 0 else generator.uniform(0.1, 0.5, count)
    bend = np.full(count, 1.0 if sign > 0 else -0.01)
    slope = -bend * width**2  # V has its extrema at -width/sqrt(3) and width/sqrt(3)
    start = -generator.uniform(0.5, 0.9, count) if sign > 0 else -0.95 * width
    peak = 2 * np.abs(bend) * (width / np.sqrt(3)) ** 3
    top = peak * generator.uniform(-0.9 if sign > 0 else 0.8, 0.999, count)
    found = cubic(slope, bend, start, top)
    for row in range(count):
        roots = np.roots([bend[row], 0, slope[row], -top[row]]).real
        expected = roots[roots > start[row]].min() - start[row] + 5
        # what the steps may err by, divided by the slope there
        limit = 1e-12 + 1e-13 / np.abs(slope[row] + 3 * bend[row] * (expected + start[row] - 5) ** 2)
        assert abs(found.spike_times[row, 0] - expected) < limit, row


# --- closed forms -----------------------------------------------------------------------------------------------------

FIELDS = (lambda v: v**4, jnp.exp, jnp.cosh)
TOPS = np.arcsinh([1e6, 42.0, 42.0])  # where less than 1e-18 is left


@jax.jit
@jax.vmap
def scalar(field: jax.Array, initial: jax.Array, time: jax.Array, weight: jax.Array) -> Trial:
    """One of the fields, with an input; nothing lies beyond minus infinity."""

    def rates(states: jax.Array) -> jax.Array:
        return jnp.select([field == k for k in range(3)], [rate(states) for rate in FIELDS])

    top = jnp.asarray(TOPS)[field]
    line = Line(top, -top, jnp.ones(()))
    inputs = Inputs(time[None], jnp.zeros(1, int), weight[None])
    equations = Equations(rates, lambda route, weight, v: v + weight, lambda v: v - jnp.inf)
    return simulate(equations, line, inputs, initial[None], jnp.asarray(4.0), may_graze=False, max_spikes=2)


@pytest.mark.slow
def test_closed_forms(figures):
    """The time left is 1/(3 V^3) for V^4, exp(-V) for the exponential function, 2 atan(exp(-V)) for cosh."""
    generator, count = np.random.default_rng(4), 30
    field = np.repeat(np.arange(3), count)
    initial = np.where(field == 0, generator.uniform(0.7, 3, 3 * count), generator.uniform(-1, 3, 3 * count))
    weight = generator.uniform(-0.3, 2, 3 * count)
    left = (lambda v: 1 / (3 * v**3), lambda v: np.exp(-v), lambda v: 2 * np.arctan(np.exp(-v)))
    place = (lambda u: (3 * u) ** (-1 / 3), lambda u: -np.log(u), lambda u: -np.log(np.tan(u / 2)))
    spike = np.choose(field, [function(initial) for function in left])
    time = 0.7 * spike
    moved = np.choose(field, [function(spike - time) for function in place]) + weight
    expected = time + np.choose(field, [function(moved) for function in left])
    found = scalar(field, initial, time, weight)
    inside = expected < 4
    assert inside.sum() > 2.5 * count
    error = np.max(np.abs(found.spike_times[:, 0] - expected)[inside])
    assert error < 1e-12
    second = np.asarray(found.spike_times[field == 2, 1])
    fires_again = expected[field == 2] + np.pi < 4
    assert fires_again.sum() > 3
    np.testing.assert_allclose(second[fires_again], (expected[field == 2] + np.pi)[fires_again], rtol=1e-12)
    figures(f"simulation of any equations: V^4, exp(V) and cosh(V) against closed forms, error {error:.0e}")


# --- how trials end ---------------------------------------------------------------------------------------------------


@jax.jit
@jax.vmap
def polynomial(factors: jax.Array, duration: jax.Array, weight: jax.Array) -> Trial:
    """V' = f0 + f2 V^2 + f3 V^3, reset to minus infinity, with one input at time 1 and room for two spikes."""
    equations = Equations(
        rates=lambda v: factors[0] + factors[1] * v**2 + factors[2] * v**3,
        jump=lambda route, weight, v: v + weight,
        reset=lambda v: v - jnp.inf,
    )
    line = Line(*(jnp.asarray(value) for value in (45.0, -45.0, 1.0)))
    inputs = Inputs(jnp.ones(1), jnp.zeros(1, int), weight[None])
    return simulate(
        equations, line, inputs, jnp.zeros(1), duration, may_graze=False, max_spikes=2, max_steps=1000
    )  # fmt: skip


def test_statuses():
    rows = {
        "to minus infinity": ((-1.0, 0.0, 1.0), 5.0, 0.0, ESCAPED, 0),
        "cut off before that": ((-1.0, 0.0, 1.0), 1.2, 0.0, DONE, 0),
        "two spikes": ((1.0, 1.0, 0.0), 7.0, 0.0, DONE, 2),
        "three spikes": ((1.0, 1.0, 0.0), 8.0, 0.0, TOO_MANY_SPIKES, 3),
        "at rest for long": ((0.0, 0.0, 0.0), 1e6, 0.0, STALLED, 0),
        "not a number": ((1.0, 1.0, 0.0), 7.0, np.nan, TOO_MANY_STEPS, 0),
        "down for ever": ((-1.0, 0.0, 0.0), 5.0, 0.0, DONE, 0),
    }
    factors, ends, weights, statuses, counts = zip(*rows.values(), strict=True)
    found = polynomial(*(np.array(part) for part in (factors, ends, weights)))
    assert dict(zip(rows, found.status.tolist(), strict=True)) == dict(zip(rows, statuses, strict=True))
    assert dict(zip(rows, found.num_spikes.tolist(), strict=True)) == dict(zip(rows, counts, strict=True))
    assert not np.isnan(found.spike_times).any()
    np.testing.assert_allclose(found.spike_times[2], [np.pi / 2, 3 * np.pi / 2], rtol=1e-12)
    np.testing.assert_allclose(found.spike_times[3], [np.pi / 2, 3 * np.pi / 2], rtol=1e-12)
    escape = 2 * np.pi / (3 * np.sqrt(3))  # the integral of 1/(1 + V^3)
    np.testing.assert_allclose(found.ended[0], escape, rtol=1e-12)
    np.testing.assert_allclose(found.ended[1], 1.2)
    np.testing.assert_allclose(found.states[6], -5, rtol=1e-12)
    assert np.isnan(found.before[0]).all() == (escape < 1)


def test_no_inputs_at_all():
    nothing = Inputs(jnp.zeros(0), jnp.zeros(0, int), jnp.zeros(0))
    ready = numeric_model(ss.models.theta_neuron())
    trial = simulate(ready.equations, ready.line(), nothing, jnp.zeros(1), jnp.asarray(5.0))
    np.testing.assert_allclose(trial.spike_times[:2], [np.pi / 2, 3 * np.pi / 2], rtol=1e-12)
    assert trial.before.shape == (0, 1)
    np.testing.assert_allclose(trial.at_spikes[:2], np.pi, rtol=1e-14)
