"""The verdict of every kind of model, with the reason beside it; all reached from the equations alone."""

import pytest
import sympy as sp

from symbolic import NeuronModel, at_infinity, crosses, jump, models, weight
from symbolic.verify import Certificate, Regularity, verify

oo = sp.oo
V, I, w, g, theta, u, s, J, n = sp.symbols("V I w g theta u s J n", real=True)
tau_x, even = sp.Symbol("tau_x", real=True), sp.Symbol("k", even=True, positive=True)
tau = sp.Symbol("tau", positive=True)
a, b, p, V_r, V_th, E = sp.symbols("a b p V_r V_th E", real=True)
DECAY = {I: -2 * I}
CURRENT = {"inputs": I, "reset": {V: -oo}}
FINITE = {"inputs": I, "reset": {V: 0}}
DELTA = {"inputs": V, "reset": {V: -oo}}


def infinite(field, others=None, **declaration):
    """A model that spikes at infinity."""
    declared = {"inputs": V, "reset": {V: -oo}, "parameters": {}} | declaration
    return NeuronModel("test", dynamics={V: field} | (others or {}), spike=at_infinity(V), **declared)


def finite(field, others=None, threshold=1, **declaration):
    """A model with a finite threshold."""
    declared = {"inputs": V, "reset": {V: 0}} | declaration
    return NeuronModel("test", dynamics={V: field} | (others or {}), spike=crosses(V, threshold), **declared)


def circle(field, others=None, **declaration):
    """A model of an angle."""
    return NeuronModel(
        "test",
        dynamics={theta: field} | (others or {}),
        spike=crosses(theta, sp.pi),
        **{"reset": {theta: -sp.pi}} | declaration,
    )


def conductance(**declaration):
    """A quadratic neuron with a conductance input."""
    return infinite(V**2 - g * (V - 3), {g: -g}, inputs=g, **declaration)


EXP = (-V + sp.exp(V - 1) + I) / tau
TAU = {"parameters": {tau: 1}}
THETA = (1 - sp.cos(theta)) + (1 + sp.cos(theta)) * I
THETA_JUMP = jump({theta: 2 * sp.atan(sp.tan(theta / 2) + weight)})

