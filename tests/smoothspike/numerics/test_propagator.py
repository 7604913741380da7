"""Exponentials of the matrices of linear systems, against mpmath with 40 digits."""

import itertools

import jax
import jax.numpy as jnp
import pytest
from mpmath import MPContext

from smoothspike.numerics.propagator import Structure, propagator

mp = MPContext()
mp.dps = 40
TIMES = jnp.array([1e-6, 1e-3, 0.1, 1.0, 3.0, 10.0, 30.0], float)
ROUNDING = 1e-13 if jnp.zeros(()).dtype == jnp.float64 else 1e-4
CHAIN = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2))
FULL = tuple(itertools.product(range(2), repeat=2))

run = jax.jit(propagator, static_argnums=0)


def exact(structure, time, rates):
    matrix = mp.matrix(structure.size, structure.size)
    for place, rate in zip(structure.couplings, rates, strict=True):
        matrix[place] = mp.mpf(float(rate))
    return mp.expm(matrix * mp.mpf(float(time)))


@pytest.mark.parametrize(
    "rates",
    [
        (-1.0, 1.0, -2.0, 2.0, -0.5),
        (-1.0, 1.0, -1.0, 1.0, -1.0),
        (-1.0, 1.0, -1.0 - 2.0**-30, 1.0, -1.0 + 2.0**-30),
        (0.0, 1.0, 0.0, 1.0, 0.0),
        (-1.0, 1.0, -1000.0, 1000.0, -3.0),
        (0.5, 1.0, -1.0, 1.0, 0.25),
    ],
    ids=["different", "equal", "nearly equal", "integrators", "stiff", "growing"],
)
def test_every_entry_of_a_cascade_keeps_its_relative_accuracy(rates):
    structure = Structure(3, CHAIN)
    found = run(structure, TIMES, rates)
    for place, time in enumerate(TIMES):
        expected = exact(structure, time, rates)
        for entry, values in found.items():
            size = abs(float(expected[entry]))
            if size > 1e-30:  # where single precision does not underflow
                assert abs(float(values[place]) / float(expected[entry]) - 1) < ROUNDING * (1 + 30 * time), (
                    entry,
                    time,
                )


def test_an_oscillator():
    structure, rates = Structure(2, FULL), (-0.125, 3.0, -3.0, -0.25)
    found = run(structure, TIMES, rates)
    for place, time in enumerate(TIMES):
        expected = exact(structure, time, rates)
        for entry, values in found.items():
            assert float(values[place]) == pytest.approx(float(expected[entry]), abs=10 * ROUNDING)


@pytest.mark.skipif(ROUNDING > 1e-6, reason="differences need double precision")
@pytest.mark.parametrize("rates", [(-1.0, 1.0, -1.0, 1.0, -1.0), (-1.0, 1.0, -50.0, 50.0, -3.0)])
def test_derivatives_by_time_and_rates(rates):
    structure, time, h = Structure(3, CHAIN), 1.25, mp.mpf(10) ** -12
    arguments = [jnp.asarray(value) for value in (time, *rates)]
    found = jax.jit(jax.grad(lambda *args: propagator(structure, args[0], args[1:])[0, 2], range(6)))(*arguments)
    for place in range(6):
        sides = []
        for sign in (1, -1):
            moved = [mp.mpf(float(value)) for value in arguments]
            moved[place] += sign * h
            matrix = mp.matrix(3, 3)
            for at, rate in zip(structure.couplings, moved[1:], strict=True):
                matrix[at] = rate
            sides.append(mp.expm(matrix * moved[0])[0, 2])
        assert float(found[place]) == pytest.approx(float((sides[0] - sides[1]) / (2 * h)), rel=1e-11)


def test_no_time_is_the_identity_and_states_that_nothing_reaches_are_left_out():
    found = propagator(Structure(3, ((0, 0), (0, 1))), jnp.zeros(()), (jnp.array(-1.0), jnp.array(2.0)))
    assert {place: float(value) for place, value in found.items()} == {(0, 0): 1, (0, 1): 0, (1, 1): 1, (2, 2): 1}
