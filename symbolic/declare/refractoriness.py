"""Checks of a declared refractory time, and the equations that hold in it."""

from typing import Any

import sympy as sp

from ..errors import ModelError
from .declaration import Declaration


def require_refractory_time(model: Declaration) -> None:
    """Check a refractory time: positive, and what goes on in it is defined."""
    period = model.refractory
    if period is None:
        return
    if model.is_readout:
        raise ModelError(f"{model.name}: a refractory time, but no spike rule; leave out refractory={period}")
    if not period.is_finite and period.is_number:
        raise ModelError(f"refractory: {period} is not a finite time; write a positive number")
    if period.is_positive is not True:
        if period.is_number:
            raise ModelError(f"refractory: the time {period} is not positive; write one above 0, or leave it out")
        raise ModelError(
            f"refractory: {period} is not known to be positive; use parameters that are declared positive, as in "
            "sp.Symbol('t_ref', positive=True)"
        )
    if model.reset_value == -sp.oo:
        _require_free(model)


def _require_free(model: Declaration) -> None:
    """A variable that is held at minus infinity can act on nothing."""
    variable: Any = model.variable
    used = [(f"d{state}/dt", rate) for state, rate in model.dynamics.items() if state != variable]
    used += [
        (f"input route {route.name!r} changes {state}, and", new)
        for route in model.routes
        for state, new in route.jump.items()
        if state != variable
    ]
    for what, expression in used:
        if variable in expression.free_symbols:
            raise ModelError(
                f"refractory: {what} depends on {variable}, which is held at its reset value -oo in the refractory "
                f"time; reset {variable} to a finite value, or write {what.split()[0]} without {variable}"
            )


def held_equations(model: Declaration) -> dict[sp.Symbol, sp.Expr]:
    """Return the equations in the refractory time; the variable is a constant in them, left out at minus infinity."""
    held = {state: rate for state, rate in model.dynamics.items() if state != model.variable}
    return held if model.reset_value == -sp.oo else held | {model.variable: sp.Integer(0)}
