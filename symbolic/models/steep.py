"""Neurons with a field that grows faster than quadratically: exponential and quartic."""

from typing import Any

import sympy as sp

from ..declare import NeuronModel, at_infinity

V, I, w = sp.symbols("V I w", real=True)
_tau_m, _tau_s, _tau_w = sp.symbols("tau_m tau_s tau_w", positive=True)
_Delta, _V_T, _V_r, _I_0, _a, _b, _d = sp.symbols("Delta V_T V_r I_0 a b d", real=True)
_ONSET = _Delta * sp.exp((V - _V_T) / _Delta)


def eif(tau_m: Any = 1.0, tau_s: Any = 0.5, Delta: Any = 0.2, V_T: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Exponential integrate-and-fire neuron with an exponentially decaying input current.

    Potentials are measured from the leak potential, and the leak conductance is one.

    Source: Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel, J. Neurosci. 23 (2003).
    """
    return NeuronModel(
        "EIF",
        dynamics={V: (-V + _ONSET + I) / _tau_m, I: -I / _tau_s},
        spike=at_infinity(V),
        reset={V: _V_r},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _Delta: Delta, _V_T: V_T, _V_r: V_r},
    )


def eif_delta(tau_m: Any = 1.0, Delta: Any = 0.2, V_T: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Exponential integrate-and-fire neuron whose membrane potential jumps at input spikes.

    Source: Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel, J. Neurosci. 23 (2003); scaled as `eif`.
    """
    return NeuronModel(
        "EIF (delta)",
        dynamics={V: (-V + _ONSET) / _tau_m},
        spike=at_infinity(V),
        reset={V: _V_r},
        inputs=V,
        parameters={_tau_m: tau_m, _Delta: Delta, _V_T: V_T, _V_r: V_r},
    )


def exponential_if(tau_m: Any = 1.0, tau_s: Any = 0.5, Delta: Any = 0.2, V_T: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Exponential integrate-and-fire neuron without a leak, with an exponentially decaying input current.

    Source: Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel, J. Neurosci. 23 (2003), without its leak.
    """
    return NeuronModel(
        "pure-exponential integrate-and-fire",
        dynamics={V: (_ONSET + I) / _tau_m, I: -I / _tau_s},
        spike=at_infinity(V),
        reset={V: _V_r},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _Delta: Delta, _V_T: V_T, _V_r: V_r},
    )


def adex(
    tau_m: Any = 1.0,
    tau_s: Any = 0.5,
    tau_w: Any = 5.0,
    Delta: Any = 0.2,
    V_T: Any = 1.0,
    V_r: Any = 0.0,
    a: Any = 0.3,
    b: Any = 0.2,
) -> NeuronModel:
    """Adaptive exponential integrate-and-fire neuron with an exponentially decaying input current.

    Scaled as `eif`; the cut-off of simulations is moved to infinity.

    Source: Brette & Gerstner, J. Neurophysiol. 94 (2005); Touboul & Brette, Biol. Cybern. 99 (2008).
    """
    return NeuronModel(
        "AdEx",
        dynamics={V: (-V + _ONSET - w + I) / _tau_m, w: (_a * V - w) / _tau_w, I: -I / _tau_s},
        spike=at_infinity(V),
        reset={V: _V_r, w: w + _b},
        inputs=I,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _tau_w: tau_w, _Delta: Delta, _V_T: V_T, _V_r: V_r, _a: a, _b: b},
    )


def quartic(I_0: Any = 0.0) -> NeuronModel:
    """Quartic neuron with a constant drive: its potential jumps at input spikes, spikes go through infinity.

    Source: Touboul, SIAM J. Appl. Math. 68 (2008), at `a = -1/2`, without adaptation and with the reset at minus
    infinity.
    """
    return NeuronModel(
        "quartic (delta)",
        dynamics={V: V**4 - V + _I_0},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=V,
        parameters={_I_0: I_0},
    )


def quartic_adaptive(tau_s: Any = 0.5, a: Any = 0.2, b: Any = 0.5, d: Any = 0.3, V_r: Any = -1.0) -> NeuronModel:
    """Quartic neuron with adaptation, a finite reset and an exponentially decaying input current.

    Source: Touboul, SIAM J. Appl. Math. 68 (2008).
    """
    return NeuronModel(
        "adaptive quartic",
        dynamics={V: V**4 + 2 * _a * V - w + I, w: _a * (_b * V - w), I: -I / _tau_s},
        spike=at_infinity(V),
        reset={V: _V_r, w: w + _d},
        inputs=I,
        parameters={_tau_s: tau_s, _a: a, _b: b, _d: d, _V_r: V_r},
    )
