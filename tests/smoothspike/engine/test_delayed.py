"""Recurrent networks with delays: against networks without, against an event queue of its own, and in batches."""

import heapq

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from cases import library
from oracles import oracle
from reference import number

import smoothspike as ss

T, SIZE, CHANNELS, INPUTS, ROOM = 8.0, 4, 3, 10, 32
NAMES = ("qif", "qif_delta", "lif")
NEURON = library(NAMES)

pytestmark = pytest.mark.usefixtures("float64")


def only(quick):
    """One of the neurons by default; the others compile as long again."""
    return [pytest.param(name, marks=() if name == quick else pytest.mark.slow) for name in NAMES]


def drawn(name, seed=7):
    """Weights, delays and inputs of a network in which neurons spike several times, some connections missing."""
    generator = np.random.default_rng(seed)
    scale = 0.45 if name == "lif" else 1.0
    own = scale * generator.normal(1.0, 2.0, (SIZE, SIZE)) * (generator.uniform(size=(SIZE, SIZE)) < 0.7)
    entering = scale * generator.uniform(2, 6, (SIZE, CHANNELS)) * (generator.uniform(size=(SIZE, CHANNELS)) < 0.8)
    delays = generator.uniform(0.05, 1.5, (SIZE, SIZE)), generator.uniform(0.05, 1.5, (SIZE, CHANNELS))
    times = np.sort(generator.uniform(0, T, INPUTS)), generator.integers(0, CHANNELS, INPUTS)
    return (own, entering), delays, ss.Spikes(*times)


def lists(matrix, delays):
    """The entries that are not zero, as lists of targets."""
    found = ss.Connections.from_bcoo(jax.experimental.sparse.BCOO.fromdense(jnp.asarray(matrix)))
    sources = np.arange(found.sources)[:, None]
    late = None if delays is None else np.broadcast_to(delays, matrix.shape)[np.asarray(found.targets), sources]
    return ss.Connections(found.targets, found.weights, late)


def network(name, weights, delays, *, as_lists=False):
    own, entering = weights
    if as_lists:
        given = {"recurrent_weights": lists(own, delays[0]), "input_weights": lists(entering, delays[1])}
    else:
        given = dict(
            zip(
                ("recurrent_weights", "input_weights", "recurrent_delays", "input_delays"),
                (own, entering, *delays), strict=True,
            )
        )  # fmt: skip
    return ss.Recurrent(NEURON[name], SIZE, CHANNELS, T, **given)


def readings(net, times, sources):
    """Spike times, with pseudospikes, and states."""
    record = net(ss.Spikes(times, sources), capacity=ROOM)
    potential = record.states_at(jnp.array([3.0, 7.7]))["V"]
    return jnp.concatenate([record.spike_times(6).ravel(), jnp.tanh(potential).ravel()])


@eqx.filter_jit
def value_and_gradient(net, spikes, cotangent):
    def total(both):
        found = readings(*both, spikes.sources)
        return found @ cotangent, found

    return eqx.filter_value_and_grad(total, has_aux=True)((net, spikes.times))


COTANGENT = np.random.default_rng(6).normal(size=8 * SIZE)


