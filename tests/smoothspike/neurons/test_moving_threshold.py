"""Thresholds that are states: against SciPy, and against the change of variables made by hand."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import smoothspike as ss

TIMES, WEIGHT = np.array([0.2, 0.7, 1.5, 2.2]), 6.0
INPUTS = ss.Spikes(TIMES, np.zeros(4, int))


def declared(**changes):
    parts = {
        "equations": "dV/dt = (I - V)/tau; dh/dt = (1 - h)/tau_h; dI/dt = -I/0.5", "name": "adaptive threshold",
        "spike": "V = h", "reset": "V = 0, h = h + b", "inputs": "I", "initial": {"h": 1},
        "parameters": {"tau": 1, "tau_h": 2, "b": 0.5},
    }  # fmt: skip
    return ss.NeuronModel.from_equations(**(parts | changes))


def run(model, duration=4.0, **options):
    neuron = ss.Neuron(model, allow_discontinuous=True, **options)
    return ss.FeedForward(neuron, (1, 1), duration, weights=[[[WEIGHT]]])


def by_scipy(duration):
    """Spike times, and the states at 1.0, by integration from event to event."""

    def crossing(_, y):
        return y[0] - y[1]

    crossing.__dict__.update(terminal=True, direction=1.0)
    now, states, spikes, seen = 0.0, np.array([0.0, 1.0, 0.0]), [], None
    for until, weight in [*((time, WEIGHT) for time in TIMES), (duration, 0.0)]:
        while now < until:
            rates = lambda t, y: [y[2] - y[0], (1 - y[1]) / 2, -2 * y[2]]  # noqa: E731
            found = solve_ivp(rates, (now, until), states, "DOP853", events=crossing, rtol=1e-12, atol=1e-13,
                              dense_output=True)  # fmt: skip
            if now <= 1.0 <= found.t[-1]:
                seen = found.sol(1.0)
            now, states = found.t[-1], found.y[:, -1]
            if found.status == 1:
                spikes.append(now)
                states = np.array([0.0, states[1] + 0.5, states[2]])
        states[2] += weight
    return spikes, seen


@pytest.mark.parametrize("method", ["linear", pytest.param("numeric", marks=pytest.mark.slow)])
def test_an_adaptive_threshold(method):
    recording = run(declared(), method=method)(INPUTS)
    spikes, seen = by_scipy(4.0)
    assert len(spikes) >= 4
    np.testing.assert_allclose(recording.spikes[0].times[: len(spikes)], spikes, rtol=1e-9)
    assert not np.isfinite(recording.spikes[0].times[len(spikes) :]).any()
    states = recording.states_at(np.array([1.0]))
    assert set(states) == {"V", "h", "I"}
    np.testing.assert_allclose([states[name][0, 0] for name in ("V", "h", "I")], seen, rtol=1e-8)


@pytest.mark.slow
def test_gradients_and_trained_initial_threshold():
    report = ss.check_gradients(run(declared(), trainable=("b", "h", "tau_h")), INPUTS)
    assert report.largest_error < 1e-8


def test_it_is_the_change_of_variables_made_by_hand():
    by_hand = ss.NeuronModel.from_equations(
        "dU/dt = (I - U - h)/tau - (1 - h)/tau_h; dh/dt = (1 - h)/tau_h; dI/dt = -2*I", name="by hand",
        spike="U = 0", reset="U = -h - b, h = h + b", inputs="I", initial={"h": 1, "U": -1},
        parameters={"tau": 1, "tau_h": 2, "b": 0.5},
    )  # fmt: skip
    found, wanted = (run(model)(INPUTS).spike_times(count=6) for model in (declared(), by_hand))
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    certificate, other = ss.verify(declared()), ss.verify(by_hand)
    assert certificate.verdict is other.verdict
    assert [c.holds for c in certificate.conditions[1:]] == [c.holds for c in other.conditions]
    assert certificate.conditions[0].name == "the threshold moves"
    assert "dU/dt = " in certificate.conditions[0].reason


def test_a_threshold_can_be_proven_to_be_crossed():
    """The variable falls behind no threshold: the field of the distance is positive there, and nothing grazes."""
    model = ss.NeuronModel.from_equations(
        "dV/dt = V**2 + 1; dh/dt = -h", name="falling", spike="V = 2 + h", reset="V = -1, h = 1", inputs={"h": "h"},
        bounds={"h": (0, "oo")},
    )  # fmt: skip
    assert ss.verify(model).condition("field is positive at the spike").holds is True


def test_a_spike_leaves_through_the_trial_end_continuously():
    last = float(run(declared())(INPUTS).spikes[0].times[2])
    rows = [run(declared(), duration=last + step)(INPUTS).spike_times(count=3) for step in (-1e-9, 1e-9)]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-7)


def test_an_expression_in_states_and_parameters_is_saved_and_printed(tmp_path):
    model = declared(spike="V = V_th + h", parameters={"tau": 1, "tau_h": 2, "b": 0.5, "V_th": 0.5}, initial={})
    assert "spike: V = V_th + h" in repr(model)
    network = run(model)
    ss.save(network, tmp_path / "net.ss")
    again = ss.load(tmp_path / "net.ss")
    assert again.neurons[0].model == model
    assert again(INPUTS).spikes[0].times.tolist() == network(INPUTS).spikes[0].times.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spike": "V = h + V"}, "depends on V itself; solve V for it"),
        ({"refractory": 1}, "the threshold h moves, which cannot be combined with a refractory time yet"),
        ({"bounds": {"V": (-5, "oo")}}, "cannot be combined with bounds of V yet"),
        ({"initial": {"h": 0}}, "the initial value of V, 0, is not below its spike threshold h"),
        ({"spike": "V = x"}, "spike, line 1, column 5: 'x' is neither a state nor a parameter"),
    ],
)
def test_what_is_not_possible_is_refused(changes, message):
    with pytest.raises(ss.ModelError, match=message):
        declared(**changes)


def test_currents_at_run_time_and_a_state_called_like_the_distance():
    model = declared(equations="dV/dt = (I + U - V)/tau; dh/dt = (1 - h)/tau_h; dI/dt = -I/0.5", currents="U")
    given = {"U": ss.PiecewiseConstant(np.array([0.0, 0.5]), np.array([3.0, 0.0]))}
    found = ss.FeedForward(ss.Neuron(model, allow_discontinuous=True), (1, 1), 2.0, weights=[[[0.0]]])(
        INPUTS, currents=given
    )
    # V = 3 (1 - exp(-t)) crosses h = 1
    np.testing.assert_allclose(found.spikes[0].times[0], np.log(1.5), rtol=1e-12)


def test_by_its_own_dynamics_it_cannot_go_on():
    model = declared(equations="dV/dt = 9 - V; dh/dt = (1 - h)/tau_h", inputs="V")
    with pytest.raises(ss.ModelError, match="its field, reset or threshold depends on h"):
        ss.Neuron(model, allow_discontinuous=True, beyond="own")
