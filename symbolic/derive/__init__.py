"""Deriving spikes: from declared equations to flow, time to spike, rheobase, period and phase."""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sympy as sp

from ..declare import NeuronModel, driven_by, with_fixed_threshold
from ..errors import DerivationError
from ..structure import Structure, StructureClass, recognise
from .derivation import Attempt as Attempt
from .derivation import Derivation as Derivation
from .derivation import Relation as Relation
from .derivation import singularities as singularities
from .forms import AffineForm as AffineForm
from .forms import NumericForm as NumericForm
from .forms import ProjectiveForm as ProjectiveForm
from .forms import ReadoutForm as ReadoutForm
from .forms import SolutionForm as SolutionForm
from .forms import TransferForm as TransferForm
from .general import derive_numeric
from .linear import derive_affine, derive_leaky
from .readout import derive_readout
from .removable_singularities import Singularity as Singularity
from .riccati import derive_projective
from .riccati_series import derive_transfer
from .scalar.phase import derive_phase
from .user_solution import derive_given, method_of

_ONE_AT_A_TIME = threading.RLock()  # SymPy's precision and caches belong to all threads
METHODS = ("projective", "linear", "phase", "numeric")
Solver = Callable[[NeuronModel, Structure], Derivation]
#: For every class the solvers that may apply, the most exact and fastest first: name, method, function.
_SOLVERS: dict[StructureClass, tuple[tuple[str, str, Solver], ...]] = {
    StructureClass.RICCATI: (
        ("elementary projective solution", "projective", derive_projective),
        ("projective power series", "projective", derive_transfer),
        ("phase", "phase", derive_phase),
    ),
    StructureClass.LINEAR: (
        ("leaky integrator with one synaptic time constant", "linear", derive_leaky),
        ("matrix exponential", "linear", derive_affine),
        ("phase", "phase", derive_phase),
    ),
    StructureClass.GENERAL: (("matrix exponential", "linear", derive_affine),),
    StructureClass.AUTONOMOUS_SCALAR: (("phase", "phase", derive_phase),),
}
_ALWAYS: tuple[tuple[str, str, Solver], ...] = (("numerical integration", "numeric", derive_numeric),)


def derive(model: NeuronModel, method: str | None = None, *, trainable: Collection[str] = ()) -> Derivation:
    """Derive how a model's spikes come about.

    Args:
        model: The declared neuron.
        method: "projective", "linear", "phase" or "numeric" to insist on one; by default the most exact one that the
            equations admit.
        trainable: Names of parameters that will change. A closed form that holds only where a relation ties one of
            them to others is not used.

    Returns:
        The derivation; its `attempts` say what was tried before and why it was refused.

    Raises:
        DerivationError: if no solver exists or the method asked for is impossible; it says why.

    Every formula is put back into the declared equations before it is returned. The work is algebra on polynomials of
    bounded size and evaluation at points: it always ends, and what it returns depends on the declaration alone. Equal
    models are derived once; any thread may call it.

    Currents that are given at run time are states of rate 0 here: they are constant between their steps. Where the
    threshold moves, the model is that of the distance U from it.

    Example:
        >>> from symbolic import models
        >>> derive(models.qif()).rheobase
        1/4
        >>> derive(models.lif()).method, derive(models.eif()).method
        ('linear', 'numeric')
        >>> derive(models.qif(), trainable=("tau_m",)).attempts[0].reason
        'it holds only where tau_s = tau_m/2, and tau_m is trainable'
    """
    if method is not None and method not in METHODS:
        raise DerivationError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}, or leave it out")
    if model.currents:
        model = driven_by(model, {current.name: False for current in model.currents})
    model = with_fixed_threshold(model)
    with _ONE_AT_A_TIME:
        return _derived(model, model.order, method, tuple(sorted(trainable)))


@lru_cache(maxsize=256)
def _derived(model: NeuronModel, order: Any, method: str | None, trainable: tuple[str, ...]) -> Derivation:
    """Derive a model; `order` distinguishes models that differ only in the order of states and parameters."""
    structure = recognise(model)
    if model.is_readout:
        if method not in (None, "linear"):
            raise DerivationError(
                f"{model.name} is a readout, which is linear: leave out method={method!r}, or pass 'linear'"
            )
        return derive_readout(model, structure)
    if model.solution is not None and method in (None, method_of(structure)):
        return derive_given(model, structure)
    if structure.kind is StructureClass.LINEAR and model.spike.is_at_infinity:
        raise DerivationError(
            f"{model.name}: a linear field never reaches infinity; declare a finite threshold with crosses()"
        )
    attempts: list[Attempt] = []
    for name, kind, solver in (*_SOLVERS[structure.kind], *_ALWAYS):
        if method not in (None, kind):
            continue
        try:
            derivation = solver(model, structure)
            _require_free(derivation, trainable)
        except DerivationError as refusal:
            attempts.append(Attempt(name, str(refusal).removeprefix(f"{model.name}: ")))
            continue
        return replace(derivation, attempts=(*attempts, *derivation.attempts))
    raise DerivationError(_refusal(model, structure, method, attempts))


def _require_free(derivation: Derivation, trainable: Collection[str]) -> None:
    """Refuse a form that rests on a relation, a value or a sign of parameters of which one will change."""
    form = derivation.form
    moving = _changing(derivation.fixed if derivation.closed_form else (), trainable)
    if moving:
        raise DerivationError(f"its closed form holds only at the declared value of {moving}, which is trainable")
    rows = form.couplings.items() if isinstance(form, AffineForm) and derivation.flow is not None else ()
    for state, row in rows:
        rate = -row.get(state, sp.Integer(0))
        loose = _changing(rate.free_symbols, trainable)
        if loose and not rate.is_positive:
            raise DerivationError(f"{state} must decay at a rate, {rate}, above zero, and {loose} is trainable")
    if derivation.relation is None:
        return
    changing = _changing(derivation.relation.parameters, trainable)
    if changing:
        raise DerivationError(f"it holds only where {derivation.relation}, and {changing} is trainable")


def _changing(symbols: Iterable[Any], trainable: Collection[str]) -> str:
    return ", ".join(sorted(symbol.name for symbol in symbols if symbol.name in trainable))


def _refusal(model: NeuronModel, structure: Structure, method: str | None, attempts: list[Attempt]) -> str:
    if attempts:
        why = "; ".join(f"{attempt.name}: {attempt.reason}" for attempt in attempts)
        return f"{model.name}: {why}"
    kinds = list(dict.fromkeys(kind for _, kind, _ in (*_SOLVERS[structure.kind], *_ALWAYS)))
    return (
        f"{model.name}: method {method!r} does not apply: it is of the {structure.kind.value} class "
        f"({structure.evidence}); use {' or '.join(f'method={kind!r}' for kind in kinds)}"
    )
