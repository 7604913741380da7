"""Checks of a declaration; every error names the symbol, the problem and the remedy."""

from collections.abc import Iterable, Mapping
from sys import float_info
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from ..algebra import affine_split, sign
from ..algebra import value as number_of
from ..errors import ModelError
from .declaration import Declaration
from .defined import require_defined
from .refractoriness import require_refractory_time
from .roles import time_constants
from .rules import SpikeRule, weight
from .solution import Solution, time
from .symbols import require_consistent_symbols
from .threshold import require_moving_threshold


def validate(model: Declaration) -> None:
    """Check a declaration."""
    checks = (
        require_consistent_symbols, _spike, _equations, _readout, _reset, _inputs, _parameters, require_defined,
        _bounds, _initial, _threshold, _refractory, _solution,
    )  # fmt: skip
    for check in checks:
        check(model)


def _spike(model: Declaration) -> None:
    if model.is_readout:
        return
    if not isinstance(model.spike, SpikeRule):
        raise ModelError(f"{model.name}: no spike rule; pass spike=at_infinity(V) or spike=crosses(V, V_th)")
    if model.variable not in model.dynamics:
        variable = model.variable
        raise ModelError(f"the spiking variable {variable} has no equation; add {variable}: ... to dynamics")
    if not model.spike.is_at_infinity:
        _only(model, model.spike.threshold, "the spike threshold", states=True)
        require_moving_threshold(model)


def _equations(model: Declaration) -> None:
    for state, rate in model.dynamics.items():
        _only(model, rate, f"d{state}/dt", states=True, also=model.currents)
    for symbol in model.currents:
        if not any(symbol in rate.free_symbols for rate in model.dynamics.values()):
            raise ModelError(f"current {symbol} stands in no equation; add it to one, or remove it from currents")


def _readout(model: Declaration) -> None:
    """Check what has no spike rule: it is either a readout, or the rule was forgotten."""
    if not model.is_readout:
        return
    advice = "pass spike=at_infinity(V) or spike=crosses(V, V_th)"
    for state, rate in model.dynamics.items():
        if affine_split(rate, model.states) is None:
            raise ModelError(
                f"{model.name}: no spike rule; {advice}. Without one it is a readout, whose equations must be linear, "
                f"but d{state}/dt = {rate} is not"
            )
    if model.reset:
        raise ModelError(f"{model.name}: a reset, but no spike rule; {advice}, or leave out the reset of a readout")
    if model.solution is not None:
        raise ModelError(f"{model.name}: a readout is solved exactly as it is declared; leave out the solution")


def _reset(model: Declaration) -> None:
    if model.is_readout:
        return
    if model.variable not in model.reset:
        raise ModelError(f"no reset of the spiking variable; pass reset={{{model.variable}: ...}}")
    for state, value in model.reset.items():
        if state not in model.dynamics:
            raise ModelError(f"reset of {state}: no such state; the states are {_listed(model.states)}")
        finite = value not in (sp.oo, -sp.oo)
        if not finite and not (state == model.variable and value == -sp.oo and model.spike.is_at_infinity):
            reason = "only a variable that spikes at infinity may be reset to -oo; write a finite value"
            raise ModelError(f"reset of {state} to {value}: {reason}")
        if finite:
            _only(model, value, f"the reset of {state}", states=True)
            _finite_at_the_spike(model, state, value)


def _finite_at_the_spike(model: Declaration, state: sp.Symbol, value: sp.Expr) -> None:
    variable = model.variable
    if model.spike.is_at_infinity and variable in value.free_symbols:
        advice = f"write -oo or a value without {variable}" if state == variable else f"write it without {variable}"
        raise ModelError(f"reset of {state} to {value}: {variable} is infinite when it spikes; {advice}")


def _inputs(model: Declaration) -> None:
    if not model.routes:
        raise ModelError(f"{model.name}: no inputs; pass inputs=I, the state that an input spike increases")
    for route in model.routes:
        if not route.jump:
            raise ModelError(f"input route {route.name!r} changes no state")
        for state, value in route.jump.items():
            if state not in model.dynamics:
                raise ModelError(f"input route {route.name!r}: {state} has no equation; add {state}: ... to dynamics")
            _only(model, value, f"input route {route.name!r}", states=True, also=(weight,))


