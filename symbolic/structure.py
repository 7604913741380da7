"""Which class a model's equations belong to, recognised from the equations alone, with the evidence."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import sympy as sp

from .algebra import is_zero, tidied
from .declare import FrozenMapping, NeuronModel


class StructureClass(Enum):
    """What kind of exact solver a model's equations admit."""

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
    kind, evidence, coefficients = _classify(model, potential, sp.expand(field))
    if is_circle:
        evidence = f"with {potential} = {tangent_of_half_angle(model)} it reads: {evidence}"
    return Structure(kind, evidence, potential, field, coefficients, is_circle, jumps)


def is_periodic(model: NeuronModel) -> bool:
    """Whether all equations repeat after the way from reset to threshold, so that the two can be glued to a circle."""
    if model.spike.is_at_infinity or model.reset_value.free_symbols & set(model.states):
        return False
    period = model.spike.threshold - model.reset_value
    shifted: dict[Any, Any] = {model.variable: model.variable + period}
    return all(
        is_zero(sp.expand_trig(sp.expand(rate.subs(shifted))) - sp.expand_trig(rate)) is True
        for rate in model.dynamics.values()
        if rate.has(model.variable)
    )


def is_on_circle(model: NeuronModel) -> bool:
    """Whether the spiking variable is an angle: the equations depend on it and are periodic."""
    return any(rate.has(model.variable) for rate in model.dynamics.values()) and is_periodic(model)


def tangent_of_half_angle(model: NeuronModel) -> sp.Expr:
    """The membrane potential of a circle variable: infinite at the spike on one side, at the reset on the other."""
    return sp.tan(_angle(model, model.variable) / 2)


def _angle(model: NeuronModel, value: Any) -> sp.Expr:
    """Rescale so that the reset lies at -pi and the spike at pi."""
    threshold, reset = model.spike.threshold, model.reset_value
    return sp.expand(2 * sp.pi * (value - reset) / (threshold - reset) - sp.pi)


def _on_the_line(model: NeuronModel) -> tuple[sp.Symbol, sp.Expr, FrozenMapping]:
    taken = {symbol.name for symbol in (*model.states, *model.parameters)}
    potential = sp.Symbol("V" if "V" not in taken else "V_line", real=True)
    threshold, reset = model.spike.threshold, model.reset_value
    back = reset + (threshold - reset) * (2 * sp.atan(potential) + sp.pi) / (2 * sp.pi)
    rate = sp.expand_trig(sp.expand(model.field.subs(model.variable, sp.expand(back))))
    stretch = 2 * sp.pi / (threshold - reset) * (1 + potential**2) / 2
    field = tidied(sp.expand(rate) * stretch)
    jumps = {}
    for route in model.routes:
        changes = {}
        for state, value in route.jump.items():
            if state == model.variable:
                value = tidied(sp.expand_trig(sp.tan(_angle(model, value.subs(state, sp.expand(back))) / 2)))
                state = potential
            changes[state] = sp.expand(value - state)
        jumps[route.name] = FrozenMapping(changes)
    return potential, field, FrozenMapping(jumps)


def _jumps(model: NeuronModel) -> FrozenMapping:
    return FrozenMapping(
        {
            route.name: FrozenMapping({state: sp.expand(value - state) for state, value in route.jump.items()})
            for route in model.routes
        }
    )


def _classify(
    model: NeuronModel, potential: sp.Symbol, field: sp.Expr
) -> tuple[StructureClass, str, tuple[sp.Expr, ...]]:
    others = model.other_states
    nonlinear = [state for state in others if not _is_affine(model.dynamics[state], others)]
    coupled = [state for state in others if model.variable in model.dynamics[state].free_symbols]
    polynomial = sp.Poly(field, potential) if field.is_polynomial(potential) else None
    degree = polynomial.degree() if polynomial is not None else None
    coefficients = tuple(reversed(polynomial.all_coeffs())) if polynomial is not None else ()
    if coupled:
        states = ", ".join(map(str, coupled))
        if degree is not None and degree <= 1 and _is_affine(field, (potential, *others)) and not nonlinear:
            return StructureClass.GENERAL, f"linear, but {states} depends on {potential} in turn", ()
        return StructureClass.GENERAL, f"the equation of {states} depends on {potential}", ()
    if nonlinear:
        return StructureClass.GENERAL, f"the equation of {nonlinear[0]} is not linear", ()
    if degree is not None and degree <= 1 and _is_affine(field, (potential, *others)):
        padded = (*coefficients, *(sp.Integer(0),) * (2 - len(coefficients)))
        return StructureClass.LINEAR, "every equation is affine in the states", padded
    if degree == 2:
        return StructureClass.RICCATI, f"quadratic in {potential}, other states linear", coefficients
    if not others:
        return StructureClass.AUTONOMOUS_SCALAR, f"{potential} is the only state", ()
    shape = f"a polynomial of degree {degree}" if degree is not None else "not a polynomial"
    return StructureClass.GENERAL, f"the field is {shape} in {potential} and other states drive it", ()


def _is_affine(expression: sp.Expr, states: tuple[sp.Symbol, ...]) -> bool:
    if not states:
        return True
    if not expression.is_polynomial(*states):
        return False
    return sp.Poly(expression, *states).total_degree() <= 1
