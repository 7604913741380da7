import re

import pytest
import sympy as sp

from symbolic import NeuronModel, at_infinity, crosses, models
from symbolic.structure import StructureClass, is_on_circle, recognise, tangent_of_half_angle

V, I, w = sp.symbols("V I w", real=True)
theta = sp.Symbol("theta", real=True)
tau = sp.Symbol("tau", positive=True)


def scalar(field, **others):
    dynamics = {V: field} | {sp.Symbol(name, real=True): rate for name, rate in others.items()}
    return NeuronModel("m", dynamics=dynamics, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V)


@pytest.mark.parametrize(
    ("model", "kind", "evidence"),
    [
        (models.qif(), StructureClass.RICCATI, "quadratic in V"),
        (models.qif_delta(), StructureClass.RICCATI, "quadratic in V"),
        (models.theta_neuron(), StructureClass.RICCATI, r"tan\(theta/2\)"),
        (models.theta_current(), StructureClass.RICCATI, r"tan\(theta/2\)"),
        (models.lif(), StructureClass.LINEAR, "every equation is affine"),
        (scalar(V**4 + 1), StructureClass.AUTONOMOUS_SCALAR, "V is the only state"),
        (scalar(sp.exp(V)), StructureClass.AUTONOMOUS_SCALAR, "V is the only state"),
        (scalar(V**4 + I, I=-I), StructureClass.GENERAL, "a polynomial of degree 4"),
        (scalar(sp.exp(V) + I, I=-I), StructureClass.GENERAL, "not a polynomial"),
        (scalar(V**2 - w, w=V - w), StructureClass.GENERAL, "the equation of w depends on V"),
        (scalar(-V + w, w=V - w), StructureClass.GENERAL, "linear, but w depends on V"),
        (scalar(V**2 + I, I=-(I**2)), StructureClass.GENERAL, "the equation of I is not linear"),
    ],
)
def test_classes(model, kind, evidence):
    structure = recognise(model)
    assert structure.kind is kind
    assert re.search(evidence, structure.evidence)


def test_coefficients_of_a_quadratic_field():
    structure = recognise(models.qif())
    tau_m, I = (
        next(s for s in (*models.qif().parameters, *models.qif().states) if s.name == n) for n in ("tau_m", "I")
    )
    c, b, a = structure.coefficients
    assert (sp.simplify(c - I / tau_m), sp.simplify(b + 1 / tau_m), sp.simplify(a - 1 / tau_m)) == (0, 0, 0)
    assert not structure.is_circle


@pytest.mark.parametrize(("model", "expected"), [(models.theta_neuron(), True), (models.lif(), False)])
def test_circles(model, expected):
    assert is_on_circle(model) is expected


@pytest.mark.parametrize("period", [2 * sp.pi, sp.Integer(1), sp.Integer(6)])
@pytest.mark.parametrize("reset", [sp.Integer(0), -sp.pi, sp.Rational(1, 2)])
def test_a_circle_of_any_length_and_origin(period, reset):
    """Rescaled, every one of these is V' = V**2 + 1 with V the tangent of half the angle."""
    angle = 2 * sp.pi * (theta - reset) / period - sp.pi
    rate = period / (2 * sp.pi) * ((1 - sp.cos(angle)) + (1 + sp.cos(angle)))
    slower = period / (2 * sp.pi) * ((1 - sp.cos(angle)) + 4 * (1 + sp.cos(angle)))
    model = NeuronModel(
        "circle",
        dynamics={theta: slower},
        spike=crosses(theta, reset + period),
        reset={theta: reset},
        inputs=theta,
        initial={theta: reset + period / 4},
    )
    assert sp.simplify(rate) == period / sp.pi  # a constant speed is no circle to tell
    structure = recognise(model)
    assert structure.is_circle
    potential = structure.potential
    assert sp.simplify(structure.field - potential**2 - 4) == 0
    middle = tangent_of_half_angle(model).subs(theta, reset + period / 2)
    assert sp.simplify(middle) == 0


def test_a_potential_of_that_name_may_exist():
    model = NeuronModel(
        "m",
        dynamics={theta: 2 - sp.cos(theta) + V, V: -V},
        spike=crosses(theta, sp.pi),
        reset={theta: -sp.pi},
        inputs=V,
    )
    assert recognise(model).potential.name == "V_line"
