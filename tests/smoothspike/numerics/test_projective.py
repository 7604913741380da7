"""Rotation, winding and zeros on the projective line: laws that hold for every ray and drive."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from smoothspike.numerics.projective import (
    normalise,
    phase_and_period,
    rotate,
    rotation,
    slope_by_drive,
    wronskian,
    zero,
)
from smoothspike.numerics.winding import half_turns, winding

ANGLES = st.floats(0, np.pi, exclude_max=True)  # of the ray: g = cos, q = sin; 0 is at a spike
DRIVES = st.one_of(st.just(0.0), st.floats(-30, 30), st.floats(-1e-9, 1e-9))
LENGTHS = st.floats(0, 3)
# Rounding, times the angle turned: up to sqrt(30) * 3.
ROUNDING = 1e-13

jitted_rotate, jitted_zero = jax.jit(rotate), jax.jit(zero)
zero_and_gradient = jax.jit(jax.value_and_grad(zero, (0, 1, 2)))


@jax.jit
def carried(g, q, drive, x):
    """The ray after an interval, in the convention of the module, and how many spikes it passed."""
    end = rotate(g, q, drive, x, rotation(drive, x))
    return *normalise(*end), winding(g, q, end[1], half_turns(drive, x))


def ray(angle):
    return jnp.cos(angle), jnp.sin(angle)


@jax.jit
def pushed_and_followed(g, q, drive, x, changes):
    """The Wronskian of a change after an interval, by differentiating what carries the ray and by its own equation."""
    by = rotation(drive, x)
    end, end_change = jax.jvp(lambda *of: rotate(*of, by), (g, q, drive, x), changes)
    drive_change, x_change = changes[2:]
    kept = by.determinant * wronskian(g, q, *changes[:2])
    by_drive = wronskian(*end, *slope_by_drive(g, q, drive, x, by))
    followed = kept + by_drive * drive_change - (end[0] ** 2 + drive * end[1] ** 2) * x_change
    return wronskian(*end, *end_change), followed


def assert_same_ray(one, other):
    np.testing.assert_allclose(one[0] * other[1], one[1] * other[0], atol=ROUNDING)
    assert one[0] * other[0] + one[1] * other[1] != 0


@jax.jit
def counted(g, q, drive, x):
    """The end of an interval, and the number of spikes in it for a ray and its opposite."""
    end, turns = rotate(g, q, drive, x, rotation(drive, x)), half_turns(drive, x)
    return end[1], winding(g, q, end[1], turns), winding(-g, -q, -end[1], turns)


@given(ANGLES, DRIVES, LENGTHS)
def test_one_count_however_it_is_found(angle, drive, x):
    """Also for a ray written the other way round; that may count a spike at the end."""
    q_end, once, turned = map(float, counted(*map(jnp.asarray, (*ray(angle), drive, x))))
    # of a spike at this very instant only the convention knows whether it is over
    assert ray(angle)[1] == 0 or once <= turned <= once + (q_end == 0)


@given(ANGLES, DRIVES, LENGTHS, st.tuples(*[st.floats(-1, 1)] * 4))
def test_a_change_is_followed_by_its_wronskian(angle, drive, x, changes):
    given = [jnp.asarray(value) for value in (*ray(angle), drive, x)]
    one, other = pushed_and_followed(*given, tuple(map(jnp.asarray, changes)))
    np.testing.assert_allclose(one, other, atol=1e-11, rtol=1e-11)


@given(ANGLES, DRIVES, LENGTHS, LENGTHS)
def test_intervals_compose(angle, drive, first, second):
    """Rays and numbers of spikes over two intervals are those over the sum of both."""
    g, q, before = carried(*ray(angle), drive, first)
    *ends, after = carried(g, q, drive, second)
    *whole, together = carried(*ray(angle), drive, first + second)
    assert_same_ray(ends, whole)
    if abs(whole[1]) > ROUNDING and abs(q) > ROUNDING:  # no spike within rounding errors of where one counts
        assert before + after == together


@given(ANGLES, DRIVES)
def test_no_time_changes_nothing(angle, drive):
    g, q = ray(angle)
    still = rotation(jnp.asarray(drive), jnp.zeros(()))
    assert rotate(g, q, jnp.asarray(drive), jnp.zeros(()), still) == (g, q)
    *same, count = carried(g, q, drive, 0.0)
    assert_same_ray(same, (g, q))
    assert count == 0


@given(ANGLES, DRIVES, st.integers(0, 3))
def test_zeros_are_zeros_and_are_counted(angle, drive, index):
    """At the k-th zero q vanishes; just after it k + 1 spikes have come, just before it k."""
    g, q = ray(angle)
    drive = jnp.asarray(drive)
    x = jitted_zero(g, q, drive, float(index))
    if not x < 50:
        return
    at_g, at_q = jitted_rotate(g, q, drive, x, rotation(drive, x))
    assert abs(at_q) <= ROUNDING * abs(at_g) * (1 + x)
    for side, count in ((1 - 1e-6, index), (1 + 1e-6, index + 1)):
        found = carried(g, q, drive, x * side)[2]
        assert found == count or x < 1e-3


@given(st.floats(0, 3), st.floats(-30, 0))
def test_too_weak_a_drive_gives_one_spike_or_none(q, drive):
    """The one zero exists exactly on one side of the separatrix g = sqrt(-drive) q."""
    edge = np.sqrt(-drive) * q
    assert jitted_zero(edge * 0.999 - 1e-6, q, drive, 0.0) == np.inf
    assert jitted_zero(edge * 1.001 + 1e-6, q, drive, 0.0) < np.inf
    assert jitted_zero(edge * 1.001 + 1e-6, q, drive, 1.0) == np.inf


def exact_zero(g, q, drive, index):
    if drive > 0:
        root = mp.sqrt(drive)
        return (mp.atan2(root * q, g) + index * mp.pi) / root
    if drive == 0:
        return q / g
    root = mp.sqrt(-drive)
    return mp.atanh(root * q / g) / root


@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.parametrize("drive", [-3.0, -1e-8, 0.0, 1e-8, 1e-3, 0.4, 25.0])
@pytest.mark.parametrize(("g", "q"), [(2.0, 1.0), (1.0, 0.1), (-0.5, 0.8), (0.3, 0.0), (1.0, 1e-9)])
def test_zeros_and_gradients_against_mpmath(g, q, drive, index):
    """Also through zero drive, where the textbook formula divides 0 by 0."""
    point = tuple(map(mp.mpf, (g, q, drive)))
    if not jitted_zero(g, q, drive, float(index)) < np.inf:
        assert drive <= 0
        assert index or g <= np.sqrt(-drive) * q
        return
    if drive == 0 and q == 0:
        pytest.skip("the reference divides by zero")
    value, gradient = zero_and_gradient(g, q, drive, float(index))
    with mp.workdps(60):
        expected = exact_zero(*point, index)
        assert abs(float(value) - expected) <= 1e-15 * (1 + 4 * abs(expected))
        step = mp.mpf(10) ** -15
        for position, found in enumerate(gradient):
            if drive == 0 and position == 2:
                exact = -(expected**3) / 3 if index == 0 else mp.mpf("nan")
            else:
                sides = [list(point), list(point)]
                sides[0][position] += step * (abs(point[position]) or 1)
                sides[1][position] -= step * (abs(point[position]) or 1)
                size = 2 * step * (abs(point[position]) or 1)
                exact = (exact_zero(*sides[0], index) - exact_zero(*sides[1], index)) / size
            assert abs(float(found) - exact) <= 1e-11 * (1 + abs(exact)) + 1e-14 * expected


def test_where_there_is_no_zero_the_gradient_vanishes(dtype):
    for drive in (-1.0, 0.0):
        for g in (-1.0, 0.0):
            value, gradient = zero_and_gradient(g, 1.0, drive, 0.0)
            assert value == np.inf
            assert gradient == (0, 0, 0)


@pytest.mark.parametrize("g", [1e-38, 1e-30, 1e-22, 1e-15])
def test_a_zero_far_beyond_everything_does_no_harm(g, float32):
    """A silent potential that has decayed to almost nothing: what ignores its spike has a derivative of zero."""

    def nearby(*ray):
        x = zero(*ray, jnp.zeros(()))
        return jnp.where(x < 1, x, 0.0)

    assert jax.grad(nearby, (0, 1, 2))(*map(jnp.asarray, (g, 1.0, 0.0))) == (0, 0, 0)


@jax.jit
def free_and_zeros(g, q, drive):
    return *phase_and_period(g, q, drive), *(zero(g, q, drive, jnp.array(index)) for index in (0.0, 1.0))


@given(ANGLES, st.floats(0.01, 30))
def test_free_running_is_the_first_zero_and_the_distance_to_the_next(angle, drive):
    first, period, zeroth, next_zero = free_and_zeros(*ray(angle), jnp.asarray(drive))
    np.testing.assert_allclose(first, zeroth, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(first + period, next_zero, rtol=1e-14)


@given(ANGLES, st.floats(-1e3, 1e3).filter(lambda scale: abs(scale) > 1e-3))
def test_only_the_ray_matters(angle, scale):
    g, q = ray(angle)
    same = normalise(scale * g, scale * q)
    assert_same_ray(same, (g, q))
    assert same[1] >= 0
    np.testing.assert_allclose(np.abs(same).sum(), 1, rtol=1e-15)
