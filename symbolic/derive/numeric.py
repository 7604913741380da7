"""The general class: nothing to derive but the rheobase; the declared equations are integrated as they stand."""

from typing import Any

import sympy as sp

from ..declare import NeuronModel
from ..errors import DerivationError
from ..structure import Structure, StructureClass
from ..verify.limits import TimeLimit, within
from .derivation import Derivation
from .forms import NumericForm, resting_states

_SECONDS = 2.0


def derive_numeric(model: NeuronModel, structure: Structure) -> Derivation:
    """Prepare the integration of a model of any class.

    Raises:
        DerivationError: if its potential can never reach the spike.
    """
    if structure.kind is StructureClass.LINEAR and model.spike.is_at_infinity:
        raise DerivationError(
            f"{model.name}: a linear field never reaches infinity; declare a finite threshold with crosses()"
        )
    at_threshold = sp.simplify(model.field.subs(model.variable, model.spike.threshold)) if structure.is_circle else None
    crosses = model.spike.is_at_infinity or (at_threshold is not None and bool(at_threshold.is_positive))
    form = NumericForm(resting_states(model), may_graze=not crosses, is_circle=structure.is_circle)
    return Derivation(
        model=model,
        method="numeric",
        closed_form=False,
        reason=f"{structure.evidence}; it is integrated by a Runge-Kutta method of order 8 along the arc length of its "
        "path, on which a spike at infinity is a regular crossing",
        flow=None,
        time_to_spike=None,
        rheobase=rheobase(model, structure, form),
        period=None,
        phase=None,
        relation=None,
        form=form,
    )


def rheobase(model: NeuronModel, structure: Structure, form: NumericForm) -> sp.Expr | None:
    """Return the constant input above which the field has no zero, where that can be solved for, else None.

    In units of the first current that only adds to the field, of dV/dt where there is none.
    """
    if structure.is_circle or not model.spike.is_at_infinity:
        return None
    at_rest: dict[Any, Any] = {state: 0 for state in model.other_states} | dict(form.resting)
    field, potential = model.field.subs(at_rest), model.variable
    try:
        lowest = within(_SECONDS, lambda: _lowest(field, potential))
    except (TimeLimit, NotImplementedError, ValueError, TypeError):
        return None
    gains = [sp.diff(model.field, state) for state in form.resting]
    plain = [gain for gain in gains if gain != 0 and not gain.free_symbols & set(model.states)]
    return None if lowest is None else sp.simplify(-lowest / next(iter(plain), sp.Integer(1)))


def _lowest(field: sp.Expr, potential: sp.Symbol) -> sp.Expr | None:
    """The only minimum of the field, where its slope has one real zero at which it is convex."""
    if field.has(sp.Piecewise):
        return None
    turns = sp.solveset(sp.diff(field, potential), potential, sp.S.Reals)
    if not isinstance(turns, sp.FiniteSet) or len(turns) != 1:
        return None
    lowest: Any = field.subs(potential, next(iter(turns)))
    return sp.simplify(lowest)