HOLDS = {
    "reset of a state that nothing depends on": lambda: infinite(
        V**2 + I, {I: -I, J: -J}, inputs=jump({I: I + weight, J: J + weight}), reset={V: -oo, J: 0}
    ),
    "oscillation that depends on a state": lambda: infinite(V**2 + sp.sin(I * V**5), DECAY, **CURRENT),
    "oscillating leading coefficient": lambda: infinite(V**2 * (2 + sp.sin(V)), **DELTA),
    "library QIF": lambda: models.qif(),
    "library QIF, delta": lambda: models.qif_delta(),
    "library theta neuron": lambda: models.theta_neuron(),
    "library theta neuron with a current": lambda: models.theta_current(),
    "QIF with open parameters": lambda: models.qif(tau_m=None, tau_s=None),
    "QIF with arrays of parameters": lambda: models.qif(tau_m=[1.0, 2.0, 3.0]),
    "EIF, current, finite reset": lambda: infinite(EXP, DECAY, **FINITE, **TAU),
    "V^4 delta": lambda: infinite(V**4 - 5 * V**3 + V, **DELTA),
    "V^4 current": lambda: infinite(V**4 - 5 * V**3 + V + I, DECAY, **CURRENT),
    "|V|^(3/2), both ends integrable": lambda: infinite(sp.Abs(V) ** sp.Rational(3, 2) - V, **DELTA),
    "|V| log(1 + V^2)^2: just integrable": lambda: infinite(sp.Abs(V) * sp.log(1 + V**2) ** 2 - 1, **DELTA),
    "cosh": lambda: infinite(sp.cosh(V) + I - 3, DECAY, **CURRENT),
    "Piecewise, quadratic above, leak below": lambda: infinite(
        sp.Piecewise((V**2, V > 0), (-V, True)) + I, DECAY, **FINITE
    ),
    "two slopes of a piecewise quadratic": lambda: infinite(
        sp.Piecewise((3 * V**2, V > 0), (V**2, True)) + I, DECAY, **CURRENT
    ),
    "oscillating drive below the square": lambda: infinite(V**2 + V * sp.sin(V), **DELTA),
    "saturating gate on the square": lambda: infinite(V**2 * (2 + sp.tanh(V)) + I, DECAY, **CURRENT),
    "spike-triggered adaptation": lambda: infinite(
        V**2 + I - w, {I: -I, w: -w / 3}, inputs=I, reset={V: -oo, w: w + 1}
    ),
    "Izhikevich with b = 0": lambda: infinite(
        V**2 + I - w, {I: -I, w: a * (b * V - w)}, inputs=I, reset={V: 0, w: w + 2}, parameters={a: 0.02, b: 0}
    ),
    "AdEx, current, finite reset": lambda: infinite(
        EXP - w, {I: -I, w: (a * V - w) / 3}, inputs=I, reset={V: 0, w: w + b}, parameters={tau: 1, a: 0.3, b: 0.5}
    ),
    "adaptive quartic, delta": lambda: infinite(V**4 - w, {w: V - w}, inputs=V),
    "conductance, never negative": lambda: conductance(bounds={g: (0, oo)}),
    "conductance of any sign multiplies a lower power": lambda: conductance(),
    "state multiplies the leading power, bounded away from 0": lambda: infinite(
        g * V**2 + I, {g: 2 - g, I: -I}, inputs=I, bounds={g: (1, 3)}, initial={g: 1}, reset={V: -oo}
    ),
    "positive function of a state multiplies the leading power": lambda: infinite((1 + I**2) * V**2, DECAY, **CURRENT),
    "alpha synapse": lambda: infinite(V**2 + I, {I: J - I, J: -J}, inputs=J, reset={V: -oo}),
    "nonlinear but dissipating input state": lambda: infinite(V**2 + I, {I: -I - I**3}, **CURRENT),
    "square of a synaptic current": lambda: infinite(V**2 + I**2, DECAY, **CURRENT),
    "oscillatory threshold neuron with excitation only": lambda: finite(
        2 - V + I, {I: -I}, inputs=I, bounds={I: (0, oo)}
    ),
    "threshold neuron whose drive is an exponential": lambda: finite(sp.exp(I) - V + 1, {I: -I}, inputs=I),
    "theta neuron with current, twice as fast": lambda: circle(2 * THETA, {I: -I}, inputs=I),
    "reset that depends on a slow state": lambda: infinite(
        V**2 + I, {I: -I, s: -s}, inputs=I, reset={V: s}, initial={s: 1}
    ),
    "input that moves two states": lambda: infinite(
        V**2 + I, DECAY, inputs=jump({V: V + weight, I: I + 2 * weight}), reset={V: -oo}
    ),
    "gate in its declared range": lambda: infinite(
        V**2 + I - n * V, {I: -I, n: (1 + sp.tanh(V)) / 2 * (1 - n) - n}, inputs=I, bounds={n: (0, 1)}
    ),
    "adaptation that follows V through a bounded function": lambda: infinite(
        V**2 - w * V + I, {I: -I, w: sp.tanh(V) - w}, **CURRENT
    ),
    "power on one side only": lambda: infinite(
        sp.Piecewise((V ** sp.Rational(3, 2), V > 0), (-V, True)) + I, DECAY, **FINITE
    ),
    "any even power": lambda: infinite(V**even + I, DECAY, **CURRENT, parameters=[even]),
    "quotient, fast enough": lambda: infinite(V**4 / (V**2 + I**2 + 1) + I, DECAY, **CURRENT),
    "definite form of two currents at the threshold": lambda: finite(1 + I**2 + J**2 + I * J, {I: -I, J: -J}, inputs=I),
    "open time constant": lambda: infinite((V**2 + I) / tau_x, {I: -I / tau_x}, **CURRENT, parameters=[tau_x]),
    "steep below, quadratic above": lambda: infinite(V**2 + sp.exp(-V) + I, DECAY, **CURRENT),
    "angle with a finite reset": lambda: circle(
        2 + sp.cos(theta) + I, {I: -I}, inputs=I, reset={theta: 0}, bounds={I: (0, oo)}
    ),
    "powers that are equal by value": lambda: infinite(2 * sp.Abs(V) ** p - V**2, **DELTA, parameters={p: 2}),
    "saturating conductance jump": lambda: conductance_with_jump(),
    "jump with a weight that depends on V and vanishes at both ends": lambda: infinite(
        V**2 + I, DECAY, inputs=jump({I: I + weight / (1 + V**2)}), reset={V: -oo}
    ),
}


