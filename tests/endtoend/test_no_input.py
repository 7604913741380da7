"""A trial without any input has finite spike times and gradients, with and without room for inputs."""

import equinox as eqx
import numpy as np
import pytest

import smoothspike as ss

T = 4.0


@pytest.mark.parametrize("capacity", [pytest.param(0, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize(
    "recurrent", [pytest.param(False, id="layer"), pytest.param(True, id="recurrent", marks=pytest.mark.slow)]
)
def test_no_input(capacity, recurrent, float32):
    neuron = ss.Neuron(ss.models.qif())
    if recurrent:
        net = ss.Recurrent(neuron, 3, 2, T, recurrent_weights=np.ones((3, 3)), input_weights=np.ones((3, 2)))
    else:
        net = ss.FeedForward(neuron, (2, 3), T, weights=[np.ones((3, 2))])
    total, gradient = eqx.filter_value_and_grad(lambda n: n(ss.Spikes.empty(capacity)).spike_times(2).sum())(net)
    assert np.isfinite(total)
    inputs = gradient.input_weights if recurrent else gradient.weights[0]
    np.testing.assert_array_equal(inputs["I"], 0)
    if recurrent:
        assert np.isfinite(gradient.recurrent_weights["I"]).all()
