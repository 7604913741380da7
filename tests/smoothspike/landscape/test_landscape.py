import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from benchmarks.landscape import Reference, loss, network, readout, recurrent_network
from smoothspike.landscape import Event, Landscape
from smoothspike.landscape.plane import checked_points, checked_span, chosen_directions

slow = pytest.mark.slow


def _one(model, weights, times, duration=3.0):
    """One neuron with one input spike on each channel; its loss is its first spike time."""
    neuron = ss.Neuron(model, allow_discontinuous=True)
    net = ss.FeedForward(neuron, (len(times), 1), duration, weights=[[weights]])
    data = ss.datasets.Dataset(ss.Spikes([times], [range(len(times))]), [0], num_classes=1, num_sources=len(times))
    return net, data


def _first(times, label):
    return times[label]


def test_directions_have_the_norm_of_the_incoming_weights_of_every_neuron(key):
    net, _ = _one(ss.models.qif(), [3.0, 4.0], [0.5, 1.0])
    random, entry = chosen_directions(net, ["random", "weights.0.I[0, 1]"], key, None)
    assert float(jnp.linalg.norm(random.raw_weights[0]["I"])) == pytest.approx(5.0)
    assert entry.raw_weights[0]["I"].tolist() == [[0.0, 1.0]]
    (tree,) = chosen_directions(net, net, None, None)
    assert tree.raw_weights[0]["I"].tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "1 or 2"),
        ("weights.1.I", "there is no parameter 'weights.1.I'; they are weights.0.I"),
        ("weights.0.I[0, 2]", "names no entry of an array of shape"),
        ("random", "need a key"),
        (jnp.zeros(2), "structure and shapes"),
    ],
)
def test_directions_that_do_not_fit_are_refused(given, message):
    net, _ = _one(ss.models.qif(), [3.0, 4.0], [0.5, 1.0])
    with pytest.raises(ValueError, match=message):
        chosen_directions(net, given, None, None)


def test_spans_and_points():
    assert checked_span(0.5, 2) == [(-0.5, 0.5)] * 2
    assert checked_span((0, 2), 1) == [(0.0, 2.0)]
    with pytest.raises(ValueError, match="low below high"):
        checked_span((2, 1), 1)
    with pytest.raises(ValueError, match="at least 2"):
        checked_points(1, 2)


def test_a_curve_has_both_limits_at_a_jump():
    x = np.linspace(-1, 1, 5)
    event = Event(0.2, "order", 0, (0.04, 1.04), (0.4, 0.4), 0, 0, 0, 0, 1.0, True)
    values, slopes = x**2 + (x > 0.2), 2 * x
    scape = Landscape((x,), values, slopes[:, None], abs(slopes), values[None], slopes[None, :, None], (event,), (), 0)
    places, curve = scape.curve()
    at = np.flatnonzero(places == 0.2)
    assert curve[at] == pytest.approx([0.04, 1.04], abs=1e-12)
    others = places != 0.2
    assert curve[others] == pytest.approx((places**2 + (places > 0.2))[others], abs=1e-12)
    assert scape.jumps == (event,)
    assert event.size == pytest.approx(1.0)


def test_what_is_no_data_set_or_network_is_refused():
    net, data = _one(ss.models.qif(), [3.0], [0.5])
    with pytest.raises(TypeError, match="data set"):
        ss.landscape(net, data.spikes, _first)
    with pytest.raises(TypeError, match="readout"):
        ss.landscape(lambda spikes: spikes, data, _first)
    with pytest.raises(ValueError, match="one direction"):
        ss.landscape(net, data, _first, directions=2, events=True, key=jax.random.key(0))


def test_a_surrogate_gradient_is_the_gradient_of_no_loss():
    net, data = _one(ss.models.lif(), [4.0, 1.0], [0.5, 0.8])
    stepped = ss.baselines.surrogate(net, dt=0.02, surrogate="superspike", scale=10.0)
    found = ss.loop_integral(
        stepped, data, lambda counts, label: (counts[label] - 1.0) ** 2, readout=lambda record: record.counts(),
        directions=["network.weights.0.I[0, 0]", "network.weights.0.I[0, 1]"], radius=1.0, points=64,
    )  # fmt: skip
    assert found.error < 0.01
    assert abs(found.integral) > 0.1
    assert found.events == ((), (), (), ())


