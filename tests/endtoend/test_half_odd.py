"""QIF neurons whose currents decay slowly, tau_s = (n + 1/2) tau_m, against an oracle of Bessel's own power series."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import QuadraticCurrent, central_difference, mp, number, pseudospike_times, simulate_single

import smoothspike as ss

pytestmark = pytest.mark.usefixtures("optimised")

TRIALS, INPUTS, DURATION, CAPACITY, PSEUDOSPIKES = 16, 20, 6.0, 48, 2
TIMES, GRADIENTS = 1e-12, 1e-8


class SlowCurrent(QuadraticCurrent):
    """V' = V (V - 1) + I, I' = -I / tau_s for any tau_s > 1/2 that is not whole, with V = -y' / y.

    y'' + y' + I(0) exp(-t / tau_s) y = 0 is solved by two power series in the drive, exp(-t) times one of them.
    """

    def __init__(self, tau_s):
        self.tau_m, self.tau_s, self.initial = mp.mpf(1), number(tau_s), (mp.mpf(0), mp.mpf(0))

    def solutions(self, current, s):
        """(y, y') of both at s = exp(-t / (2 tau_s))."""
        nu, z = self.tau_s, -current * (s * self.tau_s) ** 2
        rate = -1 / (2 * nu)
        y, other = mp.hyp0f1(1 - nu, z), mp.hyp0f1(1 + nu, z)
        slope = 2 * z * mp.hyp0f1(2 - nu, z) / (1 - nu)
        rising = 2 * nu * other + 2 * z * mp.hyp0f1(2 + nu, z) / (1 + nu)
        return (y, rate * slope), (s ** (2 * nu) * other, rate * s ** (2 * nu) * rising)

    def solution(self, state):
        """y and y' as functions of s, with y > 0 until the next spike."""
        V, current = state
        start = (mp.mpf(0), mp.mpf(1)) if mp.isinf(V) else (mp.mpf(1), -V)
        (a, da), (b, db) = self.solutions(current, mp.mpf(1))
        size = a * db - b * da
        first, second = (start[0] * db - start[1] * b) / size, (start[1] * a - start[0] * da) / size

        def at(s):
            one, other = self.solutions(current, s)
            return tuple(first * x + second * y for x, y in zip(one, other, strict=True))

        return at

    def time_to_spike(self, state, within=None):
        at, current = self.solution(state), state[1]
        # zeros are further apart than pi in this multiple of s
        pieces = 1 + int(2 * self.tau_s * mp.sqrt(max(current, 0)))
        places = [1 - mp.mpf(piece) / pieces for piece in range(pieces + 1)]
        for before, after in itertools.pairwise(places):
            if at(after)[0] < 0:
                return self._between(at, before, after)
        return mp.inf

    def _between(self, at, before, after):
        """Newton's method, guarded by bisection."""
        s = (before + after) / 2
        for _ in range(200):
            y, slope = at(s)
            before, after = (before, s) if y < 0 else (s, after)
            # dy/ds = -2 tau_s y' / s
            better = s + y * s / (2 * self.tau_s * slope)
            if not after < better < before:
                better = (before + after) / 2
            if abs(better - s) < mp.mpf(10) ** -45:
                return -2 * self.tau_s * mp.log(better)
            s = better
        raise ArithmeticError("no convergence")

    def flow(self, state, elapsed):
        s = mp.exp(-elapsed / (2 * self.tau_s))
        y, slope = self.solution(state)(s)
        return -slope / y, state[1] * s**2


def outcome(tau_s):
    neuron = ss.Neuron(ss.models.qif(1.0, tau_s))

    def run(point):
        weights, times, initial = jnp.split(point, [INPUTS, 2 * INPUTS])
        net = ss.FeedForward(neuron, (INPUTS, 1), DURATION, weights=[weights[None]])
        record = net(
            ss.Spikes(times, jnp.arange(INPUTS)), initial=[{"V": initial[0], "I": initial[1]}], capacity=CAPACITY
        )
        return record.spike_times(CAPACITY)[0], record.spikes[-1].num_events

    def each(point, move, cotangent):
        value, push, count = jax.linearize(run, point, has_aux=True)
        (pulled,) = jax.linear_transpose(push, point)(cotangent)
        return value, count, push(move), pulled

    return eqx.filter_jit(jax.vmap(each))


def expected_times(oracle, point):
    weights, times, initial = point[:INPUTS], point[INPUTS : 2 * INPUTS], point[2 * INPUTS :]
    spikes, state = simulate_single(oracle, times, weights, DURATION, [number(value) for value in initial])
    return [(time, "spike") for time in spikes] + [
        (time, "pseudospike") for time in pseudospike_times(oracle, state, 0, DURATION, PSEUDOSPIKES)
    ]


@pytest.mark.parametrize("tau_s", [1.5, pytest.param(2.5, marks=pytest.mark.slow)])
def test_spike_times_and_gradients(tau_s, figures, float64):
    oracle, generator = SlowCurrent(tau_s), np.random.default_rng(int(10 * tau_s))
    weights = generator.normal(1.0, 4.0, (TRIALS, INPUTS))
    bunched = generator.random((TRIALS, INPUTS)) ** generator.uniform(1, 6, (TRIALS, 1))
    initial = np.stack([generator.uniform(-1, 0.9, TRIALS), generator.uniform(-1, 3, TRIALS)], 1)
    points = np.concatenate([weights, DURATION * (0.01 + 0.98 * bunched), initial], 1)
    moves, cotangents = generator.normal(size=points.shape), generator.normal(size=(TRIALS, CAPACITY))
    found = map(np.asarray, outcome(tau_s)(points, moves, cotangents))
    spikes, time_error, gradient_error = 0, 0.0, 0.0
    for index, (point, times, count, forward, reverse) in enumerate(zip(points, *found, strict=True)):
        expected = expected_times(oracle, point)
        assert count == sum(kind == "spike" for _, kind in expected)
        spikes += count
        for time, (exact, _) in zip(times, expected, strict=False):
            time_error = max(time_error, float(abs(number(time) - exact) / exact))
        np.testing.assert_allclose(cotangents[index] @ forward, reverse @ moves[index], rtol=1e-10)
        exact = central_difference(lambda point: expected_times(oracle, point), point, moves[index].tolist())
        for one, other in zip(forward, exact, strict=False):
            gradient_error = max(gradient_error, float(abs(number(one) - other) / max(1, abs(other))))
    figures(
        f"QIF, tau_s = {tau_s} tau_m: {TRIALS} trials, {spikes} spikes, spike times {time_error:.0e}, "
        f"gradients {gradient_error:.0e} (limits {TIMES:.0e}, {GRADIENTS:.0e})"
    )
    assert spikes > 40
    assert time_error <= TIMES
    assert gradient_error <= GRADIENTS
