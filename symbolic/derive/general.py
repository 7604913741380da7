"""The general class: nothing to derive but the rheobase; the declared equations are integrated as they stand."""

from typing import Any

import sympy as sp

from ..algebra import inserted, sign, tidy
from ..declare import NeuronModel
from ..structure import Structure
from .derivation import Derivation
from .forms import NumericForm, resting_states
from .parameter_rows import signed_rows, signed_symbols, unsigned
from .rheobase import find_rheobase


def derive_numeric(model: NeuronModel, structure: Structure) -> Derivation:
    """Prepare the integration of a model of any class."""
    form = numeric_form(model, structure)
    return Derivation(
        model=model,
        method="numeric",
        closed_form=False,
        reason=f"{structure.evidence}; it is integrated by a Runge-Kutta method of order 8 along the arc length of its "
        "path, on which a spike at infinity is a regular crossing",
        rheobase=rheobase(model, structure, form),
        form=form,
    )


def numeric_form(model: NeuronModel, structure: Structure) -> NumericForm:
    """What is needed to integrate a model."""
    crosses = model.spike.is_at_infinity or (structure.is_circle and _surely_rises(model))
    return NumericForm(resting_states(model), may_graze=not crosses, is_circle=structure.is_circle)


def _surely_rises(model: NeuronModel) -> bool:
    """Whether the field is positive at the threshold, whatever the other states are."""
    try:
        at_threshold = tidy(inserted(model.field, {model.variable: model.spike.threshold}))
    except ArithmeticError:
        return False
    symbols = at_threshold.free_symbols
    if not symbols:
        return sign(at_threshold) == 1
    return not symbols & set(model.states) and bool(at_threshold.is_positive)


def rheobase(model: NeuronModel, structure: Structure, form: NumericForm) -> sp.Expr | None:
    """Return the constant input above which the neuron fires for ever, where that can be solved for, else None.

    In units of the first current that only adds to the field, of dV/dt where there is none.
    """
    if structure.is_circle:
        return None
    at_rest: dict[Any, Any] = {state: 0 for state in model.other_states} | dict(form.resting)
    if any(end.free_symbols & set(model.states) for end in (model.reset_value, model.spike.threshold)):
        return None
    symbols, potential = signed_symbols(model), sp.Symbol(model.variable.name, real=True)
    known = symbols | {model.variable: potential}
    try:
        parts = inserted(model.field, at_rest), model.reset_value, model.spike.threshold
        field, *ends = (inserted(part, known) for part in parts)
    except ArithmeticError:
        return None
    found = find_rheobase(potential, field, (ends[0], ends[1]), signed_rows(model, symbols))
    if found is None:
        return None
    gains = [sp.diff(model.field, state) for state in form.resting]
    plain = [gain for gain in gains if gain != 0 and not gain.free_symbols & set(model.states)]
    return tidy(unsigned(found, symbols, {potential: model.variable}) / next(iter(plain), sp.Integer(1)))
