"""Symbolic answer and simulation, side by side: every model of the library, and nasty ones from outside it."""

import json

import numpy as np
import pytest
import sympy as sp

from smoothspike.validation import cross_examine
from symbolic import Failure, NeuronModel, Verdict, at_infinity, jump, models, weight

V, I = sp.symbols("V I", real=True)
DECAY = {I: -I}
ROOT = sp.sqrt(1 + V**2)


def model(field, others=None, inputs=V, reset=-sp.oo):
    return NeuronModel(
        "nasty", dynamics={V: field} | (others or {}), spike=at_infinity(V), reset={V: reset}, inputs=inputs
    )


# one of each kind; `python benchmarks/certificates.py` examines all of them
EXAMINED = (
    "qif",
    "qif_adaptive",
    "qif_finite_reset_delta",
    "theta_current",
    "rapid_theta",
    "izhikevich",
    "eif",
    "quartic",
    "lif",
    "lif_oscillatory",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMINED)
def test_simulation_and_certificate_agree(name, figures):
    found = cross_examine(getattr(models, name)(), trials=4)
    assert found.agrees, str(found)
    if found.certificate.holds:
        assert found.witness is None
        assert found.routes
    else:
        assert found.witness.confirmed_by
        assert found.witness.jump > 1e-4 * found.witness.duration
    for findings in found.routes:
        proven = found.certificate.route(findings.name).contact_exponent
        assert findings.contact_exponent == pytest.approx(float(proven), abs=0.02)
        figures(f"contact exponent of {name}, input {findings.name}: {findings.contact_exponent:.5f}, proven {proven}")


# a jump of a late spike may carry it beyond the trial's end
FINITE = {Failure.JUMPS, Failure.VANISHES}

NASTY = {
    # reached after infinitely long: log(log(V))
    "V log(V)": (lambda: model(ROOT * sp.log(2 + V**2)), {Failure.NO_LIMIT}),
    # reached in finite time, but beyond the largest numbers
    "V log(V)^2": (lambda: model(ROOT * sp.log(2 + V**2) ** 2), None),
    # never comes back from minus infinity
    "V^3": (lambda: model(V**3 + V), {Failure.ESCAPES}),
    # a late input moves the reset
    "reset depends on an input state": (lambda: model(V**2 + I, DECAY, I, sp.tanh(I)), FINITE),
    # two inputs leave different states in either order
    "jump that fades with V": (
        lambda: model(V**2, inputs=jump({V: V + weight / (1 + V**2)})), FINITE
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NASTY)
def test_nasty_models(name):
    declare, failures = NASTY[name]
    found = cross_examine(declare(), trials=8)
    assert not found.contradictions, str(found)
    if failures is None:
        assert found.certificate.verdict is not Verdict.FAILS
        assert found.witness is None
    else:
        assert found.certificate.verdict is Verdict.FAILS
        assert found.witness.failure in failures, str(found)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["verdict"] == found.certificate.verdict.name


@pytest.mark.slow
def test_findings_as_text_and_data():
    found = cross_examine(models.quartic(), trials=4)
    assert "agrees with the verdict HOLDS" in str(found)
    assert "by the certificate 4/3" in str(found)
    data = found.to_dict()
    assert data["agrees"] is True
    assert data["contact_exponents"]["V"] == pytest.approx(4 / 3, abs=0.01)
    contact = found.route("V").contact
    assert np.all(np.diff(contact.time_left, axis=1) < 0)
    assert np.all(contact.shift > 0)
