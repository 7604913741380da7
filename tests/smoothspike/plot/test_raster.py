from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib import colors
from matplotlib import pyplot as plt

import smoothspike as ss
from smoothspike import plot
from smoothspike.plot import lighter

raster: Any = plot.raster  # matplotlib types what artists hold too loosely to be checked

DURATION = 4.0


@pytest.fixture(scope="module")
def recording():
    weights = [jnp.array([[20.0, -3.0], [1.0, 0.0], [2.0, 15.0]])]
    net = ss.FeedForward(ss.Neuron(ss.models.qif()), sizes=(2, 3), duration=DURATION, weights=weights)
    return net(ss.Spikes([0.5, 1.0], [0, 1]))


def segments(ax, index=0):
    return np.array(ax.collections[index].get_segments())


def test_one_mark_for_each_spike():
    ax = raster(ss.Spikes([0.5, jnp.inf, 1.0, 0.25], [2, 0, 0, 2]))
    marks = segments(ax)
    assert sorted(zip(marks[:, 0, 0], marks[:, :, 1].mean(1), strict=True)) == [(0.25, 2.0), (0.5, 2.0), (1.0, 0.0)]
    assert ax.get_ylim() == (-0.5, 2.5)
    assert not ax.lines  # no trial end where it is not known
    ax.figure.draw_without_rendering()
    assert all(tick == int(tick) for tick in ax.get_yticks())


def test_a_recording_brings_its_size_and_trial_end(recording):
    ax = raster(recording)
    assert len(segments(ax)) == int(recording.spikes[-1].num_events)
    assert ax.get_ylim() == (-0.5, 2.5)
    assert ax.get_xlim() == (0, DURATION)
    assert ax.lines[0].get_xdata()[0] == DURATION
    assert len(ax.collections) == 1


def test_pseudospikes_are_paler_and_beyond_the_trial(recording):
    palette = ["#ff0000", "#00ff00", "#0000ff"]
    ax = raster(recording, pseudospikes=True, until=20.0, color=palette)
    marks = segments(ax, 1)
    assert len(marks) == 3
    assert (marks[:, 0, 0] >= DURATION).all()
    later = recording.spike_times(recording.spikes[-1].capacity + 1)
    for neuron, mark in enumerate(marks[:, 0, 0]):
        assert np.isclose(later[neuron], mark).any()
    expected = [colors.to_rgba(lighter(color, 0.6)) for color in palette]
    np.testing.assert_allclose(ax.collections[1].get_colors(), expected)


def test_late_pseudospikes_are_told_of_at_the_edge(recording):
    ax = raster(recording, pseudospikes=True, until=DURATION)
    arrows = np.asarray(ax.collections[2].get_offsets())
    assert len(segments(ax, 1)) == 0
    assert arrows.tolist() == [[DURATION, neuron] for neuron in range(3)]


@pytest.mark.slow
def test_shows_the_spikes_that_drive_a_readout():
    leaky = ss.NeuronModel.from_equations("dV/dt = -V", name="leaky", inputs="V")
    neurons = [ss.Neuron(ss.models.qif_delta()), ss.Neuron(leaky)]
    net = ss.FeedForward(neurons, (1, 2, 1), 2.0, weights=[[[4.0], [5.0]], [[1.0, 1.0]]])
    found = net(ss.Spikes([0.5], [0]))
    count = int(found.spikes[0].num_events)
    assert count > 0
    ax = plot.raster(found)
    assert len(segments(ax)) == count
    plt.close(ax.figure)


def test_draws_where_it_is_told():
    figure, axes = plt.subplots(1, 2)
    assert raster(ss.Spikes([0.5], [1]), ax=axes[1], duration=2.0, size=5) is axes[1]
    assert not axes[0].collections
    assert axes[1].get_ylim() == (-0.5, 4.5)
    assert len(figure.axes) == 2


def test_nothing_to_draw():
    raster(ss.Spikes.empty(3), duration=1.0, size=2).figure.draw_without_rendering()


def test_refusals(recording):
    with pytest.raises(ValueError, match="needs a Recording"):
        raster(ss.Spikes([0.5], [0]), pseudospikes=True)
    with pytest.raises(ValueError, match="one trial, but this is a batch of shape \\(1,\\)"):
        raster(jax.tree.map(lambda leaf: leaf[None], recording))
    with pytest.raises(ValueError, match="2 colours for 3 neurons"):
        raster(recording, color=["red", "blue"])
    with pytest.raises(ValueError, match="only 2 sources"):
        raster(ss.Spikes([0.5], [2]), size=2)


def test_a_figure_of_its_own_says_what_is_a_pseudospike(recording):
    legend = raster(recording, pseudospikes=True).get_legend()
    names = [text.get_text().partition(",")[0] for text in legend.get_texts()]
    shades = [colors.to_hex(line.get_color()) for line in legend.get_lines()]
    assert dict(zip(names, shades, strict=True)) == {"spike": "#222222", "pseudospike": lighter("#222222", 0.6)}
    assert raster(recording).get_legend() is None
    assert raster(recording, pseudospikes=True, ax=plt.figure().add_subplot()).get_legend() is None
