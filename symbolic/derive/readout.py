"""Readouts: affine equations without spikes, whose flow is the exponential of a matrix.

Where no states drive one another in a circle, the flow is a sum of exponentials times powers of time, solved one state
after the other. Source: Rotter & Diesmann, Biol. Cybern. 81 (1999).
"""

from collections.abc import Mapping
from typing import Any

import sympy as sp

from ..algebra import affine_split, tidy, vanishes
from ..declare import FrozenMapping, NeuronModel
from ..declare import time as t
from ..errors import DerivationError
from ..structure import Structure
from .derivation import Derivation
from .forms import ReadoutForm
from .riccati import linear_jumps

#: Coefficients of `t**power * exp(rate * t)`, by power and rate.
_Terms = dict[tuple[int, Any], Any]


def derive_readout(model: NeuronModel, structure: Structure) -> Derivation:
    """Derive the flow of a model without a spike rule."""
    form = _readout_form(model, structure)
    order = _drivers_first(form)
    flow = None if order is None else _flow(form, order)
    if flow is not None:
        _check(model, flow)
    reason = "it has no spike rule, and every equation is affine in the states"
    circle = "; some states drive one another, and the exponential of their matrix is computed numerically"
    return Derivation(
        model=model,
        method="linear",
        closed_form=flow is not None,
        reason=reason if flow is not None else reason + circle,
        flow=flow,
        form=form,
    )


def _readout_form(model: NeuronModel, structure: Structure) -> ReadoutForm:
    couplings, sources = {}, {}
    for state, rate in model.dynamics.items():
        parts = affine_split(rate, model.states)
        if parts is None:
            raise DerivationError(f"{model.name}: d{state}/dt = {rate} is not affine in the states")
        couplings[state] = FrozenMapping({other: slope for other, slope in parts[0].items() if slope != 0})
        if parts[1] != 0:
            sources[state] = parts[1]
    return ReadoutForm(
        states=model.states,
        couplings=FrozenMapping(couplings),
        sources=FrozenMapping(sources),
        routes=linear_jumps(model, structure),
    )


def _check(model: NeuronModel, flow: Mapping[Any, Any]) -> None:
    """Put a flow into the declared equations, at general values: those declared may make it 0/0."""
    for state, formula in flow.items():
        rate = model.dynamics[state].xreplace(dict(flow))
        if not (vanishes(sp.diff(formula, t) - rate) and vanishes(formula.subs(t, 0) - state)):
            raise DerivationError(f"{model.name}: the derived flow of {state} does not solve the declared equations")


def _drivers_first(form: ReadoutForm) -> list[Any] | None:
    """Order states so that each comes after those that drive it; None if some drive one another."""
    order: list[Any] = []
    while len(order) < len(form.states):
        free = [
            state
            for state in form.states
            if state not in order and all(other in (*order, state) for other in form.couplings[state])
        ]
        if not free:
            return None
        order += free
    return order


def _flow(form: ReadoutForm, order: list[Any]) -> FrozenMapping[sp.Symbol, Any]:
    terms: dict[Any, _Terms] = {}
    for state in order:
        row = form.couplings[state]
        rate = row.get(state, sp.Integer(0))
        driven: _Terms = {(0, sp.Integer(0)): form.sources[state]} if state in form.sources else {}
        for other, gain in row.items():
            if other != state:
                for key, coefficient in terms[other].items():
                    driven[key] = driven.get(key, 0) + gain * coefficient
        terms[state] = _driven_by(state, rate, driven)
    return FrozenMapping(
        {
            state: sum((c * t**power * sp.exp(rate * t) for (power, rate), c in terms[state].items()), sp.Integer(0))
            for state in form.states
        }
    )


def _driven_by(start: Any, rate: Any, drive: Mapping[tuple[int, Any], Any]) -> _Terms:
    """Solve `y' = rate y + drive` from `start`."""
    found: _Terms = {}

    def add(power: int, of: Any, coefficient: Any) -> None:
        key = power, next((known for at, known in found if at == power and vanishes(known - of)), of)
        found[key] = found.get(key, 0) + coefficient

    add(0, rate, start)
    for (power, of), coefficient in drive.items():
        gap = tidy(of - rate)
        if vanishes(gap):
            add(power + 1, rate, coefficient / (power + 1))
            continue
        # by parts: the integral of t**power exp(gap t)
        for lower in range(power, -1, -1):
            part = coefficient * (-1) ** (power - lower) * sp.ff(power, power - lower) / gap ** (power - lower + 1)
            add(lower, of, part)
            if lower == 0:
                add(0, rate, -part)
    return found
