"""The oracles of declared models against textbook formulas, each other, and quadrature."""

from typing import Any

import numpy as np
import pytest
import sympy as sp
from oracles import Affine, General, Riccati, derivatives, general, oracle
from oracles.equations import equations, exactly
from reference import (
    INFINITY,
    LeakyCurrent,
    LeakyDelta,
    QuadraticCurrent,
    QuadraticDelta,
    central_difference,
    mp,
    number,
    pseudospike_times,
    simulate_recurrent,
    simulate_single,
    theta_neuron,
)

from symbolic import NeuronModel, models
from symbolic.declare import at_infinity, crosses

pytestmark = pytest.mark.slow


EXACT = mp.mpf("1e-40")  # of the oracles with Taylor series
DOUBLE = 5e-12  # of the oracle in double precision: about 1e-14, times the condition number of a trial
SLOPES = 3e-8  # of its derivatives, relative to max(1, derivative)
INPUTS = 16
V, I, w = sp.symbols("V I w", real=True)

TEXTBOOK = {
    "qif": (models.qif(), QuadraticCurrent(1, 0.5), 5.0, 4.0),
    "slow qif": (models.qif(tau_m=2.0, tau_s=1.0), QuadraticCurrent(2, 1), 5.0, 8.0),
    "qif_delta": (models.qif_delta(), QuadraticDelta(1, -1, 0), 5.0, 4.0),
    "theta_neuron": (models.theta_neuron(), theta_neuron(1, 1), 5.0, 12.0),
    "quiet theta neuron": (models.theta_neuron(I_0=-0.5), theta_neuron(1, -0.5), 5.0, 12.0),
    "lif": (models.lif(), LeakyCurrent(1, 0.5), 20.0, 4.0),
    "lif, equal time constants": (models.lif(tau_s=1.0), LeakyCurrent(1, 1), 20.0, 4.0),
    "lif_delta": (models.lif_delta(), LeakyDelta(0), 1.0, 4.0),
    "lif_oscillatory": (models.lif_oscillatory(), LeakyDelta(2), 1.0, 12.0),
}
BOTH = {
    name: getattr(models, name)()
    for name in ("qif_alpha", "qif_double_exponential", "qif_adaptive", "qif_finite_reset", "theta_current")
} | {"slow synapse": models.qif(tau_s=3.0), "lif_conductance": models.lif_conductance(), "xif": models.xif()}
ALONE = {
    "quartic": (models.quartic(I_0=1.0), mp.mpf(-1)),
    "cosh": (
        NeuronModel(
            "cosh", dynamics={V: sp.cosh(V) - sp.Rational(1, 2)}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V
        ),
        mp.mpf(-1),
    ),
    "exponential": (
        NeuronModel(
            "exponential", dynamics={V: sp.exp(V) + sp.exp(-V / 2) - 1}, spike=at_infinity(V), reset={V: -1}, inputs=V
        ),
        mp.mpf(0),
    ),
    "quadratic": (models.theta_neuron(), mp.mpf("0.3")),
}


