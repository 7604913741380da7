r"""The Riccati class in general: a linear system on the projective line, whatever its coefficients do in time.

With $V = u / a + V_0$ the equation $V' = a V^2 + (b_0 + \beta_V) V + c$ becomes $u' = u^2 + \beta u + d$, and
$u = g / q$ makes it linear: $g' = \tfrac\beta2 g + d\,q$, $q' = -g - \tfrac\beta2 q$. The coefficients follow linear
equations of their own, so $g$, $q$ and they are entire functions of time, and their power series converge everywhere.
Source: Hille, Ordinary Differential Equations in the Complex Domain (1976), chapter 4, for the linearisation.
"""

from typing import Any

import sympy as sp

from ..algebra import affine_split, tidy
from ..declare import FrozenMapping, NeuronModel
from ..errors import DerivationError
from ..structure import Structure
from .derivation import Derivation
from .forms import TransferForm, autonomous_states
from .parameter_rows import declared_sign
from .riccati import linear_jumps, require_spike_at_infinity


def derive_transfer(model: NeuronModel, structure: Structure) -> Derivation:
    """Derive the solver of a quadratic neuron with any autonomous linear drive, conductances and resets."""
    require_spike_at_infinity(model, structure)
    form = _normal_form(model, structure)
    excess = tidy(form.drive + sum(g * form.others.resting.get(s, 0) for s, g in form.drive_gains.items()))
    currents = [gain for state, gain in form.drive_gains.items() if state not in form.conductance_gains]
    inward = next(iter(currents), form.gain)
    return Derivation(
        model=model,
        method="projective",
        closed_form=False,
        reason=f"{structure.evidence}; its power series on the projective line converges for all times and is summed "
        "in steps whose remainder is below rounding",
        rheobase=tidy(-excess / inward),
        form=form,
    )


def _normal_form(model: NeuronModel, structure: Structure) -> TransferForm:
    c, b, a = structure.coefficients
    states = model.other_states
    if a.free_symbols & set(states):
        raise DerivationError(f"{model.name}: a state multiplies {structure.potential}**2")
    if declared_sign(model, a) in (0, -1):
        raise DerivationError(
            f"{model.name}: the coefficient {a} of {structure.potential}**2 is not positive: no spikes"
        )
    others = autonomous_states(model)
    linear, constant = affine_split(b, states), affine_split(c, states)
    if others is None or linear is None or constant is None:
        raise DerivationError(f"{model.name}: the coefficients of the field are not affine in {states}")
    conductances, b0 = linear
    currents, c0 = constant
    drive_gains = {}
    for state in states:
        gain = tidy(a * currents.get(state, 0) - b0 * conductances.get(state, sp.Integer(0)) / 2)
        if gain != 0:
            drive_gains[state] = gain
    return TransferForm(
        potential=structure.potential,
        circle=(model.reset_value, model.spike.threshold) if structure.is_circle else None,
        gain=a,
        offset=tidy(-b0 / (2 * a)),
        drive=tidy(a * c0 - b0**2 / 4),
        drive_gains=FrozenMapping(drive_gains),
        conductance_gains=FrozenMapping(conductances),
        others=others,
        routes=linear_jumps(model, structure),
        reset=_reset(model, structure),
    )


def _reset(model: NeuronModel, structure: Structure) -> FrozenMapping[sp.Symbol, Any]:
    reset: dict[Any, Any] = {structure.potential: None}
    for state, value in model.reset.items():
        if state == model.variable:
            if not structure.is_circle and value != -sp.oo:
                if value.free_symbols & set(model.states):
                    raise DerivationError(f"{model.name}: the reset of {state} depends on states")
                reset[structure.potential] = value
        elif value != state:
            if model.variable in value.free_symbols:
                raise DerivationError(f"{model.name}: the reset of {state} depends on {model.variable}, which diverges")
            reset[state] = value
    return FrozenMapping(reset)
