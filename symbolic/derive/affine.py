r"""The linear class in general: $y' = M y + f$ with a finite threshold of its first component.

The solution is an entire function of time for every $M$: no difference of rates is ever divided by, so that equal time
constants are nothing special. The first crossing is found from bounds on the second derivative, not from end points.
Source: Rotter & Diesmann, Biol. Cybern. 81 (1999), for the exact integration of linear neurons.
"""

from typing import Any

import sympy as sp

from ..algebra import affine_split, tidy
from ..declare import FrozenMapping, NeuronModel
from ..errors import DerivationError
from ..structure import Structure
from .derivation import Derivation
from .forms import AffineForm, resting_states
from .riccati import linear_jumps


def derive_affine(model: NeuronModel, structure: Structure) -> Derivation:
    """Derive the solver of a model whose equations are all affine."""
    form = affine_form(model, structure)
    potential = model.variable
    leak = -form.couplings[potential].get(potential, sp.Integer(0))
    return Derivation(
        model=model,
        method="linear",
        closed_form=False,
        reason="every equation is affine in the states; the exponential of their matrix is summed as a power series, "
        "and a bound on the second derivative makes sure that the first crossing is found",
        rheobase=_rheobase(model, form, leak),
        form=form,
    )


def _rheobase(model: NeuronModel, form: AffineForm, leak: sp.Expr) -> sp.Expr:
    """The constant part of dV/dt, in units of the first current where there is one, that the threshold needs."""
    potential: Any = model.variable
    resting: dict[Any, Any] = {state: 0 for state in model.other_states} | dict(form.resting)
    at_threshold: Any = model.field.subs(resting).subs(potential, form.threshold)
    gains = [gain for state, gain in form.couplings[potential].items() if state in form.resting]
    return tidy(-at_threshold / next(iter(gains), sp.Integer(1)))


def affine_form(model: NeuronModel, structure: Structure) -> AffineForm:
    """Return the normal form of a model whose equations are all affine."""
    states = (model.variable, *model.other_states)
    couplings, sources = {}, {}
    for state in states:
        parts = affine_split(model.dynamics[state], states)
        if parts is None:
            raise DerivationError(f"{model.name}: d{state}/dt = {model.dynamics[state]} is not affine in the states")
        couplings[state] = FrozenMapping(parts[0])
        if parts[1] != 0:
            sources[state] = parts[1]
    if model.spike.is_at_infinity:
        raise DerivationError(f"{model.name}: a linear field never reaches infinity")
    if structure.is_circle:
        raise DerivationError(f"{model.name}: its spiking variable lives on a circle")
    return AffineForm(
        states=states,
        couplings=FrozenMapping(couplings),
        sources=FrozenMapping(sources),
        resting=resting_states(model),
        threshold=model.spike.threshold,
        routes=linear_jumps(model, structure),
        reset=FrozenMapping({state: value for state, value in model.reset.items() if value != state}),
    )
