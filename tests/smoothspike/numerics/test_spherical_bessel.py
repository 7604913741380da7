"""Rays under a drive of half-odd order, against Bessel's own power series in mpmath: transfer, numbers, zeros."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp

from smoothspike.numerics import projective
from smoothspike.numerics import winding as winding_of_rays
from smoothspike.numerics.spherical_bessel import carry, winding, zero_time

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("digits")]

ORDERS = (0, 1, pytest.param(2, marks=pytest.mark.slow), 3)
ROUNDING = 1e-14
DRIVES = (0.0, 1e-200, -1e-200, 1e-9, -1e-9, 0.3, -0.3, 7.0, -7.0, 150.0, -150.0, 1e6, -1e6)


@pytest.fixture
def digits():
    with mp.workdps(50):
        yield


moved = jax.jit(carry, static_argnums=0)
found_zero = jax.jit(zero_time, static_argnums=0)
zero_and_gradient = jax.jit(jax.value_and_grad(zero_time, (1, 2, 3, 4)), static_argnums=0)


@functools.partial(jax.jit, static_argnums=0)
def counted(order, g, q, drive, rate, time):
    return winding(order, g, q, drive, rate, time, *carry(order, g, q, drive, rate, time))


class Exact:
    """q solves q'' + (2n + 1) rate q' + drive exp(-2 rate t) q = 0, and g = -q'.

    Two solutions are the power series of Bessel functions of order -n - 1/2 and n + 1/2.
    """

    def __init__(self, order, drive, rate):
        self.nu, self.drive, self.rate = order + mp.mpf(1) / 2, mp.mpf(drive), mp.mpf(rate)
        self.kappa = float(mp.sqrt(abs(self.drive)) / self.rate)
        self.digits = 50 + int(self.kappa)

    def solutions(self, s):
        """(g, q) of both at s = exp(-rate t)."""
        nu, z = self.nu, -self.drive * s**2 / (2 * self.rate) ** 2
        first = 2 * z * mp.hyp0f1(2 - nu, z) / (1 - nu), mp.hyp0f1(1 - nu, z)
        rising = 2 * nu * mp.hyp0f1(1 + nu, z) + 2 * z * mp.hyp0f1(2 + nu, z) / (1 + nu)
        return (self.rate * first[0], first[1]), (
            self.rate * s ** (2 * nu) * rising,
            s ** (2 * nu) * mp.hyp0f1(1 + nu, z),
        )

    def parts(self, g, q):
        """How much of either solution a ray is."""
        (g1, q1), (g2, q2) = self.solutions(mp.mpf(1))
        size = g1 * q2 - g2 * q1
        return (g * q2 - q * g2) / size, (q * g1 - g * q1) / size

    def carry(self, g, q, time):
        with mp.workdps(self.digits):
            a, b = self.parts(mp.mpf(g), mp.mpf(q))
            first, second = self.solutions(mp.exp(-self.rate * mp.mpf(time)))
            return a * first[0] + b * second[0], a * first[1] + b * second[1]

    def count(self, g, q, time):
        """Changes of sign of q: the zeros are further apart than 1 in kappa s."""
        with mp.workdps(self.digits):
            a, b = self.parts(mp.mpf(g), mp.mpf(q))
            last = mp.exp(-self.rate * mp.mpf(time))
            pieces = 2 + int(self.kappa * float(1 - last)) if self.drive > 0 else 1
            places = [1 + (last - 1) * mp.mpf(piece) / pieces for piece in range(1, pieces + 1)]
            signs = [mp.sign(a * first[1] + b * second[1]) for first, second in map(self.solutions, places)]
            return sum(before != after for before, after in zip([1, *signs[:-1]], signs, strict=True))

    def zero(self, g, q, near):
        """By Newton's method, from a double to 50 digits."""
        time = mp.mpf(near)
        for _ in range(3):
            slope, value = self.carry(g, q, time)
            time += value / slope
        return time


def random_rays(seed, number, largest=4):
    """Rays at all angles, drives of all sizes and both signs, rates, and durations from short to long."""
    generator = np.random.default_rng(seed)
    for _ in range(number):
        rate = 10 ** generator.uniform(-1, 1)
        drive = generator.choice([-1, 1, 1]) * 10 ** generator.uniform(-6, largest) * rate**2
        angle = generator.uniform(0, np.pi)
        g, q = np.cos(angle) * (rate + np.sqrt(abs(drive))), np.sin(angle)
        yield g, q, drive, rate, 10 ** generator.uniform(-5, 1.2) / rate