def _parameters(model: Declaration) -> None:
    counts = {symbol: len(value) for symbol, value in model.values.items() if isinstance(value, sp.Tuple)}
    if len(set(counts.values())) > 1 or 0 in counts.values():
        found = ", ".join(f"{symbol} has {count}" for symbol, count in counts.items())
        raise ModelError(
            f"parameters with one value per neuron need equally many: {found}; give the same number of values"
        )
    constants = time_constants(model.dynamics)
    for symbol, value in model.values.items():
        for number in value if isinstance(value, sp.Tuple) else (value,):
            _parameter(symbol, number, symbol in constants)


def _parameter(symbol: sp.Symbol, number: Any, is_time_constant: bool) -> None:
    is_finite = number.is_number and not number.has(sp.nan, sp.zoo, sp.oo, -sp.oo)
    # the sign is computed once; SymPy's is_real may compute it for every part of a number
    sign = _sign(f"parameter {symbol}", number, {}) if is_finite else None
    if sign is None:
        raise ModelError(f"parameter {symbol}: {number} is not a finite real number; write one")
    if sign != 1 and (symbol.is_positive or is_time_constant):
        what = "time constant" if is_time_constant else "positive parameter"
        raise ModelError(f"{what} {symbol} = {number} is not positive; give it a value above 0")
    for name, wanted in symbol._assumptions_orig.items():
        is_known = name in ("real", "extended_real", "positive", "commutative") and wanted
        if not is_known and getattr(number, f"is_{name}") is (not wanted):
            what = f"{'' if wanted else 'not '}{name}"
            raise ModelError(f"parameter {symbol} = {number}: the symbol is declared {what}; give it such a value")


def _bounds(model: Declaration) -> None:
    for state, (low, high) in model.bounds.items():
        if state not in model.dynamics and state not in model.currents:
            raise ModelError(f"bounds of {state}: no such state; the states are {_listed(model.states)}")
        for limit in (low, high):
            if limit not in (sp.oo, -sp.oo):
                _only(model, limit, f"the bounds of {state}")
        is_reversed = low == sp.oo or high == -sp.oo or not _signs(model, f"the bounds of {state}", low, high) <= {1}
        if is_reversed:
            raise ModelError(f"bounds of {state}: {low} is not below {high}; write the lower bound first")


def _initial(model: Declaration) -> None:
    for state, value in model.initial.items():
        what = f"the initial value of {state}"
        if state not in model.dynamics:
            raise ModelError(f"initial value of {state}: no such state; the states are {_listed(model.states)}")
        _only(model, value, what)
        low, high = model.bounds.get(state, (-sp.oo, sp.oo))
        if not (_signs(model, what, low, value) | _signs(model, what, value, high)) <= {0, 1}:
            raise ModelError(f"{what}, {value}, lies outside its bounds ({low}, {high}); choose one between them")


def _threshold(model: Declaration) -> None:
    if model.is_readout:
        return
    variable, threshold = model.variable, model.spike.threshold
    if threshold is sp.oo:
        return
    values: tuple[tuple[str, Any], ...] = ("reset", model.reset_value), ("initial value", model.initial[variable])
    start: dict[Any, Any] = {state: value for state, value in model.initial.items() if state != variable}
    moved: dict[Any, Any] = {state: value for state, value in model.reset.items() if state != variable}
    for (what, value), others in zip(values, (moved, start), strict=True):
        at: Any = value.xreplace({variable: threshold})  # where the variable is when it spikes
        where: Any = threshold.subs(others, simultaneous=True)
        if not _signs(model, f"the {what} of {variable}", at, where) <= {1}:
            raise ModelError(
                f"the {what} of {variable}, {value}, is not below its spike threshold {threshold}; "
                f"choose one below {threshold}"
            )


