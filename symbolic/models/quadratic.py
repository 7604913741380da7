"""Neurons with a quadratic field, and the same neurons on a circle."""

from typing import Any

import sympy as sp

from ..declare import NeuronModel, at_infinity, crosses, jump, weight

V, I, J, g, w, U, theta = sp.symbols("V I J g w U theta", real=True)
_tau_m, _tau_s, _tau_r, _tau_w, _tau_d = sp.symbols("tau_m tau_s tau_r tau_w tau_d", positive=True)
_V_r, _V_e, _I_0, _a, _b, _c, _d, _r = sp.symbols("V_r V_e I_0 a b c d r", real=True)


def qif(tau_m: Any = 1.0, tau_s: Any = 0.5) -> NeuronModel:
    """Quadratic integrate-and-fire neuron with an exponentially decaying input current.

    Scaled so that without input the potential rests at 0 and is unstable at 1.

    Source: Klos & Memmesheimer, Phys. Rev. Lett. 134 (2025), arXiv:2309.14523; Ermentrout & Kopell, SIAM J. Appl.
    Math. 46 (1986).
    """
    return NeuronModel(
        "QIF",
        dynamics={V: (V * (V - 1) + I) / _tau_m, I: -I / _tau_s},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_s: tau_s},
    )


def qif_delta(tau_m: Any = 1.0) -> NeuronModel:
    """Quadratic integrate-and-fire neuron whose membrane potential jumps at input spikes.

    Source: Ermentrout & Kopell, SIAM J. Appl. Math. 46 (1986); Klos & Memmesheimer, Phys. Rev. Lett. 134 (2025),
    arXiv:2309.14523.
    """
    return NeuronModel(
        "QIF (delta)",
        dynamics={V: V * (V - 1) / _tau_m},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=V,
        parameters={_tau_m: tau_m},
    )


def theta_neuron(tau_m: Any = 1.0, I_0: Any = 1.0) -> NeuronModel:
    """Theta neuron with a constant drive; input spikes add to `tan(theta/2)`, the membrane potential.

    `V = tan(theta/2)` obeys `tau_m * dV/dt = V**2 + I_0`.

    Source: Ermentrout & Kopell, SIAM J. Appl. Math. 46 (1986); Monteforte & Wolf, Phys. Rev. Lett. 105 (2010),
    arXiv:1003.4410, for networks with delta pulses.
    """
    return NeuronModel(
        "theta neuron",
        dynamics={theta: ((1 - sp.cos(theta)) + (1 + sp.cos(theta)) * _I_0) / _tau_m},
        spike=crosses(theta, sp.pi),
        reset={theta: -sp.pi},
        inputs=jump({theta: 2 * sp.atan(sp.tan(theta / 2) + weight)}),
        parameters={_tau_m: tau_m, _I_0: I_0},
    )


def theta_current(tau_m: Any = 1.0, tau_s: Any = 0.5, I_0: Any = -0.25) -> NeuronModel:
    """Theta neuron with an exponentially decaying input current; excitable at the default drive.

    Source: Ermentrout & Kopell, SIAM J. Appl. Math. 46 (1986).
    """
    return NeuronModel(
        "theta neuron with current",
        dynamics={
            theta: ((1 - sp.cos(theta)) + (1 + sp.cos(theta)) * (_I_0 + I)) / _tau_m,
            I: -I / _tau_s,
        },
        spike=crosses(theta, sp.pi),
        reset={theta: -sp.pi},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _I_0: I_0},
    )


def qif_alpha(tau_m: Any = 1.0, tau_s: Any = 0.5) -> NeuronModel:
    """Quadratic integrate-and-fire neuron whose input current rises and falls like `t*exp(-t/tau_s)`.

    Source: Rall, J. Neurophysiol. 30 (1967), for the alpha function; Ermentrout & Kopell, SIAM J. Appl. Math. 46
    (1986), for the neuron, on the line.
    """
    return NeuronModel(
        "QIF with alpha synapses",
        dynamics={V: (V * (V - 1) + I) / _tau_m, I: (J - I) / _tau_s, J: -J / _tau_s},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=J,
        parameters={_tau_m: tau_m, _tau_s: tau_s},
    )


def qif_double_exponential(tau_m: Any = 1.0, tau_s: Any = 0.5, tau_r: Any = 0.1) -> NeuronModel:
    """Quadratic integrate-and-fire neuron whose input current has a rise and a decay time constant.

    Source: Gerstner et al., Neuronal Dynamics (2014), section 3.1, for the synapse; Ermentrout & Kopell, SIAM J. Appl.
    Math. 46 (1986), for the neuron, on the line.
    """
    return NeuronModel(
        "QIF with double-exponential synapses",
        dynamics={V: (V * (V - 1) + I) / _tau_m, I: -I / _tau_s + J, J: -J / _tau_r},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=J,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _tau_r: tau_r},
    )


def qif_conductance(tau_m: Any = 1.0, tau_s: Any = 0.5, V_e: Any = 3.0) -> NeuronModel:
    """Quadratic integrate-and-fire neuron whose input opens a conductance with the reversal potential `V_e`.

    Source: Latham, Richmond, Nelson & Nirenberg, J. Neurophysiol. 83 (2000); scaled, and the reset at minus infinity.
    """
    return NeuronModel(
        "QIF with conductance synapses",
        dynamics={V: (V * (V - 1) - g * (V - _V_e)) / _tau_m, g: -g / _tau_s},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=g,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _V_e: V_e},
        bounds={g: (0, sp.oo)},
    )


