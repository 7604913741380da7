"""Too little room raises inside jit and grows outside it; a spike is never dropped silently."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.engine import Capacity
from smoothspike.networks import _execute as running
from smoothspike.networks._capacity import fitting, grown, rounded_up

T, CHANNELS, FEW, AMPLE = 4.0, 20, 2, 64
NEEDED = r"emitted (\d+) spikes, but its capacity is 2\. Inside jit .* pass capacity=(\d+) to the network's call"


def spikes_in(batch=()):
    generator = np.random.default_rng(5)
    times = generator.uniform(0, T / 2, (*batch, CHANNELS))
    return ss.Spikes(times, np.broadcast_to(np.arange(CHANNELS), times.shape))


def layered():
    weights = [np.full((3, CHANNELS), 4.0), np.full((2, 3), 2.0)]
    return ss.FeedForward(ss.Neuron(ss.models.qif()), (CHANNELS, 3, 2), T, weights=weights)


def recurrent():
    weights = np.zeros((3, 3)), np.full((3, CHANNELS), 4.0) - np.arange(3)[:, None]
    return ss.Recurrent(
        ss.Neuron(ss.models.qif_delta()), 3, CHANNELS, T, recurrent_weights=weights[0], input_weights=weights[1]
    )


def leaky():
    neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
    return ss.FeedForward(neuron, (CHANNELS, 3), T, weights=[np.full((3, CHANNELS), 1.5)])


NETWORKS = {
    layered: r"layer 0 \(3 neurons\)",
    recurrent: r"the recurrent layer \(3 neurons\)",
    leaky: r"layer 0 \(3 neurons\)",
}


@pytest.fixture(
    params=[recurrent, *(pytest.param(each, marks=pytest.mark.slow) for each in (leaky, layered))], scope="module"
)
def build(request):
    return request.param


def assert_same_spikes(build, one, other):
    # with another capacity, programs differ: a recurrent network may look ahead or not
    rounding = 1e-13
    for here, there in zip(one.spikes, other.spikes, strict=True):
        np.testing.assert_allclose(here.trimmed().times, there.trimmed().times, rtol=rounding)
        np.testing.assert_array_equal(here.trimmed().sources, there.trimmed().sources)


def test_inside_jit_too_little_room_raises(build):
    """The message names the layer and the room it needs: for a LIF neuron that ran out of steps, at least how much."""
    net = build()
    ample = net(spikes_in(), capacity=AMPLE)
    with pytest.raises(RuntimeError, match=f"{NETWORKS[build]} {NEEDED}") as raised:
        eqx.filter_jit(lambda net, spikes: net(spikes, capacity=FEW).spikes[0])(net, spikes_in())
    found = re.search(NEEDED, str(raised.value))
    assert found is not None
    needed, proposed = map(int, found.groups())
    actual = ample.spikes[0].num_events
    assert FEW < needed <= proposed
    assert needed <= actual if build is leaky else needed == actual


@pytest.mark.slow
def test_inside_vmap_and_grad_too_little_room_raises():
    net = layered()

    def first(net, spikes):
        return net(spikes, capacity=FEW).first_spike_times()

    batched = eqx.filter_jit(eqx.filter_vmap(first, in_axes=(None, 0)))
    with pytest.raises(RuntimeError, match=NEEDED):
        batched(net, spikes_in((3,)))
    with pytest.raises(RuntimeError, match=NEEDED):
        eqx.filter_jit(eqx.filter_grad(lambda net: first(net, spikes_in()).sum()))(net)
    with pytest.raises(RuntimeError, match=NEEDED):
        jax.vmap(jax.jit(lambda times: first(net, ss.Spikes(times, spikes_in().sources))))(spikes_in((3,)).times)


def pulsed():
    """The network that compiles fastest."""
    neuron = ss.Neuron(ss.models.lif_delta(), allow_discontinuous=True)
    return ss.FeedForward(neuron, (CHANNELS, 2), T, weights=[np.full((2, CHANNELS), 0.7)])


def last_times(capacity):
    """Return a function that gives spikes of which too little room would drop some."""
    net = pulsed()
    return lambda times: net(ss.Spikes(times, np.arange(CHANNELS)), capacity=capacity).spike_times(count=6)


TRANSFORMS = {
    "grad": lambda f: jax.grad(lambda times: f(times).sum()),
    "jacfwd": jax.jacfwd,
    "vmap of grad": lambda f: lambda times: jax.vmap(jax.grad(lambda one: f(one).sum()))(jnp.stack([times / 2, times])),
    "grad of vmap": lambda f: (
        lambda times: jax.grad(lambda both: jax.vmap(f)(both).sum())(jnp.stack([times / 2, times]))
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_under_transforms_outside_jit_the_room_grows(transform):
    """To the same values as with ample room, inside jit; of inputs that need different room in different trials."""
    times = jnp.asarray(spikes_in().times)
    found = TRANSFORMS[transform](last_times(1))(times)
    assert jnp.abs(found).sum() > 1
    expected = jax.jit(TRANSFORMS[transform](last_times(AMPLE)))(times)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.slow
def test_of_weights_too_with_equinox():
    def total(net, capacity):
        return net(spikes_in(), capacity=capacity).spike_times(6).sum()

    few = eqx.filter_grad(total)(leaky(), 1).weights[0]["I"]
    ample = eqx.filter_jit(eqx.filter_grad(total))(leaky(), AMPLE).weights[0]["I"]
    assert np.abs(ample).max() > 0.01
    np.testing.assert_allclose(few, ample, rtol=1e-12, atol=1e-13)


def relay():
    """A ring in which every spike brings the next one: what does not fit hides all that would follow."""
    own = ss.Connections([[1], [2], [0]], [[8.0]] * 3, delays=[[0.01]] * 3)
    entering = np.array([[8.0], [0], [0]])
    return ss.Recurrent(ss.Neuron(ss.models.qif()), 3, 1, 40.0, recurrent_weights=own, input_weights=entering)


def late():
    weights, delays = [np.full((3, CHANNELS), 0.7)], [np.linspace(0.0, 1.0, 3 * CHANNELS).reshape(3, -1)]
    neuron = ss.Neuron(ss.models.lif_delta(), allow_discontinuous=True)
    return ss.FeedForward(neuron, (CHANNELS, 3), T, weights=weights, delays=delays)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "spikes"),
    [
        pytest.param(layered, spikes_in(), marks=pytest.mark.slow),
        (late, spikes_in()),
        pytest.param(recurrent, spikes_in(), marks=pytest.mark.slow),
        (relay, ss.Spikes([0.5], [0])),
    ],
)
def test_the_room_is_found_before_it_is_tried(build, spikes, monkeypatch):
    """Every attempt is compiled: the second one fits, however far the first falls short."""
    tried = []
    simulate = running._simulate
    monkeypatch.setattr(running, "_simulate", lambda *given: tried.append(given[-1]) or simulate(*given))
    record = build()(spikes, capacity=1)
    assert len(tried) == 2
    assert_same_spikes(recurrent, record, build()(spikes, capacity=256))


def test_more_spikes_than_anybody_wants():
    neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
    net = ss.FeedForward(neuron, (1, 1), T, weights=[[[1e9]]])
    message = r"a neuron of layer 0 \(1 neurons\) spikes more than 131072 times .* weights\[0\]\['I'\]\[0, 0\] is 1"
    with pytest.raises(RuntimeError, match=message):
        net(ss.Spikes([0.5], [0]))


def test_outside_jit_the_room_grows(build):
    net = build()
    assert_same_spikes(build, net(spikes_in(), capacity=FEW), net(spikes_in(), capacity=AMPLE))


@pytest.mark.slow
def test_the_capacity_for_inputs_holds_them_inside_jit(build):
    net = build()
    enough = net.capacity_for(spikes_in())
    found = eqx.filter_jit(lambda net: net(spikes_in(), capacity=enough))(net)
    assert_same_spikes(build, found, net(spikes_in(), capacity=AMPLE))


@pytest.mark.parametrize("capacity", [0, -1, (4, 4, 4), (4, 0), 2.5, [2.5]])
def test_refuses_a_capacity_that_makes_no_sense(capacity):
    with pytest.raises(ValueError, match=r"capacity .*pass one positive whole number, or one for each of 2 layers"):
        layered()(spikes_in(), capacity=capacity)


@pytest.mark.parametrize(("needed", "room"), [(0, 8), (8, 8), (9, 16), (16, 16), (1000, 1024)])
def test_room_is_rounded_up_to_few_sizes(needed, room):
    assert rounded_up(needed) == room


@pytest.mark.parametrize(("needed", "room"), [(0, 8), (6, 8), (7, 8), (16, 20), (19, 24), (92, 128), (1000, 1280)])
def test_what_fits_has_a_quarter_to_spare(needed, room):
    """And no more than half, in few sizes."""
    assert fitting(jnp.array([[[needed, 3]], [[needed // 2, 1]]])) == (Capacity(room, 4),)


def test_no_trials_need_the_least():
    assert fitting(jnp.zeros((0, 1, 2), int)) == (Capacity(8, 2),)


def test_only_what_was_short_grows():
    needed = jnp.array([[[10, 3], [7, 20]], [[5, 3], [40, 2]]])  # (batch, layers, [total, busiest])
    assert grown((Capacity(16, 8), Capacity(8, 8)), needed) == (Capacity(16, 8), Capacity(64, 32))


def test_a_failure_behind_a_layer_that_lacks_spikes_means_nothing():
    needed = jnp.array([[[40, 3], [-1, -1]]])
    assert grown((Capacity(16, 8), Capacity(8, 8)), needed) == (Capacity(64, 8), Capacity(8, 8))
    with pytest.raises(RuntimeError, match="the solver of layer 1 gave up"):
        grown((Capacity(64, 8), Capacity(8, 8)), needed)


@pytest.mark.parametrize("name", ["qif", "lif", pytest.param("qif_alpha", marks=pytest.mark.slow)])
def test_a_solver_that_gives_up_raises(name):
    """What is not a number never comes out of a network, outside jit or inside."""
    neuron = ss.Neuron(getattr(ss.models, name)(), allow_discontinuous=True)
    net = ss.FeedForward(neuron, (1, 1), T, weights=[[[1.0]]])
    net = eqx.tree_at(lambda net: net.weights[0][neuron.routes[0]], net, jnp.array([[np.nan]]))
    with pytest.raises(ValueError, match=r"weights\[0\]\['.'\]\[0, 0\] is nan, but must be finite"):
        net(ss.Spikes([0.5], [0]))
    with pytest.raises(RuntimeError, match=r"the solver of layer 0 \(1 neurons\) gave up: .* a weight is not a number"):
        eqx.filter_jit(net)(ss.Spikes([0.5], [0]))


@pytest.mark.slow
def test_a_weight_that_is_too_large_is_named():
    net = ss.FeedForward(ss.Neuron(ss.models.qif_alpha()), (1, 1), T, weights=[[[1e30]]])
    with pytest.raises(RuntimeError, match=r"gave up: a weight is too large .* weights\[0\]\['J'\]\[0, 0\] is 1e\+30"):
        net(ss.Spikes([0.5], [0]))
