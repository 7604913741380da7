"""Absolute refractoriness: against 50 digits, SciPy and central differences, in every class and engine."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import smoothspike as ss
from tests.helpers import reference
from tests.helpers.refractory import Refractory, alone, decaying

PERIOD = 0.7
TIMES, SOURCES = np.array([0.1, 0.5, 1.3, 2.1, 2.3]), np.array([0, 1, 2, 0, 1])
WEIGHTS = np.array([[14.0, 18.0, 23.0], [8.0, 3.0, 20.0]])
KICKS = np.array([[0.8, -0.3, 0.6], [0.5, 1.1, -0.4]])


def with_period(model, period=PERIOD):
    return model._replaced(refractory=period)


def reference_of(kind):
    """A declared model, its counterpart of 50 digits, and weights."""
    if kind == "QIF":
        return ss.models.qif(tau_m=1, tau_s=0.5), reference.QuadraticCurrent(1, 0.5), decaying(0.5), WEIGHTS
    if kind == "QIF, kicked":
        model = ss.NeuronModel.from_equations(
            "dV/dt = V**2 + 1", name="kicked", spike="V = oo", reset="V = -oo", inputs="V"
        )
        return model, reference.QuadraticDelta(1, 0, 1), alone, KICKS
    if kind == "LIF":
        return ss.models.lif(tau_m=1, tau_s=0.5), reference.LeakyCurrent(1, 0.5), decaying(0.5), WEIGHTS / 4
    model = ss.NeuronModel.from_equations("dV/dt = 2 - V", name="LIF", spike="V = 1", reset="V = 0", inputs="V")
    return model, reference.LeakyDelta(2), alone, KICKS / 2


KINDS = ("QIF", "QIF, kicked", "LIF", "LIF, kicked")


def network_of(model, weights, duration=4.0, **options):
    neuron = ss.Neuron(model, allow_discontinuous=True, **options)
    sizes = (weights.shape[1], weights.shape[0])
    return ss.FeedForward(neuron, sizes, duration, weights=[{neuron.routes[0]: weights}])


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_spikes_as_the_reference_does_within_the_trial_and_beyond(kind):
    model, neuron, held, weights = reference_of(kind)
    layers = [([Refractory(neuron, PERIOD, held)] * 2, weights)]
    (spikes,), states = reference.simulate_layered(layers, TIMES, SOURCES, 4.0)
    recording = network_of(with_period(model), weights)(ss.Spikes(TIMES, SOURCES))
    found = recording.spikes[-1]
    assert found.sources[: len(spikes)].tolist() == [index for _, index in spikes]
    np.testing.assert_allclose(found.times[: len(spikes)], [float(time) for time, _ in spikes], rtol=1e-12)
    assert len(spikes) >= 3
    assert not np.isfinite(found.times[len(spikes) :]).any()
    if kind.startswith("QIF"):
        wanted = reference.layered_pseudospikes(layers, states, 4.0, 3)[0]
        row = recording.spike_times(count=9)
        for index in range(2):
            inside = sum(number == index for _, number in spikes)
            expected = [float(time) for time in wanted[index]]
            np.testing.assert_allclose(row[index, inside : inside + 3], expected, rtol=1e-11)


def _gap(weights, times, period, kind):
    """Differences of spike times within the trial, which all depend on the refractory time."""
    model, _, _, _ = reference_of(kind)
    t_ref = sp.Symbol("t_ref", positive=True)
    model = model._replaced(refractory=t_ref, parameters=dict(model.parameters) | {t_ref: PERIOD})
    network = network_of(model, WEIGHTS, trainable="t_ref")
    network = eqx.tree_at(lambda net: net.raw_weights[0].weights, network, {"I" if "," not in kind else "V": weights})
    network = eqx.tree_at(lambda net: net.neurons[0].unconstrained["t_ref"], network, jnp.log(period))
    return network(ss.Spikes(times, SOURCES), capacity=12).spikes[-1].times[:3]


@pytest.mark.parametrize("kind", ["QIF", "LIF", "QIF, kicked"])
def test_gradients_know_that_the_release_moves_with_the_spike(kind):
    _, neuron, held, weights = reference_of(kind)

    def spikes(point):
        rows = [point[:3], point[3:6]]
        members = [Refractory(neuron, point[11], held)] * 2
        (found,), _ = reference.simulate_layered([(members, rows)], point[6:11], SOURCES, 4.0)
        return found[:3]

    arguments = jnp.asarray(weights), jnp.asarray(TIMES), jnp.asarray(PERIOD)
    found = jax.jit(jax.jacrev(partial(_gap, kind=kind), argnums=(0, 1, 2)))(*arguments)
    matrix = np.concatenate([np.reshape(part, (3, -1)) for part in found], axis=1)
    point = [*weights.ravel(), *TIMES, PERIOD]
    for column in range(12):
        wanted = reference.central_difference(spikes, point, column)
        np.testing.assert_allclose(matrix[:, column], [float(each) for each in wanted], rtol=1e-9, atol=1e-11)
    assert np.abs(matrix[-1, -1]) > 0.1


def stepped(rates, start, inputs, duration, *, threshold, reset, period):
    """Spike times by SciPy: pieces between events, with the first state constant while it is held."""
    times, now, states, until = [], 0.0, np.array(start, float), -1.0
    queue = [*inputs, (duration, None)]

    def crossing(_, y):
        return y[0] - threshold

    crossing.__dict__.update(terminal=True, direction=1.0)
    while queue:
        is_held = until > now
        end = min(queue[0][0], until) if is_held else queue[0][0]
        flow = (lambda t, y: np.concatenate([[0.0], rates(y)[1:]])) if is_held else (lambda t, y: np.array(rates(y)))
        found = solve_ivp(
            flow, (now, end), states, "DOP853", events=None if is_held else crossing, rtol=1e-12, atol=1e-13
        )
        now, states = found.t[-1], found.y[:, -1]
        if found.status == 1:
            times.append(now)
            states, until = np.array(reset(states)), now + period
        elif now == queue[0][0]:
            _, change = queue.pop(0)
            if change is not None:
                after = np.array(change(states))
                states = np.array([states[0], *after[1:]]) if until > now else after
    return times


@pytest.mark.slow
def test_states_that_follow_the_variable_go_on_from_its_reset_value():
    """A nonlinear, adaptive neuron with a finite reset, whose held equations are integrated."""
    text = "dV/dt = V**2 + 1 - w + I; dw/dt = (sin(V) + 1)/2 - w**2; dI/dt = -2*I"
    model = ss.NeuronModel.from_equations(
        text, name="adaptive", spike="V = 3", reset="V = -1, w = w + 1", inputs="I", refractory=0.4
    )
    network = network_of(model, np.array([[2.0]]), method="numeric")
    found = network(ss.Spikes(np.array([0.2, 1.5, 1.6]), np.zeros(3, int))).spikes[0].times
    inputs = [(time, lambda y: (y[0], y[1], y[2] + 2)) for time in (0.2, 1.5, 1.6)]
    wanted = stepped(
        lambda y: [y[0] ** 2 + 1 - y[1] + y[2], (np.sin(y[0]) + 1) / 2 - y[1] ** 2, -2 * y[2]], (0, 0, 0), inputs,
        4.0, threshold=3.0, reset=lambda y: (-1.0, y[1] + 1, y[2]), period=0.4,
    )  # fmt: skip
    assert len(wanted) >= 2
    np.testing.assert_allclose(found[: len(wanted)], wanted, rtol=1e-9)
    assert not np.isfinite(found[len(wanted) :]).any()


def test_a_quadratic_neuron_of_any_time_constants_and_a_kicked_spike_at_a_finite_reset():
    """The power series, with a finite reset and conductances, as an angle by SciPy."""
    text = "dV/dt = V**2 - 1 + g*(4 - V); dg/dt = -g/0.7"
    model = ss.NeuronModel.from_equations(
        text, name="conductance", spike="V = oo", reset="V = -2", inputs={"g": "g", "V": "V"}, refractory="0.3",
        bounds={"g": (0, "oo")},
    )  # fmt: skip
    neuron = ss.Neuron(model, allow_discontinuous=True)
    assert neuron.derivation.method == "projective"
    network = ss.FeedForward(neuron, (2, 1), 4.0, weights=[{"g": [[6.0, 0.0]], "V": [[0.0, 1.0]]}])
    times, sources = np.array([0.2, 0.9, 0.95, 1.5, 1.7]), np.array([0, 1, 0, 0, 1])
    found = network(ss.Spikes(times, sources)).spikes[0].times

    def rates(y):
        sine, cosine = np.sin(y[0] / 2), np.cos(y[0] / 2)
        angle = 2 * (sine**2 - cosine**2 + y[1] * (4 * cosine**2 - sine * cosine))
        return [angle, -y[1] / 0.7]

    kick = lambda y: (2 * np.arctan(np.tan(y[0] / 2) + 1), y[1])  # noqa: E731
    effects = [(lambda y: (y[0], y[1] + 6)) if source == 0 else kick for source in sources]
    wanted = stepped(rates, (0, 0), list(zip(times, effects, strict=True)), 4.0, threshold=np.pi,
                     reset=lambda y: (2 * np.arctan(-2), y[1]), period=0.3)  # fmt: skip
    assert len(wanted) >= 3
    np.testing.assert_allclose(found[: len(wanted)], wanted, rtol=1e-10)
    assert not np.isfinite(found[len(wanted) :]).any()


@pytest.mark.slow
@pytest.mark.parametrize("delay", [None, 0.25])
@pytest.mark.parametrize("kind", ["QIF", "QIF, kicked"])
def test_recurrent_populations(kind, delay):
    model, neuron, held, weights = reference_of(kind)
    own = np.array([[3.0, -8.0], [6.0, 4.0]]) / (1 if kind == "QIF" else 8)
    cell = ss.Neuron(with_period(model))
    options = {} if delay is None else {"recurrent_delays": np.full((2, 2), delay)}
    network = ss.Recurrent(
        cell, size=2, inputs=3, duration=4.0, input_weights={cell.routes[0]: weights},
        recurrent_weights={cell.routes[0]: own}, **options,
    )  # fmt: skip
    found = network(ss.Spikes(TIMES, SOURCES)).spikes[0]
    if delay is None:
        members = [Refractory(neuron, PERIOD, held)] * 2
        spikes, _ = reference.simulate_recurrent(members, own, weights, TIMES, SOURCES, 4.0)
        assert len(spikes) >= 3
        np.testing.assert_allclose(found.times[: len(spikes)], [float(time) for time, _ in spikes], rtol=1e-11)
        assert found.sources[: len(spikes)].tolist() == [index for _, index in spikes]
    assert ss.check_gradients(network, ss.Spikes(TIMES, SOURCES)).largest_error < 1e-7


def test_the_variable_is_seen_at_its_reset_value_while_it_is_held():
    model = ss.models.lif(tau_m=1, tau_s=0.5)
    recording = network_of(with_period(model), WEIGHTS / 4)(ss.Spikes(TIMES, SOURCES))
    first = float(recording.spikes[-1].times[0])
    neuron = int(recording.spikes[-1].sources[0])
    states = recording.states_at(first + np.array([1e-6, 0.3, 0.69, 0.75]))
    assert states["V"][:3, neuron].tolist() == [0.0, 0.0, 0.0]
    assert states["V"][3, neuron] != 0
    assert len(set(states["I"][:, neuron].tolist())) == 4


def test_spike_times_are_continuous_where_a_spike_leaves_through_the_trial_end():
    model, _, _, weights = reference_of("QIF")
    spikes = ss.Spikes(TIMES, SOURCES)
    long = network_of(with_period(model), weights)(spikes)
    last = float(long.spikes[-1].times[2])
    rows = [
        network_of(with_period(model), weights, duration=last + step)(spikes).spike_times(count=5)
        for step in (-1e-9, 1e-9)
    ]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-7)


def test_a_refractory_time_per_neuron_and_currents_at_run_time():
    t_ref, current = sp.Symbol("t_ref", positive=True), sp.Symbol("I_ext", real=True)
    V = sp.Symbol("V", real=True)
    model = ss.NeuronModel(
        "driven", dynamics={V: V**2 + 1 + current}, spike=ss.at_infinity(V), reset={V: -sp.oo}, inputs=V,
        currents=current, parameters={t_ref: (0.5, 2.0)}, refractory=t_ref, bounds={current: (-sp.Rational(1, 2), 9)},
    )  # fmt: skip
    network = ss.FeedForward(ss.Neuron(model), (1, 2), 9.0, weights=[np.zeros((2, 1))])
    given = {"I_ext": ss.PiecewiseConstant(np.array([0.0, 2.0]), np.array([0.0, 3.0]))}
    row = network(ss.Spikes(np.array([1.0]), np.array([0])), currents=given).spike_times(count=2)
    # released at pi/2 + t_ref: the first neuron after the step, at speed 2; the second likewise
    first = np.pi / 2
    np.testing.assert_allclose(row[:, 0], first, rtol=1e-12)
    np.testing.assert_allclose(row[:, 1], first + np.array([0.5, 2.0]) + np.pi / 2, rtol=1e-12)


def test_declaration_is_printed_saved_and_replaced(tmp_path):
    text = "dV/dt = (V*(V - 1) + I)/tau; dI/dt = -I/0.5"
    model = ss.NeuronModel.from_equations(
        text, name="held", spike="V = oo", reset="V = -oo", inputs="I", parameters={"tau": 1, "t_ref": 2},
        refractory="t_ref",
    )  # fmt: skip
    assert "refractory: V is held for a time t_ref after a spike" in repr(model)
    assert r"\text{refractory} &: t_{ref}" in model._repr_latex_()
    assert model.with_parameters(t_ref=3).refractory == model.refractory
    network = network_of(model, WEIGHTS, trainable="t_ref")
    ss.save(network, tmp_path / "net.ss")
    assert ss.load(tmp_path / "net.ss").neurons[0].model == model
    assert model != model._replaced(refractory=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"refractory": 0}, "refractory: the time 0 is not positive"),
        ({"refractory": "-1"}, "refractory: the time -1 is not positive"),
        ({"refractory": "1 + V"}, "refractory, line 1, column 5: this may not depend on the state 'V'"),
        ({"refractory": "t_ref", "parameters": {"t_ref": -1}}, "positive parameter t_ref = -1 is not positive"),
        ({"refractory": "x - y", "parameters": {"x": 2, "y": 1}}, "x - y is not known to be positive"),
        ({"refractory": 1, "equations": "dV/dt = V**2 + w; dw/dt = tanh(V) - w"}, "dw/dt depends on V, which is held"),
    ],
)
def test_a_wrong_refractory_time_is_refused(changes, message):
    declared = {"equations": "dV/dt = V**2", "name": "x", "spike": "V = oo", "reset": "V = -oo", "inputs": "V"}
    with pytest.raises(ss.ModelError, match=message):
        ss.NeuronModel.from_equations(**(declared | changes))


def test_a_neuron_that_goes_on_by_its_own_dynamics_spikes_as_in_a_longer_trial():
    model, _, _, weights = reference_of("QIF, kicked")
    spikes = ss.Spikes(TIMES, SOURCES)
    wanted = network_of(with_period(model), weights, duration=20.0)(spikes).spike_times(count=4)
    # one neuron is held at 4, the other is not
    for duration in (2.5, 3.0, 4.0):
        found = network_of(with_period(model), weights, duration=duration, beyond="own")(spikes)
        np.testing.assert_allclose(found.spike_times(count=4), wanted, rtol=1e-12)