def assert_same_as_exact(order, drive, rate, time, tolerance):
    """Every entry of the transfer matrix, relative to itself, or where it oscillates to the larger one in its row."""
    exact = Exact(order, drive, rate)
    x = (1 - mp.exp(-mp.mpf(rate) * mp.mpf(time))) / mp.mpf(rate)
    gauge = mp.exp(-mp.sqrt(-mp.mpf(drive)) * x) if drive < 0 else 1  # of `circular`
    scale = np.sqrt(abs(drive)) + rate
    columns = [(moved(order, *ray, drive, rate, time), exact.carry(*ray, time)) for ray in ((scale, 0.0), (0.0, 1.0))]
    turned = np.sqrt(drive) * float(x) if drive > 0 else 0.0
    for row in (0, 1):
        values = [(float(found[row]), expected[row] * gauge) for found, expected in columns]
        largest = max(abs(expected) for _, expected in values)
        for found, expected in values:
            size = largest * (1 + turned) if turned > 1 else abs(expected)
            assert abs(found - expected) <= tolerance * size


@pytest.mark.parametrize("order", ORDERS)
def test_rays_against_bessel_functions(order):
    for _, _, drive, rate, time in random_rays(order, 60):
        assert_same_as_exact(order, drive, rate, time, ROUNDING)


@pytest.mark.parametrize("drive", DRIVES)
@pytest.mark.parametrize("order", ORDERS)
def test_rays_at_special_values(order, drive):
    """Nothing is singular at zero drive, and none of these durations is too short or too long."""
    for time in (1e-12, 0.02, 1.0, 30.0):
        assert_same_as_exact(order, drive, 1.0, time, ROUNDING)
    assert moved(order, 0.3, 0.4, drive, 1.0, 0.0) == (0.3, 0.4)
    assert np.isfinite(moved(order, 0.3, 0.4, drive, 1.0, jnp.inf)).all()


@jax.jit
def projected(g, q, drive, x):
    """By the functions for order zero: the ray at the end, the spikes on the way, and when the first and third come."""
    end = projective.rotate(g, q, drive, x, projective.turn(drive, x))
    count = winding_of_rays.winding(g, q, end[1], winding_of_rays.half_turns(drive, x))
    return *end, count, *(projective.zero(g, q, drive, jnp.array(index)) for index in (0.0, 2.0))


def test_order_zero_is_the_projective_neuron():
    for g, q, drive, rate, time in random_rays(5, 100):
        x, shrink = -np.expm1(-rate * time) / rate, np.exp(-rate * time)
        end_g, end_q, count, *zeros = projected(*map(jnp.asarray, (g, q, drive, x)))
        expected = shrink * end_g, end_q
        np.testing.assert_allclose(moved(0, g, q, drive, rate, time), expected, rtol=1e-11)
        assert counted(0, g, q, drive, rate, time) == count
        for index, zero in zip((0.0, 2.0), zeros, strict=True):
            reached = rate * zero
            wait = -np.log1p(-reached) / rate if reached < 1 else np.inf
            np.testing.assert_allclose(
                found_zero(0, g, q, drive, rate, index), wait, rtol=1e-12 / (1 - min(reached, 0.999))
            )


@pytest.mark.parametrize("order", ORDERS)
def test_numbers_of_zeros(order):
    most = 0
    for g, q, drive, rate, time in random_rays(10 + order, 60, largest=5):
        exact = Exact(order, drive, rate)
        for duration in (time, np.inf):
            expected = exact.count(g, q, duration)
            assert counted(order, g, q, drive, rate, duration) == expected
            most = max(most, expected)
    assert most > 20


