"""What a declaration must satisfy; every refusal names the symbol, what is wrong and what to write."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sympy as sp

from ..errors import ModelError
from .rules import SpikeRule, weight

if TYPE_CHECKING:
    from .model import NeuronModel


def validate(model: "NeuronModel") -> None:
    """Check a declaration.

    Raises:
        ModelError: at the first thing that is wrong.
    """
    for check in (_names, _spike, _equations, _reset, _inputs, _parameters, _initial, _bounds, _threshold):
        check(model)


def _names(model: "NeuronModel") -> None:
    if not model.dynamics:
        raise ModelError(f"{model.name}: no equations; give dynamics={{V: ...}}")
    for symbol in model.parameters:
        if symbol in model.dynamics:
            raise ModelError(f"{symbol} is declared both as a state and as a parameter; remove it from one of them")
    declared = {symbol.name: symbol for symbol in (*model.states, *model.parameters)}
    if weight.name in declared:
        raise ModelError(f"{weight.name!r} is reserved for the weight of an input spike; rename the symbol")
    for symbol in declared.values():
        if symbol.is_real is not True:
            kind = "state" if symbol in model.dynamics else "parameter"
            raise ModelError(f"{kind} {symbol} must be real; write sp.Symbol({symbol.name!r}, real=True)")
    for symbol in _used_symbols(model):
        twin = declared.get(symbol.name)
        if twin is not None and twin != symbol:
            raise ModelError(
                f"two different symbols are called {symbol.name}: their assumptions differ "
                f"({_assumptions(twin)} and {_assumptions(symbol)}); create the symbol once and use it everywhere"
            )


def _spike(model: "NeuronModel") -> None:
    if not isinstance(model.spike, SpikeRule):
        raise ModelError(f"{model.name}: no spike rule; give spike=at_infinity(V) or spike=crosses(V, V_th)")
    if model.variable not in model.dynamics:
        raise ModelError(f"the spiking variable {model.variable} has no equation; add {model.variable}: ... to dynamics")
    if not model.spike.is_at_infinity:
        _only(model, model.spike.threshold, "the spike threshold")


def _equations(model: "NeuronModel") -> None:
    for state, rate in model.dynamics.items():
        _only(model, rate, f"d{state}/dt", states=True)


def _reset(model: "NeuronModel") -> None:
    if model.variable not in model.reset:
        raise ModelError(f"no reset of the spiking variable; give reset={{{model.variable}: ...}}")
    for state, value in model.reset.items():
        if state not in model.dynamics:
            raise ModelError(f"reset of {state}: no such state; the states are {_listed(model.states)}")
        finite = value not in (sp.oo, -sp.oo)
        if not finite and not (state == model.variable and value == -sp.oo and model.spike.is_at_infinity):
            raise ModelError(f"reset of {state} to {value}: only a variable that spikes at infinity may be reset to -oo")
        if finite:
            _only(model, value, f"the reset of {state}", states=True)


def _inputs(model: "NeuronModel") -> None:
    if not model.routes:
        raise ModelError(f"{model.name}: no inputs; give inputs=I, the state that an input spike increases")
    for route in model.routes:
        if not route.jump:
            raise ModelError(f"input route {route.name!r} changes no state")
        for state, value in route.jump.items():
            if state not in model.dynamics:
                raise ModelError(f"input route {route.name!r}: {state} has no equation; add {state}: ... to dynamics")
            _only(model, value, f"input route {route.name!r}", states=True, also=(weight,))


def _parameters(model: "NeuronModel") -> None:
    for symbol, value in model.parameters.items():
        for number in value if isinstance(value, sp.Tuple) else (value,) if value is not None else ():
            if not (number.is_number and number.is_real and number.is_finite):
                raise ModelError(f"parameter {symbol}: {number} is not a finite real number")
            is_time_constant = symbol.name.startswith("tau")
            if number <= 0 and (symbol.is_positive or is_time_constant):
                what = "time constant" if is_time_constant else "positive parameter"
                raise ModelError(f"{what} {symbol} = {number} is not positive; give it a value above 0")
            if number < 0 and symbol.is_nonnegative:
                raise ModelError(f"parameter {symbol} = {number} is negative, but the symbol is declared nonnegative")
            if number >= 0 and symbol.is_negative:
                raise ModelError(f"parameter {symbol} = {number} is not negative, but the symbol is declared negative")


def _initial(model: "NeuronModel") -> None:
    for state, value in model.initial.items():
        if state not in model.dynamics:
            raise ModelError(f"initial value of {state}: no such state; the states are {_listed(model.states)}")
        if value.is_real is False or value in (sp.nan, sp.oo, -sp.oo, sp.zoo):
            raise ModelError(f"initial value of {state}: {value} is not a finite real number")
        _only(model, value, f"the initial value of {state}")
        low, high = model.bounds.get(state, (-sp.oo, sp.oo))
        if _number(model, value - low) is not None and (_number(model, value - low) < 0 or _number(model, high - value) < 0):
            raise ModelError(f"initial value of {state}: {value} lies outside its bounds ({low}, {high})")


def _bounds(model: "NeuronModel") -> None:
    for state, (low, high) in model.bounds.items():
        if state not in model.dynamics:
            raise ModelError(f"bounds of {state}: no such state; the states are {_listed(model.states)}")
        for limit in (low, high):
            if limit not in (sp.oo, -sp.oo):
                _only(model, limit, f"the bounds of {state}")
        if (low < high) == sp.false:
            raise ModelError(f"bounds of {state}: {low} is not below {high}")


def _threshold(model: "NeuronModel") -> None:
    variable, threshold = model.variable, model.spike.threshold
    if threshold is sp.oo:
        return
    for what, value in (("reset", model.reset_value), ("initial value", model.initial[variable])):
        gap = _number(model, threshold - value)
        if gap is not None and gap <= 0:
            raise ModelError(
                f"the {what} of {variable}, {value}, is not below its spike threshold {threshold}; "
                f"choose a {what} below {threshold}"
            )


def _only(model: "NeuronModel", expression: sp.Expr, where: str, *, states: bool = False, also: Iterable = ()) -> None:
    """Refuse symbols that are not declared, and expressions that are not finite and real."""
    if not isinstance(expression, sp.Expr):
        raise ModelError(f"{where}: {expression!r} is not an expression")
    known = {*model.parameters, *also, *(model.states if states else ())}
    for symbol in sorted(expression.free_symbols - known, key=str):
        if symbol in model.dynamics:
            raise ModelError(f"{where} may not depend on the state {symbol}")
        if symbol.name == "t":
            raise ModelError(f"{where} depends on time t; equations must be autonomous: make {symbol} a state")
        raise ModelError(f"{where} uses the undeclared symbol {symbol}; add it to parameters or give it an equation")
    if expression.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
        raise ModelError(f"{where}: {expression} is not finite and real")


def _number(model: "NeuronModel", expression: sp.Expr) -> sp.Expr | None:
    """The value of an expression at the declared parameter values; None where it has none, or several."""
    value = expression.subs(model.scalar_values)
    return value if value.is_number and value.is_extended_real else None


def _used_symbols(model: "NeuronModel") -> set[sp.Symbol]:
    expressions = [*model.dynamics.values(), *model.reset.values(), *model.initial.values()]
    expressions += [value for route in model.routes for value in route.jump.values()]
    expressions += [limit for limits in model.bounds.values() for limit in limits]
    named = {*model.reset, *model.initial, *model.bounds, *(state for route in model.routes for state in route.jump)}
    if isinstance(model.spike, SpikeRule):
        expressions.append(model.spike.threshold)
        named.add(model.variable)
    return named.union(*(expression.free_symbols for expression in expressions if isinstance(expression, sp.Basic)))


def _assumptions(symbol: sp.Symbol) -> str:
    given = [name for name, value in symbol._assumptions_orig.items() if value]
    return ", ".join(given) or "none"


def _listed(symbols: Iterable[sp.Symbol]) -> str:
    return ", ".join(str(symbol) for symbol in symbols)
