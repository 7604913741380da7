"""Random models whose truth is known from how they are built: a certificate never contradicts it."""

from itertools import islice

import mpmath as mp
import pytest
from truths import branches, breaking, complaints, crossings, growth, jumps, ranges

from symbolic.verify import verify

# with the seed and the number of models of the quick test
FAMILIES = {
    "states that jumps read": (jumps, 2, 6),
    "fields of either sign at the spike": (crossings, 0, 6),
    "branches at the ends": (branches, 0, 2),
    "ranges": (ranges, 3, 6),
    "growth at infinity": (growth, 0, 8),
    "one ingredient": (breaking, 0, 6),
}


def _examine(family, seed, number):
    found = []
    for known in islice(family.generate(seed), number):
        found += complaints(known, verify(known.model))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", FAMILIES)
def test_certificates_do_not_contradict_the_truth(name):
    family, seed, number = FAMILIES[name]
    _examine(family, seed, number)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("name", FAMILIES)
def test_certificates_do_not_contradict_the_truth_of_many(name, seed):
    _examine(FAMILIES[name][0], seed, 70)


def _shift(power, kind, s):
    """What an input a time s from the spike adds, over V' = V^2 (y = -1/V moves at speed one) and x' = (1 + V^2)^-q.

    For a delta input: to what x collects up to a fixed time; for a current: to x at the input itself.
    """
    rate = lambda y: (abs(y) / mp.sqrt(1 + y**2)) ** (2 * power)  # noqa: E731
    if kind == "current":
        return mp.sign(s) * mp.quad(rate, [0, abs(s)])
    moved = s / (1 - mp.mpf("0.7") * s)  # V + weight
    # from the input on, y runs from `moved` over a given time; against a run from s
    return -mp.sign(moved - s) * mp.quad(rate, sorted([s, moved]))


@pytest.mark.parametrize("kind", ["delta", "current"])
@pytest.mark.parametrize("power", ["-0.25", "0.25", "0.5", "1.5"])
def test_the_exponents_that_jumps_of_a_follower_are_generated_with(power, kind):
    """x follows (1 + V^2)^-q: |s|^(2q + 2), even, for a delta input, and s |s|^2q for a current, at 40 digits."""
    with mp.workdps(40):
        q, small = mp.mpf(power), mp.mpf("1e-8")
        values = [[_shift(q, kind, sign * small / scale) for scale in (1, 8)] for sign in (1, -1)]
        slopes = [mp.log(abs(large / less)) / mp.log(8) for large, less in values]
        parity = values[0][0] / values[1][0]
    expected = 2 * q + (2 if kind == "delta" else 1)
    assert all(abs(slope - expected) < 1e-6 for slope in slopes)
    assert abs(parity - (1 if kind == "delta" else -1)) < 1e-5
