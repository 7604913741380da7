from typing import Any

import numpy as np
import pytest
import sympy as sp
from matplotlib import colors
from matplotlib import pyplot as plt

import smoothspike as ss
from smoothspike import plot
from smoothspike.validation import CrossExamination, RouteFindings
from smoothspike.validation.contact_exponent import Contact
from smoothspike.validation.order_swap import Swap

contact: Any = plot.contact  # matplotlib types what artists hold too loosely to be checked

LEFT = np.geomspace(1e-6, 1e-12, 7)
NOTHING = Swap(np.zeros(0), np.zeros(0), np.zeros(0))
V, I, J = sp.symbols("V I J", real=True)
TWO_INPUTS = ss.NeuronModel(
    "two inputs",
    dynamics={V: V**2 + I + J, I: -I, J: -J},
    spike=ss.at_infinity(V),
    reset={V: -sp.oo},
    inputs={"I": I, "J": J},
)


def route(name="I", exponent=3.0, factors=(0.1, 0.2, 0.4), fitted=None):
    left = np.stack([LEFT] * len(factors))
    shift = np.array(factors)[:, None] * left**exponent
    fitted = exponent if fitted is None else fitted
    return RouteFindings(name, Contact(left, shift, np.full(len(factors), fitted)), fitted, NOTHING, NOTHING)


def examined(model, *routes):
    return CrossExamination(ss.verify(model), routes, None, (), (), ())


def points(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def laws(ax):
    return [line for line in ax.lines if line.get_marker() == "None"]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_one_row_of_points_for_each_state():
    findings = route()
    ax = contact(findings)
    for line, left, shift in zip(points(ax), findings.contact.time_left, findings.contact.shift, strict=True):
        np.testing.assert_array_equal(line.get_data(), [left, shift])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time left to the spike, $u$", "shift of the spike")
    ax.figure.draw_without_rendering()


def test_a_route_alone_has_the_fitted_power_through_its_middle():
    ax = contact(route(exponent=1.5))
    (law,) = laws(ax)
    np.testing.assert_allclose(law.get_ydata(), 0.2 * law.get_xdata() ** 1.5)
    np.testing.assert_allclose(sorted(law.get_xdata()), [1e-12, 1e-6])
    assert law.get_linestyle() == "--"
    assert labels(ax) == ["I: $u^{1.500}$, fitted"]


def test_the_power_of_the_certificate_is_drawn_where_there_is_one():
    ax = contact(examined(ss.models.qif(), route(fitted=2.99)))
    (law,) = laws(ax)
    np.testing.assert_allclose(law.get_ydata(), 0.2 * law.get_xdata() ** 3)
    assert law.get_linestyle() == "-"
    assert labels(ax) == ["I: $u^{3}$, fitted 2.990"]


def test_one_colour_for_each_route():
    ax = contact(examined(TWO_INPUTS, route("I"), route("J", factors=(7.0,))))
    assert labels(ax) == ["I: $u^{3}$, fitted 3.000", "J: $u^{3}$, fitted 3.000"]
    one, other = (law.get_color() for law in laws(ax))
    assert one != other
    assert [line.get_markeredgecolor() for line in points(ax)] == [one, one, one, other]
    assert all(colors.to_hex(line.get_color()) not in (one, other) for line in points(ax))


def test_what_logarithmic_axes_cannot_show_is_left_out():
    findings = route(factors=(0.1, 0.2))
    findings.contact.shift[0, 2] = 0.0
    findings.contact.time_left[0, 3] = np.nan
    findings.contact.shift[1] = 0.0
    (line,) = points(contact(findings))
    np.testing.assert_array_equal(line.get_xdata(), LEFT[[0, 1, 4, 5, 6]])


@pytest.mark.parametrize(("fitted", "words"), [(np.inf, "faster than any power"), (np.nan, "no power")])
def test_no_line_without_a_finite_power(fitted, words):
    ax = contact(route(fitted=fitted))
    assert len(laws(ax)[0].get_xdata()) == 0
    assert labels(ax) == [f"I: {words}, fitted"]
    ax.figure.draw_without_rendering()


def test_nothing_measured():
    empty = RouteFindings("I", None, float("nan"), NOTHING, NOTHING)
    with pytest.raises(ValueError, match="no shift was measured for the input I"):
        contact(empty)
    with pytest.raises(ValueError, match="no shift was measured for the input I"):
        contact(examined(ss.models.qif(), empty))
    with pytest.raises(ValueError, match="no input route was measured"):
        contact(examined(ss.models.qif()))
    assert not plt.get_fignums()
    assert labels(contact(examined(TWO_INPUTS, empty, route("J")))) == ["J: $u^{3}$, fitted 3.000"]


def test_draws_where_it_is_told():
    figure, axes = plt.subplots(1, 2)
    assert contact(route(), ax=axes[1]) is axes[1]
    assert not axes[0].lines
    assert len(figure.axes) == 2
