"""The library of declared neuron models: plain declarations, with no powers that a user's own lacks."""

from collections.abc import Callable
from typing import Any

import sympy as sp

from .declare import NeuronModel, at_infinity, crosses, jump, weight

V, I, theta = sp.symbols("V I theta", real=True)
_tau_m, _tau_s = sp.symbols("tau_m tau_s", positive=True)
_V_th, _V_r, _I_0 = sp.symbols("V_th V_r I_0", real=True)


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


def lif(tau_m: Any = 1.0, tau_s: Any = 0.5, V_th: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Leaky integrate-and-fire neuron with an exponentially decaying input current.

    Source: Goeltz et al., Nature Machine Intelligence 3 (2021), arXiv:1912.11443.
    """
    return NeuronModel(
        "LIF",
        dynamics={V: (-V + I) / _tau_m, I: -I / _tau_s},
        spike=crosses(V, _V_th),
        reset={V: _V_r},
        inputs=I,
        parameters={
            _tau_m: tau_m, _tau_s: tau_s, _V_th: V_th, _V_r: V_r
        },
    )  # fmt: skip


_LIBRARY: dict[str, Callable[..., NeuronModel]] = {
    declaration.__name__: declaration for declaration in (qif, qif_delta, theta_neuron, theta_current, lif)
}


def names() -> tuple[str, ...]:
    """List the names of the library's models; each is a function of this module.

    Example:
        >>> "qif" in names()
        True
    """
    return tuple(_LIBRARY)
