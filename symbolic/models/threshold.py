"""Neurons with a finite threshold."""

from typing import Any

import sympy as sp

from ..declare import NeuronModel, crosses

V, I, J, g = sp.symbols("V I J g", real=True)
_tau_m, _tau_s = sp.symbols("tau_m tau_s", positive=True)
_V_th, _V_r, _V_e, _I_0 = sp.symbols("V_th V_r V_e I_0", real=True)


def lif(tau_m: Any = 1.0, tau_s: Any = 0.5, V_th: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Leaky integrate-and-fire neuron with an exponentially decaying input current.

    Potentials are measured from the leak potential, and the leak conductance is one.

    Source: Göltz et al., Nature Machine Intelligence 3 (2021), arXiv:1912.11443.
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


def lif_delta(tau_m: Any = 1.0, V_th: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Leaky integrate-and-fire neuron whose membrane potential jumps at input spikes.

    Source: Stein, Biophys. J. 5 (1965).
    """
    return NeuronModel(
        "LIF (delta)",
        dynamics={V: -V / _tau_m},
        spike=crosses(V, _V_th),
        reset={V: _V_r},
        inputs=V,
        parameters={_tau_m: tau_m, _V_th: V_th, _V_r: V_r},
    )


def lif_alpha(tau_m: Any = 1.0, tau_s: Any = 0.5, V_th: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Leaky integrate-and-fire neuron with alpha-shaped input currents.

    Source: Rotter & Diesmann, Biol. Cybern. 81 (1999). (Where the potential itself follows alpha functions, as in Comsa
    et al., arXiv:1907.13223, it is that of `lif` with equal time constants.)
    """
    return NeuronModel(
        "LIF with alpha synapses",
        dynamics={V: (-V + I) / _tau_m, I: (J - I) / _tau_s, J: -J / _tau_s},
        spike=crosses(V, _V_th),
        reset={V: _V_r},
        inputs=J,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _V_th: V_th, _V_r: V_r},
    )


def lif_conductance(tau_m: Any = 1.0, tau_s: Any = 0.5, V_th: Any = 1.0, V_r: Any = 0.0, V_e: Any = 4.0) -> NeuronModel:
    """Leaky integrate-and-fire neuron whose input opens a conductance with the reversal potential `V_e`.

    Source: Gerstner et al., Neuronal Dynamics (2014), section 3.1, for the synapse; scaled as `lif`.
    """
    return NeuronModel(
        "LIF with conductance synapses",
        dynamics={V: (-V - g * (V - _V_e)) / _tau_m, g: -g / _tau_s},
        spike=crosses(V, _V_th),
        reset={V: _V_r},
        inputs=g,
        parameters={_tau_m: tau_m, _tau_s: tau_s, _V_th: V_th, _V_r: V_r, _V_e: V_e},
        bounds={g: (0, sp.oo)},
    )


def lif_oscillatory(tau_m: Any = 1.0, I_0: Any = 2.0, V_th: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Leaky integrate-and-fire neuron that fires by itself, whose membrane potential jumps at input spikes.

    Source: Mirollo & Strogatz, SIAM J. Appl. Math. 50 (1990), with weights of any sign.
    """
    return NeuronModel(
        "oscillatory LIF (delta)",
        dynamics={V: (_I_0 - V) / _tau_m},
        spike=crosses(V, _V_th),
        reset={V: _V_r},
        inputs=V,
        parameters={_tau_m: tau_m, _I_0: I_0, _V_th: V_th, _V_r: V_r},
    )


def xif(tau_m: Any = 1.0, I_0: Any = 0.5, V_th: Any = 1.0, V_r: Any = 0.0) -> NeuronModel:
    """Anti-leaky integrate-and-fire neuron: it accelerates towards its spike; its potential jumps at input spikes.

    It obeys the equation of the leaky neuron with the opposite sign of the leak. The inhibitory synapses of the source,
    which act like conductances, are replaced by jumps.

    Source: Manz, Goedeke & Memmesheimer, Phys. Rev. E 100 (2019), arXiv:1812.09218, there called XIF.
    """
    return NeuronModel(
        "anti-leaky integrate-and-fire (delta)",
        dynamics={V: (V + _I_0) / _tau_m},
        spike=crosses(V, _V_th),
        reset={V: _V_r},
        inputs=V,
        parameters={_tau_m: tau_m, _I_0: I_0, _V_th: V_th, _V_r: V_r},
    )
