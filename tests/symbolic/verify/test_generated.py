"""Random models whose truth is known from how they are built: a certificate never contradicts it."""

from itertools import islice

import mpmath as mp
import pytest
from truths import branches, breaking, complaints, crossings, growth, jumps, ranges

from symbolic.verify import verify

FAMILIES = {
    "states that jumps read": jumps,
    "fields of either sign at the spike": crossings,
    "branches at the ends": branches,
    "ranges": ranges,
    "growth at infinity": growth,
    "one ingredient": breaking,
}


def _examine(family, seed, number):
    found = []
    for known in islice(FAMILIES[family].generate(seed), number):
        found += complaints(known, verify(known.model))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("family", FAMILIES)
def test_certificates_do_not_contradict_the_truth(family):
    _examine(family, seed=0, number=12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_certificates_do_not_contradict_the_truth_of_many(family, seed):
    _examine(family, seed, number=70)
