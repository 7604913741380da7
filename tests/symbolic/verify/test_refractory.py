"""What a refractory time does to continuity."""

import pytest
import sympy as sp

from symbolic import NeuronModel, Regularity, Verdict, models, verify

CONTINUOUS, C1, C2, C3 = Regularity.CONTINUOUS, Regularity.C1, Regularity.C2, Regularity.C3


def held(model):
    return model._replaced(refractory=sp.Rational(1, 2))


@pytest.mark.parametrize(
    ("name", "route", "own", "later", "release"),
    [
        # through one chart later spikes are analytic; a refractory time ends that
        ("qif_delta", "V", C1, C1, C1),
        ("qif", "I", C2, C2, C2),
        ("qif_alpha", "J", C3, C3, C3),
        ("qif_conductance", "g", C1, C1, C1),
        ("theta_neuron", "theta", C1, C1, C1),
        ("quartic", "V", C1, C1, C1),
        # the kink of a finite reset moves to the release
        ("qif_finite_reset", "I", C2, C2, CONTINUOUS),
        ("eif", "I", C1, C1, CONTINUOUS),
    ],
)
def test_classes_at_the_spike_and_at_the_release(name, route, own, later, release):
    certificate = verify(held(getattr(models, name)()))
    report = certificate.route(route)
    assert certificate.holds
    assert (report.own_spike, report.later_spikes, report.release) == (own, later, release)
    assert (report.later_is_exact, report.release_is_exact, report.has_release) == (True, True, True)
    assert certificate.regularity == report.regularity == min(own, later, release)
    assert f"({release.name} at the release)" in str(certificate)


@pytest.mark.parametrize("name", ["qif_finite_reset_delta", "eif_delta"])
def test_with_a_finite_reset_inputs_to_the_variable_jump_at_the_release_and_no_longer_at_the_spike(name):
    plain, certificate = verify(getattr(models, name)()), verify(held(getattr(models, name)()))
    at_spike, at_release = "the reset continues what the input did", "an input counts the same just before and just af"
    assert plain.condition(at_spike, "V").holds is False
    assert certificate.condition(at_spike, "V").holds is True
    (failure,) = certificate.failures
    assert failure.name.startswith(at_release)
    assert "leaves V = V_r, one just after it V = V_r + weight: later spikes jump" in failure.reason
    report = certificate.route("V")
    assert report.later_spikes is not None
    assert (report.later_spikes >= CONTINUOUS, report.release) == (True, Regularity.DISCONTINUOUS)
    assert certificate.regularity == Regularity.DISCONTINUOUS


def test_grazing_is_as_without():
    assert [c.name for c in verify(held(models.lif())).failures] == [c.name for c in verify(models.lif()).failures]


def test_spikes_cannot_accumulate():
    """Without refractory time each reset brings V nearer to its threshold by half."""
    declared = {
        "equations": "dV/dt = 1; dw/dt = 0", "name": "climbing", "spike": "V = 1", "reset": "V = 1 - w, w = w/2",
        "inputs": "V", "initial": {"w": 1},
    }  # fmt: skip
    condition = "spikes do not accumulate"
    assert verify(NeuronModel.from_equations(**declared)).condition(condition).holds is False
    found = verify(NeuronModel.from_equations(**declared, refractory=1)).condition(condition)
    assert found.holds is True
    assert "At least the refractory time 1 lies between two spikes" in found.reason


def test_inputs_must_commute_while_the_variable_is_held_too():
    """Together the inputs leave V + h as it is, so that their order does not matter; held, V does not take part."""
    x, y = "V = V + weight, h = h - weight", "g = g + weight*(V + h)"
    declared = {
        "equations": "dV/dt = V**2 + tanh(g); dh/dt = 0; dg/dt = -g", "name": "x", "spike": "V = oo",
        "reset": "V = -1", "inputs": {"x": x, "y": y},
    }  # fmt: skip
    condition = "the order of inputs does not matter"
    assert verify(NeuronModel.from_equations(**declared)).condition(condition).holds is True
    found = verify(NeuronModel.from_equations(**declared, refractory=1))
    assert found.condition(condition).holds is None
    assert found.verdict is not Verdict.HOLDS


def test_an_open_refractory_time():
    t_ref = sp.Symbol("t_ref", positive=True)
    model = models.qif()
    open_one = model._replaced(refractory=t_ref, parameters=dict(model.parameters) | {t_ref: None})
    assert verify(open_one).route("I").release is C2
