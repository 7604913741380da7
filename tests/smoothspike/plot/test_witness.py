from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from matplotlib import pyplot as plt

import smoothspike as ss
from smoothspike import plot
from smoothspike.validation import Replay
from symbolic import Failure, Observable, Witness

witness: Any = plot.witness  # matplotlib types what artists hold too loosely to be checked

DURATION = 4.0
NEVER = float("inf")
WEIGHTS = (1.9999999995, 2.0000000004)
TIMES = np.linspace(0, DURATION, 90)  # none of them that of a spike

GRAZING = Witness(
    Failure.VANISHES, ss.models.lif(), DURATION, ((0.5, "I", 1.0), (1.0, "I", WEIGHTS[0])), 1, "weight", WEIGHTS,
    Observable("spike time", 1), (NEVER, 2.0), ((), (2.0,)), 2.0,
)  # fmt: skip
UNSETTLED = Witness(
    Failure.NO_LIMIT, ss.models.izhikevich(), DURATION, (), None, "cut-off", (1e2, 1e4, 1e8),
    Observable("state", 1, sp.Symbol("w", real=True)),
    (-13.0, -12.5, -11.5), ((1.0,),) * 3, 1.5,
)  # fmt: skip
ESCAPING = Witness(
    Failure.ESCAPES, ss.models.qif_delta(), DURATION, ((1.0, "V", -3.0),), None, "cut-off", (-NEVER,),
    Observable("escape", state=sp.Symbol("V", real=True)), (3.0,), ((0.5,),), NEVER,
)  # fmt: skip


def replayed(found, potential, spike_times, jump, confirms=True):
    return Replay(found, confirms, "hand", spike_times, jump, TIMES, np.stack(potential))


def grazing(confirms=True):
    silent = np.exp(-((TIMES - 2.0) ** 2))
    return replayed(GRAZING, [silent, np.where(TIMES < 2.0, silent, 0.1)], ((), (2.0,)), 2.0, confirms)


def diverging(at, jump, failure=Failure.JUMPS):
    """Two trials of a QIF that part at 1.0 and spike at different times."""
    found = replace(
        GRAZING, failure=failure, model=ss.models.qif_delta(), quantity="time", values=(1.0, 1.0 - 9e-10),
        inputs=((0.5, "V", 1.0), (1.0, "V", 2.0)), outcomes=at, observable=Observable("spike time", 1),
    )  # fmt: skip
    ends = np.minimum(at, 2 * DURATION)
    potential = [np.where(TIMES < 1.0, 0.0, 1 / (end - TIMES) - 1 / (end - 1)) for end in ends]
    spikes = tuple((float(time),) if time <= DURATION else () for time in at)
    return replayed(found, potential, spikes, jump)


def named(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def curves(ax):
    return [line for line in ax.lines if not line.get_label().startswith("_")]


def marks(ax):
    """Times and heights of filled triangles, by colour."""
    lines = [line for line in ax.lines if line.get_marker() == "^"]
    return {line.get_color(): (line.get_xdata().tolist(), float(line.get_ydata()[0])) for line in lines}


def test_both_trials_of_a_witness():
    ax = witness(grazing())
    one, other = curves(ax)
    np.testing.assert_array_equal(one.get_data()[0], TIMES)
    np.testing.assert_allclose(one.get_data()[1], np.exp(-((TIMES - 2.0) ** 2)))
    times, values = other.get_data()
    at = np.flatnonzero(times == 2.0)[:3]
    np.testing.assert_array_equal(values[at], [1.0, np.nan, 0.0])  # threshold, gap, reset
    assert one.get_color() != other.get_color()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time", "$V$")
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlim()[1] > DURATION
    assert ax.get_ylim()[0] < 0
    assert ax.get_ylim()[1] > 1
    ax.figure.draw_without_rendering()
    assert ax.get_window_extent().width > 0.7 * ax.figure.bbox.width


def test_words():
    ax = witness(grazing())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "weight = 1.9999999995",
        r"$+9 \times 10^{-10}$",
    ]
    assert ax.get_title(loc="left") == "the spike at $t = 2$ appears, a jump of 2"
    assert witness(grazing(confirms=False)).get_title(loc="left").endswith("(not confirmed)")


def test_spikes_inputs_threshold_and_trial_end_are_marked():
    ax = witness(grazing())
    assert marks(ax) == {curves(ax)[1].get_color(): ([2.0], pytest.approx(1.10))}
    (given,), (varied,) = named(ax, "_input"), named(ax, "_varied input")
    assert (set(given.get_xdata()), set(varied.get_xdata())) == ({0.5}, {1.0})
    assert varied.get_ydata()[1] > given.get_ydata()[1]
    assert set(named(ax, "_threshold")[0].get_ydata()) == {1.0}
    assert set(named(ax, "_trial end")[0].get_xdata()) == {DURATION}


