from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import library

import smoothspike as ss
from smoothspike import plot

traces: Any = plot.traces  # matplotlib types what artists hold too loosely to be checked

DURATION = 4.0
INPUT = ss.Spikes([0.5, 2.0], [0, 1])
WEIGHTS = {
    "qif": [[20.0, 10.0], [0.5, 0.0]],
    "lif": [[12.0, 9.0], [0.5, 0.0]],
    "theta_neuron": [[1.0, 0.5], [0.1, 0.0]],
}
NEURONS = library(WEIGHTS)


def run(name, weights):
    return ss.FeedForward(NEURONS[name], sizes=(2, 2), duration=DURATION, weights=[jnp.array(weights)])(INPUT)


@pytest.fixture(scope="module", params=list(WEIGHTS))
def recording(request):
    recording = run(request.param, WEIGHTS[request.param])
    assert int(recording.spikes[-1].counts(2)[0]) >= 2
    return recording


@pytest.fixture(scope="module")
def qif():
    return run("qif", WEIGHTS["qif"])


def curves(ax):
    return [line for line in ax.lines if line.get_label().startswith("neuron")]


def marks(ax, marker="^"):
    """Filled and hollow marks: their times."""
    lines = [line for line in ax.lines if line.get_marker() == marker]
    filled, hollow = (
        [float(time) for line in lines if (line.get_markerfacecolor() == "white") is empty for time in line.get_xdata()]
        for empty in (False, True)
    )
    return filled, hollow


def test_no_line_connects_the_two_sides_of_a_spike(recording):
    times, values = curves(traces(recording))[0].get_data()
    for spike in recording.spikes[-1].to_trains(2)[0]:
        before, after = np.flatnonzero(times < spike)[-1], np.flatnonzero(times > spike)[0]
        assert np.isnan(values[before : after + 1]).any()
        assert values[before] > values[after]
        # it is followed nearly up to the spike, on both sides
        assert times[after] - times[before] < 1e-3 * DURATION


def test_one_filled_mark_for_each_spike_and_hollow_ones_beyond_the_trial(recording):
    filled, hollow = marks(traces(recording, until=20.0))
    np.testing.assert_allclose(np.sort(filled), np.sort(recording.spikes[-1].trimmed().times))
    np.testing.assert_allclose(hollow, DURATION + recording.layers[-1].pseudospikes.first)
    assert min(hollow) >= DURATION


def test_values_are_the_states(recording):
    ax = traces(recording)
    times, values = curves(ax)[1].get_data()
    assert (times[0], times[-1]) == (0.0, DURATION)
    inputs = np.searchsorted(times, INPUT.times)  # where a potential may jump
    chosen = np.array([3, *inputs, len(times) - 4])
    states = recording.states_at(times[chosen])["theta" if "theta" in ax.get_ylabel() else "V"]
    np.testing.assert_allclose(values[chosen], states[:, 1], rtol=1e-4, atol=1e-5)


def test_the_window_leaves_out_the_divergence_only(qif):
    ax = traces(qif)
    low, high = ax.get_ylim()
    silent = curves(ax)[1].get_ydata()
    assert low < silent.min()
    assert silent.max() < high
    assert high - low < 40


def test_the_window_holds_what_is_no_spike():
    recording = run("qif", [[-60.0, 60.0], [0.0, 0.0]])
    assert recording.spikes[-1].counts(2).tolist()[1] == 0
    ax = traces(recording)
    low, high = ax.get_ylim()
    times, values = curves(ax)[0].get_data()
    inhibited = values[times < 2.0].min()
    assert inhibited < -3
    assert low <= inhibited
    assert low < 0 < high


def test_a_finite_threshold_is_drawn_and_reached():
    ax = traces(run("lif", WEIGHTS["lif"]))
    (threshold,) = [line for line in ax.lines if line.get_label() == "_threshold"]
    assert set(threshold.get_ydata()) == {1.0}
    _, values = curves(ax)[0].get_data()
    assert np.nanmax(values) == 1.0
    assert ax.get_ylim()[1] > 1.0


