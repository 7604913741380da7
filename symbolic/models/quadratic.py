"""Neurons with a quadratic field, and the same neurons on a circle."""

from typing import Any

import sympy as sp

from ..declare import NeuronModel, at_infinity, crosses, jump, weight

V, I, J, g, w, U, theta = sp.symbols("V I J g w U theta", real=True)
_tau_m, _tau_s, _tau_r, _tau_w, _tau_d = sp.symbols("tau_m tau_s tau_r tau_w tau_d", positive=True)
_V_r, _V_e, _I_0, _a, _b, _c, _d, _r = sp.symbols("V_r V_e I_0 a b c d r", real=True)


def qif(tau_m: Any = 1.0, tau_s: Any = 0.5) -> NeuronModel:
    """Quadratic integrate-and-fire neuron with an exponentially decaying input current.

    Source: Klos & Memmesheimer, arXiv:2309.14523; Ermentrout & Kopell, SIAM J. Appl. Math. 46 (1986).
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

    Source: Ermentrout & Kopell, SIAM J. Appl. Math. 46 (1986); Klos & Memmesheimer, arXiv:2309.14523.
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

    Source: Ermentrout & Kopell, SIAM J. Appl. Math. 46 (1986); Klos & Memmesheimer, arXiv:2309.14523.
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

    Source: Rall, J. Neurophysiol. 30 (1967), for the alpha function; Latham et al., J. Neurophysiol. 83 (2000).
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

    Source: Gerstner et al., Neuronal Dynamics (2014), section 3.1, for the synapse; Latham et al., J. Neurophysiol. 83
    (2000), for the neuron.
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

    Source: Latham et al., J. Neurophysiol. 83 (2000).
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

    Source: Latham et al., J. Neurophysiol. 83 (2000); Izhikevich, IEEE Trans. Neural Netw. 14 (2003), without the
    coupling of the adaptation to the membrane potential.
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

    Source: Ermentrout, Neural Comput. 8 (1996); Latham et al., J. Neurophysiol. 83 (2000).
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

    Source: Ermentrout, Neural Comput. 8 (1996); Latham et al., J. Neurophysiol. 83 (2000).
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

    Source: Ermentrout & Kopell, SIAM J. Appl. Math. 46 (1986), for the soma; Rall (1959) for the passive compartment.
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

    The cut-off of 30 mV that simulations use stands for a spike at infinity.

    Source: Izhikevich, IEEE Trans. Neural Netw. 14 (2003); Touboul, Neural Comput. 21 (2009), for the spike.
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
    """Two parabolas with the zeros -1/2 and 1/2, slopes -1 and r there, that touch with equal slopes."""
    glue = (_r - 1) / (2 * (_r + 1))
    lower = (_r + 1) / (2 * _r) * (V - glue) ** 2
    upper = _r * (_r + 1) / 2 * (V - glue) ** 2
    return sp.Piecewise((upper, V > glue), (lower, True)) - _r / (2 * (_r + 1))


def rapid_theta(tau_m: Any = 1.0, r: Any = 3.0) -> NeuronModel:
    """Rapid theta neuron: two parabolas, the onset of the spike is `r` times steeper than the decay to rest.

    Source: Engelken, Monteforte & Wolf, Sparse chaos in cortical circuits, arXiv:2412.21188. Declared on the line, at
    the rheobase-free scaling with rest at -1/2 and the unstable point at 1/2; `r = 1` is the theta neuron.
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

    Source: Engelken, Monteforte & Wolf, Sparse chaos in cortical circuits, arXiv:2412.21188; see `rapid_theta`.
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
