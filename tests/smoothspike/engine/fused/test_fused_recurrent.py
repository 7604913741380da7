"""Recurrent trials as kernels, interpreted on a CPU, beside the plain engine; and lowered for a GPU."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.engine import MOST_BEYOND
from smoothspike.engine.dense_loop import Segments, run
from smoothspike.engine.fused import fused_trial

NEURONS, CHANNELS, DURATION, PIECES, PIECE = 3, 3, 4.0, 4, 4


@cache
def neuron(name):
    return ss.Neuron(getattr(ss.models, name)())


@pytest.fixture(scope="module", autouse=True)
def derived():
    neuron("theta_neuron")


def trial(name):
    """Neurons that differ; two inputs arrive together, one from a channel without effect, one place is padding."""
    dtype, generator = jnp.zeros(()).dtype, np.random.default_rng(0)
    dynamics = neuron(name).dynamics()
    states = ("theta",) if name == "theta_neuron" else ("V", "I")
    initial = dynamics.initial_state({each: jnp.zeros(NEURONS) for each in states})
    spread = generator.uniform(0.9, 1.1, NEURONS)
    dynamics = jax.tree.map(lambda leaf: jnp.asarray(leaf * spread, dtype), dynamics)
    times = np.sort(generator.uniform(0, DURATION, 5))
    times[2], times[-1] = times[1], DURATION
    weights = generator.normal(1, 2, (NEURONS + CHANNELS, NEURONS))
    weights[NEURONS:] += 8
    weights[NEURONS] = 0
    table = dict.fromkeys(dynamics.routes, jnp.asarray(weights, dtype))
    sources = jnp.asarray([0, 1, 2, 1, 0], jnp.int32)
    return dynamics, initial, jnp.asarray(times, dtype), table, sources, jnp.asarray(DURATION, dtype)


def plain(*arguments, pieces=PIECES):
    return tuple(run(*arguments, segments=Segments(pieces, PIECE, 1)))


def fused(*arguments, pieces=PIECES, interpret=True):
    return fused_trial(partial(plain, pieces=pieces), pieces, MOST_BEYOND, *arguments, interpret=interpret)


def begun(found):
    """All that is known, but for states of pieces that never began."""
    times, which, total, states, last, end = found
    states = jax.tree.map(lambda leaf: jnp.where(which[:, :1] >= 0, leaf, 0), states)
    return times, states, last, end, which, total


def weighed(simulate, initial, times, table, of):
    dynamics, _, _, _, sources, duration = of
    found = begun(simulate(dynamics, initial, times, table, sources, duration))
    leaves = jax.tree.leaves(found[:4])
    return sum((leaf * jnp.cos(jnp.arange(leaf.size).reshape(leaf.shape))).sum() for leaf in leaves), found


def differentiated(simulate, of):
    function = jax.jit(jax.value_and_grad(partial(weighed, simulate, of=of), (0, 1, 2), has_aux=True))
    return function(*of[1:4])


def compare(found, expected):
    tolerance = 100 * float(jnp.finfo(jnp.zeros(()).dtype).eps)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance * max(1.0, float(jnp.abs(other).max())))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["theta_neuron", "qif"])
def test_events_and_gradients(name, dtype):
    of = trial(name)
    (_, found), gradients = differentiated(fused, of)
    (_, expected), right = differentiated(plain, of)
    assert found[-1] == expected[-1] > 2
    compare((found, gradients), (expected, right))


@pytest.mark.parametrize("pieces", [PIECES, 1])
def test_events(pieces, dtype):
    """Those that do not fit are counted."""
    of = trial("theta_neuron")
    found = begun(jax.jit(partial(fused, pieces=pieces))(*of))
    expected = begun(jax.jit(partial(plain, pieces=pieces))(*of))
    assert found[-1] == expected[-1] > 2
    compare(found, expected)


@pytest.mark.slow
def test_forward_mode():
    of = trial("theta_neuron")
    moves = jax.tree.map(jnp.ones_like, of[1:4])

    def along(simulate):
        return jax.jit(lambda: jax.jvp(lambda *given: weighed(simulate, *given, of)[0], of[1:4], moves))()

    compare(along(fused), along(plain))


@pytest.mark.parametrize("name", ["theta_neuron", pytest.param("qif", marks=pytest.mark.slow)])
def test_lowered_for_a_gpu(name, dtype, abstract_gpu):
    of = trial(name)
    gradient = jax.jit(lambda: differentiated(partial(fused, interpret=False), of))
    program = gradient.trace().lower(lowering_platforms=("cuda",)).as_text()
    assert program.count("@__gpu$xla.gpu.triton") == 2  # there, and back
    assert ("f64" in program) == (dtype == "float64")
