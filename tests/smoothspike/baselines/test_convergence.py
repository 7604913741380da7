"""As the step becomes shorter, spike times approach those of exact networks: of neurons of all kinds."""

import jax
import numpy as np
import pytest

import smoothspike as ss

DURATION = 4.0
SPIKES = ss.Spikes(np.array([0.48, 0.96, 1.6, 2.4]), np.array([0, 1, 2, 0]))  # on all grids
WEIGHTS = np.array([[1.0, 1.2, 0.7], [0.8, 1.0, 0.3]])
ADAPTIVE_THRESHOLD = ss.NeuronModel.from_equations(
    "dV/dt = I - V; dI/dt = -2*I; dh/dt = 1 - h", name="moving", spike="V = h", reset="V = 0, h = h + 1", inputs="I",
    initial={"h": 1},
)  # fmt: skip
SUBTRACTED = ss.NeuronModel.from_equations(
    "dV/dt = I - V; dI/dt = -2*I", name="subtracted", spike="V = 1", reset="V = V - 1", inputs="I"
)
FINITE_PEAK = ss.NeuronModel.from_equations(
    "dV/dt = V*(V - 1) + I; dI/dt = -2*I", name="QIF with a peak", spike="V = 5", reset="V = -1", inputs="I"
)
# weights, and by how many steps interpolated times may be wrong
MODELS = {
    "subtracted": (SUBTRACTED, 5.0, 4.0),
    "LIF, delta": (ss.models.lif_delta(), 0.8, 0.0),
}
OTHERS = {
    "LIF": (ss.models.lif(), 5.0, 4.0),
    "moving threshold": (ADAPTIVE_THRESHOLD, 5.0, 5.0),
    "LIF, conductance": (ss.models.lif_conductance(), 3.0, 4.0),
    "QIF, finite reset": (ss.models.qif_finite_reset(), 9.0, 4.0),
    "QIF with a peak": (FINITE_PEAK, 9.0, 4.0),
    "QIF, conductance": (ss.models.qif_conductance(), 1.5, 0.2),
    "rapid theta": (ss.models.rapid_theta(), 1.0, 2.0),
}
INTEGRATED = {
    "AdEx": (ss.models.adex(), 4.0, 4.0),
    "EIF, delta": (ss.models.eif_delta(), 0.9, 4.0),
    "quartic": (ss.models.quartic(), 1.5, 15.0),
    "quartic, adaptive": (ss.models.quartic_adaptive(), 4.5, 15.0),
    "dendrite": (ss.models.qif_dendrite(), 9.0, 15.0),
}


def both(model, size, dt):
    network = ss.FeedForward(
        ss.Neuron(model, allow_discontinuous=True), (3, 2), DURATION, weights=[size * WEIGHTS]
    )  # fmt: skip
    exact = network(SPIKES).ordinary_spike_times(2)
    found = [ss.baselines.surrogate(network, dt, interpolate=each)(SPIKES) for each in (False, True)]
    return np.asarray(exact), *(np.asarray(each.ordinary_spike_times(2)) for each in found)