@pytest.mark.slow
@pytest.mark.parametrize("name", only("lif"))
def test_delays_of_zero_change_nothing(name):
    weights, _, spikes = drawn(name)
    plain, late = network(name, weights, (None, None)), network(name, weights, (np.zeros((SIZE, SIZE)), None))
    ((_, expected), exact), ((_, found), gradient) = (
        value_and_gradient(net, spikes, COTANGENT) for net in (plain, late)
    )
    assert plain(spikes).spikes[0].num_events >= 6
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient[1], exact[1], rtol=1e-11, atol=1e-12)
    (route,) = NEURON[name].routes
    gradient, exact = gradient[0], exact[0]
    for of, exactly in (
        (gradient.recurrent_weights, exact.recurrent_weights),
        (gradient.input_weights, exact.input_weights),
    ):
        np.testing.assert_allclose(of[route], exactly[route], rtol=1e-11, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_lists_are_like_matrices(name):
    weights, delays, spikes = drawn(name)
    nets = [network(name, weights, delays, as_lists=as_lists) for as_lists in (False, True)]
    ((_, expected), exact), ((_, found), gradient) = (value_and_gradient(net, spikes, COTANGENT) for net in nets)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient[1], exact[1], rtol=1e-11, atol=1e-12)
    own = nets[1].recurrent_weights
    there = np.asarray(own.targets) >= 0
    np.testing.assert_allclose(
        np.asarray(gradient[0].recurrent_weights.delays)[there],
        np.asarray(exact[0].recurrent_delays)[np.asarray(own.targets)[there], np.nonzero(there)[0]],
        rtol=1e-11, atol=1e-12,
    )  # fmt: skip


def queued(neuron, weights, delays, spikes):
    """All spikes (time, neuron) by an event queue, in the oracle's own arithmetic."""
    (own, entering), (own_delays, input_delays) = weights, delays
    queue = [
        (number(time) + number(input_delays[target, source]), target, entering[target, source])
        for time, source in zip(spikes.times.tolist(), spikes.sources.tolist(), strict=True)
        for target in range(SIZE)
    ]
    heapq.heapify(queue)
    states, since, found = [neuron.initial] * SIZE, [number(0)] * SIZE, []

    def due(index):
        return since[index] + neuron.time_to_spike(states[index], number(T) - since[index])

    waiting = [due(index) for index in range(SIZE)]
    while True:
        when = min(waiting)
        if min(when, queue[0][0] if queue else when) >= T:
            return found
        if queue and queue[0][0] <= when:
            when, index, weight = heapq.heappop(queue)
            if weight == 0:
                continue
            states[index] = neuron.jump(neuron.flow(states[index], when - since[index]), number(weight))
        else:
            index = waiting.index(when)
            found.append((when, index))
            states[index] = neuron.fire(states[index], when - since[index])
            for target in range(SIZE):
                heapq.heappush(queue, (when + number(own_delays[target, index]), target, own[target, index]))
        since[index] = when
        waiting[index] = due(index)


@pytest.mark.slow
@pytest.mark.parametrize("name", only("lif"))
def test_an_event_queue_finds_the_same_spikes(name, figures):
    weights, delays, spikes = drawn(name)
    expected = queued(oracle(NEURON[name].model), weights, delays, spikes)
    found = network(name, weights, delays)(spikes).spikes[0]
    assert len(expected) == found.num_events >= 8
    np.testing.assert_array_equal(found.sources[: len(expected)], [neuron for _, neuron in expected])
    error = np.abs(np.asarray(found.times[: len(expected)]) - np.array([float(time) for time, _ in expected])).max()
    figures(f"{name} with delays against an event queue: {len(expected)} spikes to {error:.1e}")
    assert error < 1e-11


@pytest.mark.slow
@pytest.mark.parametrize("name", only("qif"))
def test_gradients_are_those_of_differences(name):
    """Of weights, delays and input times, in both modes, with several spikes of every neuron."""
    weights, delays, spikes = drawn(name)
    net = network(name, weights, delays)
    report = ss.check_gradients(net, spikes, count=3, entries=6)
    assert {"raw_recurrent_weights.delays", "raw_input_weights.delays", "input times"} <= {
        row.name for row in report.rows
    }
    assert all(row.largest_gradient > 1e-3 for row in report.rows if "delays" in row.name)
    assert report.largest_error < 1e-5
    assert report.reverse_error < 1e-10


