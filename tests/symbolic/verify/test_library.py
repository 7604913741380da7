"""Every model of the library: verdict, contact exponent and classes, with the reason beside it."""

import time

import pytest
import sympy as sp

from symbolic import models
from symbolic.verify import verify
from symbolic.verify.render import classes

SECONDS = 10
THIRD = sp.Rational(1, 3)

# verdict, contact exponent, own spike, later spikes
EXPECTED = {
    # F ~ V^2: a current shifts the spike like u^(2 + 1); -1/V is a regular variable at the spike
    "qif": ("HOLDS", 3, "C2", "ANALYTIC"),
    # F ~ V^2: a jump of V shifts the spike like 1/F ~ u^2
    "qif_delta": ("HOLDS", 2, "C1", "ANALYTIC"),
    # the input reaches the current through one more integration
    "qif_alpha": ("HOLDS", 4, "C3", "ANALYTIC"),
    "qif_double_exponential": ("HOLDS", 4, "C3", "ANALYTIC"),
    # g*V against V^2: V/F ~ u, integrated once
    "qif_conductance": ("HOLDS", 2, "C1", "ANALYTIC"),
    # the spike adds to the adaptation, so that later spikes depend on when it happened
    "qif_adaptive": ("HOLDS", 3, "C2", "C2"),
    # the drive that is lost between reset and a late input changes V in proportion to the delay
    "qif_finite_reset": ("HOLDS", 3, "C2", "CONTINUOUS"),
    # the reset forgets the jump just before it, not the one just after
    "qif_finite_reset_delta": ("FAILS", 2, "C1", "DISCONTINUOUS"),
    # integral of V/V^2: the dendrite diverges logarithmically; before the spike all is well, as with an alpha synapse
    "qif_dendrite": ("FAILS", 4, "C3", "DISCONTINUOUS"),
    # the QIF on a circle: speed 2 at the cut, and a jump that is flat to second order there
    "theta_neuron": ("HOLDS", 2, "C1", "ANALYTIC"),
    # (1 + cos(theta)) I vanishes to second order at the cut
    "theta_current": ("HOLDS", 3, "C2", "ANALYTIC"),
    # two parabolas: as the QIF at the spike, but with other strengths on the two sides of it
    "rapid_theta": ("HOLDS", 2, "C1", "at least C1"),
    # the parabolas share one derivative only where they meet
    "rapid_theta_current": ("HOLDS", 3, "at least C1", "at least C1"),
    # integral of b V/V^2: the adaptation diverges logarithmically; until then a QIF with a current
    "izhikevich": ("FAILS", 3, "C2", "DISCONTINUOUS"),
    # 1/F ~ u, integrated once; finite reset: kink
    "eif": ("HOLDS", 2, "C1", "CONTINUOUS"),
    # a jump changes the time left by a factor; and the finite reset forgets it
    "eif_delta": ("FAILS", 1, "CONTINUOUS", "DISCONTINUOUS"),
    "exponential_if": ("HOLDS", 2, "C1", "CONTINUOUS"),
    # the adaptation follows V, which is only logarithmic in the time left
    "adex": ("HOLDS", 2, "C1", "CONTINUOUS"),
    # F ~ V^4: 1/F ~ u^(4/3), before and after the spike
    "quartic": ("HOLDS", 1 + THIRD, "C1", "C1"),
    # ... and integrated once for a current; finite reset: kink
    "quartic_adaptive": ("HOLDS", 2 + THIRD, "C2", "CONTINUOUS"),
    # the drive can equal the threshold: trajectories graze
    "lif": ("FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"),
    "lif_delta": ("FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"),
    "lif_alpha": ("FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"),
    "lif_conductance": ("FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"),
    # no grazing, but a jump across the threshold triggers the spike and is lost in part
    "lif_oscillatory": ("FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"),
    "xif": ("FAILS", None, "DISCONTINUOUS", "DISCONTINUOUS"),
}


def test_the_table_has_every_model():
    assert set(EXPECTED) == set(models.names())


@pytest.mark.parametrize("name", EXPECTED)
def test_the_library(name):
    start = time.process_time()
    certificate = verify(getattr(models, name)())
    assert time.process_time() - start < SECONDS
    (report,) = certificate.routes
    found = (certificate.verdict.name, report.contact_exponent, *classes(report))
    assert found == EXPECTED[name]
    assert certificate.regularity is report.regularity


@pytest.mark.parametrize("name", models.names())
def test_every_declaration_names_its_source(name):
    assert "Source: " in (getattr(models, name).__doc__ or "")
