"""Certificates of models with currents, side by side with simulations in which steps and kinks are inputs."""

import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.validation import cross_examine

V, I, E = sp.symbols("V I I_ext", real=True)

pytestmark = pytest.mark.slow


def test_simulation_and_certificate_agree(figures):
    model = ss.NeuronModel("driven", dynamics={V: V**2 + E}, currents=E, spike=ss.at_infinity(V), reset={V: -sp.oo},
                           inputs=V)  # fmt: skip
    found = cross_examine(model, trials=4)
    assert found.agrees, str(found)
    for name, exponent in (("V", 2), ("I_ext", 3), ("dI_ext/dt", 4)):
        assert found.certificate.route(name).contact_exponent == exponent
        assert found.route(name).contact_exponent == pytest.approx(exponent, abs=0.02)
        figures(f"contact exponent of {name}: {found.route(name).contact_exponent:.5f}, proven {exponent}")


def test_a_spike_vanishes_as_a_current_lets_it_graze():
    model = ss.NeuronModel("leaky", dynamics={V: -V + I + E, I: -I}, spike=ss.crosses(V, 1), reset={V: 0}, inputs=I,
                           currents=E, bounds={I: (0, sp.oo)})  # fmt: skip
    witness = ss.find_witness(ss.verify(model))
    assert witness.confirmed_by
    assert witness.jump > 1e-4 * witness.duration