@pytest.mark.slow
def test_batches_and_capacity():
    """Trials that are over at different times, more spikes than there is room for at first, and jit."""
    weights, delays, spikes = drawn("qif")
    net = network("qif", weights, delays)
    both = ss.Spikes(jnp.stack([spikes.times, spikes.times / 2]), jnp.stack([spikes.sources] * 2))
    batch = net(both)
    room = net.capacity_for(both)
    assert room[0].total >= batch.spikes[0].num_events.max() > 8

    @jax.jit
    @jax.vmap
    @jax.grad
    def gradient(times):
        return net(ss.Spikes(times, spikes.sources), capacity=room).spike_times(2).sum()

    several = gradient(both.times)
    for trial in range(2):
        alone = net(ss.Spikes(both.times[trial], both.sources[trial]))
        np.testing.assert_allclose(batch.spike_times(4)[trial], alone.spike_times(4), rtol=1e-12)
        np.testing.assert_allclose(several[trial], gradient(both.times[trial][None])[0], rtol=1e-10, atol=1e-12)
    with pytest.raises(Exception, match=r"emitted \d+ spikes, but its capacity is 8"):
        jax.block_until_ready(
            jax.jit(lambda times: net(ss.Spikes(times, spikes.sources), capacity=8).spike_times(1))(spikes.times)
        )


def test_a_spike_arrives_at_itself():
    """A neuron whose own spike brings the next one, half a unit of time and what it takes to spike later."""
    net = ss.Recurrent(NEURON["qif"], 1, 1, T, recurrent_weights=[[12.0]], input_weights=[[12.0]], recurrent_delays=0.5)
    times = net(ss.Spikes([0.5], [0])).spikes[0].times
    assert 3 < np.isfinite(times).sum() < 16
    assert (np.diff(times[np.isfinite(times)]) > 0.5).all()


def test_no_connections_and_no_inputs():
    own = ss.Connections(np.full((3, 0), -1), np.zeros((3, 0)), 0.5)
    net = ss.Recurrent(
        ss.Neuron(ss.models.theta_neuron()), 3, 1, 10.0, recurrent_weights=own, input_weights=[[0.0]] * 3
    )
    assert net(ss.Spikes.empty(0)).spikes[0].num_events == 9


def paths(weights, delays, times=(0.5, 1.25)):
    """Two synapses from each of two channels to a neuron, which sends on to another by two synapses, too."""
    entering = ss.Connections([[0, 0], [0, 0]], weights[0], delays[0])
    own = ss.Connections([[1, 1], [-1, -1]], weights[1], delays[1])
    net = ss.Recurrent(NEURON["lif"], 2, 2, T, recurrent_weights=own, input_weights=entering)
    return net(ss.Spikes(times, [0, 1]), capacity=16)


def as_channels(weights, delays, times=(0.5, 1.25)):
    """The same without delays: every synapse of a neuron is a channel of its own, whose spikes come later."""

    def layer(spikes, weights):
        return ss.FeedForward(NEURON["lif"], (4, 1), T, weights=[weights[None]])(spikes, capacity=16)

    def later(times, delays, channels):
        """All spikes along both synapses of their source, in channels from the first of each."""
        both = (times[:, None] + delays).ravel()
        return ss.Spikes(both, (channels[:, None] + jnp.arange(2)).ravel())

    first = layer(later(jnp.asarray(times), delays[0], jnp.array([0, 2])), weights[0].ravel())
    sent = first.spikes[0].times
    onwards = later(sent, jnp.broadcast_to(delays[1][0], (sent.size, 2)), jnp.zeros(sent.size, int))
    second = layer(onwards, jnp.append(weights[1][0], jnp.zeros(2)))
    return first, second