def qif_adaptive(tau_m: Any = 1.0, tau_s: Any = 0.5, tau_w: Any = 5.0, b: Any = 0.2) -> NeuronModel:
    """Quadratic integrate-and-fire neuron with an adaptation current that grows by `b` at each of its spikes.

    Source: Izhikevich, IEEE Trans. Neural Netw. 14 (2003), scaled, without the coupling of the adaptation to the
    membrane potential and with the reset at minus infinity.
    """
    return NeuronModel(
        "QIF with spike-triggered adaptation",
        dynamics={V: (V * (V - 1) + I - w) / _tau_m, I: -I / _tau_s, w: -w / _tau_w},
        spike=at_infinity(V),
        reset={V: -sp.oo, w: w + _b},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _tau_w: tau_w, _b: b},
    )


def qif_finite_reset(tau_m: Any = 1.0, tau_s: Any = 0.5, V_r: Any = -1.0) -> NeuronModel:
    """Quadratic integrate-and-fire neuron with an input current and a finite reset.

    The numerical threshold of the source is moved to infinity.

    Source: Gerstner et al., Neuronal Dynamics (2014), section 5.3.
    """
    return NeuronModel(
        "QIF with finite reset",
        dynamics={V: (V * (V - 1) + I) / _tau_m, I: -I / _tau_s},
        spike=at_infinity(V),
        reset={V: _V_r},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _V_r: V_r},
    )


def qif_finite_reset_delta(tau_m: Any = 1.0, V_r: Any = -1.0) -> NeuronModel:
    """Quadratic integrate-and-fire neuron whose membrane potential jumps at inputs, with a finite reset.

    The numerical threshold of the source is moved to infinity.

    Source: Gerstner et al., Neuronal Dynamics (2014), section 5.3.
    """
    return NeuronModel(
        "QIF with finite reset (delta)",
        dynamics={V: V * (V - 1) / _tau_m},
        spike=at_infinity(V),
        reset={V: _V_r},
        inputs=V,
        parameters={_tau_m: tau_m, _V_r: V_r},
    )


def qif_dendrite(tau_m: Any = 1.0, tau_d: Any = 2.0, tau_s: Any = 0.5, c: Any = 0.5) -> NeuronModel:
    """Quadratic integrate-and-fire soma coupled to a passive dendrite `U`, which receives the input current.

    Source: Ermentrout & Kopell, SIAM J. Appl. Math. 46 (1986), for the soma, on the line; Rall, Exp. Neurol. 1 (1959),
    for passive dendrites, of which one compartment is kept.
    """
    return NeuronModel(
        "QIF with passive dendrite",
        dynamics={
            V: (V * (V - 1) + _c * (U - V)) / _tau_m,
            U: (-U + _c * (V - U) + I) / _tau_d,
            I: -I / _tau_s,
        },
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_d: tau_d, _tau_s: tau_s, _c: c},
    )


def izhikevich(tau_s: Any = 5.0, a: Any = 0.02, b: Any = 0.2, c: Any = -65.0, d: Any = 8.0) -> NeuronModel:
    """Izhikevich's neuron (regular spiking) with an input current, in millivolts and milliseconds.

    The cut-off at 30 mV of the source is moved to infinity, where the adaptation diverges together with the potential.

    Source: Izhikevich, IEEE Trans. Neural Netw. 14 (2003); Touboul, Neural Comput. 21 (2009), for the divergence.
    """
    return NeuronModel(
        "Izhikevich",
        dynamics={V: V**2 / 25 + 5 * V + 140 - w + I, w: _a * (_b * V - w), I: -I / _tau_s},
        spike=at_infinity(V),
        reset={V: _c, w: w + _d},
        inputs=I,
        parameters={_tau_s: tau_s, _a: a, _b: b, _c: c, _d: d},
        initial={V: -65, w: -13},
    )


def _rapid_field() -> Any:
    """Two parabolas with the zeros -1/2 and 1/2, slopes -1 and r there, glued at their common minimum.

    Curvatures are `a_S = (r + 1)/(2*r)` below and `a_U = r**2 * a_S` above the glue point, the rheobase is
    `r/(2*(r + 1))`.
    """
    glue = (_r - 1) / (2 * (_r + 1))
    lower = (_r + 1) / (2 * _r) * (V - glue) ** 2
    upper = _r * (_r + 1) / 2 * (V - glue) ** 2
    return sp.Piecewise((upper, V > glue), (lower, True)) - _r / (2 * (_r + 1))


def rapid_theta(tau_m: Any = 1.0, r: Any = 3.0) -> NeuronModel:
    """Rapid theta neuron: two parabolas, the onset of the spike is `r` times steeper than the decay to rest.

    Declared on the line: it rests at -1/2 and is unstable at 1/2; an external current would be added to the field. `r`
    is the action potential onset rapidness, and `r = 1` is the theta neuron.

    Source: Engelken, Monteforte & Wolf, Sparse chaos in cortical circuits, arXiv:2412.21188; Monteforte & Wolf, Phys.
    Rev. Lett. 105 (2010), arXiv:1003.4410, for `r = 1`.
    """
    return NeuronModel(
        "rapid theta neuron",
        dynamics={V: _rapid_field() / _tau_m},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=V,
        parameters={_tau_m: tau_m, _r: r},
        initial={V: sp.Rational(-1, 2)},
    )


def rapid_theta_current(tau_m: Any = 1.0, tau_s: Any = 0.5, r: Any = 3.0) -> NeuronModel:
    """Rapid theta neuron with an exponentially decaying input current.

    Source: Engelken, Monteforte & Wolf, Sparse chaos in cortical circuits, arXiv:2412.21188, for the field; there
    pulses are delta-shaped, as in `rapid_theta`.
    """
    return NeuronModel(
        "rapid theta neuron with current",
        dynamics={V: (_rapid_field() + I) / _tau_m, I: -I / _tau_s},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _r: r},
        initial={V: sp.Rational(-1, 2)},
    )
