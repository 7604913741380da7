from typing import Any

import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike import plot

phase_line: Any = plot.phase_line  # matplotlib types what artists hold too loosely to be checked

V, I = sp.symbols("V I", real=True)


def fixed_points(ax):
    """Position and kind of each fixed point on the zero line."""
    points = [line for line in ax.lines if line.get_label() == "_fixed point" and line.get_transform() == ax.transData]

    def kind(line):
        if line.get_fillstyle() != "full":
            return "half"
        return "unstable" if line.get_markerfacecolor() == "white" else "stable"

    return [(round(float(line.get_xdata()[0]), 4), kind(line)) for line in points]


def curves(ax):
    return [line for line in ax.lines if not line.get_label().startswith("_")]


def heads(ax):
    return [line.get_marker() for line in ax.lines if line.get_marker() in "<>"]


def test_qif_below_at_and_above_its_rheobase():
    ax = phase_line(ss.models.qif())
    assert [line.get_label() for line in curves(ax)] == ["$I=0$", "$I=0.25$", "$I=0.5$"]
    assert fixed_points(ax) == [(0.0, "stable"), (1.0, "unstable"), (0.5, "half")]
    assert heads(ax) == [">", "<", ">", ">", ">", ">"]
    for line, current in zip(curves(ax), (0.0, 0.25, 0.5), strict=True):
        v, rate = line.get_data()
        np.testing.assert_allclose(rate, v * (v - 1) + current, atol=1e-12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$V$", r"$\mathrm{d}V/\mathrm{d}t$")
    ax.figure.draw_without_rendering()


def test_a_declared_parameter_counts():
    _, rate = curves(phase_line(ss.models.qif(tau_m=2.0, tau_s=1.0), currents=[3.0], range=(0.0, 1.0)))[0].get_data()
    assert rate[0] == 1.5


def test_inputs_that_change_the_potential():
    ax = phase_line(ss.models.qif_delta(), currents=[0.25])
    assert fixed_points(ax) == [(0.5, "half")]


def test_finite_threshold():
    ax = phase_line(ss.models.lif(), currents=[0.0, 2.0])
    assert fixed_points(ax) == [(0.0, "stable")]
    (threshold,) = [line for line in ax.lines if line.get_label() == "_threshold"]
    assert set(threshold.get_xdata()) == {1.0}
    assert max(line.get_xdata().max() for line in curves(ax)) == 1.0  # there is no flow beyond it


def test_a_fixed_point_at_the_threshold():
    assert fixed_points(phase_line(ss.models.lif(), currents=[1.0])) == [(1.0, "stable")]


def test_circle():
    ax = phase_line(ss.models.theta_neuron(), currents=[-2.0, -1.0])  # on top of a constant drive of 1
    assert fixed_points(ax) == [(-1.5708, "stable"), (1.5708, "unstable"), (0.0, "half")]
    np.testing.assert_allclose(ax.get_xlim(), (-np.pi, np.pi))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["$-\\pi$", "$0$", "$\\pi$"]


def test_range():
    ax = phase_line(ss.models.qif(), currents=[0.0], range=(-5.0, 0.5))
    assert ax.get_xlim() == (-5.0, 0.5)
    assert fixed_points(ax) == [(0.0, "stable")]


def test_an_exponential_model():
    exponential = ss.NeuronModel(
        "EIF",
        dynamics={V: -V + sp.exp(V - 2) + I, I: -I},
        spike=ss.at_infinity(V),
        reset={V: -1},
        inputs=I,
    )
    ax = phase_line(exponential)  # below its rheobase of 1, at it, and above it
    assert [kind for _, kind in fixed_points(ax)] == ["stable", "unstable", "half"]
    (stable, _), _, (touched, _) = fixed_points(ax)
    assert abs(-stable + np.exp(stable - 2)) < 1e-3
    assert abs(touched - 2) < 1e-3
    assert all(np.isfinite(line.get_ydata()).all() for line in curves(ax))


def test_a_model_without_a_rheobase():
    model = ss.NeuronModel(  # the minimum of its field has no formula
        "m", dynamics={V: sp.exp(V) - sp.sin(V) + I, I: -I}, spike=ss.at_infinity(V), reset={V: 0}, inputs=I
    )
    assert ss.derive(model).rheobase is None
    (rate,) = [line.get_ydata() for line in curves(phase_line(model))]
    assert np.isfinite(rate).all()


def test_an_open_parameter_is_named():
    tau = sp.Symbol("tau", positive=True)
    model = ss.NeuronModel(
        "open", dynamics={V: (V**2 + I) / tau, I: -I}, spike=ss.at_infinity(V), reset={V: -sp.oo}, inputs=I,
        parameters=[tau],
    )  # fmt: skip
    with pytest.raises(ValueError, match="tau of open must have a single value"):
        phase_line(model, currents=[0.0])
