"""Leaky networks against the same steps written out in NumPy: spikes, and surrogate gradients in tangents."""

import jax
import numpy as np
import pytest
from baselines_by_hand import Leaky

import smoothspike as ss

DT, STEPS = 0.05, 60
SPIKES = ss.Spikes(np.array([0.11, 0.5, 0.9, 1.4, 1.42]), np.array([0, 1, 0, 1, 0]))


def raster():
    found = np.zeros((STEPS + 1, 2))
    for time, source in zip(np.asarray(SPIKES.times), np.asarray(SPIKES.sources), strict=True):
        found[round(float(time) / DT), source] += 1
    return found


def leaky(refractory):
    model = ss.NeuronModel.from_equations(
        "dV/dt = I - V; dI/dt = -2*I", name="LIF", spike="V = 1", reset="V = 0", inputs="I", refractory=refractory
    )
    return ss.Neuron(model, allow_discontinuous=True)


@pytest.mark.parametrize(("hold", "detached"), [(0, True), (0, False), (4, True)])
def test_spikes_and_surrogate_gradients_are_those_written_out(hold, detached):
    weights, recurrent = np.array([[6.0, 4.0], [3.0, 7.0]]), np.array([[0.0, 2.5], [-1.5, 0.5]])
    lags = np.array([[0, 3], [1, 7]])
    network = ss.Recurrent(
        leaky(hold * DT if hold else None), 2, 2, DT * STEPS, input_weights=weights, recurrent_weights=recurrent,
        recurrent_delays=DT * (lags + 0.2 * (lags > 0)),
    )  # fmt: skip
    stepped = ss.baselines.surrogate(network, DT, surrogate="superspike", scale=5.0, detach_reset=detached)
    assert stepped.network is network
    by_hand = Leaky(weights, recurrent, lags, DT, hold=hold)
    importance = np.linspace(1.0, 2.0, STEPS + 1)[:, None]

    def loss(network):
        found = network(SPIKES).raster()
        return (importance * found).sum(), found

    (_, found), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(stepped)
    gradient = np.asarray(gradient.network.raw_input_weights["I"])
    for place in ((0, 0), (1, 1), (0, 1)):
        spikes, changes = by_hand.run(raster(), place, 5.0, detached)
        np.testing.assert_array_equal(found, spikes)
        np.testing.assert_allclose(gradient[place], (importance * changes).sum(), rtol=1e-10)
    assert 4 < spikes.sum() < 30


def test_segments_change_no_gradient():
    network = ss.FeedForward(leaky(None), (2, 2), DT * STEPS, weights=[[[6.0, 4.0], [3.0, 7.0]]])

    @jax.jit
    def gradients(network):
        found = []
        for checkpoint in (False, True, 7):
            stepped = ss.baselines.surrogate(network, DT, checkpoint=checkpoint)
            found.append(jax.grad(lambda net: net(SPIKES).counts().sum())(stepped).network.raw_weights[0]["I"])
        return found

    plain, *others = gradients(network)
    assert np.abs(plain).min() > 0.1
    for other in others:
        np.testing.assert_allclose(other, plain, rtol=1e-12)
