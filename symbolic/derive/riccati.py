"""The Riccati class: `V' = a V**2 + b V + c` is linear on the projective line.

Elementary where the drive is constant, or decays with `tau_s = 1 / (2 sqrt(b**2 - 4 a c0))` (for the QIF
`tau_s = tau_m / 2`); every other ratio of time constants leads to Bessel functions. Source: Klos & Memmesheimer,
arXiv:2309.14523 for the QIF; the form used here, without case distinctions, is the linearisation of the Riccati
equation.
"""

from typing import Any

import sympy as sp

from ..algebra import affine_split, low_roots, tidy, vanishes
from ..algebra import value as number
from ..declare import FrozenMapping, NeuronModel, weight
from ..declare import time as t
from ..errors import DerivationError
from ..structure import Structure, tangent_of_half_angle
from .derivation import Derivation, Relation
from .forms import ProjectiveForm
from .parameter_rows import declared_sign
from .substitution import check_flow, check_spike


def derive_projective(model: NeuronModel, structure: Structure) -> Derivation:
    """Derive the exact solver of a model whose potential obeys a Riccati equation."""
    require_spike_at_infinity(model, structure)
    _require_plain_reset(model, structure)
    form, relation = _normal_form(model, structure)
    potential, denominator, time = _flow(form)
    declared = tangent_of_half_angle(model) if structure.is_circle else structure.potential
    to_declared: dict[Any, Any] = {structure.potential: declared}
    flow = {state: state * sp.exp(sp.diff(model.dynamics[state], state) * t) for state in model.other_states}
    flow = {model.variable: _on_declared_line(model, structure, potential).subs(to_declared)} | flow
    check_flow(model, flow, relation)
    time = time.subs(to_declared)
    check_spike(model, denominator.subs(to_declared), time, relation)
    period, phase = _free_running(model, form)
    return Derivation(
        model=model,
        method="projective",
        closed_form=True,
        reason=f"{structure.evidence}; its drive {_why_elementary(form)}",
        flow=FrozenMapping(flow),
        time_to_spike=time,
        rheobase=_rheobase(form),
        period=period,
        phase=None if phase is None else phase.subs(to_declared),
        relation=relation,
        form=form,
    )


def _why_elementary(form: ProjectiveForm) -> str:
    if form.decay == 0:
        return "is constant"
    return "decays at a rate at which the solution is elementary"


def require_spike_at_infinity(model: NeuronModel, structure: Structure) -> None:
    """Refuse a threshold at a finite potential, which a ray passes unnoticed."""
    if not structure.is_circle and not model.spike.is_at_infinity:
        raise DerivationError(
            f"{model.name}: a projective solution spikes at infinity; this neuron spikes at {model.variable} = "
            f"{model.spike.threshold}"
        )


def _require_plain_reset(model: NeuronModel, structure: Structure) -> None:
    if not structure.is_circle and model.reset_value != -sp.oo:
        raise DerivationError(
            f"{model.name}: an elementary solution passes through infinity; this neuron resets {model.variable} to "
            f"{model.reset_value}"
        )
    for state, value in model.reset.items():
        if state != model.variable and value != state:
            raise DerivationError(
                f"{model.name}: an elementary solution passes through infinity; this neuron's reset changes {state}"
            )


def _normal_form(model: NeuronModel, structure: Structure) -> tuple[ProjectiveForm, Relation | None]:
    c, b, a = structure.coefficients
    others = model.other_states
    if declared_sign(model, a) in (0, -1):
        raise DerivationError(f"{model.name}: the coefficient {a} of {model.variable}**2 is not positive: no spikes")
    if (a.free_symbols | b.free_symbols) & set(others):
        raise DerivationError(
            f"{model.name}: a state multiplies {model.variable} (a conductance), which no elementary solution has"
        )
    split = affine_split(c, others)
    if split is None:
        raise DerivationError(f"{model.name}: the drive is not linear in {', '.join(map(str, others))}")
    gains, constant = {state: a * split[0].get(state, sp.S.Zero) for state in others}, split[1]
    discriminant = tidy(b**2 - 4 * a * constant)
    if all(model.dynamics[state] == 0 for state in others):
        decay, offset, drive, relation = sp.Integer(0), -b / (2 * a), tidy(-discriminant / 4), None
    else:
        decay = sp.sqrt(discriminant)
        offset, drive = tidy(-(b + decay) / (2 * a)), sp.Integer(0)
        relation = _elementary_relation(model, discriminant)
    circle = (model.reset_value, model.spike.threshold) if structure.is_circle else None
    form = ProjectiveForm(
        potential=structure.potential, circle=circle, gain=a, offset=offset, decay=decay, drive=drive,
        current_gains=FrozenMapping(gains), routes=linear_jumps(model, structure),
    )  # fmt: skip
    return form, relation