def check_zeros(order, g, q, drive, rate):
    """The first, second and last zeros are zeros, the right ones, and there is none beyond."""
    exact = Exact(order, drive, rate)
    number = exact.count(g, q, np.inf)
    assert found_zero(order, g, q, drive, rate, float(number)) == np.inf
    for index in {index for index in (0, 1, number // 2, number - 1) if 0 <= index < number}:
        time = float(found_zero(order, g, q, drive, rate, float(index)))
        rise, level = exact.carry(g, 0.0, time)[1], exact.carry(0.0, q, time)[1]
        slope = abs(exact.carry(g, q, time)[0])
        # of a time, of what is carried so far, and of the angle turned
        error = 4e-15 * time + 3e-15 * (3 + exact.kappa) * float((abs(rise) + abs(level)) / slope)
        before, after = (exact.count(g, q, time + side * error) for side in (-1, 1))
        assert (before, after) == (index, index + 1) or (time == 0 and after == 1)


@pytest.mark.parametrize("order", ORDERS)
def test_zeros(order):
    for g, q, drive, rate, _ in random_rays(20 + order, 25, largest=3.5):
        check_zeros(order, g, q, drive, rate)


@pytest.mark.parametrize("drive", [0.0, 1e-9, -1e-9, 0.3, -0.3, 7.0, -7.0, 900.0, -900.0])
@pytest.mark.parametrize("order", ORDERS[1:])
def test_zeros_at_special_values(order, drive):
    """Right after a spike, just before one, near the separatrix, and far above it."""
    exact = Exact(order, drive, 1.0)
    with mp.workdps(exact.digits):
        _, (g, q) = exact.solutions(mp.mpf(1))  # the one that vanishes in the end
        separatrix = float(g / q)
    rays = [(-1.0, 0.0), (1.0, 1e-9), (1e6, 1.0)]
    rays += [(separatrix * (1 + side), 1.0) for side in (-1e-3, -1e-9, 1e-9, 1e-3)]
    for g, q in rays:
        check_zeros(order, g, q, drive, 1.0)
    assert found_zero(order, 1.0, 0.0, drive, 1.0, 0.0) == 0


@pytest.mark.parametrize(("g", "drive", "index"), [
    (2.0, 60.0, 0), (0.5, 60.0, 1), (4.0, 0.0, 0), (4.0, 1e-9, 0), (4.0, -1e-9, 0), (9.0, -3.0, 0), (-1.0, 900.0, 4),
    (120.0, -1e4, 0),
])  # fmt: skip
@pytest.mark.parametrize("order", ORDERS)
def test_derivatives_of_zeros(order, g, drive, index):
    """Both modes against central differences of the exact zero, by the ray, the drive and the rate."""
    point = (g, 0.7, drive, 0.8)
    time, gradient = zero_and_gradient(order, *point, float(index))
    assert time < np.inf
    step = mp.mpf("1e-20")
    for position, found in enumerate(gradient):
        sides = []
        for side in (1, -1):
            shifted = [mp.mpf(value) for value in point]
            shifted[position] += side * step
            sides.append(Exact(order, *shifted[2:]).zero(*shifted[:2], float(time)))
        expected = (sides[0] - sides[1]) / (2 * step)
        assert abs(float(found) - expected) <= 1e-11 * abs(expected) + 1e-13 * float(time)
    pushed = jax.jit(jax.jacfwd(functools.partial(zero_time, order), (0, 1, 2, 3)))(*point, float(index))
    np.testing.assert_allclose(pushed, gradient, rtol=1e-13)


def test_without_a_zero_the_derivative_vanishes(dtype):
    for g, drive in ((-1.0, -1.0), (0.0, 0.0), (0.5, 0.1)):
        time, gradient = zero_and_gradient(1, g, 1.0, drive, 1.0, 0.0)
        assert time == np.inf
        assert gradient == (0, 0, 0, 0)


@pytest.mark.parametrize("order", ORDERS)
def test_a_zero_at_the_end_belongs_to_one_interval(order):
    """However rounding puts it, as many zeros come in two intervals as in both together."""
    for g, q, drive, rate, _ in random_rays(30 + order, 60):
        total = int(counted(order, g, q, drive, rate, jnp.inf))
        for index in range(min(total, 3)):
            time = found_zero(order, g, q, drive, rate, float(index))
            for end in (time * (1 - 1e-15), time, time * (1 + 1e-15)):
                before = counted(order, g, q, drive, rate, end)
                middle = projective.normalise(*moved(order, g, q, drive, rate, end))
                after = counted(order, *middle, drive * jnp.exp(-2 * rate * end), rate, jnp.inf)
                assert before + after == total
                assert index <= before <= index + 1


@pytest.mark.parametrize("order", ORDERS[1:])
def test_single_precision(order, float32):
    for g, q, drive, rate, time in random_rays(40 + order, 40, largest=3):
        single = [np.float32(value) for value in (g, q, drive, rate, time)]
        exact = Exact(order, *map(float, single[2:4]))
        found, expected = (
            [float(part) for part in moved(order, *single)],
            exact.carry(*map(float, (*single[:2], single[4]))),
        )
        scale = np.sqrt(abs(drive)) + rate
        cross = found[0] * expected[1] - found[1] * expected[0]
        size = mp.hypot(found[0] / scale, found[1]) * mp.hypot(expected[0] / scale, expected[1])
        assert abs(cross) / scale <= 1e-5 * size * (1 + exact.kappa / 10)
        wait = found_zero(order, *single[:4], 0.0)
        assert wait.dtype == np.float32
        if wait < 3 / rate:
            back = exact.carry(*map(float, (*single[:2], wait)))
            rise, level = (
                exact.carry(float(single[0]), 0.0, float(wait))[1],
                exact.carry(0.0, float(single[1]), float(wait))[1],
            )
            assert abs(back[1]) <= 1e-5 * (abs(rise) + abs(level) + abs(back[0]) * float(wait))


def test_inside_transformations():
    """Elementwise under vmap and scan, and differentiable there in both modes."""
    rays = jnp.asarray(list(random_rays(50, 16)))[:, :4]
    together = found_zero(2, *rays.T, jnp.zeros(16))
    alone = jax.jit(jax.vmap(lambda ray: zero_time(2, *ray, jnp.zeros(()))))(rays)
    np.testing.assert_allclose(together, alone, rtol=1e-15)

    def total(rays):
        def step(total, ray):
            time = zero_time(2, *ray, jnp.zeros(()))
            return total + jnp.where(time < jnp.inf, time, 0.0), None

        return jax.lax.scan(step, 0.0, rays)[0]

    gradient = jax.jit(jax.grad(total))(rays)
    one_by_one = [zero_and_gradient(2, *ray, 0.0)[1] for ray in rays]
    np.testing.assert_allclose(gradient, np.asarray(one_by_one), rtol=1e-12)