def check(model, size, steps, dt):
    exact, grid, interpolated = both(model, size, dt)
    exists = np.isfinite(exact)
    assert exists.sum() >= 2
    np.testing.assert_array_equal(np.isfinite(grid), exists)
    exact, grid, interpolated = (each[exists] for each in (exact, grid, interpolated))
    np.testing.assert_allclose(interpolated, exact, rtol=0, atol=steps * dt + 1e-12)
    np.testing.assert_allclose(grid, exact, rtol=0, atol=(steps + 1) * dt + 1e-12)
    np.testing.assert_allclose(grid / dt, np.round(grid / dt), atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_spike_times_are_right_to_a_few_steps(name):
    check(*MODELS[name], dt=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_spike_times_of_other_neurons_are_right_to_a_few_steps(name):
    check(*OTHERS[name], dt=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", INTEGRATED)
def test_spike_times_of_steep_fields_are_right_to_a_few_steps(name):
    check(*INTEGRATED[name], dt=0.0025)


@pytest.mark.slow
@pytest.mark.parametrize("declared", [ss.models.qif, ss.models.qif_alpha, ss.models.qif_adaptive])
def test_quadratic_neurons_are_of_second_order_but_for_the_grid(declared):
    network = ss.FeedForward(ss.Neuron(declared()), (3, 2), DURATION, weights=[9.0 * WEIGHTS])
    exact = network(SPIKES).ordinary_spike_times(1)
    errors = []
    for dt in (0.04, 0.01):
        stepped = ss.baselines.surrogate(network, dt, interpolate=True)
        errors.append(np.abs(stepped(SPIKES).ordinary_spike_times(1) - exact).max())
    assert errors[1] < errors[0] / 8
    assert errors[1] < 2e-4


@pytest.mark.slow
def test_a_constant_drive_is_followed_exactly():
    """The angle of a theta neuron without input grows evenly, and a delta input only shears its ray."""
    network = ss.FeedForward(ss.Neuron(ss.models.theta_neuron()), (3, 2), 8.0, weights=[WEIGHTS])
    exact = network(SPIKES).ordinary_spike_times(3)
    stepped = ss.baselines.surrogate(network, 0.08, interpolate=True)
    np.testing.assert_allclose(stepped(SPIKES).ordinary_spike_times(3), exact, rtol=1e-12)


@pytest.mark.slow
def test_currents_refractoriness_and_initial_values_are_stepped():
    model = ss.NeuronModel.from_equations(
        "dV/dt = V**2 + 0.5 + E - w; dw/dt = -w", name="driven", spike="V = oo", reset="V = -oo, w = w + 0.3",
        inputs="w", currents="E", refractory="t_ref", parameters={"t_ref": [0.4, 0.8]},
    )  # fmt: skip
    network = ss.FeedForward(
        ss.Neuron(model, trainable="V", per_neuron="V"), (3, 2), 8.0, weights=[-0.3 * WEIGHTS]
    )  # fmt: skip
    currents = {"E": ss.PiecewiseLinear([0.0, 4.0, 8.0], [[0.0, 1.0], [2.0, 0.0], [0.0, 3.0]])}
    initial = {"V": np.array([0.3, -2.0])}
    exact = network(SPIKES, currents=currents, initial=initial)
    stepped = ss.baselines.surrogate(network, 0.004, interpolate=True, record_states=True)
    found = stepped(SPIKES, currents=currents, initial=initial)
    assert found.counts().tolist() == exact.spikes[0].counts(2).tolist()
    np.testing.assert_allclose(found.ordinary_spike_times(2), exact.ordinary_spike_times(2), atol=0.01)
    states = found.states_at([0.25, 0.45])
    np.testing.assert_allclose(states["V"], exact.states_at([0.25, 0.45])["V"], atol=0.02)
    trials = jax.tree.map(lambda leaf: np.stack([leaf] * 2), (SPIKES, currents["E"]))
    batch = stepped(trials[0], currents={"E": trials[1]}, initial=initial)
    np.testing.assert_allclose(batch.counts(), [found.counts()] * 2)


@pytest.mark.slow
def test_layers_and_delays_of_every_kind_are_stepped():
    """Three layers: delays for each source, sparse connections with delays of their own, and a recurrent layer."""
    neuron = ss.Neuron(ss.models.qif())
    ring = ss.Connections([[1], [0]], [[8.0], [8.0]], delays=[[0.31], [0.12]])
    first = ss.FeedForward(
        neuron, (3, 2, 2), 8.0, weights=[9.0 * WEIGHTS, ring], delays=[[[0.2, 0.1, 0.3]], None]
    )  # fmt: skip
    last = ss.Recurrent(
        neuron, 2, 2, 8.0, input_weights=[[6.0, 1.0], [0.5, 7.0]],
        recurrent_weights=ss.Connections([[1], [0]], [[3.0], [-2.0]], delays=[[0.0], [0.4]]),
    )  # fmt: skip
    network = ss.Sequential(first, last)
    exact = network(SPIKES)
    found = ss.baselines.surrogate(network, 0.005, interpolate=True)(SPIKES)
    for layer in range(3):
        assert found.counts(layer).tolist() == exact.spikes[layer].counts(2).tolist()
        times = exact.ordinary_spike_times(1, layer)
        np.testing.assert_allclose(found.ordinary_spike_times(1, layer), times, atol=0.04)
        assert found.spikes[layer].num_events == found.counts(layer).sum()


def test_voltages_of_a_readout_converge():
    leaky = ss.NeuronModel.from_equations("dV/dt = I - V; dI/dt = -2*I", name="LI", inputs="I")
    network = ss.FeedForward(ss.Neuron(leaky), (3, 2), DURATION, weights=[WEIGHTS])
    found = ss.baselines.surrogate(network, 0.01)(SPIKES)  # on whose grid all inputs lie
    instants = np.asarray(found.instants)
    exact = np.asarray(network(SPIKES).states_at(instants)["V"])
    np.testing.assert_allclose(found.states_at(instants)["V"], exact, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.max_over_time(), exact.max(0), rtol=1e-9)
    np.testing.assert_allclose(found.mean_over_time(), np.trapezoid(exact, instants, axis=0) / DURATION, rtol=1e-9)
    weighted = np.trapezoid(np.exp(-instants / 2)[:, None] * exact, instants, axis=0) / DURATION
    np.testing.assert_allclose(found.exponentially_weighted(2.0), weighted, rtol=1e-9)
