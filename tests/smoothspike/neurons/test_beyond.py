"""Pseudospikes by choice: a neuron's own dynamics, or the softplus drive of the papers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss

NO_INPUT = ss.Spikes([], [])
PAPERS = ss.models.theta_neuron(tau_m=6 / np.pi, I_0=1.0)  # period 6, starts at half of it


def spike_times(neuron, duration, weight=0.0, spikes=NO_INPUT, count=3):
    return ss.FeedForward(neuron, (1, 1), duration, weights=[jnp.full((1, 1), weight)])(spikes).spike_times(count)[0]


@pytest.mark.parametrize("duration", [1.0, 2.0, 2.9, 3.1, 20.0])
def test_an_oscillating_neuron_goes_on_by_its_own_dynamics(duration):
    np.testing.assert_allclose(spike_times(ss.Neuron(PAPERS, beyond="own"), duration), [3, 9, 15], rtol=1e-14)


def test_a_spike_leaves_through_the_trial_end_without_kink():
    """An input w turns tan(theta / 2) = V by w, and then V = tan(t / tau_m): the spike is due at a known time."""
    neuron, spikes = ss.Neuron(PAPERS, beyond="own"), ss.Spikes([0.5], [0])
    tau = 6 / np.pi

    def spike(weight):
        return spike_times(neuron, 2.0, weight, spikes, 1)[0]

    at_end = np.tan(np.pi / 2 - 1.5 / tau) - np.tan(0.5 / tau)
    for weight in at_end + np.array([-0.5, -1e-6, 1e-6, 0.5]):
        after = np.tan(0.5 / tau) + weight
        assert float(spike(weight)) == pytest.approx(0.5 + tau * (np.pi / 2 - np.arctan(after)), rel=1e-13)
        assert float(jax.grad(spike)(weight)) == pytest.approx(-tau / (1 + after**2), rel=1e-12)


def test_a_leaky_neuron_above_its_threshold_goes_on_by_its_own_dynamics():
    leaky = ss.NeuronModel.from_equations(
        "dV/dt = (I_0 - V)/tau_m", name="leaky", spike="V = 1", reset="V = 0", inputs="V",
        parameters={"tau_m": 2.0, "I_0": 1.25},
    )  # fmt: skip
    neuron = ss.Neuron(leaky, allow_discontinuous=True, beyond="own")
    times = spike_times(neuron, 2.0, -1.0, ss.Spikes([0.5], [0]))
    period, V = 2 * np.log(1.25 / 0.25), 1.25 * (1 - np.exp(-0.25)) - 1
    np.testing.assert_allclose(times, 0.5 + 2 * np.log((1.25 - V) / 0.25) + period * np.arange(3), rtol=1e-13)


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        (ss.models.qif(), (1.0, 0.5)),
        (ss.models.qif(tau_m=2.0, tau_s=0.7), (2.0, 0.7)),
    ],
)
@pytest.mark.parametrize("weight", [0.0, 1.5, -40.0])
def test_the_drive_of_the_papers(model, rates, weight):
    """A constant current of alpha * softplus(I(T) / alpha) above the rheobase: a period of pi tau_m over its root."""
    tau_m, tau_s = rates
    times = spike_times(ss.Neuron(model, beyond=ss.Softplus(10.0)), 1.0, weight, ss.Spikes([0.5], [0]))
    drive = 10 * np.log1p(np.exp(weight * np.exp(-0.5 / tau_s) / 10))
    np.testing.assert_allclose(np.diff(times), np.pi * tau_m / np.sqrt(drive), rtol=1e-12)


def test_the_drive_of_the_papers_for_a_leaky_neuron():
    """At its threshold V_th - V = 0, so that the current above the rheobase V_th is the speed times tau_m."""
    times = spike_times(ss.Neuron(ss.models.lif(), allow_discontinuous=True, beyond=ss.Softplus(2.0)), 1.0)
    model = ss.models.lif()
    tau_m, threshold = (float(model.values[symbol]) for symbol in model.parameters if symbol.name in ("tau_m", "V_th"))
    drive = threshold + 2 * np.log(2)
    np.testing.assert_allclose(np.diff(times), tau_m * np.log(drive / (drive - threshold)), rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (ss.models.qif(), "I"),  # a current could turn it off
        (ss.models.theta_neuron(I_0=-0.1), "minimum"),
        (ss.models.qif_delta(), "minimum"),
        (ss.models.theta_neuron(I_0=(1.0, 0.0)), "minimum"),
    ],
)
def test_a_neuron_that_may_fall_silent_is_refused(model, named):
    with pytest.raises(ss.ModelError, match=named):
        ss.Neuron(model, beyond="own")
    assert ss.Neuron(model).beyond == "lifted"


@pytest.mark.parametrize("beyond", ["none", 3, None])
def test_other_choices_are_refused(beyond):
    with pytest.raises(ValueError, match="must be"):
        ss.Neuron(PAPERS, beyond=beyond)


@pytest.mark.parametrize("alpha", [0, -1.0, float("inf"), float("nan"), "10", True])
def test_alpha_is_a_positive_number(alpha):
    with pytest.raises(ValueError, match="alpha"):
        ss.Softplus(alpha)


def test_a_trained_drive_that_leaves_the_range_raises():
    net = ss.FeedForward(ss.Neuron(PAPERS, beyond="own", trainable="I_0"), (1, 1), 2.0, weights=[jnp.zeros((1, 1))])

    @jax.jit
    def first(raw):
        moved = jax.tree.map(lambda leaf: leaf, net)
        object.__setattr__(moved.layers[0].neuron, "unconstrained", {"I_0": raw})
        return moved(NO_INPUT, capacity=4).spike_times(1)[0, 0]

    assert float(first(1.0)) == pytest.approx(3.0)
    with pytest.raises(Exception, match="has left that range"):
        first(-0.01)


def test_softplus_that_underflows_raises():
    neuron = ss.Neuron(ss.models.qif(), beyond=ss.Softplus(0.01))
    with pytest.raises(Exception, match="underflows"):
        spike_times(neuron, 1.0, -30.0, ss.Spikes([0.9], [0]))
    assert np.isfinite(spike_times(ss.Neuron(ss.models.qif()), 1.0, -30.0, ss.Spikes([0.9], [0]))).all()


@pytest.mark.parametrize(("beyond", "model"), [("own", PAPERS), (ss.Softplus(3.0), ss.models.qif())])
def test_the_choice_is_saved(tmp_path, beyond, model):
    net = ss.FeedForward(ss.Neuron(model, beyond=beyond), (1, 1), 2.0, weights=[jnp.full((1, 1), 0.3)])
    ss.save(net, tmp_path / "net.ss")
    loaded = ss.load(tmp_path / "net.ss")
    assert loaded.neurons[0].beyond == beyond
    spikes = ss.Spikes([0.5], [0])
    np.testing.assert_array_equal(loaded(spikes).spike_times(2), net(spikes).spike_times(2))
