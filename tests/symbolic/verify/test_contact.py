"""Contact exponents against numbers: the shift of a spike by an input a time u before it, integrated at 40 digits."""

import mpmath as mp
import pytest
import sympy as sp

from symbolic import NeuronModel, at_infinity, crosses, jump, weight
from symbolic.verify import Regularity, verify

V, I, J, g, theta = sp.symbols("V I J g theta", real=True)
WEIGHT = mp.mpf("0.7")

# Near the spike z falls to zero and serves as the clock: V = 1/z, or V = -log(z) for exponential fields.
POWER = (lambda z: 1 / z, lambda z: -(z**2))
EXPONENTIAL = (lambda z: -mp.log(z), lambda z: -z)


def time_to_spike(chart, field, rates, state, z, steps=60):
    """Integrate dt/dz and ds/dz from z down to the spike at z = 0, which a two-stage Gauss method never touches."""
    potential, slope = chart
    h, root = -z / steps, mp.sqrt(3) / 6
    matrix = ((mp.mpf(1) / 4, mp.mpf(1) / 4 - root), (mp.mpf(1) / 4 + root, mp.mpf(1) / 4))
    time = mp.mpf(0)
    for _ in range(steps):
        k = [[mp.mpf(0)] * (len(state) + 1)] * 2
        for _ in range(6):  # fixed-point iteration for the stages
            stages = []
            for place, row in zip((z + h / 2 - root * h, z + h / 2 + root * h), matrix, strict=True):
                values = [s + h * (row[0] * k[0][i + 1] + row[1] * k[1][i + 1]) for i, s in enumerate(state)]
                v = potential(place)
                pace = 1 / (field(v, *values) * slope(place))
                stages.append([pace, *(rate(v, *values) * pace for rate in rates)])
            k = stages
        time += h * (k[0][0] + k[1][0]) / 2
        state = [s + h * (k[0][i + 1] + k[1][i + 1]) / 2 for i, s in enumerate(state)]
        z += h
    return time


def measured(chart, field, rates, state, input_jump, z):
    """The slope of log(shift) against log(u) between two starting points."""
    points = []
    for start in (z, z / 8):
        before = time_to_spike(chart, field, rates, state, start)
        v, *jumped = input_jump(chart[0](start), *state)
        after = time_to_spike(chart, field, rates, jumped, 1 / v if chart is POWER else mp.exp(-v))
        points.append((mp.log(before), mp.log(abs(before - after))))
    return (points[0][1] - points[1][1]) / (points[0][0] - points[1][0])


def delta(v, *state):
    return (v + WEIGHT, *state)


def first(v, s, *state):
    return (v, s + WEIGHT, *state)


def last(v, *state):
    return (v, *state[:-1], state[-1] + WEIGHT)


def decay(v, s, *_):
    return -s


def filtered(v, s, r):
    return r - s


def second_decay(v, s, r):
    return -r


def model(field, others=None, inputs=V, **declaration):
    reset = declaration.pop("reset", {V: -sp.oo})
    return NeuronModel(
        "m", dynamics={V: field} | (others or {}), spike=at_infinity(V), reset=reset, inputs=inputs, **declaration
    )


ONE, HALF = [mp.mpf("0.3")], [mp.mpf("0.3"), mp.mpf("0.2")]
DECAY, ALPHA, ZERO = {I: -I}, {I: J - I, J: -J}, {"reset": {V: 0}}

