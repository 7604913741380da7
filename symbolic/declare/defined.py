"""Checks that every declared expression is defined at the declared parameter values."""

from collections.abc import Iterator, Mapping
from typing import Any

import sympy as sp

from ..algebra import sign
from ..errors import ModelError
from .declaration import Declaration

Values = Mapping[Any, Any]


def require_defined(model: Declaration) -> None:
    """Refuse values of parameters at which an expression divides by zero, or has no real root or logarithm."""
    for where, expression in _expressions(model):
        for values in _neurons(model, expression):
            for what, part, wanted in _delicate(expression, values):
                _require(where, what, part, wanted, values)


def _expressions(model: Declaration) -> Iterator[tuple[str, Any]]:
    yield from ((f"d{state}/dt", rate) for state, rate in model.dynamics.items())
    yield from ((f"the reset of {state}", value) for state, value in model.reset.items())
    for route in model.routes:
        yield from ((f"input route {route.name!r}", value) for value in route.jump.values())
    yield from ((f"the initial value of {state}", value) for state, value in model.initial.items())
    if not model.is_readout:
        yield "the spike threshold", model.spike.threshold
    for state, limits in model.bounds.items():
        yield from ((f"the bounds of {state}", limit) for limit in limits)


def _neurons(model: Declaration, expression: Any) -> Iterator[Values]:
    """The values of the parameters of an expression, once for every neuron where they differ."""
    used = {symbol: value for symbol, value in model.values.items() if symbol in expression.free_symbols}
    if not used:
        return
    count = max((len(value) for value in used.values() if isinstance(value, sp.Tuple)), default=1)
    for neuron in range(count):
        yield {symbol: value[neuron] if isinstance(value, sp.Tuple) else value for symbol, value in used.items()}


def _delicate(expression: Any, values: Values) -> Iterator[tuple[str, Any, str]]:
    """The parts of an expression, innermost first, that must not be 0, not be negative, or be positive."""
    if isinstance(expression, sp.Piecewise):
        cases: Any = expression.args
        for value, condition in cases:
            is_met: Any = condition.xreplace(values) if isinstance(condition, sp.Basic) else condition
            if is_met == sp.false:
                continue
            yield from _delicate(value, values)
            if is_met == sp.true:
                return
        return
    for part in expression.args:
        yield from _delicate(part, values)
    if isinstance(expression, sp.log):
        yield "takes the logarithm of", expression.args[0], "positive"
    elif isinstance(expression, sp.Pow) and not isinstance(expression, sp.exp):
        base, exponent = expression.args
        is_divisor = _sign(exponent, values) == -1
        if exponent.xreplace(values).is_integer is False:
            yield "takes a root of", base, "positive" if is_divisor else "at least 0"
        elif is_divisor:
            yield "divides by", base, "not 0"
    elif isinstance(expression, sp.Function) and expression.free_symbols <= values.keys():
        yield "contains", expression, "real"


def _require(where: str, what: str, part: Any, wanted: str, values: Values) -> None:
    own = {symbol: value for symbol, value in values.items() if symbol in part.free_symbols}
    if not own:
        return
    value: Any = part.xreplace(own)
    at = ", ".join(f"{symbol} = {number}" for symbol, number in own.items())
    names = " or ".join(str(symbol) for symbol in own)
    if wanted == "real":
        if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or value.is_real is False:
            raise ModelError(f"{where} contains {part}, which has no real value with {at}; give {names} another value")
        return
    found = 0 if value == 0 else _sign(part, own)
    if found in (None, 1) or (found == 0 and wanted == "at least 0") or (found == -1 and wanted == "not 0"):
        return
    problem = at if part in own else f"which is {'0' if found == 0 else 'negative'} with {at}"
    raise ModelError(f"{where} {what} {part}, {problem}; give {names} a value at which {part} is {wanted}")


def _sign(expression: Any, values: Values) -> int | None:
    """The sign, None where it depends on states or open parameters, or is out of reach of ordinary numbers."""
    return None if expression.free_symbols - values.keys() else sign(expression, dict(values))
