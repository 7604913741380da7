"""`verify` as the command line and users call it: each model is certified once."""

import symbolic
from symbolic import Certificate, NeuronModel

from .neuron import certificate_of


def verify(model: NeuronModel, strict: bool = False) -> Certificate:
    """Decide from the declared equations whether a model's spikes change continuously.

    Two properties are decided: no spike appears or vanishes within a trial, since the place where spikes happen is
    always crossed transversally; and nothing jumps when an input and the neuron's own spike change places. A step that
    cannot be taken leaves the verdict UNDECIDED and is named in the reason; a failure is reported only if it is proven.
    Where it fails, `find_witness` searches for a concrete example and confirms it by simulation.

    Args:
        model: The declared model.
        strict: Raise instead of returning a certificate that does not hold.

    Raises:
        ContinuityError: if `strict` and the verdict is not HOLDS; it gives the reason.

    Example:
        >>> from symbolic import models
        >>> verify(models.qif()).verdict.name
        'HOLDS'
    """
    certificate = certificate_of(model)
    if strict and not certificate.holds:
        symbolic.verify(model, strict)
    return certificate
