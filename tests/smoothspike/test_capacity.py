"""Too little room raises inside jit and grows outside it; a spike is never dropped silently."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.capacity import fitting, grown, rounded_up
from smoothspike.simulation import Capacity

T, CHANNELS, FEW, AMPLE = 4.0, 20, 2, 64
NEEDED = r"emitted (\d+) spikes, but there is room for 2\. Inside jit .* pass capacity=(\d+) to the network's call"


def spikes_in(batch=()):
    generator = np.random.default_rng(5)
    times = generator.uniform(0, T / 2, (*batch, CHANNELS))
    return ss.Spikes(times, np.broadcast_to(np.arange(CHANNELS), times.shape))


def layered(**options):
    weights = [np.full((3, CHANNELS), 4.0), np.full((2, 3), 2.0)]
    return ss.FeedForward(ss.Neuron(ss.models.qif()), (CHANNELS, 3, 2), T, weights=weights, **options)


def recurrent(**options):
    weights = np.zeros((3, 3)), np.full((3, CHANNELS), 4.0)
    return ss.Recurrent(
        ss.Neuron(ss.models.qif()), 3, CHANNELS, T, recurrent_weights=weights[0], input_weights=weights[1], **options
    )


def leaky(**options):
    neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
    return ss.FeedForward(neuron, (CHANNELS, 3), T, weights=[np.full((3, CHANNELS), 1.5)], **options)


NETWORKS = {
    layered: r"layer 0 \(3 neurons\)",
    recurrent: r"the recurrent layer \(3 neurons\)",
    leaky: r"layer 0 \(3 neurons\)",
}


@pytest.fixture(params=NETWORKS, scope="module")
def build(request):
    return request.param


def assert_same_spikes(build, one, other):
    # with other room, a recurrent network may look ahead or not, which rounds otherwise
    rounding = 1e-14 if build is recurrent else 0.0
    for here, there in zip(one.spikes, other.spikes, strict=True):
        np.testing.assert_allclose(here.trimmed().times, there.trimmed().times, rtol=rounding)
        np.testing.assert_array_equal(here.trimmed().sources, there.trimmed().sources)


def test_inside_jit_too_little_room_raises(build):
    """The message names the layer and the room it needs: for a LIF neuron that ran out of steps, at least how much."""
    net, ample = build(capacity=FEW), build(capacity=AMPLE)(spikes_in())
    with pytest.raises(RuntimeError, match=f"{NETWORKS[build]} {NEEDED}") as raised:
        eqx.filter_jit(lambda net, spikes: net(spikes).spikes[0])(net, spikes_in())
    found = re.search(NEEDED, str(raised.value))
    assert found is not None
    needed, proposed = map(int, found.groups())
    actual = ample.spikes[0].num_events
    assert FEW < needed <= proposed
    assert needed <= actual if build is leaky else needed == actual
    together = eqx.filter_jit(lambda net, spikes, room: net(spikes, capacity=room))(net, spikes_in(), AMPLE)
    assert_same_spikes(build, together, ample)


def test_inside_vmap_and_grad_too_little_room_raises():
    net = layered(capacity=FEW)
    batched = eqx.filter_jit(eqx.filter_vmap(lambda net, spikes: net(spikes).first_spike_times(), in_axes=(None, 0)))
    with pytest.raises(RuntimeError, match=NEEDED):
        batched(net, spikes_in((3,)))
    with pytest.raises(RuntimeError, match=NEEDED):
        eqx.filter_grad(lambda net: net(spikes_in()).first_spike_times().sum())(net)


def test_outside_jit_the_room_grows(build):
    net, ample = build(capacity=FEW), build(capacity=AMPLE)(spikes_in())
    assert_same_spikes(build, net(spikes_in()), ample)
    assert net.capacity == build(capacity=FEW).capacity


def test_with_capacity(build):
    net = build(capacity=FEW)
    assert net.with_capacity(AMPLE).capacity == build(capacity=AMPLE).capacity
    enough = net.with_capacity(spikes_in())
    assert enough.capacity == net.capacity_for(spikes_in())
    assert enough.capacity[0].total >= build(capacity=AMPLE)(spikes_in()).spikes[0].num_events
    assert eqx.tree_equal(jax.tree.leaves(enough), jax.tree.leaves(net))


@pytest.mark.parametrize("capacity", [0, -1, (4, 4, 4), (4, 0)])
def test_refuses_a_capacity_that_makes_no_sense(capacity):
    with pytest.raises(ValueError, match=r"capacity .*give one positive number, or one for each of 2 layers"):
        layered(capacity=capacity)
    with pytest.raises(ValueError, match="give one positive number"):
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


@pytest.mark.parametrize("name", ["qif", "lif", "qif_alpha"])
def test_a_solver_that_gives_up_raises(name):
    """What is not a number never comes out of a network, outside jit or inside."""
    neuron = ss.Neuron(getattr(ss.models, name)(), allow_discontinuous=True)
    net = ss.FeedForward(neuron, (1, 1), T, weights=[[[np.nan]]], capacity=8)
    with pytest.raises(RuntimeError, match=r"the solver of a layer gave up: .* a weight is not a number"):
        net(ss.Spikes([0.5], [0]))
    with pytest.raises(RuntimeError, match="the solver of a layer gave up"):
        eqx.filter_jit(net)(ss.Spikes([0.5], [0]))
