"""The largest value of a linear system over many intervals, against SciPy on a grid refined by Newton's method."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from smoothspike.numerics.peaks import largest
from smoothspike.numerics.propagator import Structure, propagator, read_out
from smoothspike.numerics.stationary_points import UnsupportedCircle

DOUBLE = jnp.zeros(()).dtype == jnp.float64
ROUNDING = 1e-11 if DOUBLE else 2e-4
INTERVALS, NEURONS, POINTS = 4, 5, 200

LEAKY = Structure(2, ((0, 0), (0, 1), (1, 1)))
DRIVEN = Structure(3, ((0, 0), (0, 1), (1, 1), (0, 2)))  # the last state is always 1
CHAIN = Structure(3, ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2)))
CIRCLE = Structure(3, ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 2)))


def found_by(structure):
    def run(rates, values, lengths):
        rates = tuple(rates)
        peak = largest(structure, rates, tuple(values), lengths)
        there = [jnp.take_along_axis(value, peak.interval[None], 0)[0] for value in values]
        return read_out(propagator(structure, peak.elapsed, rates), there, 0)

    return jax.jit(run)


RUN = {structure: found_by(structure) for structure in (LEAKY, DRIVEN, CHAIN, CIRCLE)}


def by_grid(structure, rates, values, lengths):
    matrix = np.zeros((structure.size, structure.size))
    for place, rate in zip(structure.couplings, rates, strict=True):
        matrix[place] = rate
    best = np.full(NEURONS, -np.inf)
    for interval, length in enumerate(lengths[:, 0]):
        if not length:
            continue
        step, now = expm(matrix * length / POINTS), values[:, interval]
        for point in range(POINTS + 1):
            # a Newton step to the stationary point, where it is near
            slope, curvature = (matrix @ now)[0], (matrix @ matrix @ now)[0]
            near = np.where(curvature < 0, -slope / np.where(curvature < 0, curvature, 1), np.inf)
            inside = np.abs(near) <= length / POINTS
            best = np.maximum(best, now[0])
            for neuron in np.flatnonzero(inside):
                state = now[:, neuron]
                shift = 0.0
                for _ in range(4):
                    there = expm(matrix * shift) @ state
                    shift -= (matrix @ there)[0] / (matrix @ matrix @ there)[0]
                if abs(shift) <= 2 * length / POINTS and 0 <= point * length / POINTS + shift <= length:
                    best[neuron] = max(best[neuron], (expm(matrix * shift) @ state)[0])
            now = step @ now
    return best


def agree(structure, rates, seed, lengths):
    values = np.random.default_rng(seed).normal(size=(structure.size, INTERVALS, NEURONS))
    if structure is DRIVEN:
        values[-1] = 1.0
    lengths = np.asarray(lengths, float).reshape(INTERVALS, 1)
    found = RUN[structure](jnp.asarray(rates, float), jnp.asarray(values), jnp.asarray(lengths))
    expected = by_grid(structure, rates, values, lengths)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)


RATE = st.sampled_from([0.0, 0.3, 0.5, 1.0, 1.0 + 2.0**-20, 2.0, 7.0])
LENGTHS = st.lists(st.sampled_from([0.0, 1e-3, 0.2, 1.0, 3.0]), min_size=3, max_size=3).map(lambda each: [*each, 2.0])


@pytest.fixture(scope="module")
def compiled():
    agree(LEAKY, (-1.0, 1.5, -2.0), 0, [1.0, 0.0, 3.0, 2.0])


@pytest.mark.usefixtures("compiled")
@settings(max_examples=8, deadline=None, derandomize=True)
@given(membrane=RATE, synapse=RATE, seed=st.integers(0, 1000), lengths=LENGTHS)
def test_a_leaky_integrator(membrane, synapse, seed, lengths):
    agree(LEAKY, (-membrane, 1.5, -synapse), seed, lengths)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True)
@given(rates=st.tuples(RATE, RATE, RATE), seed=st.integers(0, 1000), lengths=LENGTHS)
def test_cascades_of_any_rates(rates, seed, lengths):
    first, second, third = rates
    agree(DRIVEN, (-first, 1.5, -second, 0.4), seed, lengths)
    agree(CHAIN, (-first, 1.5, -second, 2.0, -third), seed, lengths)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True)
@given(rates=st.tuples(RATE, RATE, RATE), turn=st.sampled_from([-4.0, -1.0, 0.5]), seed=st.integers(0, 1000))
def test_two_states_that_drive_one_another(rates, turn, seed):
    """Damped oscillations, and none: both signs of the discriminant, and zero."""
    first, second, third = rates
    agree(CIRCLE, (-first, 1.0, turn, -second, 0.7, -third), seed, [0.3, 0.0, 4.0, 2.0])


def test_what_happens_at_one_instant_does_not_count():
    """The state between two inputs at one time is never taken."""
    values = jnp.array([[[0.0], [9.0], [1.0]]])
    peak = largest(Structure(1, ((0, 0),)), (jnp.array(-1.0),), tuple(values), jnp.array([[1.0], [0.0], [1.0]]))
    assert (int(peak.interval[0]), float(peak.elapsed[0])) == (2, 0.0)


def test_a_circle_of_three_is_refused():
    circle = Structure(3, ((0, 1), (1, 2), (2, 0)))
    with pytest.raises(UnsupportedCircle, match="3 states drive one another in a circle"):
        largest(circle, (jnp.ones(()),) * 3, (jnp.ones((1, 1)),) * 3, jnp.ones((1, 1)))
