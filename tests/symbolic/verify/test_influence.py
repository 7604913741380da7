"""States on which the effect of an input depends: own spikes, V and other inputs pass their kinks on through them."""

import mpmath as mp
import pytest
import sympy as sp

from symbolic import NeuronModel, at_infinity, crosses, jump, verify
from symbolic import weight as W
from symbolic.verify import Regularity
from symbolic.verify.signs.influence import relevant_states

V, I, g, x, y, z, theta = sp.symbols("V I g x y z theta", real=True)
C1, CONTINUOUS, ANALYTIC = Regularity.C1, Regularity.CONTINUOUS, Regularity.ANALYTIC


def model(dynamics, inputs, reset=None, spike=None, **declared):
    reset = {V: -sp.oo} | (reset or {}) if spike is None else reset
    return NeuronModel("m", dynamics=dynamics, spike=spike or at_infinity(V), reset=reset, inputs=inputs, **declared)


def driven(rate):
    return model({V: V**2 + 1 + I, I: -I, x: rate - x}, jump({I: I + W * x}))


# later spikes, with which Hoelder exponent
READ_BY_THE_JUMP = {
    "halved at spikes": (
        C1, 1, lambda: model({V: V**2 + 1, x: 1 - x}, jump({V: V + W * x}), {x: x / 2}, initial={x: 1})
    ),
    "a trace of own spikes": (C1, 1, lambda: model({V: V**2 + 1, x: -x}, jump({V: V + W * x}), {x: x + 1})),
    "through a chain": (
        C1, 1, lambda: model({V: V**2 + 1, x: -x, y: x - y}, jump({V: V + W * y}), {x: x + 1})
    ),
    "of a circle variable": (
        C1, 1,
        lambda: model(
            {theta: 2 - sp.cos(theta), x: -x}, jump({theta: 2 * sp.atan(sp.tan(theta / 2) + W * x)}),
            {theta: -sp.pi, x: x + 1}, crosses(theta, sp.pi),
        ),
    ),
    "with a kink at the spike": (CONTINUOUS, 1, lambda: driven(sp.tanh(V))),
    "with a root at the spike": (CONTINUOUS, sp.Rational(1, 2), lambda: driven((1 + V**2) ** sp.Rational(1, 4))),
    "with another root": (CONTINUOUS, sp.Rational(1, 3), lambda: driven((1 + V**2) ** sp.Rational(1, 3))),
    "read by a conductance": (
        CONTINUOUS, 1,
        lambda: model(
            {V: V**2 + 1 - g * V, g: -g, x: sp.tanh(V) - x}, jump({g: g + W * (2 + x)}), bounds={g: (0, sp.oo)}
        ),
    ),
    "analytic in -1/V": (ANALYTIC, 1, lambda: driven(1 / (1 + V**2))),
    "at a finite threshold": (
        CONTINUOUS, 1,
        lambda: model(
            {V: 2 - V + I, I: -I, x: V - x}, jump({I: I + W * x}), {V: 0}, crosses(V, 1), bounds={I: (0, sp.oo)}
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ_BY_THE_JUMP)
def test_what_the_jump_reads_passes_on(name):
    expected, exponent, declare = READ_BY_THE_JUMP[name]
    certificate = verify(declare())
    assert certificate.holds, str(certificate)
    (report,) = certificate.routes
    assert (report.later_spikes, report.later_exponent) == (expected, exponent)


def second_spike(lag):
    """V' = V^2 + 1 from 0 spikes at pi/2; an input a time `lag` later adds x to V, and x' = 1 - x is halved there."""
    at = mp.pi / 2 + lag
    trace = mp.mpf(1) if lag < 0 else 1 - mp.exp(-lag) / 2
    phase = at if lag < 0 else at - mp.pi
    return at + (mp.pi if lag < 0 else 0) + mp.pi / 2 - mp.atan(mp.tan(phase) + trace)


def test_the_second_derivative_jumps_by_the_factor_of_the_reset():
    """The value that the certificate of the first model above stands for, at 40 digits."""
    with mp.workdps(40):
        step = mp.mpf("1e-10")
        values = [second_spike(side * k * step) for side in (-1, 1) for k in (1, 2, 3)]
        before, after = ((a - 2 * b + c) / step**2 for a, b, c in (values[:3], values[3:]))
        slopes = [(values[1] - values[0]) / step, (values[4] - values[3]) / step]
    assert abs(before + 2) < 1e-6
    assert abs(after + 1) < 1e-6
    assert max(map(abs, slopes)) < 1e-8


def test_two_inputs_that_change_places_on_the_way():
    """x is felt by the jump of I alone; its cubic decay does not commute with additions to it."""
    declared = model(
        {x: -(x**3), y: x - y, z: y - z, V: V**2 + 1 + I, I: -I}, {"a": jump({I: I + W * z}), "b": jump({x: x + W})}
    )
    assert relevant_states(declared) == {I, x, y, z}
    certificate = verify(declared)
    assert (certificate.simultaneous_inputs, certificate.simultaneous_is_exact) == (CONTINUOUS, True)


def test_a_route_that_acts_through_the_jump_of_another_is_felt():
    declared = model({V: V**2 + 1, x: -x}, {"read": jump({V: V + W * x}), "written": jump({x: x + W})})
    certificate = verify(declared)
    assert not certificate.holds  # together, the order of both inputs matters
    assert "Input read before written" in certificate.failures[0].reason


def test_a_state_that_spikes_do_not_depend_on_may_be_reset_at_will():
    declared = model({V: V**2 + I, I: -I, x: -x}, jump({I: I + W, x: x + W}), {x: 0})
    report = verify(declared).route("I, x") if len(verify(declared).routes[0].name) > 1 else verify(declared).routes[0]
    assert (report.order_swap.name, report.later_spikes) == ("HOLDS", ANALYTIC)


def test_every_class_is_true():
    assert all(bool(regularity) for regularity in Regularity)


def test_a_kink_in_the_field_is_not_analytic():
    """Inputs take the current through zero, where its absolute value bends the field."""
    V, w = sp.symbols("V w", real=True)
    model = NeuronModel(
        "kink", dynamics={V: V**2 + sp.Abs(w), w: -w}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=w
    )
    report = verify(model).route("w")
    assert (report.own_spike, report.later_spikes) == (Regularity.CONTINUOUS, Regularity.CONTINUOUS)
