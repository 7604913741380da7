"""Networks one after the other: against one network that is the same, against differences, in batches, and learning."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss

T, CHANNELS = 6.0, 3
QIF = ss.Neuron(ss.models.qif())

pytestmark = pytest.mark.usefixtures("float64")


@pytest.fixture(scope="module")
def drawn():
    generator = np.random.default_rng(4)
    weights = {
        "first": generator.uniform(1, 5, (4, CHANNELS)), "own": generator.normal(0.5, 1.0, (3, 3)),
        "in": generator.uniform(1, 5, (3, 4)), "last": generator.uniform(1, 6, (2, 3)),
    }  # fmt: skip
    times = np.sort(generator.uniform(0, 0.6 * T, 7))
    return weights, ss.Spikes(times, generator.integers(0, CHANNELS, 7))


def composed(weights, duration=T):
    """A layer, a recurrent population, and a layer that reads it."""
    return ss.Sequential(
        ss.FeedForward(QIF, (CHANNELS, 4), duration, weights=[weights["first"]]),
        ss.Recurrent(QIF, 3, 4, duration, recurrent_weights=weights["own"], input_weights=weights["in"]),
        ss.FeedForward(QIF, (3, 2), duration, weights=[weights["last"]]),
    )


@pytest.mark.slow
def test_layers_are_one_feed_forward_network(drawn):
    weights, spikes = drawn
    layers = [ss.FeedForward(QIF, (CHANNELS, 4), T, weights=[weights["first"]])]
    layers.append(ss.FeedForward(QIF, (4, 3), T, weights=[weights["in"]]))
    one = ss.FeedForward(QIF, (CHANNELS, 4, 3), T, weights=[weights["first"], weights["in"]])
    found, expected = ss.Sequential(*layers)(spikes), one(spikes)
    assert found.spikes[-1].num_events > 2
    for layer in (0, 1):
        np.testing.assert_array_equal(found.spike_times(4, layer), expected.spike_times(4, layer))
        np.testing.assert_array_equal(found.states_at([1.0, T], layer)["V"], expected.states_at([1.0, T], layer)["V"])


@pytest.fixture(scope="module")
def chain(drawn):
    """A chain of three populations, and one recurrent population whose weights are blocks."""
    weights, spikes = drawn
    whole = np.zeros((9, 9))
    whole[4:7, :4], whole[4:7, 4:7], whole[7:, 4:7] = weights["in"], weights["own"], weights["last"]
    one = ss.Recurrent(
        QIF, 9, CHANNELS, T, recurrent_weights=whole, input_weights=np.pad(weights["first"], ((0, 5), (0, 0)))
    )

    @eqx.filter_jit
    def run(net):
        record = net(spikes, capacity=64)
        layers = range(len(record.spikes))
        states = [record.states_at([0.5, 3.3], layer)["V"] for layer in layers]
        return [record.ordinary_spike_times(4, layer) for layer in layers], states

    with jax.enable_x64(True):
        return run(composed(weights)), run(one)


def test_a_chain_is_one_recurrent_network(chain):
    """What follows the trial is of other kinds of pseudo-rates, so ordinary spikes and states are compared."""
    (times, states), ((all_times,), (all_states,)) = chain
    assert np.isfinite(all_times).any(1).sum() >= 6
    for layer, neurons in enumerate((slice(0, 4), slice(4, 7), slice(7, 9))):
        np.testing.assert_allclose(times[layer], all_times[neurons], rtol=1e-12)
        np.testing.assert_allclose(states[layer], all_states[:, neurons], rtol=1e-10)


@pytest.mark.slow
def test_gradients_are_those_of_differences(drawn):
    """Of all weights and input times, in both modes, by spikes and pseudospikes of the last population."""
    weights, spikes = drawn
    report = ss.check_gradients(composed(weights), spikes, count=3, entries=4)
    assert sum(row.largest_gradient > 1e-3 for row in report.rows) >= 5
    assert report.largest_error < 1e-5
    assert report.reverse_error < 1e-10


@pytest.mark.slow
def test_spikes_leave_the_trial_of_every_population_continuously(drawn):
    """As its end sweeps over spikes of all three: no time jumps, and finer steps make smaller changes."""
    weights, spikes = drawn
    ends = [np.linspace(2.5, 4.0, points) for points in (61, 601)]
    scales = [T / end for end in ends]

    @jax.jit
    @jax.vmap
    def times(scale):
        # inputs in time units of the trial, so that all spikes cross its end
        moved = ss.Spikes(spikes.times * scale, spikes.sources)
        return composed(weights)(moved, capacity=64).spike_times(3).ravel()

    jumps = [np.abs(np.diff(np.asarray(times(jnp.asarray(scale))), axis=0)).max() for scale in scales]
    assert jumps[1] < 0.3 * jumps[0]


@pytest.mark.slow
def test_batches_capacity_and_jit(drawn):
    weights, spikes = drawn
    net = composed(weights)
    both = ss.Spikes(jnp.stack([spikes.times, spikes.times / 2]), jnp.stack([spikes.sources] * 2))
    enough = net.capacity_for(both)
    batch = eqx.filter_jit(lambda net: net(both, capacity=enough))(net)
    mapped = jax.vmap(lambda times, sources: net(ss.Spikes(times, sources), capacity=1).spike_times(3))(
        both.times, both.sources
    )
    assert len(batch.spikes) == len(enough) == 3
    np.testing.assert_allclose(batch.spike_times(3), mapped, rtol=1e-12)
    np.testing.assert_allclose(batch.spike_times(3)[0], net(spikes).spike_times(3), rtol=1e-12)
    with pytest.raises(
        RuntimeError, match=r"layer 1 \(3 recurrent neurons\) emitted \d+ spikes, but its capacity is 2"
    ):
        eqx.filter_jit(lambda net: net(spikes, capacity=(64, 2, 64)).spikes)(net)


@pytest.mark.slow
def test_it_learns_and_is_its_own_labels(drawn):
    weights, spikes = drawn
    net = composed(weights)
    params = eqx.filter(net, eqx.is_inexact_array)
    labels = jax.tree.map(lambda _: "all", params)
    optimizer = optax.multi_transform({"all": optax.sgd(0.02)}, labels)
    state = optimizer.init(params)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def loss(net):
        return ((net(spikes, capacity=64).first_spike_times() - 2.0) ** 2).sum()

    losses = []
    for _ in range(4):
        value, gradient = loss(net)
        updates, state = optimizer.update(gradient, state, params)
        net = eqx.apply_updates(net, updates)
        losses.append(float(value))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda w: ss.Sequential(), ValueError, "given no population"),
        (lambda w: ss.Sequential(QIF), TypeError, r"populations\[0\] is of type Neuron: pass FeedForward"),
        (lambda w: ss.Sequential(list(composed(w).populations)), TypeError, r"of type list: pass them one by one"),
        (
            lambda w: ss.Sequential(*composed(w).populations[::2]),
            ValueError,
            r"populations\[0\] has 4 neurons, but populations\[1\] 3 input channels",
        ),
        (
            lambda w: ss.Sequential(composed(w), ss.FeedForward(QIF, (2, 1), 5.0, weights=[np.ones((1, 2))])),
            ValueError,
            r"a trial end of 6, but populations\[1\] of 5",
        ),
    ],
)
def test_refusals(build, error, message, drawn):
    with pytest.raises(error, match=message):
        build(drawn[0])