@slow
def test_a_leaky_neuron_grazes_its_threshold_at_weight_4():
    # V = w (exp(-t) - exp(-2 t)) is at most w / 4, at t = log 2
    net, data = _one(ss.models.lif(), [4.0], [0.5])
    scape = ss.landscape(net, data, _first, directions="weights.0.I[0, 0]", span=0.9, points=5)
    (event,) = scape.events
    assert event.place == pytest.approx(0.0, abs=1e-12)
    assert (event.kind, event.neuron, event.spike, event.is_jump) == ("appearance", 0, 0, True)
    assert event.values[1] == pytest.approx(0.5 + np.log(2), abs=1e-9)
    assert event.values[0] > 3
    assert event.gradients[1] == -np.inf
    # the loop integral is minus the jumps on the way
    found = ss.loop_integral(
        *_one(ss.models.lif(), [4.0, 0.1], [0.5, 0.8]), _first,
        directions=["weights.0.I[0, 0]", "weights.0.I[0, 1]"], radius=0.5,
    )  # fmt: skip
    assert sum(event.is_jump for each in found.events for event in each) == 2
    assert abs(found.integral) > 1e-3
    assert abs(found.remainder) < 1e-8


@slow
def test_an_inhibitory_input_takes_a_spike_away_where_it_overtakes_it():
    # with w = 5 the neuron spikes where 5 (z - z^2) = 1, and the input comes there where its delay is that time
    net, data = _one(ss.models.lif(), [5.0, -20.0], [0.0, 0.0])
    wait = -np.log((1 + np.sqrt(0.2)) / 2)
    net = ss.FeedForward(net.neurons[0], (2, 1), 3.0, weights=[[[5.0, -20.0]]], delays=[[0.0, 0.3]])
    scape = ss.landscape(net, data, _first, directions="delays.0[1]", span=(-0.2, 0.4), points=5)
    (event,) = scape.jumps
    assert event.place == pytest.approx(wait - 0.3, abs=1e-12)
    assert (event.kind, event.source, event.values[1]) == ("order", 1, pytest.approx(wait, abs=1e-9))


@slow
def test_quadratic_neurons_have_no_jumps_and_a_gradient_that_is_one(key):
    net, data = network(ss.models.qif(), 1.6, 0)
    scape = ss.landscape(net, data, loss, span=0.5, points=7, key=key, readout=readout)
    assert scape.jumps == ()
    assert {event.kind for event in scape.kinks} <= {"trial end"}
    steps = (scape.values[2:] - scape.values[:-2]) / (scape.coordinates[0][2:] - scape.coordinates[0][:-2])
    assert steps == pytest.approx(scape.gradients[1:-1, 0], abs=0.5)
    found = ss.loop_integral(net, data, loss, radius=0.3, key=key, readout=readout)
    assert abs(found.integral) < 1e-8
    assert found.jumps == 0.0
    plane = ss.landscape(net, data, loss, directions=2, span=0.5, points=3, key=key, readout=readout)
    assert plane.values.shape == (3, 3)
    assert plane.gradients.shape == (3, 3, 2)


@slow
@pytest.mark.parametrize("kind", [network, recurrent_network])
def test_all_jumps_of_leaky_networks_are_found_and_confirmed_by_another_simulation(kind):
    net, data = kind(ss.models.lif(), 2.2, 0)
    for seed in range(2):
        key = jax.random.key(seed)
        scape = ss.landscape(net, data, loss, span=0.5, points=3, key=key, readout=readout, capacity=16)
        assert len(scape.jumps) > 5
        reference = Reference(net, scape.directions[0], data)
        assert [event for event in scape.events if not reference.confirms(event)] == []
        for sample in range(len(data)):
            places = np.array([event.place for event in scape.jumps if event.sample == sample])
            known = reference.jumps(sample, 4001)
            assert np.abs(known[:, None] - places).min(-1, initial=np.inf).max(initial=0.0) < 1e-8
            # the network itself is simulated equally by both
            middle = reference.losses(np.zeros(1), sample)[0]
            assert scape.sample_values[sample, 1] == pytest.approx(middle, abs=1e-12)
