"""Networks whose layers are different neurons, and neurons of one layer with different parameters."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import oracle
from reference import simulate_layered, simulate_recurrent

import smoothspike as ss

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("float64")]

DURATION, INPUTS = 5.0, 6
TIMES = np.random.default_rng(5).uniform(0.1, 4.0, INPUTS)
TAUS = (0.8, 1.1, 1.5)
# power series, integration and closed form, one after the other
MODELS = (ss.models.qif_alpha(tau_m=TAUS), ss.models.eif(), ss.models.theta_neuron(I_0=-0.2))
SIZES = (INPUTS, 3, 2, 2)


def one_of(model, index):
    values = {symbol.name: value[index] for symbol, value in model.values.items() if hasattr(value, "__len__")}
    return oracle(model.with_parameters(**values))


def layers(weights):
    return [
        ([one_of(model, index) for index in range(size)], matrix.tolist())
        for model, size, matrix in zip(MODELS, SIZES[1:], weights, strict=True)
    ]


def weights():
    generator = np.random.default_rng(6)
    scales = ((4.0, 8.0), (1.0, 3.0), (0.5, 2.5))
    return [
        generator.uniform(*scale, (size, sources))
        for scale, size, sources in zip(scales, SIZES[1:], SIZES[:-1], strict=True)
    ]


def test_layers_of_different_neurons(figures):
    chosen = weights()
    net = ss.FeedForward([ss.Neuron(model) for model in MODELS], SIZES, DURATION, weights=chosen)
    spikes = ss.Spikes(TIMES, np.arange(INPUTS))

    def run(net):
        recorded = net(spikes, capacity=32)
        return recorded.spike_times(2), recorded.spikes

    compiled = eqx.filter_jit(run)
    _, trains = compiled(net)
    expected, _ = simulate_layered(layers(chosen), TIMES, range(INPUTS), DURATION)
    worst = 0.0
    for found, train in zip(trains, expected, strict=True):
        assert found.num_events == len(train) > 0
        times = np.array([float(time) for time, _ in train])
        worst = max(worst, np.max(np.abs(np.asarray(found.times[: len(train)]) / times - 1)))
    figures(f"layers of different neurons: spike times {worst:.0e} (limit 1e-11)")
    assert worst < 1e-11
    direction = jax.tree.map(jnp.ones_like, eqx.filter(net, eqx.is_inexact_array))
    slope = eqx.filter_jit(lambda net: eqx.filter_jvp(lambda n: run(n)[0], (net,), (direction,))[1])(net)
    step = 1e-6
    ahead, behind = (
        compiled(eqx.apply_updates(net, jax.tree.map(lambda d, h=h: h * d, direction)))[0] for h in (step, -step)
    )
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["qif_adaptive"])
def test_recurrent_networks_of_different_neurons(name):
    model = getattr(ss.models, name)(tau_m=TAUS)
    generator = np.random.default_rng(7)
    recurrent, inputs = generator.normal(0.5, 1.0, (3, 3)), generator.uniform(2.0, 6.0, (3, INPUTS))
    net = ss.Recurrent(ss.Neuron(model), 3, INPUTS, DURATION, recurrent_weights=recurrent, input_weights=inputs)
    found = eqx.filter_jit(lambda net: net(ss.Spikes(TIMES, np.arange(INPUTS)), capacity=32))(net).spikes[0]
    neurons = [one_of(model, index) for index in range(3)]
    expected, _ = simulate_recurrent(neurons, recurrent.tolist(), inputs.tolist(), TIMES, range(INPUTS), DURATION)
    assert found.num_events == len(expected) > 3
    np.testing.assert_array_equal(found.sources[: len(expected)], [neuron for _, neuron in expected])
    np.testing.assert_allclose(found.times[: len(expected)], [float(time) for time, _ in expected], rtol=1e-12)
