"""The time left to a spike, and its shift by an input, with relative errors down to times of 1e-13."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import mp, number

from smoothspike.numerics.adaptive_steps import Line
from smoothspike.numerics.time_to_spike import shift_by_input, time_left
from smoothspike.numerics.trajectory import Equations

pytestmark = pytest.mark.usefixtures("float64")

PLACES = np.arcsinh(10.0 ** np.arange(1, 14))  # of V: the time left is 1/V, about
WEIGHT = 0.7
RELATIVE = 1e-10  # steps err by 1e-11


def line():
    return Line(*(jnp.asarray(value) for value in (80.0, -80.0, 1.0)))


def square(states):
    """V' = V^2 + I, I' = -rate I, where the rate is a state too."""
    v, current, rate = states
    return jnp.stack([v**2 + current, -rate * current, jnp.zeros(())])


def jump(route, weight, states):
    return states.at[jnp.where(route == 0, 0, 1)].add(weight)


EQUATIONS = Equations(square, jump, lambda states: states.at[0].set(-jnp.inf))


@jax.jit
@jax.vmap
def left_and_shift(x, current, rate, route):
    states = jnp.stack([current, rate])
    return shift_by_input(EQUATIONS, line(), x, states, route, jnp.asarray(WEIGHT))


def exact_time(v, current, rate):
    """Integrate t and I in z = 1/V, from 1/v down to 0, by Taylor series."""
    z = 1 / v

    def slopes(part, state):
        pace = z / (1 + state[1] * (z * (1 - part)) ** 2)
        return [pace, -rate * state[1] * pace]

    return mp.odefun(slopes, 0, [mp.mpf(0), current])(1)[0]


def worst(found, expected):
    return max(float(abs((number(one) - other) / other)) for one, other in zip(found, expected, strict=True))


@pytest.mark.slow
def test_the_time_left_and_its_shift(figures):
    """A jump of V and one of I; a constant current and one that decays, against closed forms and Taylor series."""
    count = len(PLACES)
    potentials = [mp.sinh(number(x)) for x in PLACES]
    rows = [(0.0, 0.0, 0), (0.4, 0.0, 0), (0.4, 2.0, 1)]
    current, rate, route = (np.repeat([row[k] for row in rows], count) for k in range(3))
    lefts, shifts = left_and_shift(np.tile(PLACES, 3), current, rate, route)
    lefts, shifts = lefts.reshape(3, count), shifts.reshape(3, count)
    weight, still = number(WEIGHT), number(0.4)
    root = mp.sqrt(still)

    def exact(v):
        return mp.acot(v / root) / root

    assert worst(lefts[0], [1 / v for v in potentials]) < RELATIVE
    assert worst(shifts[0], [-weight / (v * (v + weight)) for v in potentials]) < RELATIVE
    assert worst(lefts[1], [exact(v) for v in potentials]) < RELATIVE
    assert worst(shifts[1], [exact(v + weight) - exact(v) for v in potentials]) < RELATIVE
    with mp.workdps(60):
        before = [exact_time(v, still, 2) for v in potentials[::4]]
        after = [exact_time(v, still + weight, 2) for v in potentials[::4]]
        changes = [b - a for a, b in zip(before, after, strict=True)]
        errors = worst(lefts[2, ::4], before), worst(shifts[2, ::4], changes)
    assert max(errors) < RELATIVE
    assert float(abs(changes[-1])) < 1e-38  # a shift far below the rounding of any time
    figures(f"time left from 0.1 to 1e-13: relative error {errors[0]:.0e}, of its shift by a current {errors[1]:.0e}")


def test_nan_where_the_spiking_variable_does_not_grow():
    """V^2 - 4 falls below V = 2; at 2.5 the time left is log(9)/4."""
    x = jnp.arcsinh(jnp.array([1.0, 2.5]))
    states = jnp.array([-4.0, 0.0])
    found = jax.jit(jax.vmap(lambda place: time_left(EQUATIONS, line(), place, states)))(x)
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1], np.log(9) / 4, rtol=1e-10)
