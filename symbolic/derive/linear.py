r"""The linear class: $y' = M y + f$ with a finite threshold of its first component.

The solution is an entire function of time for every $M$: no difference of rates is ever divided by, so equal time
constants need no special case. The first crossing is found from bounds on the second derivative, not from end points.
Source: Rotter & Diesmann, Biol. Cybern. 81 (1999), for the exact integration of linear neurons.

A leaky integrator with one synaptic time constant has formulas to read: a closed flow, and closed spike times where
`tau_m = 2 tau_s` (a quadratic) or `tau_m = tau_s` (Lambert's W). Source: Goeltz et al., arXiv:1912.11443.
"""

from typing import Any, NamedTuple

import sympy as sp

from ..algebra import affine_split, tidy, vanishes
from ..declare import FrozenMapping, NeuronModel
from ..declare import time as t
from ..errors import DerivationError
from ..structure import Structure
from .derivation import Derivation
from .forms import AffineForm, resting_states
from .parameter_rows import declared_sign
from .riccati import linear_jumps, relate
from .substitution import check_flow, check_spike


def derive_affine(model: NeuronModel, structure: Structure) -> Derivation:
    """Derive the solver of a model whose equations are all affine."""
    form = _affine_form(model, structure)
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


def _affine_form(model: NeuronModel, structure: Structure) -> AffineForm:
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


class _Leaky(NamedTuple):
    """`V' = -leak (V - rest) + sum(current_gains[I] I)`, `I' = -current_decay I`."""

    potential: sp.Symbol
    leak: sp.Expr
    rest: sp.Expr
    current_decay: sp.Expr
    threshold: sp.Expr
    reset: sp.Expr
    current_gains: dict[Any, sp.Expr]


def derive_leaky(model: NeuronModel, structure: Structure) -> Derivation:
    """Derive flow and spikes of a leaky integrator."""
    form = _constants(model, structure)
    potential = form.potential
    current = sum((gain * state for state, gain in form.current_gains.items()), sp.Integer(0))
    flow = {state: state * sp.exp(-form.current_decay * t) for state in model.other_states}
    rates = form.current_decay / form.leak
    ratio = next((one for one in (1, 2) if vanishes(rates - one, model.scalar_values)), None)
    distance = potential - form.rest
    if ratio == 1:
        response = distance + current * t
    else:
        response = distance + current * (1 - sp.exp(-(form.current_decay - form.leak) * t)) / (
            form.current_decay - form.leak
        )
    flow = {potential: form.rest + sp.exp(-form.leak * t) * response} | flow
    relation = relate(model, form.current_decay - ratio * form.leak) if ratio is not None else None
    check_flow(model, flow, relation)
    time = _time_to_spike(model, form, ratio, current)
    if time is not None:
        check_spike(model, flow[potential] - form.threshold, time, relation)
    gain = next(iter(form.current_gains.values()), sp.Integer(1))
    steady = form.rest + current / form.leak
    return Derivation(
        model=model,
        method="linear",
        closed_form=time is not None,
        reason=structure.evidence
        + (
            f" and the time constants have ratio {ratio}"
            if time is not None
            else "; its threshold crossing has no formula and is found in the power series of the flow"
        ),
        flow=FrozenMapping(flow),
        time_to_spike=time,
        rheobase=tidy(form.leak * (form.threshold - form.rest) / gain),
        period=sp.log((steady - form.reset) / (steady - form.threshold)) / form.leak,
        phase=sp.log((steady - form.reset) / (steady - potential)) / form.leak,
        form=_affine_form(model, structure),
    )


def _constants(model: NeuronModel, structure: Structure) -> _Leaky:
    if model.spike.is_at_infinity:
        raise DerivationError(
            f"{model.name}: a linear field never reaches infinity; declare a finite threshold with crosses()"
        )
    constant, slope = structure.coefficients
    leak = tidy(-slope)
    if declared_sign(model, leak) != 1:
        raise DerivationError(f"{model.name}: no leak (the field grows with {model.variable})")
    for state, value in model.reset.items():
        if (state != model.variable and value != state) or value.free_symbols & {*model.states} - {state}:
            raise DerivationError(f"{model.name}: the reset {state} -> {value} depends on or changes other states")
    if model.reset_value.has(model.variable) or model.spike.threshold.free_symbols & set(model.states):
        raise DerivationError(f"{model.name}: threshold and reset of {model.variable} must be constant")
    gains = {state: tidy(sp.diff(constant, state)) for state in model.other_states}
    rates = {tidy(-sp.diff(model.dynamics[state], state)) for state in model.other_states}
    for state in model.other_states:
        if not vanishes(model.dynamics[state] - sp.diff(model.dynamics[state], state) * state):
            raise DerivationError(
                f"{model.name}: d{state}/dt = {model.dynamics[state]} is not a plain exponential decay"
            )
    if len(rates) > 1:
        raise DerivationError(f"{model.name}: its currents decay at different rates")
    rest = tidy(constant.subs([(state, 0) for state in model.other_states]) / leak)
    return _Leaky(
        potential=model.variable, leak=leak, rest=rest, current_decay=rates.pop() if rates else 2 * leak,
        threshold=model.spike.threshold, reset=model.reset_value, current_gains=gains,
    )  # fmt: skip


def _time_to_spike(model: NeuronModel, form: _Leaky, ratio: Any, current: sp.Expr) -> sp.Expr | None:
    level, distance = form.threshold - form.rest, form.potential - form.rest
    if declared_sign(model, level) != 1 or ratio is None or current == 0:
        return None
    if ratio == 2:
        q = current / form.leak
        discriminant = (distance + q) ** 2 - 4 * q * level
        y = (distance + q + sp.sqrt(discriminant)) / (2 * q)
        rises_enough = (q > distance) & (q > -distance) & (discriminant > 0) & (q > 0)
        return sp.Piecewise((-sp.log(y) / form.leak, rises_enough), (sp.oo, True))
    argument = -form.leak * level / current * sp.exp(-form.leak * distance / current)
    time = -distance / current - sp.LambertW(argument) / form.leak
    rising = current > form.leak * distance
    return sp.Piecewise((time, rising & (current > 0) & (argument > -sp.exp(-1))), (sp.oo, True))