def patterns(seed, scale, duration, count=4):
    """Weights, more often exciting than inhibiting, and times."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        yield generator.uniform(-0.4 * scale, scale, INPUTS), generator.uniform(0, duration, INPUTS)


def relative(found, expected):
    assert len(found) == len(expected)
    return max((abs(one - other) / other for one, other in zip(found, expected, strict=True)), default=mp.zero)


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_neurons(name, figures):
    """Spikes, states and pseudospikes."""
    model, textbook, scale, duration = TEXTBOOK[name]
    declared, spikes, worst = oracle(model), 0, mp.zero
    for weights, times in patterns(1, scale, duration):
        expected, end = simulate_single(textbook, times, weights, duration)
        found, state = simulate_single(declared, times, weights, duration)
        assert all(abs(a - b) < EXACT * (1 + abs(b)) ** 2 for a, b in zip(state, end, strict=True))
        worst, spikes = max(worst, relative(found, expected)), spikes + len(found)
        if hasattr(textbook, "pseudo_phase"):
            pseudo = [pseudospike_times(neuron, end, 0.7, duration, 2) for neuron in (declared, textbook)]
            assert relative(*pseudo) < EXACT
    figures(f"oracle of {name}: {spikes} spikes, relative error {float(worst):.0e}")
    assert spikes > 3
    assert worst < EXACT


@pytest.mark.parametrize("name", [*TEXTBOOK, *BOTH])
def test_the_oracle_in_double_precision_agrees(name, figures):
    model, _, scale, duration = TEXTBOOK.get(name) or (
        BOTH[name],
        None,
        30.0 if name == "qif_double_exponential" else 8.0,
        6.0,
    )
    exact, double, spikes, worst, later = oracle(model), general(model), 0, mp.zero, mp.zero
    for weights, times in patterns(2, scale, duration):
        weights = abs(weights) if name == "lif_conductance" else weights
        expected, end = simulate_single(exact, times, weights, duration)
        found, _ = simulate_single(double, times, weights, duration)
        worst, spikes = max(worst, relative(found, expected)), spikes + len(found)
        if hasattr(exact, "pseudo_phase"):
            later = max(later, relative(*(pseudospike_times(each, end, 0.7, duration, 2) for each in (double, exact))))
    figures(f"oracle in double precision, {name}: {spikes} spikes, errors {float(worst):.0e}, later {float(later):.0e}")
    assert spikes > 3
    assert worst < DOUBLE
    assert later < DOUBLE


@pytest.mark.parametrize("name", ALONE)
def test_neurons_without_input_against_quadrature(name):
    """The time to the spike, and the state halfway, are integrals of dV / F."""
    model, start = ALONE[name]
    given, double = equations(model), general(model)
    pace = exactly([1 / given.field], [given.potential])

    def time(*edges) -> Any:
        with mp.workdps(30):
            return mp.quad(lambda potential: pace(potential)[0], edges)

    expected = time(start, start + 1, start + 3, INFINITY)
    assert abs(double.time_to_spike((start,), 100) - expected) < DOUBLE * expected
    for potential in (start + mp.mpf("0.5"), start + 2):
        assert abs(double.flow((start,), time(start, potential))[0] - potential) < 100 * DOUBLE


def test_which_oracle_serves_which_model():
    kinds = {name: type(oracle(getattr(models, name)())) for name in ("lif_alpha", "eif", "qif_dendrite", "quartic")}
    assert kinds == {"lif_alpha": Affine, "eif": General, "qif_dendrite": General, "quartic": General}
    assert all(isinstance(oracle(getattr(models, name)()), Riccati) for name in ("qif_alpha", "theta_neuron"))
    with pytest.raises(ValueError, match="one number for every parameter"):
        oracle(models.qif(tau_m=None))


def resonator(threshold):
    """A damped oscillation: V turns back again and again."""
    return NeuronModel(
        "resonator",
        dynamics={V: w - V / 50, w: -V - w / 50},
        spike=crosses(V, threshold),
        reset={V: 0},
        inputs=w,
    )


def test_two_crossings_close_together():
    """The maximum exceeds the threshold by 1e-20 of it, so the two crossings lie 1e-10 apart; the first one counts."""
    top = mp.exp(-mp.atan(50) / 50) * mp.sin(mp.atan(50))  # of exp(-t / 50) sin(t)
    for excess, crosses_it in (("1e-20", True), ("-1e-20", False)):
        level = sp.Rational(str(top / (1 + mp.mpf(excess))))
        spikes, _ = simulate_single(oracle(resonator(level)), [0], [1], 3)
        assert len(spikes) == crosses_it
        for spike in spikes:
            assert abs(mp.exp(-spike / 50) * mp.sin(spike) - number(str(mp.mpf(level.p) / level.q))) < EXACT
            assert mp.mpf("0.5e-10") < mp.atan(50) - spike < mp.mpf("5e-10")


def test_a_touch_of_the_threshold_is_found_in_finite_time():
    model = NeuronModel("touch", dynamics={V: w, w: -1}, spike=crosses(V, 2), reset={V: 0}, inputs=w)
    assert len(simulate_single(oracle(model), [0], [mp.mpf("2.0000000001")], 3)[0]) == 1
    assert len(simulate_single(oracle(model), [0], [mp.mpf("1.9999999999")], 3)[0]) == 0
    spikes, _ = simulate_single(oracle(model), [0], [2], 3)
    assert all(abs(spike - 2) < 1e-20 for spike in spikes)


def test_routes():
    model = NeuronModel(
        "two routes", dynamics={V: V**2 + I, I: -I}, spike=at_infinity(V), reset={V: -1},
        inputs={"current": I, "kick": V},
    )  # fmt: skip
    both = {"current": [3, 0], "kick": [0, 2]}
    for neuron in (oracle(model), general(model)):
        assert neuron.jump(neuron.initial, 2, route="kick") == (2, 0)
        state = neuron.jump(neuron.flow(neuron.initial, mp.mpf(1)), 3, route="current")
        state = neuron.jump(neuron.flow(state, mp.mpf("0.25")), 2, route="kick")
        spikes, _ = simulate_single(neuron, [1, 1.25], both, 3)
        assert relative(spikes[:1], [1.25 + neuron.time_to_spike(state, 9)]) < 1e-12


def test_networks_of_declared_models():
    textbook, declared = QuadraticCurrent(1, 0.5), oracle(models.qif())
    runs = [
        simulate_recurrent([each] * 3, np.full((3, 3), 1.5), np.eye(3) * 20, [0.1, 0.3, 0.8], range(3), 3)[0]
        for each in (textbook, declared)
    ]
    assert [index for _, index in runs[0]] == [index for _, index in runs[1]]
    assert relative(*([time for time, _ in run] for run in runs)) < EXACT


@pytest.mark.parametrize("name", ["qif", "theta_neuron", "qif_alpha"])
def test_derivatives_in_double_precision(name, figures):
    model, _, scale, duration = TEXTBOOK.get(name) or (BOTH[name], None, 8.0, 6.0)
    generator, worst = np.random.default_rng(3), 0.0
    for weights, times in patterns(4, scale, duration, 2):
        point, direction = [*weights, *times], generator.normal(size=2 * INPUTS)

        def spikes(neuron):
            return lambda p, n=neuron: simulate_single(n, p[INPUTS:], p[:INPUTS], duration)[0]

        exact = central_difference(spikes(oracle(model)), point, direction)
        double = general(model)
        for one, other in zip(derivatives(double, spikes(double), point, direction), exact, strict=True):
            worst = max(worst, float(abs(one - other) / max(1, abs(other))))
    figures(f"oracle in double precision, {name}: derivatives {worst:.0e}")
    assert worst < SLOPES
