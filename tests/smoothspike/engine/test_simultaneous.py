"""Inputs that arrive together are simulated as one event, and nothing else changes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss

pytestmark = pytest.mark.usefixtures("float64")


def _inputs(batch: int = 3) -> ss.Spikes:
    """Spikes at five instants, one of them after the trial, and padding, in no order."""
    source = np.random.default_rng(3)
    times = source.choice([0.0, 0.7, 1.5, 2.5, 9.0, np.inf], (batch, 16))
    return ss.Spikes(times, source.integers(0, 6, (batch, 16)))


@eqx.filter_jit
def _times_and_gradient(net, spikes):
    def total(net):
        times = net(spikes, capacity=32).spike_times(2)
        return jnp.sum(jnp.sin(times)), times

    (_, times), gradient = eqx.filter_value_and_grad(total, has_aux=True)(net)
    return times, gradient


@pytest.mark.parametrize(
    ("model", "kind"), [("theta_neuron", "layers"), pytest.param("qif", "recurrent", marks=pytest.mark.slow)]
)
def test_the_sum_of_simultaneous_inputs_does_what_they_do_one_after_the_other(model, kind):
    neuron = ss.Neuron(getattr(ss.models, model)(), allow_discontinuous=True)
    if kind == "layers":
        net = ss.FeedForward(neuron, (6, 4), 3.0, key=jax.random.key(0), scale=1.5)
    else:
        net = ss.Recurrent(neuron, size=3, inputs=6, duration=3.0, key=jax.random.key(0), scale=0.5)
    spikes = _inputs()
    grouped = spikes.grouped()
    assert grouped.distinct_times == 5
    expected, found = _times_and_gradient(net, spikes), _times_and_gradient(net, grouped)
    for want, have in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("group", [True, False])
def test_inputs_of_one_instant_all_come_before_a_spike_that_one_of_them_triggers(group):
    neuron = ss.Neuron(ss.models.lif_delta(), allow_discontinuous=True)
    net = ss.FeedForward(neuron, (2, 1), 1.0, weights=[[[2.0, -2.0]]])
    spikes = ss.Spikes([0.5] * 4, [0, 1, 1, 1])
    spikes = spikes.grouped() if group else spikes
    run = eqx.filter_jit(lambda net, spikes: net(spikes, capacity=2).ordinary_spike_times(1))
    assert run(net, spikes)[0, 0] == jnp.inf


def test_inputs_that_do_not_add_up_stay_apart():
    import sympy as sp

    V, g = sp.symbols("V g", real=True)
    model = ss.NeuronModel(
        "saturating",
        dynamics={V: V**2 + g, g: -g},
        spike=ss.at_infinity(V),
        reset={V: -sp.oo},
        inputs={"g": ss.jump({g: g + ss.weight * (1 - g)})},
    )
    assert not ss.Neuron(model).sums_inputs


def test_times_of_grouped_inputs_are_not_differentiated_silently():
    net = ss.FeedForward(ss.Neuron(ss.models.qif()), (6, 2), 3.0, key=jax.random.key(0))
    grouped = _inputs(1)[0].grouped()

    def total(times, distinct_times):
        return net(ss.Spikes(times, grouped.sources, distinct_times=distinct_times), capacity=8).spike_times(1).sum()

    with pytest.raises(TypeError, match=r"differentiate with respect to ss\.Spikes\(spikes\.times, spikes\.sources\)"):
        jax.grad(total)(grouped.times, grouped.distinct_times)
    assert np.isfinite(jax.jit(jax.grad(lambda times: total(times, None)))(grouped.times)).all()


def test_a_wrong_number_of_distinct_times_is_an_error():
    with pytest.raises(ValueError, match="distinct_times is 1"):
        ss.Spikes([0.5, 0.7], [0, 0], distinct_times=1)
    with pytest.raises(ValueError, match="not ascending"):
        ss.Spikes([0.7, 0.5], [0, 0], distinct_times=2)
    net = ss.FeedForward(ss.Neuron(ss.models.qif()), (1, 1), 3.0, key=jax.random.key(0))
    run = eqx.filter_jit(lambda times: net(ss.Spikes(times, jnp.zeros(4, int), distinct_times=1)).first_spike_times())
    with pytest.raises(RuntimeError, match="more differ than distinct_times"):
        run(jnp.array([0.1, 0.2, 0.3, 0.4]))


def test_data_sets_group_their_spikes():
    data = ss.datasets.Dataset(_inputs(), [0, 1, 0], num_classes=2, num_sources=6)
    assert data.spikes.distinct_times == data[:2].spikes.distinct_times == 5
    assert (np.diff(np.asarray(data.spikes.times)[:, :8]) >= 0).all()
