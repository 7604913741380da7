"""The certificates of models, each found once."""

import threading
from functools import lru_cache
from typing import Any

from symbolic import Certificate, ContinuityError, NeuronModel, verify

_ONE_AT_A_TIME = threading.RLock()  # SymPy's precision and caches belong to all threads


def certificate_of(model: NeuronModel) -> Certificate:
    """Return what `verify` finds; equal models are verified once."""
    with _ONE_AT_A_TIME:
        return _verified(model, model.order)


@lru_cache(maxsize=256)
def _verified(model: NeuronModel, order: Any) -> Certificate:
    """Verify a model; `order` tells models apart that differ in the order of their states and parameters alone."""
    return verify(model)


def require_continuous(model: NeuronModel) -> None:
    """Refuse a model whose spikes do not provably change continuously.

    Raises:
        ContinuityError: if its certificate does not hold.
    """
    certificate = certificate_of(model)
    if certificate.holds:
        return
    failing = next((condition for condition in certificate.conditions if condition.holds is not True), None)
    why = f": {failing.name}: {failing.reason}" if failing is not None else ""
    raise ContinuityError(
        f"{certificate.model.name}: the continuity of its spikes {certificate.verdict.name}{why} Use a model whose "
        "certificate holds, or pass allow_discontinuous=True if jumps in the spike times are acceptable."
    )
