"""Models from outside the library, many of them nasty: verdict and classes, with the reason beside each."""

import time

import pytest
import sympy as sp

from symbolic import NeuronModel, at_infinity, crosses, jump, weight
from symbolic.verify import verify
from symbolic.verify.render import classes

oo = sp.oo
V, I, J, g, w, n, theta = sp.symbols("V I J g w n theta", real=True)
p = sp.Symbol("p", real=True)
DECAY = {I: -I}


def model(field, others=None, inputs=V, reset=None, **declaration):
    return NeuronModel(
        "nasty", dynamics={V: field} | (others or {}), spike=at_infinity(V), reset=reset or {V: -oo}, inputs=inputs,
        **declaration,
    )  # fmt: skip


def angle(field, others=None, **declaration):
    return NeuronModel(
        "angle", dynamics={theta: field} | (others or {}), spike=crosses(theta, sp.pi),
        reset={theta: -sp.pi} | declaration.pop("reset", {}), **declaration,
    )  # fmt: skip


HALF_TURN = 1 + sp.cos(theta)
ROOT = sp.sqrt(1 + V**2)

# declaration; verdict; contact exponent; own spike; later spikes
MODELS = {
    # the square turns round beyond a million
    "sign changes far out": (lambda: model(V**2 - V**4 / 10**12), "FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"),
    # the same with a current that can be any number: V is driven away from infinity whatever it is
    "sign changes far out, current": (
        lambda: model(V**2 - sp.exp(V / 10**6) + I, DECAY, I, {V: 0}), "FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"
    ),
    # V log(V)^2 blows up, but the time left is 1/log(V): a jump of V shifts the spike by exp(-1/u)
    "V log(V)^2": (lambda: model(ROOT * sp.log(2 + V**2) ** 2), "HOLDS", oo, "SMOOTH", "at least SMOOTH"),
    # with a current: dF/F ~ 1/V is flat too
    "V log(V)^2, current": (
        lambda: model(ROOT * sp.log(2 + V**2) ** 2 + I, DECAY, I, {V: 0}), "HOLDS", oo, "at least SMOOTH", "CONTINUOUS"
    ),
    # V log(V) takes infinitely long
    "V log(V)": (lambda: model(ROOT * sp.log(2 + V**2)), "FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"),
    # logarithms beside the power: u^2 log(u) is C1, and no more is claimed
    "V^2 log(V)": (lambda: model(V**2 * sp.log(2 + V**2)), "HOLDS", 2, "at least C1", "at least C1"),
    # exp(V^2): an inhibitory input multiplies the time left by exp(2 V w), which still vanishes
    "exp(V^2)": (lambda: model(sp.exp(V**2)), "HOLDS", 1, "at least CONTINUOUS", "at least CONTINUOUS"),
    # exp(V)/V^3 against a current: the time left is 1/F up to a constant, so that u^2 has no logarithm
    "exponential with a polynomial factor": (
        lambda: model(sp.exp(V) / (1 + V**4) + sp.exp(-V) + I, DECAY, I), "HOLDS", 2, "C1", "at least C1"
    ),
    # a reset that depends on the input's own current: before the spike it moves V, after it does not
    "reset depends on an input state": (
        lambda: model(V**2 + I, DECAY, I, {V: sp.tanh(I)}), "FAILS", 3, "C2", "DISCONTINUOUS"
    ),
    # the input acts on the reset only through a filter: continuous, but the filter starts at once
    "reset depends on what the input drives": (
        lambda: model(V**2 + I, {I: J - I, J: -J}, J, {V: sp.tanh(I)}), "HOLDS", 4, "C3", "at least CONTINUOUS"
    ),
    # w halves at the spike, which commutes with its decay: when it happens does not matter
    "reset that commutes with the flow": (
        lambda: model(V**2 + I - w, {I: -I, w: -w}, I, {V: -oo, w: w / 2}), "HOLDS", 3, "C2", "at least C2"
    ),
    # adaptation that the input drives too: effects add up, only the spike's time is passed on
    "input drives the adaptation": (
        lambda: model(V**2 + I - w, {I: -I, w: I - w}, I, {V: -oo, w: w + 1}), "HOLDS", 3, "C2", "C2"
    ),
    # what the input has added to w is halved at the spike: whether it comes before or after matters at first order
    "input drives an adaptation that the spike scales": (
        lambda: model(V**2 + I - w, {I: -I, w: I - w}, I, {V: -oo, w: w / 2 + 1}),
        "HOLDS", 3, "C2", "at least CONTINUOUS",
    ),
    # multiplies V: the time left is multiplied, and -1/V with it
    "jump that multiplies V": (
        lambda: model(V**2, inputs=jump({V: V * sp.exp(weight)})), "HOLDS", 1, "CONTINUOUS", "ANALYTIC"
    ),
    # two jumps that fade with V leave different states in either order
    "jump that fades with V": (
        lambda: model(V**2, inputs=jump({V: V + weight / (1 + V**2)})), "FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"
    ),
    # opposite currents that decay alike have no effect at all, equal ones with other decays at second order
    "currents that cancel": (
        lambda: model(V**2 + I - J, {I: -I, J: -J}, jump({I: I + weight, J: J + weight})),
        "HOLDS", 4, "at least C3", "ANALYTIC",
    ),
    # a gate that saturates with V leaves a conductance: F ~ V^2, dF ~ V
    "voltage-gated conductance": (
        lambda: model(V**2 - g * V / (1 + sp.exp(-V)), {g: -g}, g), "HOLDS", 2, "C1", "C1"
    ),
    # far from the spike only: exp(-V^2) V^2 is flat at infinity
    "input that the spike does not feel": (
        lambda: model(V**2 + I * sp.exp(-(V**2)), DECAY, I), "HOLDS", oo, "at least SMOOTH", "at least SMOOTH"
    ),
    # the sine of V^3 wiggles too fast for a second derivative of the spike time
    "oscillating drive": (
        lambda: model(V**4 + V * sp.sin(V**3) + I, DECAY, I),
        "HOLDS", None, "at least CONTINUOUS", "at least CONTINUOUS",
    ),
    # exponents that differ between neurons: the worst counts
    "one exponent per neuron": (
        lambda: model(sp.Abs(V) ** p, parameters={p: [2, 4, 6]}), "HOLDS", sp.Rational(6, 5), "C1", "at least C1"
    ),
    # way out like V^4, way back like V^2: each side has its exponent
    "other powers out and back": (
        lambda: model(sp.Piecewise((V**4 + V**2, V > 0), (V**2, True))), "HOLDS", sp.Rational(4, 3), "C1", "C1"
    ),
    # speed between two positive numbers, translation-invariant: a clock, whose angle goes on through the spike
    "clock": (
        lambda: NeuronModel("clock", dynamics={V: 2 + sp.tanh(I), I: -I}, spike=crosses(V, 1), reset={V: 0}, inputs=I),
        "HOLDS", 1, "CONTINUOUS", "ANALYTIC",
    ),
    # two inputs that arrive together move the angle differently in either order
    "phase response curve": (
        lambda: angle(sp.Integer(2), inputs=jump({theta: theta + sp.tanh(weight) * HALF_TURN / 2})),
        "FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS",
    ),
    # the angle's spikes also feed an adaptation
    "theta neuron with adaptation": (
        lambda: angle(1 - sp.cos(theta) + HALF_TURN * (I - w), {I: -I, w: -w}, inputs=I, reset={w: w + 1}),
        "HOLDS", 3, "C2", "C2",
    ),
    # V^4 with an adaptation that follows V: finite (integral of V/V^4), its effect on later spikes is not followed up
    "V^4 with adaptation that follows V": (
        lambda: model(V**4 + I - w, {I: -I, w: V - w}, I), "HOLDS", sp.Rational(7, 3), "C2", "at least CONTINUOUS"
    ),
    # the cube of V against V^4: diverges logarithmically; the time of the spike itself is as without it
    "V^4 with adaptation that follows V^3": (
        lambda: model(V**4 + I - w, {I: -I, w: V**3 - w}, I), "FAILS", sp.Rational(7, 3), "C2", "DISCONTINUOUS"
    ),
    # a threshold that the leak can hold the neuron at
    "threshold under a gate": (
        lambda: NeuronModel(
            "gate", dynamics={V: -V + 2 * n, n: I - n, I: -I}, spike=crosses(V, 1), reset={V: 0}, inputs=I
        ),
        "FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_nasty(name):
    declare, verdict, exponent, own, later = MODELS[name]
    start = time.process_time()
    certificate = verify(declare())
    assert time.process_time() - start < 10
    (report,) = certificate.routes
    assert certificate.verdict.name == verdict, str(certificate)
    assert report.contact_exponent == exponent, str(certificate)
    if own is not None:
        assert classes(report) == (own, later), str(certificate)


def test_a_threshold_that_is_met_at_speed_zero_fails():
    """V - w - 1 relaxes to 0: only inputs carry the potential over the moving threshold."""
    model = NeuronModel("m", dynamics={V: 1 - V, w: -w}, spike=crosses(V, 1 + w), reset={V: 0}, inputs=V)
    failing = {condition.name for condition in verify(model).conditions if condition.holds is False}
    assert "field is positive at the spike" in failing