def linear_jumps(model: NeuronModel, structure: Structure) -> FrozenMapping:
    """What an input spike of weight 1 adds to each state, for every route."""
    routes = {}
    for name, changes in structure.jumps.items():
        slopes = {state: tidy(sp.diff(change, weight)) for state, change in changes.items()}
        for state, slope in slopes.items():
            if slope.free_symbols - set(model.parameters) or not vanishes(changes[state] - slope * weight):
                raise DerivationError(
                    f"{model.name}: input route {name!r} changes {state} by {changes[state]}; an exact solver needs a "
                    "change proportional to the weight"
                )
        routes[name] = FrozenMapping(slopes)
    return FrozenMapping(routes)


def _elementary_relation(model: NeuronModel, discriminant: sp.Expr) -> Relation | None:
    """The currents must decay at twice the rate at which the potential relaxes."""
    rates = {state: tidy(-sp.diff(model.dynamics[state], state)) for state in model.other_states}
    for state, rate in rates.items():
        is_plain = not rate.free_symbols & set(model.states) and vanishes(model.dynamics[state] + rate * state)
        if not is_plain or rate == 0:
            raise DerivationError(
                f"{model.name}: d{state}/dt = {model.dynamics[state]} is not a plain exponential decay"
            )
    if declared_sign(model, discriminant) in (0, -1):
        raise DerivationError(
            f"{model.name}: without input the field has no two zeros between which the potential relaxes; no decay of "
            "the currents makes the solution elementary then"
        )
    decay: Any = sp.sqrt(discriminant)
    conditions = _conditions(rates, decay)
    if all(_failing(model, condition, decay) is None for condition in conditions):
        return _relation_of(model, conditions)
    raise DerivationError(f"{model.name}: {_why_not_elementary(model, rates, decay)}")


def _conditions(rates: dict[Any, Any], decay: sp.Expr) -> set[sp.Expr]:
    """What vanishes where the currents decay as they must."""
    squares = {tidy(rate**2 - 4 * decay**2) for rate in rates.values()}
    return squares - {sp.Integer(0)}


def _relation_of(model: NeuronModel, conditions: set[sp.Expr]) -> Relation | None:
    if len(conditions) > 1:
        raise DerivationError(f"{model.name}: its currents have different time constants; write them as one symbol")
    return relate(model, *conditions) if conditions else None


def relate(model: NeuronModel, condition: sp.Expr) -> Relation:
    """Solve a relation between parameters for each of them, where there is one solution."""
    solutions = {}
    for symbol in (symbol for symbol in model.parameters if symbol in condition.free_symbols):
        roots = [root for root in low_roots(condition, symbol) if root.is_positive or not symbol.is_positive]
        if len(roots) == 1:
            solutions[symbol] = roots[0]
    return Relation(condition, FrozenMapping(solutions))


def _why_not_elementary(model: NeuronModel, rates: dict[Any, Any], decay: sp.Expr) -> str:
    needed = " and ".join(f"{tidy(1 / rate)} = {tidy(1 / (2 * decay))}" for rate in rates.values())
    failing = {condition: _failing(model, condition, decay) for condition in _conditions(rates, decay)}
    condition, values = next((condition, values) for condition, values in failing.items() if values is not None)
    unset = sorted(condition.free_symbols - values.keys(), key=str)
    if unset:
        return f"a closed form exists where {needed}; give {', '.join(map(str, unset))} a value"
    return f"with {_listed(values)} the solution needs Bessel functions; a closed form exists where {needed}"