def conductance_with_jump():
    """A conductance whose jumps saturate."""
    return infinite(V**2 - g * V + 1, {g: -g}, inputs=jump({g: g + weight * (1 - g)}))


FAILS = {
    "library LIF": lambda: models.lif(),
    "LIF with open threshold": lambda: models.lif(V_th=None, V_r=None),
    "LIF delta": lambda: finite(-V, inputs=V),
    "oscillatory LIF delta": lambda: finite(2 - V, inputs=V),
    "theta += w": lambda: circle(THETA.subs(I, 1), inputs=theta),
    "angle that stands still at its cut": lambda: circle(1 + sp.cos(theta) + I, {I: -I}, inputs=I),
    "EIF delta, finite reset": lambda: infinite(EXP.subs(I, 0), inputs=V, reset={V: 0}, **TAU),
    "EIF never comes back from -oo": lambda: infinite(EXP, DECAY, **CURRENT, **TAU),
    "V^3 never comes back from -oo": lambda: infinite(V**3 + I, DECAY, **CURRENT),
    "V^3 runs to -oo": lambda: infinite(V**3 + I, DECAY, **FINITE),
    "V is too slow": lambda: infinite(V + I, DECAY, **FINITE),
    "V log V is too slow": lambda: infinite(sp.Abs(V) * sp.log(1 + V**2), **DELTA),
    "V^2 turns round far out": lambda: infinite(V**2 - V**3 / 10**6, **DELTA),
    "V^2 exp(-V) dies out": lambda: infinite(V**2 * sp.exp(-V), **DELTA),
    "V log(1+V^2)^2 runs to -oo": lambda: infinite(V * sp.log(1 + V**2) ** 2 + I, inputs=I, others=DECAY, reset={V: 0}),
    "Izhikevich": lambda: infinite(
        V**2 + I - w, {I: -I, w: a * (b * V - w)}, inputs=I, reset={V: 0, w: w + 2}, parameters={a: 0.02, b: 0.2}
    ),
    "QIF with a passive dendrite": lambda: infinite(V**2 + (u - V), {u: V - u + I, I: -I}, **CURRENT),
    "EIF current with the current reset": lambda: infinite(EXP, DECAY, inputs=I, reset={V: 0, I: 0}, **TAU),
    "QIF finite reset delta": lambda: infinite(V**2, inputs=V, reset={V: -1}),
    "reset that depends on the input state": lambda: infinite(V**2 + I, DECAY, inputs=I, reset={V: sp.tanh(I)}),
    "state of either sign multiplies the leading power": lambda: infinite(I * V**2 + 1, DECAY, **CURRENT),
    "state of either sign multiplies a higher power": lambda: infinite(V**2 + 1 + I * V**3, DECAY, **FINITE),
    "multiplicative delta": lambda: infinite(V**2, inputs=jump({V: V * (1 + weight)})),
    "jump that brings V back": lambda: infinite(V**2, inputs=jump({V: sp.tanh(V) + weight})),
    "one route good, one bad": lambda: infinite(V**2 + I, DECAY, inputs={"I": I, "V": V}, reset={V: 0}),
    "current halved at the spike": lambda: infinite(V**2 + I, DECAY, inputs=I, reset={V: -oo, I: I / 2}),
    "threshold neuron with a conductance": lambda: finite(-V - g * (V - 3), {g: -g}, inputs=g, bounds={g: (0, oo)}),
    "input state that explodes by itself": lambda: infinite(V**2 + I, {I: I**2}, **CURRENT),
    "inputs that do not commute": lambda: infinite(V**2, inputs={"a": V, "b": jump({V: V + weight / (1 + sp.exp(V))})}),
    "powers that cancel by value": lambda: infinite(sp.Abs(V) ** p - V**2, **DELTA, parameters={p: 2}),
    "quotient, too slow": lambda: infinite(V**3 / (V**2 + 1) + I, DECAY, **FINITE),
    "sinh runs to -oo": lambda: infinite(sp.sinh(V) + I, DECAY, **FINITE),
    "adaptation follows the cube of V, field V^4": lambda: infinite(V**4 - w + I, {I: -I, w: V**3 - w}, **CURRENT),
    "cut-off at the threshold, but not at the reset": lambda: finite(V + 2, inputs=jump({V: V + weight * (1 - V)})),
    "slope factor of either sign among the neurons": lambda: infinite(
        -V + b * sp.exp(V / b) + I, DECAY, **FINITE, parameters={b: [1, 2, -1]}
    ),
    "current moved to a slower synapse at the spike": lambda: infinite(
        V**2 + I + J, {I: -2 * I, J: -J}, inputs=I, reset={V: -oo, I: 0, J: I + J}
    ),
    "arrays of which one neuron fails": lambda: infinite(
        V**2 + I - w, {I: -I, w: b * V - w}, inputs=I, reset={V: 0}, parameters={b: [0.0, 0.0, 0.1]}
    ),
}