@pytest.mark.slow
def test_several_synapses_between_the_same_two_neurons():
    """Spikes, and gradients by weights, delays and times, are those of as many channels with later spikes."""
    weights = jnp.array([[4.5, 2.5], [3.0, 3.5]]), jnp.array([[4.5, 3.0], [0.0, 0.0]])
    delays = jnp.array([[0.25, 1.5], [0.5, 2.0]]), jnp.array([[0.125, 0.75], [0.0, 0.0]])
    cotangent = jnp.array([1.0, -0.5, 0.3])

    def found(weights, delays, times):
        return jnp.concatenate([cotangent * row for row in paths(weights, delays, times).ordinary_spike_times(3)])

    def expected(weights, delays, times):
        rows = [record.ordinary_spike_times(3)[0] for record in as_channels(weights, delays, times)]
        return jnp.concatenate([cotangent * row for row in rows])

    given = weights, delays, jnp.array([0.5, 1.25])
    times = found(*given)
    assert np.isfinite(times).all()
    np.testing.assert_allclose(times, expected(*given), rtol=1e-12)
    one, other = (jax.jit(jax.grad(lambda *given, f=f: f(*given).sum(), (0, 1, 2)))(*given) for f in (found, expected))
    for ours, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    assert all(np.abs(leaf).max() > 1e-2 for leaf in jax.tree.leaves(one))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "delays", "adds_first"),
    [
        ((0, 1), None, True),
        ((1, 0), None, False),
        ((0, 1), (0.25, 0.25), True),
        ((1, 0), (0.25, 0.25), False),
        # whatever the order in which they are given, what sets out first arrives first
        ((1, 0), (0.375, 0.25), True),
        ((0, 1), (0.25, 0.375), False),
    ],
)
def test_the_order_of_inputs_that_arrive_together(order, delays, adds_first):
    """One adds 1 to a current, the other one multiplies it by 3."""
    V, I = sp.symbols("V I", real=True)
    model = ss.NeuronModel(
        "order", dynamics={V: V**2 + 1 + 0 * I, I: -I}, spike=ss.at_infinity(V), reset={V: -sp.oo},
        inputs={"add": I, "multiply": ss.jump({I: I * (1 + ss.weight)})},
    )  # fmt: skip
    neuron = ss.Neuron(model, allow_discontinuous=True, method="numeric")
    weights = {"add": [[1.0, 0.0]], "multiply": [[0.0, 2.0]]}
    late = (0.0, 0.0) if delays is None else delays
    spikes = ss.Spikes([0.5 - late[channel] for channel in order], order)
    nothing = {route: [[0.0]] for route in weights}
    recurrent = ss.Recurrent(
        neuron, 1, 2, 1.0, recurrent_weights=nothing, input_weights=weights,
        input_delays=None if delays is None else [delays],
    )  # fmt: skip
    layers = ss.FeedForward(neuron, (2, 1), 1.0, weights=[weights], delays=None if delays is None else [[delays]])
    for net in (recurrent, layers):
        current = net(spikes).states_at(jnp.array([0.75]))["I"][0, 0]
        np.testing.assert_allclose(current / np.exp(-0.25), 3 if adds_first else 1, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("as_lists", [False, True])
def test_one_delay_for_each_source_is_one_event_for_all_its_targets(as_lists):
    """The same spikes and gradients as with a delay for each connection, of which each is an event."""
    weights, _, spikes = drawn("qif")
    each = np.linspace(0.2, 1.0, SIZE), np.linspace(0.1, 0.6, CHANNELS)
    spread = [np.broadcast_to(delays, (SIZE, delays.size)) for delays in each]
    if as_lists:
        own, entering = (lists(matrix, None) for matrix in weights)
        own, entering = (
            ss.Connections(of.targets, of.weights, delays[:, None])
            for of, delays in ((own, each[0]), (entering, each[1]))
        )
        net = ss.Recurrent(NEURON["qif"], SIZE, CHANNELS, T, recurrent_weights=own, input_weights=entering)
    else:
        net = network("qif", weights, each)
    ((_, expected), exact), ((_, found), gradient) = (
        value_and_gradient(one, spikes, COTANGENT) for one in (network("qif", weights, spread), net)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient[1], exact[1], rtol=1e-11, atol=1e-12)
    for of, exactly in (
        (gradient[0].recurrent_delays, exact[0].recurrent_delays), (gradient[0].input_delays, exact[0].input_delays),
    ):  # fmt: skip
        np.testing.assert_allclose(of.ravel(), exactly.sum(0), rtol=1e-10, atol=1e-12)