def _refractory(model: Declaration) -> None:
    if model.refractory is not None:
        _only(model, model.refractory, "refractory")
    require_refractory_time(model)


def _only(model: Declaration, expression: sp.Expr, where: str, *, states: bool = False, also: Iterable = ()) -> None:
    """Refuse symbols that are not declared, and expressions that are not finite and real."""
    if not isinstance(expression, sp.Expr):
        raise ModelError(f"{where}: {expression!r} is not an expression")
    known = {*model.parameters, *also, *(model.states if states else ())}
    unknown: list[Any] = sorted(expression.free_symbols - known, key=str)
    for symbol in unknown:
        if symbol in model.dynamics:
            raise ModelError(f"{where} may not depend on the state {symbol}")
        if symbol in model.currents:
            raise ModelError(f"{where} may not depend on the current {symbol}, which only stands in equations")
        if symbol.name == "t":
            raise ModelError(f"{where} depends on time t; equations must be autonomous: make {symbol} a state")
        raise ModelError(f"{where} uses the undeclared symbol {symbol}; add it to parameters or give it an equation")
    for function in expression.atoms(AppliedUndef):
        raise ModelError(f"{where} uses the unknown function {function}; write its definition instead")
    # only numbers are asked whether they are real: SymPy may take minutes to answer for other expressions
    if expression.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I) or (expression.is_number and expression.is_real is False):
        raise ModelError(f"{where}: {expression} is not finite and real")


def _signs(model: Declaration, where: str, low: sp.Expr, high: sp.Expr) -> set[int]:
    """The signs of `high - low` over all neurons, at the declared parameter values; empty where a value is open."""
    if low.is_infinite or high.is_infinite:
        return set()
    difference = high - low
    used = {symbol: value for symbol, value in model.values.items() if symbol in difference.free_symbols}
    count = max((len(value) for value in used.values() if isinstance(value, sp.Tuple)), default=1)
    signs: set[int] = set()
    for neuron in range(count):
        values = {symbol: value[neuron] if isinstance(value, sp.Tuple) else value for symbol, value in used.items()}
        found = _sign(where, difference, values)
        if found is not None:
            signs.add(found)
    return signs


def _sign(where: str, expression: sp.Expr, values: Mapping[sp.Symbol, Any]) -> int | None:
    if expression.free_symbols - values.keys():
        return None
    found = sign(expression, dict(values))
    if found is None or abs(number_of(expression, values)) > float_info.max:
        at = " with " + ", ".join(f"{symbol} = {number}" for symbol, number in values.items()) if values else ""
        raise ModelError(f"{where}: {expression} is not a real number of ordinary size{at}; change it")
    return found


def _listed(symbols: Iterable[sp.Symbol]) -> str:
    return ", ".join(str(symbol) for symbol in symbols)


def _solution(model: Declaration) -> None:
    """Check that a solution speaks of the model's own states and parameters."""
    solution = model.solution
    if solution is None:
        return
    if not isinstance(solution, Solution):
        raise ModelError(f"solution: expected Solution(flow, time_to_spike), not {type(solution).__name__}")
    names = {symbol.name for symbol in (*model.states, *model.parameters, *model.currents)}
    if time.name in names:
        raise ModelError(f"solution: {time.name!r} stands for time in it; rename the state or parameter of that name")
    for state in model.states:
        if state not in solution.flow:
            raise ModelError(f"solution: no flow of {state}; add {state}: ... as a function of the states and of time")
    known = {*model.states, *model.parameters, *model.currents}
    for name, formula in {**{f"flow of {s}": f for s, f in solution.flow.items()}, "time_to_spike":
                          solution.time_to_spike}.items():  # fmt: skip
        allowed = known if name == "time_to_spike" else known | {time}
        unknown = sorted(map(str, formula.free_symbols - allowed))
        if unknown:
            raise ModelError(
                f"solution: the {name} contains {', '.join(unknown)}, which is not a state or parameter of {model.name}"
                f" (time is symbolic.time)"
            )