UNDECIDED = {
    "feedback with a product": lambda: infinite(w * V + 1, {w: V - w, I: -I}, **FINITE),
    "current moved to an equal synapse at the spike": lambda: infinite(
        V**2 + I + J, {I: -I, J: -J}, inputs=I, reset={V: -oo, I: 0, J: I + J}
    ),
    "leading coefficient that no state bounds away from 0": lambda: infinite(
        V**4 / (I**2 * V**2 + 1), DECAY, **CURRENT
    ),
    "gamma function": lambda: infinite(sp.gamma(V) + V**2, **DELTA),
    "threshold that the drive only touches": lambda: finite(2 - V - I, {I: -I}, inputs=I, bounds={I: (0, 1)}),
    "open exponent": lambda: infinite(
        sp.Abs(V) ** p + I, DECAY, inputs=I, reset={V: V_r}, parameters={p: None, V_r: None}
    ),
    "open sign of the leading coefficient": lambda: infinite(a * V**2 + I, DECAY, **CURRENT, parameters=[a]),
    "V log(V)^2 is not real below 0": lambda: infinite(V * sp.log(V) ** 2, **DELTA),
    "square root: not Lipschitz": lambda: infinite(V**2 + sp.sqrt(sp.Abs(V)), **DELTA),
    "discontinuous field": lambda: infinite(V**2 + sp.Heaviside(V), **DELTA),
    "discontinuous Piecewise": lambda: infinite(
        sp.Piecewise((V**2, V > 0), (-V + 1, True)), inputs=I, others=DECAY, reset={V: 0}
    ),
    "doubly exponential": lambda: infinite(sp.exp(sp.exp(V)) + I, DECAY, **FINITE),
    "spikes that may accumulate": lambda: infinite(
        V**2 + w, {w: -w, I: -I}, inputs=I, reset={V: 0, w: 2 * w}, initial={w: 1}
    ),
    "reset that climbs at every spike": lambda: infinite(
        sp.exp(V) - V + I, {I: -I, w: -w / 100}, inputs=I, reset={V: w, w: w + 1}
    ),
    "bounds that the equations do not keep": lambda: infinite(
        g * V**2, {g: -1 - g}, inputs=V, bounds={g: (1, oo)}, initial={g: 2}
    ),
    "quadratic growth of a follower": lambda: infinite(V**4 - w, {w: V - w + w**2 / 10}, inputs=V),
    "rate of an exponential depends on a state": lambda: infinite(sp.exp(V * (1 + I**2)) - V, DECAY, **FINITE),
    "diverging state that the reset overwrites": lambda: infinite(
        V**2 - w, {w: V - w, I: -I}, inputs=I, reset={V: 0, w: 0}
    ),
    "leading coefficient that touches zero": lambda: finite(V * 0 + I, {I: -I}, inputs=I, bounds={I: (0, oo)}),
}


@pytest.mark.parametrize("name", HOLDS)
def test_holds(name):
    certificate = verify(HOLDS[name]())
    assert certificate.verdict.name == "HOLDS", str(certificate)
    assert certificate.regularity is not None
    assert certificate.regularity >= Regularity.CONTINUOUS


@pytest.mark.parametrize("name", FAILS)
def test_fails(name):
    certificate = verify(FAILS[name]())
    assert certificate.verdict.name == "FAILS", str(certificate)
    assert certificate.regularity is Regularity.DISCONTINUOUS


@pytest.mark.parametrize("name", UNDECIDED)
def test_undecided(name):
    certificate = verify(UNDECIDED[name]())
    assert certificate.verdict.name == "UNDECIDED", str(certificate)
    assert certificate.regularity is None
    assert isinstance(certificate, Certificate)
    assert all(question.reason.endswith(".") for question in certificate.open_questions)
