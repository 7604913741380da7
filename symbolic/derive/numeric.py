"""The general class: nothing to derive but the rheobase; the declared equations are integrated as they stand."""

from typing import Any

import sympy as sp

from ..declare import NeuronModel
from ..limits import Budget, TimeLimit
from ..structure import Structure
from .arrangement import value_rows
from .derivation import Derivation
from .forms import NumericForm, resting_states
from .rheobase import find_rheobase

_SECONDS = 2.0


def derive_numeric(model: NeuronModel, structure: Structure) -> Derivation:
    """Prepare the integration of a model of any class."""
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
    """Return the constant input above which the neuron fires for ever, where that can be solved for, else None.

    In units of the first current that only adds to the field, of dV/dt where there is none.
    """
    if structure.is_circle:
        return None
    at_rest: dict[Any, Any] = {state: 0 for state in model.other_states} | dict(form.resting)
    ends = (model.reset_value, model.spike.threshold)
    field, row = model.field.subs(at_rest), value_rows(model)[0]
    if any(end.free_symbols & set(model.states) for end in ends) or set(row) != set(model.parameters):
        return None
    budget = Budget(_SECONDS)
    found = _only_minimum(field, model.variable, budget)
    found = find_rheobase(model.variable, sp.expand(field), ends, row, budget) if found is None else found
    gains = [sp.diff(model.field, state) for state in form.resting]
    plain = [gain for gain in gains if gain != 0 and not gain.free_symbols & set(model.states)]
    return None if found is None else sp.simplify(found / next(iter(plain), sp.Integer(1)))


def _only_minimum(field: sp.Expr, potential: sp.Symbol, budget: Budget) -> Any:
    """Minus the least value of a field whose slope has one real zero, which its parameters give; else None."""
    if field.has(sp.Piecewise):
        return None
    try:
        turns = budget.spend(_SECONDS / 2, lambda: sp.solveset(sp.diff(field, potential), potential, sp.S.Reals))
    except (TimeLimit, NotImplementedError, ValueError, TypeError):
        return None
    if not isinstance(turns, sp.FiniteSet) or len(turns) != 1:
        return None
    lowest: Any = field.subs(potential, next(iter(turns)))
    return -sp.simplify(lowest)
