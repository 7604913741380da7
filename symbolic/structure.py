"""Recognition of a model's structure class from its equations, with the evidence."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import sympy as sp

from .algebra import affine_split, coefficients, is_zero, multiplied_out, tidy
from .declare import FrozenMapping, NeuronModel

_PERIODIC = (sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc)
_MOST_TURNS, _MOST_DEGREE = 40, 100


class StructureClass(Enum):
    """The kinds of exact solvers that equations admit."""

    LINEAR = "linear"
    RICCATI = "Riccati"
    AUTONOMOUS_SCALAR = "autonomous scalar"
    GENERAL = "general"


@dataclass(frozen=True)
class Structure:
    """A model's class, its equations on the line, and why.

    Attributes:
        kind: The class.
        evidence: Why, in a sentence.
        potential: The membrane potential: the spiking variable itself, or for a circle variable the tangent of half
            its angle.
        field: The time derivative of the potential.
        coefficients: The field as a polynomial in the potential, constant term first (linear and Riccati classes).
        is_circle: Whether the declared spiking variable lives on a circle.
        jumps: For every input route, what it adds to which states: expressions in `weight`.
    """

    kind: StructureClass
    evidence: str
    potential: sp.Symbol
    field: sp.Expr
    coefficients: tuple[sp.Expr, ...]
    is_circle: bool
    jumps: FrozenMapping[str, FrozenMapping[sp.Symbol, sp.Expr]]


def recognise(model: NeuronModel) -> Structure:
    """Find the structure class of a model.

    Example:
        >>> from symbolic import models
        >>> recognise(models.qif()).kind
        <StructureClass.RICCATI: 'Riccati'>
        >>> recognise(models.lif()).kind
        <StructureClass.LINEAR: 'linear'>
    """
    is_circle = is_on_circle(model)
    potential, field, jumps = _on_the_line(model) if is_circle else (model.variable, model.field, _jumps(model))
    kind, evidence, coefficients = _classify(model, potential, multiplied_out(field))
    if is_circle:
        evidence = f"with {potential} = {tangent_of_half_angle(model)} it reads: {evidence}"
    return Structure(kind, evidence, potential, field, coefficients, is_circle, jumps)


def is_periodic(model: NeuronModel) -> bool:
    """Whether all equations are periodic, with reset and threshold one period apart."""
    if model.is_readout or model.spike.is_at_infinity or model.reset_value.free_symbols & set(model.states):
        return False
    return all(_repeats(model, rate) for rate in model.dynamics.values())


def is_on_circle(model: NeuronModel) -> bool:
    """Whether the spiking variable is an angle: the equations depend on it and are periodic."""
    return any(rate.has(model.variable) for rate in model.dynamics.values()) and is_periodic(model)


def _repeats(model: NeuronModel, rate: Any) -> bool:
    """Whether a rate is the same after a turn: the potential is only in functions that at most change sign."""
    shifted = {}
    for function in rate.atoms(*_PERIODIC):
        if not function.has(model.variable):
            continue
        turns = _half_turns(model, function.args[0])
        if turns is None or not turns[0].is_Integer:
            return False
        flips = turns[0] % 2 == 1 and not isinstance(function, (sp.tan, sp.cot))
        shifted[function] = (sp.Dummy(real=True), -1 if flips else 1)
    once = rate.xreplace({function: stand_in for function, (stand_in, _) in shifted.items()})
    if model.variable in once.free_symbols:
        return False
    turned = rate.xreplace({function: turn * stand_in for function, (stand_in, turn) in shifted.items()})
    return turned == once or is_zero(turned - once) is True


def _half_turns(model: NeuronModel, argument: Any) -> tuple[Any, Any] | None:
    """By how many half turns an argument grows from reset to threshold, and its value at the reset; None if unclear."""
    row = coefficients(argument, model.variable, 1)
    if row is None or len(row) != 2:
        return None
    low, high = model.reset_value, model.spike.threshold
    turns: Any = tidy(row[1] * (high - low) / sp.pi)
    if turns.is_Rational and abs(turns) <= _MOST_TURNS:
        return turns, tidy(row[0] + row[1] * low)
    return None


def tangent_of_half_angle(model: NeuronModel) -> sp.Expr:
    """The membrane potential of a circle variable: infinite at the spike on one side, at the reset on the other."""
    return sp.tan(_angle(model, model.variable) / 2)


def _angle(model: NeuronModel, value: Any) -> sp.Expr:
    """Rescale so that the reset lies at -pi and the spike at pi."""
    threshold, reset = model.spike.threshold, model.reset_value
    return multiplied_out(2 * sp.pi * (value - reset) / (threshold - reset) - sp.pi)


def _on_the_line(model: NeuronModel) -> tuple[sp.Symbol, sp.Expr, FrozenMapping]:
    taken = {symbol.name for symbol in (*model.states, *model.parameters)}
    potential = sp.Symbol("V" if "V" not in taken else "V_line", real=True)
    threshold, reset = model.spike.threshold, model.reset_value
    stretch = 2 * sp.pi / (threshold - reset) * (1 + potential**2) / 2
    field = tidy(_rational(model, model.field, potential) * stretch)
    jumps = {}
    for route in model.routes:
        changes = {}
        for state, value in route.jump.items():
            if state == model.variable:
                value = _line_of(_angle(model, value), model, potential)
                state = potential
            changes[state] = multiplied_out(value - state)
        jumps[route.name] = FrozenMapping(changes)
    return potential, field, FrozenMapping(jumps)


def _rational(model: NeuronModel, rate: Any, potential: sp.Symbol) -> Any:
    """A rate in terms of the tangent of half the angle."""
    replaced = {}
    for function in rate.atoms(*_PERIODIC):
        turns = _half_turns(model, function.args[0]) if function.has(model.variable) else None
        if turns is None:
            continue
        count, start = turns
        # the argument is count * (2 atan(V) + pi) / 2 + start
        cosine, sine = _multiple(count, potential)
        shift = multiplied_out(start + count * sp.pi / 2)
        turned = (cosine * sp.cos(shift) - sine * sp.sin(shift), sine * sp.cos(shift) + cosine * sp.sin(shift))
        replaced[function] = _of_angle(function, *turned)
    return rate.xreplace(replaced)


def _multiple(count: Any, potential: sp.Symbol) -> tuple[Any, Any]:
    """Cosine and sine of `count * atan(V)` for a whole number of them."""
    order = abs(int(count))
    length = (1 + potential**2) ** sp.Rational(order, 2)
    real, imaginary = (
        sp.Add(*((-1) ** (k // 2) * sp.binomial(order, k) * potential**k for k in range(odd, order + 1, 2)))
        for odd in (0, 1)
    )
    return real / length, sp.sign(count) * imaginary / length


def _of_angle(function: Any, cosine: Any, sine: Any) -> Any:
    kinds: dict[Any, Any] = {
        sp.sin: sine, sp.cos: cosine, sp.tan: sine / cosine, sp.cot: cosine / sine, sp.sec: 1 / cosine,
        sp.csc: 1 / sine,
    }  # fmt: skip
    return kinds[function.func]


def _line_of(angle: Any, model: NeuronModel, potential: sp.Symbol) -> Any:
    """The tangent of half a new angle, in terms of that of half the angle before."""
    before = sp.tan(_angle(model, model.variable) / 2)
    half: Any = multiplied_out(angle / 2)
    if isinstance(half, sp.atan):
        found = half.args[0]
    else:
        found = sp.tan(half)
    known = found.xreplace({before: potential})
    declared = model.reset_value + (model.spike.threshold - model.reset_value) * (2 * sp.atan(potential) + sp.pi) / (
        2 * sp.pi
    )
    if model.variable in known.free_symbols:
        known = known.subs(model.variable, multiplied_out(declared))
    return tidy(known)


def _jumps(model: NeuronModel) -> FrozenMapping:
    return FrozenMapping(
        {
            route.name: FrozenMapping({state: multiplied_out(value - state) for state, value in route.jump.items()})
            for route in model.routes
        }
    )


def _classify(
    model: NeuronModel, potential: sp.Symbol, field: sp.Expr
) -> tuple[StructureClass, str, tuple[sp.Expr, ...]]:
    others = model.other_states
    nonlinear = [state for state in others if affine_split(model.dynamics[state], others) is None]
    coupled = [state for state in others if model.variable in model.dynamics[state].free_symbols]
    row = coefficients(field, potential, _MOST_DEGREE)
    degree = None if row is None else len(row) - 1
    is_affine = degree is not None and degree <= 1 and affine_split(field, (potential, *others)) is not None
    if coupled:
        states = ", ".join(map(str, coupled))
        if is_affine and not nonlinear:
            return StructureClass.GENERAL, f"linear, but {states} depends on {potential} in turn", ()
        return StructureClass.GENERAL, f"the equation of {states} depends on {potential}", ()
    if nonlinear:
        return StructureClass.GENERAL, f"the equation of {nonlinear[0]} is not linear", ()
    if is_affine and row is not None:
        padded = (*row, *(sp.Integer(0),) * (2 - len(row)))
        return StructureClass.LINEAR, "every equation is affine in the states", padded
    if degree == 2 and row is not None:
        return StructureClass.RICCATI, f"quadratic in {potential}, other states linear", tuple(row)
    if not others:
        return StructureClass.AUTONOMOUS_SCALAR, f"{potential} is the only state", ()
    shape = f"a polynomial of degree {degree}" if degree is not None else "not a polynomial"
    if degree is None and field.is_polynomial(potential):
        shape = "too long a polynomial to multiply out"
    return StructureClass.GENERAL, f"the field is {shape} in {potential} and other states drive it", ()
