"""An input exactly at a spike, and thousands of spikes in one trial: nothing is lost, doubled, or drifts away."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from oracles import oracle
from reference import simulate_single

import smoothspike as ss

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("float64")]

DURATION, COUNT = 8.0, 4
V, I = sp.symbols("V I", real=True)

# A neuron of every solver, the weights of three inputs, and its tolerance; the first input brings a spike.
NEURONS = {
    "closed form": (lambda: ss.Neuron(ss.models.qif()), (20.0, 15.0, 12.0), 1e-12),
    "power series": (lambda: ss.Neuron(ss.models.qif_alpha()), (20.0, 15.0, 12.0), 1e-12),
    "conductance": (lambda: ss.Neuron(ss.models.qif_conductance()), (6.0, 5.0, 6.0), 1e-12),
    "adaptation": (lambda: ss.Neuron(ss.models.qif_adaptive()), (20.0, 15.0, 12.0), 1e-12),
    "phase": (lambda: ss.Neuron(ss.models.quartic()), (1.2, 1.1, 3.0), 1e-11),
    "angle": (lambda: ss.Neuron(ss.models.theta_neuron()), (2.0, 2.0, 2.0), 1e-12),
    "exponential": (lambda: ss.Neuron(ss.models.eif()), (8.0, 5.0, 6.0), 1e-9),
    "linear": (lambda: ss.Neuron(ss.models.lif(), allow_discontinuous=True), (12.0, 9.0, 12.0), 1e-12),
    "matrix": (lambda: ss.Neuron(ss.models.lif_alpha(), allow_discontinuous=True), (12.0, 9.0, 12.0), 1e-12),
}
# Behind a steep divergence slopes change by a root of the distance; behind a finite reset an input leaves a kink.
SLOPES = {"phase": 1e-3}


@pytest.mark.parametrize("name", NEURONS)
def test_an_input_exactly_at_a_spike(name, figures):
    """The input comes at the computed time of a spike and at the numbers around it: one spike, and the same others."""
    make, weights, tolerance = NEURONS[name]
    neuron = make()

    def run(when, weights):
        net = ss.FeedForward(neuron, (3, 1), DURATION, weights=[weights[None]])
        record = net(ss.Spikes(jnp.stack([jnp.asarray(0.3), when, jnp.asarray(4.0)]), [0, 1, 2]), capacity=24)
        return record.ordinary_spike_times(COUNT)[0], record.spikes[-1].num_events

    def with_slopes(when, weights):
        return run(when, weights), jax.jacfwd(lambda weights: run(when, weights)[0])(weights)

    compiled = eqx.filter_jit(jax.vmap(with_slopes, (0, None)))
    given, far = jnp.asarray(weights), DURATION - 1e-3
    at = float(compiled(jnp.full(7, far), given)[0][0][0, 0])
    when = [at, np.nextafter(at, 0), np.nextafter(at, 9), at - 1e-14, at + 1e-14, at - 1e-13, at + 1e-13]
    (times, counts), slopes = jax.device_get(compiled(jnp.asarray(when), given))
    expected = [float(time) for time in simulate_single(oracle(neuron.model), [0.3, at, 4.0], weights, DURATION)[0]]
    assert len(expected) >= 2
    assert (counts == len(expected)).all()
    shown = min(COUNT, len(expected))
    times, slopes = times[:, :shown], slopes[:, :shown]
    worst = np.abs(times / np.asarray(expected[:shown]) - 1).max()
    away = np.abs(slopes[:-2, None] - slopes[None, -2:]).min(1)  # from one of the two sides
    steps = (away / np.maximum(1, np.abs(slopes[-1]))).max()
    figures(f"an input at a spike, {name}: spike times {worst:.0e}, gradients {steps:.0e} from those before or after")
    assert worst <= max(tolerance, 2e-12)  # the input moved by up to 1e-13
    assert steps <= SLOPES.get(name, 1e-8)


# Drives and inputs that make neurons fire thousands of times.
def driven(rate, drive, **options):
    """A neuron that fires by itself, and a synapse."""
    return ss.NeuronModel(
        "driven", dynamics={V: rate + I + drive, I: -I / sp.Rational(7, 10)}, initial={V: 0, I: 0}, inputs=I, **options
    )


AT_INFINITY = {"spike": ss.at_infinity(V), "reset": {V: -sp.oo}}
BUSY = {
    "power series": (lambda: ss.Neuron(driven(V**2 - V, 90, **AT_INFINITY)), 1e-12),
    "linear": (lambda: ss.Neuron(driven(-V, 8, spike=ss.crosses(V, 1), reset={V: 0}), allow_discontinuous=True), 1e-12),
    "phase": (lambda: ss.Neuron(ss.models.quartic(I_0=12.0)), 1e-11),
    "angle": (lambda: ss.Neuron(ss.models.theta_neuron(I_0=90.0)), 1e-12),
    "exponential": (lambda: ss.Neuron(driven(sp.exp(V) - V, 9, spike=ss.at_infinity(V), reset={V: -1})), 1e-9),
}
LONG, LEAST, ROOM = 500.0, 1000, 6000


@pytest.mark.parametrize("name", BUSY)
def test_thousands_of_spikes(name, figures):
    """No drift in double precision; in single precision as many spikes, at times that are not far off."""
    make, tolerance = BUSY[name]
    neuron = make()
    inputs, weights = [0.5, 150.0, 300.0], [0.7, -0.4, 0.9]

    def run():
        net = ss.FeedForward(neuron, (3, 1), LONG, weights=[[weights]])
        return net(ss.Spikes(inputs, [0, 1, 2]), capacity=ROOM).spikes[-1]

    spikes = run()
    expected = np.array([float(time) for time in simulate_single(oracle(neuron.model), inputs, weights, LONG)[0]])
    assert spikes.num_events == len(expected) > LEAST
    worst = np.abs(np.asarray(spikes.times[: len(expected)]) / expected - 1).max()
    with jax.enable_x64(False):
        single = run()
    assert abs(int(single.num_events) - len(expected)) <= 1
    shown = min(int(single.num_events), len(expected))
    worst_single = np.abs(np.asarray(single.times[:shown], float) / expected[:shown] - 1).max()
    figures(f"{len(expected)} spikes in one trial, {name}: {worst:.0e}, single precision {worst_single:.0e}")
    assert worst <= tolerance
    assert worst_single <= 1e-4
