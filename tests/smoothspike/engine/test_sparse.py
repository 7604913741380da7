"""Sparse connections against matrices, and the lists they are kept in."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import library
from jax.experimental.sparse import BCOO

import smoothspike as ss
from smoothspike.engine.priority_queue import PriorityQueue

T, SIZE, CHANNELS, INPUTS, ROOM = 10.0, 20, 5, 20, 256
NEURON = library(("qif", "theta_neuron"))


@pytest.fixture(scope="module")
def drawn():
    generator = np.random.default_rng(5)
    recurrent = generator.normal(0.5, 0.6, (SIZE, SIZE)) * (generator.uniform(size=(SIZE, SIZE)) < 0.3)
    inputs = generator.uniform(0, 4, (SIZE, CHANNELS)) * (generator.uniform(size=(SIZE, CHANNELS)) < 0.7)
    spikes = ss.Spikes(np.sort(generator.uniform(0, T, INPUTS)), generator.integers(0, CHANNELS, INPUTS))
    return recurrent, inputs, spikes


def sparse(matrix):
    return BCOO.fromdense(jnp.asarray(matrix))


def readings(net, times, sources):
    record = net(ss.Spikes(times, sources), capacity=ROOM)
    spikes = record.spikes[0]
    potential = record.states_at(jnp.array([3.0, 7.7]))[net.neuron.model.spike.variable.name]
    return jnp.concatenate(
        [jnp.where(spikes.is_spike, spikes.times, 0.0), record.first_spike_times(), jnp.tanh(potential).ravel()]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "entering",
    [pytest.param(sparse, id="sparse inputs"), pytest.param(np.asarray, id="dense inputs", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "qif" else ()) for name in NEURON]
)
def test_the_same_as_a_matrix(name, entering, drawn, float64):
    """Spikes, pseudospikes, states and all gradients; inputs with more targets than spikes have are split."""
    recurrent, inputs, spikes = drawn
    own = ss.Connections.from_bcoo(sparse(recurrent))
    nets = [
        ss.Recurrent(NEURON[name], SIZE, CHANNELS, T, recurrent_weights=weights, input_weights=given)
        for weights, given in ((recurrent, inputs), (own, entering(inputs)))
    ]
    cotangent = np.random.default_rng(6).normal(size=ROOM + 3 * SIZE)

    @eqx.filter_jit
    def run(net, times):
        def total(both):
            found = readings(*both, spikes.sources)
            return found @ cotangent, found

        return eqx.filter_value_and_grad(total, has_aux=True)((net, times))

    ((_, expected), exact), ((_, found), gradient) = (run(net, spikes.times) for net in nets)
    assert (expected > 0).sum() > 60
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(gradient[1], exact[1], rtol=1e-9, atol=1e-9)
    (route,) = NEURON[name].routes
    dense = np.asarray(exact[0].recurrent_weights[route])
    there = np.asarray(own.targets) >= 0
    np.testing.assert_allclose(
        np.asarray(gradient[0].recurrent_weights.weights[route])[there],
        dense[np.asarray(own.targets)[there], np.nonzero(there)[0]], rtol=1e-9, atol=1e-9,
    )  # fmt: skip
    along = jax.jit(lambda times: jax.jvp(lambda at: readings(nets[1], at, spikes.sources), (times,), (times**0,))[1])
    shift = along(spikes.times)
    np.testing.assert_allclose(shift @ cotangent, gradient[1].sum(), rtol=1e-9)


@pytest.mark.slow
def test_batches_and_capacity(drawn):
    recurrent, inputs, spikes = drawn
    net = ss.Recurrent(NEURON["qif"], SIZE, CHANNELS, T, recurrent_weights=sparse(recurrent), input_weights=inputs)
    both = ss.Spikes(jnp.stack([spikes.times, spikes.times / 2]), jnp.stack([spikes.sources] * 2))
    batch = net(both)
    for trial in range(2):
        alone = net(ss.Spikes(both.times[trial], both.sources[trial]))
        np.testing.assert_allclose(batch.first_spike_times()[trial], alone.first_spike_times(), rtol=1e-5)
        assert batch.spikes[0].num_events[trial] == alone.spikes[0].num_events


@pytest.mark.slow
@pytest.mark.parametrize("is_late", [False, True])
def test_trials_of_a_batch_differ_in_inputs_and_weights(drawn, is_late):
    """Of neurons with time constants of their own: the same spikes and derivatives as one by one."""
    recurrent, _, spikes = drawn
    neuron = ss.Neuron(ss.models.qif(tau_m=np.linspace(0.8, 1.2, SIZE), tau_s=np.linspace(0.4, 0.6, SIZE)))
    own = ss.Connections.from_bcoo(sparse(recurrent))
    late = jnp.full(own.targets.shape, 0.2) if is_late else None

    def loss(scale, times):
        net = ss.Recurrent(
            neuron, SIZE, CHANNELS, T, input_weights=scale * jnp.ones((SIZE, CHANNELS)),
            recurrent_weights=ss.Connections(own.targets, scale * own.weights, late),
        )  # fmt: skip
        return jnp.sin(net(ss.Spikes(times, spikes.sources), capacity=ROOM).spike_times(4)).sum()

    derivatives = jax.value_and_grad(loss, (0, 1))
    scales, times = jnp.array([0.5, 1.0, 1.5]), jnp.stack([spikes.times, spikes.times / 2, spikes.times / 3])
    found = jax.jit(jax.vmap(derivatives))(scales, times)
    one = jax.jit(derivatives)
    expected = [one(*trial) for trial in zip(scales, times, strict=True)]
    assert (found[1][0] != 0).all()
    jax.tree.map(
        lambda together, *alone: np.testing.assert_allclose(together, np.stack(alone), rtol=1e-9, atol=1e-10),
        found, *expected,
    )  # fmt: skip


@pytest.mark.slow
def test_simultaneous_spikes_and_self_connections():
    """Three equal neurons spike at once, each acting on itself and on the next."""
    weights = 6 * np.eye(3) + np.roll(np.eye(3), 1, 0)
    nets = [
        ss.Recurrent(NEURON["qif"], 3, 1, T, recurrent_weights=given, input_weights=np.full((3, 1), 6.0))
        for given in (weights, sparse(weights))
    ]
    expected, found = (net(ss.Spikes([0.0, 1.0], [0, 0])).spikes[0] for net in nets)
    assert found.num_events == expected.num_events >= 3
    np.testing.assert_array_equal(np.asarray(found.sources[:3]), [0, 1, 2])
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-5)


def test_no_connections_and_no_inputs():
    own = ss.Connections(np.full((3, 0), -1), np.zeros((3, 0)))
    net = ss.Recurrent(NEURON["theta_neuron"], 3, 1, T, recurrent_weights=own, input_weights=np.zeros((3, 1)))
    assert net(ss.Spikes.empty(0)).spikes[0].num_events == 9


@pytest.mark.slow
def test_a_matrix_with_sparse_inputs(drawn):
    recurrent, inputs, spikes = drawn
    nets = [
        ss.Recurrent(NEURON["qif"], SIZE, CHANNELS, T, recurrent_weights=recurrent, input_weights=given)
        for given in (inputs, sparse(inputs))
    ]
    expected, found = (net(spikes).first_spike_times() for net in nets)
    np.testing.assert_array_equal(found, expected)


def test_a_priority_queue_follows_the_earliest():
    generator = np.random.default_rng(8)
    times = generator.uniform(size=2000)
    queue = PriorityQueue.of(jnp.asarray(times))
    for _ in range(20):
        chosen = generator.choice(2000, 5, replace=False)
        times[chosen] = generator.uniform(size=5)
        queue = queue.updated(jnp.append(jnp.asarray(chosen), 2**30), jnp.append(jnp.asarray(times[chosen]), 0.0))
        times[chosen[0]] = generator.uniform()
        queue = queue.updated(jnp.asarray(chosen[:1]), jnp.asarray(times[chosen[:1]]))
        queue = queue.updated(jnp.asarray([2**30]), jnp.asarray([0.0]))
        when, who = queue.first()
        assert (when, who) == (times.astype(when.dtype).min(), times.argmin())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ss.Connections([[1, 1]], [[0.5, 0.5]]), "source 0 reaches neuron 1 twice"),
        (lambda: ss.Connections([1], [0.5]), r"targets have shape \(1,\)"),
        (lambda: ss.Connections([[1]], [[0.5, 1.0]]), r"have shape \(1, 2\)"),
        (lambda: connected(ss.Connections([[2], [0]], [[0.5], [0.5]])), "a target is 2"),
        (lambda: connected(ss.Connections([[1]], [[0.5]])), "lists for 1 sources"),
        (lambda: connected(sparse(np.ones((3, 2)))), r"a matrix of shape \(3, 2\)"),
        (lambda: connected(ss.Connections([[1], [0]], {"g": [[0.5], [0.5]]})), r"weights for routes \['g'\]"),
    ],
)
def test_wrong_connections(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def connected(weights):
    return ss.Recurrent(NEURON["qif"], 2, 1, T, recurrent_weights=weights, input_weights=np.ones((2, 1)))