def test_a_divergence_leaves_the_panel_and_comes_back_from_below():
    ax = witness(diverging((2.0, 3.0), 1.0))
    low, high = ax.get_ylim()
    assert high - low < 20
    for line, spike in zip(curves(ax), (2.0, 3.0), strict=True):
        times, values = line.get_data()
        at = np.flatnonzero(times == spike)[:3]
        assert values[at[0]] > high
        assert np.isnan(values[at[1]])
        assert values[at[2]] < low
        assert np.nanmax(np.abs(values)) < 100  # no vertices far beyond what can be drawn
    assert not named(ax, "_threshold")
    assert ax.get_title(loc="left") == "time of spike 1 jumps by 1"
    assert ax.get_legend().get_texts()[1].get_text() == r"$-9 \times 10^{-10}$"


def test_a_small_jump_is_shown_from_where_the_trials_part():
    ax = witness(diverging((2.0, 2.05), 0.05))
    start, end = ax.get_xlim()
    assert 0.5 < start < 1.0
    assert 2.05 < end < 2.5
    assert sorted(times for times, _ in marks(ax).values()) == [[2.0], [2.05]]


def test_spikes_outside_the_stretch_have_no_marks():
    replay = diverging((2.0, 2.05), 0.05)
    ax = witness(replace(replay, spike_times=((0.1, 2.0, 3.5), (0.1, 2.05, 3.6))))
    assert sorted(times for times, _ in marks(ax).values()) == [[2.0], [2.05]]
    ax.figure.draw_without_rendering()


def test_a_vanishing_spike():
    ax = witness(diverging((2.0, NEVER), 2.0, Failure.VANISHES))
    assert ax.get_title(loc="left") == "the spike at $t = 2$ vanishes, a jump of 2"
    assert ax.get_xlim() == (0, 1.03 * DURATION)


def test_no_limit_is_drawn_against_the_cut_off_without_simulating():
    ax = witness(UNSETTLED)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_data(), [UNSETTLED.values, UNSETTLED.outcomes])
    assert ax.get_xscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("cut-off of $V$", "w at spike 1")
    assert ax.get_title(loc="left") == "w at spike 1 has no limit; it varies by 1.5"
    assert not ax.texts


def test_what_never_comes_is_above():
    found = replace(UNSETTLED, observable=Observable("spike time", 1), outcomes=(1.0, 2.0, NEVER), jump=NEVER)
    ax = witness(found)
    (line,), (never,) = curves(ax), named(ax, "_never")
    assert line.get_xdata().tolist() == [1e2, 1e4]
    assert never.get_xdata().tolist() == [1e8]
    assert never.get_ydata()[0] > 1
    assert ax.texts[0].get_text() == "never"
    assert ax.get_title(loc="left") == "time of spike 1 has no limit"
    ax.figure.draw_without_rendering()
    assert ax.get_xlim()[1] > 1e8


def test_an_escape_is_followed_until_it_leaves_and_marked():
    potential = np.where(TIMES < 3.0, -1 / np.maximum(3.0 - TIMES, 1e-9), np.nan)
    ax = witness(replayed(ESCAPING, [potential], ((0.5,),), NEVER))
    (line,), (escape,) = curves(ax), named(ax, "_escape")
    assert line.get_xdata()[-1] == 3.0
    assert line.get_ydata()[-1] < ax.get_ylim()[0]
    assert escape.get_xdata()[0] == 3.0
    assert ax.get_ylim()[0] > -20
    assert ax.get_title(loc="left") == r"$V$ diverges to $-\infty$ at $t = 3$"
    assert set(named(ax, "_input")[0].get_xdata()) == {1.0}
    assert not named(ax, "_varied input")
    ax.figure.draw_without_rendering()


def test_draws_where_it_is_told():
    figure, axes = plt.subplots(1, 2)
    assert witness(grazing(), ax=axes[1]) is axes[1]
    assert not axes[0].lines
    assert len(figure.axes) == 2


@pytest.mark.slow
def test_a_witness_is_simulated_and_sampled_beside_inputs_and_spikes():
    found = Witness(
        Failure.VANISHES, ss.models.lif_delta(), 2.0, ((0.5, "V", 0.9999999995),), 0, "weight",
        (0.9999999995, 1.0000000004), Observable("spike time", 1), (NEVER, 0.5), ((), (0.5,)), 1.5,
    )  # fmt: skip
    ax = witness(found)
    one, other = (line.get_data() for line in curves(ax))
    assert np.diff(one[0]).max() <= 2.0 / 239 + 1e-12
    before, after = np.searchsorted(one[0], 0.5) + np.array([-1, 0])
    assert one[0][after] - one[0][before] < 1e-4
    np.testing.assert_allclose(one[1][[before, after]], [0, 1], atol=1e-4)
    assert np.isnan(other[1]).sum() == 1
    assert "appears, a jump of 1.5" in ax.get_title(loc="left")
    assert "confirmed" not in ax.get_title(loc="left")
