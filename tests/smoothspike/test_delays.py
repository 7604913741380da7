"""Delays of networks: what is refused, that spike times change continuously with them, and that they can be learnt."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss
from smoothspike.networks.pseudospikes import shares

T = 4.0
QIF = ss.Neuron(ss.models.qif())
SPIKES = ss.Spikes([0.5, 1.0], [0, 1])
RING = np.array([[1], [2], [0]])

pytestmark = pytest.mark.usefixtures("float64")


def layer(delay):
    return ss.FeedForward(QIF, (2, 1), T, weights=[[[3.0, 2.5]]], delays=[jnp.stack([0.0, delay])])


def layers(delay):
    weights = [np.array([[8.0, 3.0], [1.0, 9.0]]), np.array([[4.0, 3.0]])]
    return ss.FeedForward(QIF, (2, 2, 1), T, weights=weights, delays=[None, jnp.stack([delay, 0.3])])


def recurrent(delay, own=((0, 2, 3), (5, 0, 1), (2, 4, 0))):
    return ss.Recurrent(
        QIF, 3, 2, T, recurrent_weights=jnp.asarray(own, float), input_weights=np.array([[8.0, 3.0], [1, 9], [2, 2]]),
        recurrent_delays=delay * jnp.array([[1, 1, 1], [0.7, 1, 1], [1, 1.3, 1]]),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("build", [layer, layers, recurrent])
def test_spike_times_change_continuously(build, figures):
    """While arrivals pass each other and the trial end: ten times finer steps make ten times smaller changes."""
    largest, times_of = [], jax.jit(jax.vmap(lambda delay: build(delay)(SPIKES, capacity=16).spike_times(3).ravel()))
    for points in (200, 2000):
        times = np.asarray(times_of(jnp.linspace(0, 0.95 * T, points)))
        largest.append(np.abs(np.diff(times, axis=0)).max())
    figures(f"{build.__name__}: delays in steps of {0.95 * T / 2000:.1e} move spikes by at most {largest[1]:.1e}")
    assert largest[1] < 0.2 * largest[0]
    assert largest[1] < 0.05


def test_without_a_delay_the_share_is_the_pseudo_rate():
    rates = jnp.array([0.25, 0.75])
    found = shares(ss.Spikes([0.5, 1.0, jnp.inf], [0, 0, 0]), rates, jnp.zeros((2, 3)), jnp.asarray(T))
    np.testing.assert_array_equal(found, np.repeat(np.asarray(rates)[:, None], 3, 1))


def test_shares_of_what_is_under_way():
    """A quarter of the way from a spike to the next has passed a delay before the end; nothing yet before the trial."""
    spikes = ss.Spikes([1.0, 3.0], [0, 0])
    found = shares(spikes, jnp.array([0.5]), jnp.array([[2.5, 3.5, 0.5, 9.0, 1.0]]), jnp.asarray(T))
    np.testing.assert_allclose(found, [[0.25, 0.5, 0.25, 0.0, 0.0]])


def connected(delays):
    return ss.Recurrent(
        QIF, 3, 2, T, recurrent_weights=ss.Connections(RING, np.ones((3, 1))), input_weights=np.ones((3, 2)),
        recurrent_delays=delays,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: layer(-0.5), r"delays\[0\]\[1\] is -0.5, but delays must be finite and non-negative"),
        (lambda: layer(jnp.nan), r"delays\[0\]\[1\] is nan"),
        (lambda: ss.FeedForward(QIF, (2, 1), T, weights=[[[3.0, 2.5]]], delays=[np.inf]), r"delays\[0\] is inf"),
        (
            lambda: ss.FeedForward(QIF, (2, 1), T, weights=[[[3.0, 2.5]]], delays=[0.1, 0.2]),
            "2 entries of delays for 1",
        ),
        (lambda: ss.FeedForward(QIF, (2, 1), T, weights=[[[3.0, 2.5]]], delays=[np.ones(3)]), r"have shape \(3,\)"),
        (lambda: recurrent(-0.1), r"recurrent_delays\[0, 0\] is -0.1"),
        (lambda: connected(0.5), "recurrent_delays are for matrices; pass those of lists"),
        (lambda: ss.Connections(RING, np.ones((3, 1)), [[0.1], [-0.1], [0.2]]), r"delays\[1, 0\] is -0.1"),
        (lambda: ss.Connections(RING, np.ones((3, 1)), [0.1, 0.2]), r"delays have shape \(2,\)"),
    ],
)
def test_refusals(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_delays_that_went_wrong_later():
    """As a step of an optimiser may make them: refused at the call, inside jit too."""
    net = eqx.tree_at(lambda net: net.delays[0], layer(0.5), jnp.array([0.0, -0.5]))
    with pytest.raises(ValueError, match=r"delays\[0\]\[1\] is -0.5"):
        net(SPIKES)
    with pytest.raises(Exception, match=r"delays\[0\]: an entry is negative"):
        jax.block_until_ready(eqx.filter_jit(lambda net: net.first_spike_times(SPIKES))(net))


def test_lists_without_a_target_need_no_delay():
    lists = ss.Connections([[1, -1]], [[1.0, 0.0]], [[0.5, -1.0]])
    net = ss.Recurrent(QIF, 2, 1, T, recurrent_weights=np.zeros((2, 2)), input_weights=lists, recurrent_delays=0.1)
    assert np.isfinite(net.first_spike_times(ss.Spikes([0.5], [0]))).all()


@pytest.mark.slow
def test_delays_are_learnt_from_spike_times(figures):
    """Known delays of a layer come back from first spike times, in different trials, by their gradient alone."""
    generator = np.random.default_rng(2)
    times = np.sort(generator.uniform(0, 1, (12, 3)), 1)
    trials = ss.Spikes(times, generator.integers(0, 3, (12, 3)))
    weights, known = generator.uniform(5, 7, (2, 3)), generator.uniform(0.2, 1.0, (2, 3))
    net = ss.FeedForward(QIF, (3, 2), T, weights=[weights], delays=[known])
    target = net(trials).spike_times(1)
    optimizer = optax.adam(optax.exponential_decay(0.1, 300, 0.03))

    def error(delays):
        late = eqx.tree_at(lambda net: net.delays, net, (jnp.exp(delays),))
        return ((late(trials, capacity=16).spike_times(1) - target) ** 2).mean()

    @jax.jit
    def learnt(delays):
        def step(carry, _):
            delays, state = carry
            value, gradient = jax.value_and_grad(error)(delays)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(delays, updates), state), value

        return jax.lax.scan(step, (delays, optimizer.init(delays)), length=300)

    (found, _), errors = learnt(jnp.log(jnp.full((2, 3), 0.5)))
    worst = np.abs(np.exp(found) - known).max()
    figures(f"six delays learnt from spike times: squared error {errors[0]:.1e} to {errors[-1]:.1e}, to {worst:.1e}")
    assert worst < 1e-5
