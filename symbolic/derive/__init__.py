"""Deriving spikes: from declared equations to flow, time to spike, rheobase, period and phase."""

import sympy as sp

from ..declare import NeuronModel
from ..errors import DerivationError
from ..structure import Structure, StructureClass, recognise
from .derivation import Derivation as Derivation
from .derivation import LinearForm as LinearForm
from .derivation import ProjectiveForm as ProjectiveForm
from .derivation import Relation as Relation
from .linear import derive_linear
from .phase import derive_phase as derive_phase
from .phase import phase_closed_form as phase_closed_form
from .phase_form import PhaseForm as PhaseForm
from .phase_form import Refusal as Refusal
from .projective import derive_projective
from .singular import Singularity as Singularity
from .singular import evaluate as evaluate
from .singular import singularities as singularities

_METHODS = {"projective": StructureClass.RICCATI, "linear": StructureClass.LINEAR}
_SOLVERS = {StructureClass.RICCATI: derive_projective, StructureClass.LINEAR: derive_linear}


def derive(model: NeuronModel, method: str | None = None) -> Derivation:
    """Derive how a model's spikes come about.

    Args:
        model: The declared neuron.
        method: "projective" or "linear" to insist on one; by default the one that the equations admit.

    Raises:
        DerivationError: if no exact solver exists or the method asked for is impossible; it says why.

    Every formula is put back into the declared equations before it is returned. The work is algebra on polynomials
    and evaluation at points; no open-ended search is made, so it always ends.

    Example:
        >>> from symbolic import models
        >>> derive(models.qif()).rheobase
        1/4
        >>> derive(models.lif()).method
        'linear'
    """
    structure = recognise(model)
    if method is not None and _METHODS.get(method) is not structure.kind:
        if method not in ("projective", "linear", "phase", "numeric"):
            raise DerivationError(f"unknown method {method!r}; choose 'projective' or 'linear', or leave it out")
        available = [name for name, kind in _METHODS.items() if kind is structure.kind]
        instead = f"use method={available[0]!r}" if available else "no exact solver is available for it yet"
        raise DerivationError(f"{model.name}: method {method!r} does not apply: {structure.evidence}; {instead}")
    solver = _SOLVERS.get(structure.kind)
    if solver is None:
        raise DerivationError(_refusal(model, structure))
    return solver(model, structure)


def _refusal(model: NeuronModel, structure: Structure) -> str:
    known = "affine in all states, or quadratic in the spiking variable with exponentially decaying currents"
    return (
        f"{model.name} is of the {structure.kind.value} class ({structure.evidence}); exact solvers are available for "
        f"equations that are {known}. d{structure.potential}/dt = {sp.expand(structure.field)}"
    )