def _failing(model: NeuronModel, condition: sp.Expr, decay: sp.Expr) -> dict[Any, Any] | None:
    """The declared values, of the first neuron for which that is so, at which a condition is not known to hold."""
    for values in _value_sets(model, condition):
        try:
            size = number(decay**2, values)
            is_near = abs(number(condition, values)) <= abs(size) * 1e-14
        except ArithmeticError:
            return values
        if not is_near:
            return values
    return None


def _value_sets(model: NeuronModel, expression: sp.Expr) -> list[dict[Any, Any]]:
    """The declared values of the parameters in an expression, one set for every neuron."""
    values = {symbol: value for symbol, value in model.values.items() if symbol in expression.free_symbols}
    count = max([len(value) for value in values.values() if isinstance(value, sp.Tuple)], default=1)
    return [
        {symbol: value[index] if isinstance(value, sp.Tuple) else value for symbol, value in values.items()}
        for index in range(count)
    ]


def _listed(values: dict) -> str:
    return ", ".join(f"{symbol} = {value}" for symbol, value in values.items())


def _drive(form: ProjectiveForm) -> sp.Expr:
    return form.drive + sum((gain * state for state, gain in form.current_gains.items()), sp.Integer(0))


def _rheobase(form: ProjectiveForm) -> sp.Expr:
    """Where the minimum of the field is zero; in units of the first current, of dV/dt where there is none."""
    threshold = form.decay**2 / 4 - form.drive
    gain = next(iter(form.current_gains.values()), form.gain)
    return tidy(threshold / gain)


def _flow(form: ProjectiveForm) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The flow of the potential, the expression that vanishes at a spike, and the time to it."""
    v = form.potential - form.offset
    d: Any = tidy(_drive(form) / form.gain**2)
    x = tidy(form.gain / form.decay) * (1 - sp.exp(-form.decay * t)) if form.decay != 0 else form.gain * t
    is_undriven = d is sp.S.Zero
    cosine, sine = sp.cos(sp.sqrt(d) * x), x if is_undriven else sp.sin(sp.sqrt(d) * x) / sp.sqrt(d)
    denominator = cosine - v * sine
    flow = form.offset + sp.exp(-form.decay * t) * (v * cosine + d * sine) / denominator
    # a drive that is known to be positive has no root to compare with
    decaying = sp.false if d.is_positive else (d < 0) & (v > sp.sqrt(-d))
    spikes_at: list[Any] = [(1 / v, sp.Eq(d, 0) & (v > 0))]
    if not is_undriven:
        above, below = (sp.pi / 2 - sp.atan(v / sp.sqrt(d))) / sp.sqrt(d), sp.atanh(sp.sqrt(-d) / v) / sp.sqrt(-d)
        spikes_at = [(above, d > 0), *spikes_at, (below, decaying)]
    if form.decay == 0:
        return flow, denominator, sp.Piecewise(*[(x / form.gain, c) for x, c in spikes_at], (sp.oo, True))
    rate = tidy(form.decay / form.gain)
    pieces = [(-sp.log(1 - rate * x) / form.decay, c & (rate * x < 1)) for x, c in spikes_at]
    return flow, denominator, sp.Piecewise(*pieces, (sp.oo, True))


def _free_running(model: NeuronModel, form: ProjectiveForm) -> tuple[sp.Expr, sp.Expr | None]:
    """Period and phase under the constant drive; `oo` and None where the drive is known not to be enough."""
    v = form.potential - form.offset - form.decay / (2 * form.gain)
    d = tidy((_drive(form) - form.decay**2 / 4) / form.gain**2)
    if declared_sign(model, d) in (0, -1):
        return sp.oo, None
    frequency = form.gain * sp.sqrt(d)
    return tidy(sp.pi / frequency), (sp.pi / 2 + sp.atan(v / sp.sqrt(d))) / frequency


def _on_declared_line(model: NeuronModel, structure: Structure, potential: sp.Expr) -> sp.Expr:
    if not structure.is_circle:
        return potential
    threshold, reset = model.spike.threshold, model.reset_value
    return reset + (threshold - reset) * (2 * sp.atan(potential) + sp.pi) / (2 * sp.pi)