# contact exponent, chart, field, rates, states, jump, the same as a declaration (None: fails for other reasons)
CASES = {
    "V^2, delta: p/(p-1)": (2, POWER, lambda v: v**2 - v, [], [], delta, lambda: model(V**2 - V)),
    "V^3, delta": (sp.Rational(3, 2), POWER, lambda v: v**3 + v, [], [], delta, None),
    "V^4, delta": (sp.Rational(4, 3), POWER, lambda v: v**4 - v, [], [], delta, lambda: model(V**4 - V)),
    "exp, delta: a factor": (1, EXPONENTIAL, lambda v: mp.exp(v) - v, [], [], delta, None),
    "V^2, current: one more": (
        3, POWER, lambda v, s: v**2 + s, [decay], ONE, first, lambda: model(V**2 + I, DECAY, I)
    ),
    "V^4, current": (
        sp.Rational(7, 3), POWER, lambda v, s: v**4 + s, [decay], ONE, first, lambda: model(V**4 + I, DECAY, I)
    ),
    "exp, current": (
        2, EXPONENTIAL, lambda v, s: mp.exp(v) - v + s, [decay], ONE, first,
        lambda: model(sp.exp(V) - V + I, DECAY, I, **ZERO),
    ),
    "V^2, conductance: gains one power of V": (
        2, POWER, lambda v, s: v**2 - s * (v - 3), [decay], ONE, first, lambda: model(V**2 - g * (V - 3), {g: -g}, g)
    ),
    "V^4, conductance on V^2": (
        sp.Rational(5, 3), POWER, lambda v, s: v**4 - s * v**2, [decay], ONE, first,
        lambda: model(V**4 - g * V**2, {g: -g}, g),
    ),
    "exp, conductance: up to a logarithm": (
        2, EXPONENTIAL, lambda v, s: mp.exp(v) - s * (v - 3), [decay], ONE, first,
        lambda: model(sp.exp(V) - g * (V - 3), {g: -g}, g, **ZERO, bounds={g: (0, sp.oo)}),
    ),
    "V^2, alpha synapse: a stage more": (
        4, POWER, lambda v, s, r: v**2 + s, [filtered, second_decay], HALF, last, lambda: model(V**2 + I, ALPHA, J)
    ),
    "exp, alpha synapse": (
        3, EXPONENTIAL, lambda v, s, r: mp.exp(v) + s, [filtered, second_decay], HALF, last,
        lambda: model(sp.exp(V) + I, ALPHA, J, **ZERO),
    ),
    "V^2, filtered conductance": (
        3, POWER, lambda v, s, r: v**2 - s * v, [filtered, second_decay], HALF, last,
        lambda: model(V**2 - I * V, ALPHA, J),
    ),
    "V^2, the state multiplies the leading power": (
        1, POWER, lambda v, s: (1 + s**2) * v**2, [decay], ONE, first, lambda: model((1 + I**2) * V**2, DECAY, I)
    ),
    "V^2, difference of two synapses that jump together: a stage more": (
        4, POWER, lambda v, s, r: v**2 + s - r, [decay, lambda v, s, r: -2 * r], HALF,
        lambda v, s, r: (v, s + WEIGHT, r + WEIGHT),
        lambda: model(V**2 + I - J, {I: -I, J: -2 * J}, jump({I: I + weight, J: J + weight})),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_contact_exponents(name):
    exponent, chart, field, rates, state, input_jump, declare = CASES[name]
    with mp.workdps(40):
        found = measured(chart, field, rates, state, input_jump, mp.mpf("1e-7"))
    assert abs(found - float(exponent)) < 0.08, found
    if declare is not None:
        certificate = verify(declare())
        assert certificate.holds
        assert certificate.routes[0].contact_exponent == exponent


def test_the_own_spike_of_every_exponent():
    """u^k beside zero: once differentiable for 1 < k <= 2, twice for 2 < k <= 3, and so on."""
    found = [verify(model(sp.Abs(V) ** (2 * n))).route("V").own_spike for n in (1, 2, 3)]
    assert found == [Regularity.C1] * 3
    found = [verify(model(V ** (2 * n) + I, DECAY, I)).route("I").own_spike for n in (1, 2, 3)]
    assert found == [Regularity.C2] * 3
    chain = verify(model(V**2 + I, ALPHA, J)).route("J")
    assert (chain.own_spike, chain.own_is_exact, chain.later_spikes) == (Regularity.C3, True, Regularity.ANALYTIC)


def test_a_flat_contact():
    """V log(V)^2: the time left is 1/log(V), so that a jump of V shifts the spike by exp(-1/u), less than any power."""
    field = sp.sqrt(1 + V**2) * sp.log(2 + V**2) ** 2
    report = verify(model(field)).route("V")
    assert (report.contact_exponent, report.own_spike) == (sp.oo, Regularity.SMOOTH)
    with mp.workdps(60):
        left, shifts = [], []
        for v in (mp.mpf(10) ** 5, mp.mpf(10) ** 10, mp.mpf(10) ** 20):
            rate = lambda x: 1 / (mp.sqrt(1 + x**2) * mp.log(2 + x**2) ** 2)  # noqa: E731
            left.append(1 / (4 * mp.log(v)))
            shifts.append(mp.quad(rate, [v, v + 1]))
    slopes = [mp.log(shifts[k] / shifts[k + 1]) / mp.log(left[k] / left[k + 1]) for k in (0, 1)]
    assert slopes[0] > 10
    assert slopes[1] > 20


def test_a_finite_threshold():
    """V' = 2 - V + I at threshold 1: an input u before shifts the spike like u, or u^2 through a filter."""
    declared = {"spike": crosses(V, 1), "reset": {V: 0}, "bounds": {I: (0, sp.oo), J: (0, sp.oo)}}
    direct = NeuronModel("d", dynamics={V: 2 - V + I, I: -I, J: -J}, inputs=I, **declared)
    through = NeuronModel("t", dynamics={V: 2 - V + I, I: J - I, J: -J}, inputs=J, **declared)
    for neuron, exponent, own in ((direct, 1, Regularity.CONTINUOUS), (through, 2, Regularity.C1)):
        report = verify(neuron).routes[0]
        assert (report.contact_exponent, report.own_spike, report.own_is_exact) == (exponent, own, True)
    shifts = []
    for u in (mp.mpf("1e-4"), mp.mpf("1e-4") / 8):
        start = 2 - mp.exp(u)  # V a time u before the threshold without input
        flow = lambda t, v=start: 2 + (v - 2) * mp.exp(-t) + WEIGHT * t * mp.exp(-t) - 1  # noqa: E731
        shifts.append(u - mp.findroot(flow, u))
    assert abs(mp.log(shifts[0] / shifts[1]) / mp.log(8) - 1) < 1e-3


def test_circle_variables_agree_with_the_line():
    rate = (1 - sp.cos(theta)) + (1 + sp.cos(theta)) * I
    angle = NeuronModel("a", dynamics={theta: rate, I: J - I, J: -J}, spike=crosses(theta, sp.pi),
                        reset={theta: -sp.pi}, inputs={"I": I, "J": J})  # fmt: skip
    certificate = verify(angle)
    assert [certificate.route(name).contact_exponent for name in "IJ"] == [3, 4]
    assert [certificate.route(name).own_spike for name in "IJ"] == [Regularity.C2, Regularity.C3]
    assert {certificate.route(name).later_spikes for name in "IJ"} == {Regularity.ANALYTIC}


@pytest.mark.parametrize("power", [2, 4])
def test_later_spikes_of_an_even_power(power):
    """Delta input around the spike, reset to -oo: the phase afterwards shifts like |t|^(p/(p-1)) on both sides."""
    k, p = mp.mpf(power) / (power - 1), mp.mpf(power)

    def phase(t):
        """The shift of the next spike by an input a time t after (before, if negative) the spike."""
        v = mp.sign(-t) * ((p - 1) * abs(t)) ** (-1 / (p - 1))
        moved = v + WEIGHT
        return mp.sign(moved) * abs(moved) ** (1 - p) / (p - 1) + t

    with mp.workdps(40):
        small = mp.mpf("1e-15")
        slopes = [mp.log(abs(phase(s * small) / phase(s * small / 8))) / mp.log(8) for s in (1, -1)]
        ratio = phase(small) / phase(-small)
    assert all(abs(slope - k) < 1e-3 for slope in slopes)
    assert abs(ratio - 1) < 1e-3
    report = verify(model(V**power)).route("V")
    assert report.later_spikes is (Regularity.ANALYTIC if power == 2 else Regularity.C1)
    assert report.later_is_exact


def test_two_delta_inputs_that_change_places():
    """V' = V^2: V is -1/t, so that all is rational; the slopes on both sides of a meeting differ."""

    def first_moved(lag):
        """The second input stays at time 1, the first comes at 1 + lag; the state at time 1.5."""
        events = sorted([(mp.mpf(1) + lag, mp.mpf("0.3")), (mp.mpf(1), mp.mpf("0.2"))])
        v, now = mp.mpf("-0.9"), mp.mpf(0)
        for time, strength in events:
            v, now = v / (1 - v * (time - now)) + strength, time
        return -1 / v + now  # the time shift of the trajectory, a smooth function of the state

    with mp.workdps(40):
        step = mp.mpf("1e-12")
        slopes = [(first_moved(s * step) - first_moved(0)) / (s * step) for s in (1, -1)]
    assert abs(slopes[0] - slopes[1]) > 0.1
    delta = verify(model(V**2))
    assert (delta.simultaneous_inputs, delta.simultaneous_is_exact) == (Regularity.CONTINUOUS, True)
    current = verify(model(V**2 + I, DECAY, I))
    assert (current.simultaneous_inputs, current.simultaneous_is_exact) == (Regularity.C1, False)


def test_a_kink_after_a_finite_reset():
    """V' = V^2 + I with the reset to 0: an input just after the spike moves V like its delay, one before does not."""
    declared = model(V**2 + I, {I: -I}, I, reset={V: 0})
    report = verify(declared).route("I")
    assert (report.later_spikes, report.later_is_exact) == (Regularity.CONTINUOUS, True)
