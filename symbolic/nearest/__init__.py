"""A continuous stand-in for a model whose spikes jump: a QIF with the same measured properties."""

from typing import Any

from ..declare import NeuronModel, has_moving_threshold
from ..errors import ModelError
from ..structure import is_on_circle
from ..verify import Certificate, Verdict, verify
from .construction import Construction
from .differences import differences
from .excitability import Firing, Resting, measure
from .membrane import membranes
from .proposal import ContinuousProposal as ContinuousProposal
from .proposal import Match as Match


def nearest_continuous(model: NeuronModel) -> ContinuousProposal:
    """Propose a quadratic integrate-and-fire neuron (QIF) in place of a model whose spikes do not change continuously.

    It spikes at infinity, comes back from minus infinity, and has the same resting potential, membrane time constant
    and rheobase. A neuron that fires by itself keeps its rheobase (a negative one) and its period instead. Synapses,
    input routes, currents that are given at run time, units and spike-triggered changes of other states are kept. A
    state that follows the potential is driven by the resting potential instead, where it would otherwise diverge at the
    spike. What is the same and what is not is said in `matched` and `differs`; `print` shows both.

    Args:
        model: An integrate-and-fire model, with a threshold or a spike at infinity, whose certificate does not hold.

    Returns:
        The proposed model, whose certificate holds.

    Raises:
        ModelError: if the certificate of `model` holds already, or no such QIF exists or can be found; it says why.

    Example:
        >>> from symbolic import models, verify
        >>> proposal = nearest_continuous(models.lif(tau_m=10, tau_s=5, V_th=1))
        >>> proposal.dynamics[proposal.variable]
        (I + (V - V_rest)*(V - V_rest - 4*rheobase)/(4*rheobase))/tau_m
        >>> print(proposal.matched[0])
        resting potential 0 (in units of V)
        >>> print(proposal.differs[0])
        Threshold: the unstable point V = 4, not V_th = 1; V returns to rest below it, and above it the spike follows \
later.
        >>> verify(proposal).verdict.name
        'HOLDS'
    """
    if has_moving_threshold(model):
        raise ModelError(
            f"{model.name}: a threshold that moves has no counterpart here; give it a constant value, and let each "
            "spike add to an adaptation current instead"
        )
    certificate = verify(model)
    if certificate.holds:
        raise ModelError(f"{model.name}: its certificate holds already; use the model as it is")
    _require_integrate_and_fire(model, certificate)
    construction = Construction(model, _measured(model))
    proposed = _continuous(construction)
    notes = differences(construction, proposed)
    if certificate.verdict is Verdict.UNDECIDED:
        notes = (f"The certificate of {model.name} is undecided, not refuted: it may need no replacement.", *notes)
    return ContinuousProposal(proposed, model, construction.matched, notes)


def _require_integrate_and_fire(model: NeuronModel, certificate: Certificate) -> None:
    if is_on_circle(model):
        raise ModelError(
            f"{model.name}: {model.variable} is an angle, which has no membrane potential to match; declare the "
            f"potential tan({model.variable}/2) instead, with a spike at infinity"
        )
    never = [c for c in certificate.failures if c.name == "reaches infinity in finite time"]
    if never:
        raise ModelError(f"{model.name}: it never spikes, so that it has no rheobase to match ({never[0].reason})")


def _measured(model: NeuronModel) -> tuple[Resting, ...] | tuple[Firing, ...]:
    """Measure every neuron; those with equal membranes once."""
    seen: dict[Any, Resting | Firing] = {}
    found = []
    for membrane in membranes(model):
        if membrane not in seen:
            try:
                seen[membrane] = measure(membrane)
            except ModelError as problem:
                raise ModelError(f"{model.name}: {problem}") from problem
        found.append(seen[membrane])
    resting = tuple(item for item in found if isinstance(item, Resting))
    firing = tuple(item for item in found if isinstance(item, Firing))
    if resting and firing:
        raise ModelError(f"{model.name}: some of its neurons rest and others fire by themselves; declare them apart")
    return resting or firing


def _continuous(construction: Construction) -> NeuronModel:
    """The proposal whose certificate holds, with states that follow the potential kept as they are where they can."""
    proposed = construction.model_with(frozen=False)
    certificate = verify(proposed)
    if construction.following and not certificate.holds:
        proposed = construction.model_with(frozen=True)
        certificate = verify(proposed)
    if not certificate.holds:
        questions = certificate.failures or certificate.open_questions
        reason = questions[0].reason if questions else "it depends on parameters that are open."
        raise ModelError(
            f"{construction.original.name}: the QIF with the same rest and rheobase does not provably have continuous "
            f"spikes either ({certificate.verdict.name}: {reason}) Change that in the declaration, or give parameters "
            "that are open a value"
        )
    return proposed