def test_an_angle_is_shown_in_full():
    ax = traces(run("theta_neuron", WEIGHTS["theta_neuron"]))
    np.testing.assert_allclose(ax.get_ylim(), (-np.pi, np.pi), rtol=1e-6)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$-\\pi$", "$0$", "$\\pi$"]
    assert ax.get_ylabel() == "$\\theta$"


def test_a_late_pseudospike_is_told_of_at_the_edge(qif):
    ax = traces(qif, until=DURATION)
    assert marks(ax)[1] == []
    assert marks(ax, ">")[1] == [DURATION, DURATION]
    assert ax.get_xlim() == (0, DURATION)


def test_chosen_neurons_and_colours(qif):
    ax = traces(qif, neurons=[1], colors=["#123456"], pseudospikes=False)
    (line,) = curves(ax)
    assert line.get_label() == "neuron 1"
    assert line.get_color() == "#123456"
    assert marks(ax) == ([], [])
    ax.figure.draw_without_rendering()
    assert ax.get_window_extent().width > 0.5 * ax.figure.bbox.width


def test_refusals(qif):
    with pytest.raises(ValueError, match="neuron 2 does not exist; layer -1 has neurons 0 to 1"):
        traces(qif, neurons=[2])
    with pytest.raises(ValueError, match="1 colours for 2 neurons"):
        traces(qif, colors=["red"])
    with pytest.raises(ValueError, match="batch of shape"):
        traces(jax.tree.map(lambda leaf: leaf[None], qif))


def test_a_readout_is_drawn_without_spikes_or_threshold():
    leaky = ss.NeuronModel.from_equations("dV/dt = I - V; dI/dt = -2*I", name="leaky", inputs="I")
    net = ss.FeedForward(ss.Neuron(leaky), sizes=(1, 2), duration=4.0, weights=[[[4.0], [-4.0]]])
    record = net(ss.Spikes([0.5], [0]))
    ax = ss.plot.traces(record)
    first, second, end = ax.get_lines()
    times, values = (np.asarray(each) for each in first.get_data())
    np.testing.assert_allclose(values.max(), record.max_over_time()[0], rtol=1e-4)
    np.testing.assert_allclose(second.get_ydata(), -values, atol=1e-6)
    assert (times.min(), times.max()) == (0, 4)
    assert np.asarray(end.get_xdata())[0] == 4
    assert ax.get_ylabel() == "$V$"
    low, high = ax.get_ylim()
    assert low < -1 < 1 < high


def test_a_figure_of_its_own_says_which_colour_is_which_neuron(qif):
    ax = traces(qif)
    legend = ax.get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["neuron 0", "neuron 1", "spike", "pseudospike"]
    assert [line.get_color() for line in legend.get_lines()[:2]] == [line.get_color() for line in curves(ax)]
    assert tuple(ax.figure.get_size_inches()) == (6.0, 3.6)
    with plot.paper_style():
        assert traces(qif).figure.get_size_inches()[0] == pytest.approx(3.4)
    assert traces(qif, ax=ax.figure.add_subplot()).get_legend() is None


def test_axes_have_the_units_of_the_model():
    """A model in millivolts is drawn in milliseconds and millivolts."""
    model = ss.NeuronModel.from_equations(
        "dv/dt = (v - E)*(v - B)/(C*tau_m)", name="QIF in mV", spike="v = oo", reset="v = -oo", inputs="v",
        parameters={"E": "-70 mV", "B": "-50 mV", "C": "10 mV", "tau_m": "10 ms"}, initial={"v": "-70 mV"},
    )  # fmt: skip
    found = ss.FeedForward(ss.Neuron(model), (1, 1), 20.0, weights=[[[30.0]]])(ss.Spikes([5.0], [0]))
    ax = traces(found)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "$v$ (mV)")
    assert plot.raster(found).get_xlabel() == "time (ms)"
