"""From text to a declaration: equations, spike rule, reset and inputs as one would write them in a paper."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Never

import sympy as sp

from ..errors import ModelError
from .expressions import RESERVED, Reader, Scope, close_name
from .keywords import refuse_unknown
from .roles import time_constants
from .rules import Jump, SpikeRule, at_infinity, crosses, jump, weight
from .solution import Solution
from .tokens import MAX_NAME, Source, Token, statements

_WEIGHT_ELSEWHERE = "'weight', the weight of an input spike, may only be named in inputs"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_declaration(
    equations: str,
    *,
    name: str,
    spike: str | None = None,
    reset: str = "",
    inputs: str | Mapping[str, str] = "",
    parameters: Mapping[str, Any] | Iterable[str] | None = None,
    initial: Mapping[str, Any] | None = None,
    bounds: Mapping[str, tuple[Any, Any]] | None = None,
    solution: Solution | None = None,
    currents: str | Iterable[str] = (),
    **unknown: Never,
) -> dict[str, Any]:
    """Read a declaration from text: the arguments of the same model declared with SymPy symbols."""
    refuse_unknown(unknown, parse_declaration)
    if not isinstance(parameters, Mapping):
        parameters = dict.fromkeys(_names(parameters))
    source = _source("equations", equations, "dV/dt = ...")
    rates = _rates(source)
    given = _current_names(currents)
    symbols = _Symbols(rates, parameters, _positive(rates, parameters, given), given)
    return dict(
        name=name,
        dynamics={symbols.states[state]: reader.whole_expression(symbols.rates) for state, reader in rates.items()},
        spike=_spike(spike, symbols),
        reset={} if spike is None and reset == "" else _reset(reset, symbols),
        inputs=_inputs(inputs, symbols),
        parameters={symbols.parameters[key]: _given(value, f"parameter {key}") for key, value in parameters.items()},
        initial=_initial(initial or {}, symbols),
        solution=solution,
        bounds=_bounds(bounds or {}, symbols),
        currents=tuple(symbols.currents.values()),
    )


def declared_symbol(name: str, *, is_positive: bool = False) -> sp.Symbol:
    """Make the symbol of a state or parameter, with its assumptions."""
    return sp.Symbol(name, positive=True) if is_positive else sp.Symbol(name, real=True)


def _positive(rates: Mapping[str, Reader], parameters: Iterable[Any], currents: Iterable[str]) -> frozenset[str]:
    """The names of time constants, found in the equations under any assumptions."""
    names = frozenset(name for name in parameters if isinstance(name, str))
    found: dict[sp.Symbol, sp.Expr] = {}
    for assumed in (names, frozenset()):
        scope = _Symbols(rates, parameters, assumed, currents)
        for state, reader in rates.items():
            with suppress(ModelError):  # what is wrong is said once it is known what to assume
                if scope.states[state] not in found:
                    found[scope.states[state]] = reader.copy().whole_expression(scope.rates)
    return frozenset(symbol.name for symbol in time_constants(found))


class _Symbols:
    """All symbols of a declaration by name, and where each may be used."""

    def __init__(
        self, states: Iterable[str], parameters: Iterable[str], positive: frozenset[str], currents: Iterable[str]
    ) -> None:
        self.states = {name: declared_symbol(name) for name in states}
        self.parameters = {_checked(name): declared_symbol(name, is_positive=name in positive) for name in parameters}
        for name in self.parameters:
            if name in self.states:
                raise ModelError(f"{name} is declared both as a state and as a parameter; remove it from one of them")
        self.currents = {_checked(name, "currents"): declared_symbol(name) for name in currents}
        for name in self.currents:
            if name in self.states or name in self.parameters:
                kind = "state" if name in self.states else "parameter"
                raise ModelError(f"{name} is declared both as a {kind} and as a current; remove it from one of them")
        no_weight = {"weight": _WEIGHT_ELSEWHERE}
        no_state = {name: f"this may not depend on the state {name!r}; use numbers and parameters" for name in states}
        no_current = {
            name: f"this may not depend on the current {name!r}, which only stands in equations"
            for name in self.currents
        }
        self.rates = Scope(self.states | self.parameters | self.currents, no_weight)
        self.all = Scope(self.states | self.parameters, no_weight | no_current)
        self.jumps = Scope(self.states | self.parameters | {"weight": weight}, no_current)
        self.constants = Scope(self.parameters, no_weight | no_state | no_current)

    def state(self, source: Source, token: Token) -> sp.Symbol:
        """The state of this name."""
        name = token.text
        if name in self.states:
            return self.states[name]
        if name in self.parameters:
            problem = f"{name!r} is a parameter, not a state; name one of {', '.join(self.states)}"
        elif name in RESERVED:
            problem = f"{name!r} is not a state; name one of {', '.join(self.states)}"
        else:
            guess = close_name(name, list(self.states))
            problem = f"{name!r} has no equation; " + (f"did you mean {guess!r}?" if guess else f"add d{name}/dt = ...")
        raise source.error(token.position, problem)


def _rates(source: Source) -> dict[str, Reader]:
    """The right-hand side of every equation, yet to be read."""
    rates: dict[str, Reader] = {}
    for statement in statements(source):
        reader = Reader(source, statement)
        start = reader.name("an equation dV/dt = ...")
        is_derivative = start.text.startswith("d") and reader.take("/") is not None and reader.next.text == "dt"
        if not is_derivative:
            raise source.error(start.position, "expected an equation of the form dV/dt = ...")
        reader.skip()
        state = start.text[1:]
        if not _NAME.fullmatch(state) or state in RESERVED:
            advice = "name a state after the first d, as in dV/dt" if not state else f"{state!r} cannot name a state"
            raise source.error(start.position, f"{advice}; the names {', '.join(sorted(RESERVED))} are taken")
        if state in rates:
            raise source.error(start.position, f"{state!r} has two equations; remove one")
        _equals(reader)
        rates[state] = reader
    return rates


def _equals(reader: Reader) -> None:
    if reader.take("=", "->") is None:
        advice = "; write V = V + ... in full" if reader.next.text == "+=" else ""
        raise reader.source.error(reader.next.position, f"expected '=', found {reader.next}{advice}")


def _spike(text: str | None, symbols: _Symbols) -> SpikeRule | None:
    if text is None:
        return None
    source = _source("spike", text, "V = oo")
    reader = _only_statement(source, "V = oo or V = V_th")
    variable = symbols.state(source, reader.name("the spiking variable"))
    if reader.take(">", ">=", "=", "->") is None:
        raise source.error(reader.next.position, f"expected '=' or '>', found {reader.next}; write V = oo or V = V_th")
    start = reader.next
    threshold = reader.infinity()
    if threshold == -sp.oo:
        raise source.error(start.position, "a neuron cannot spike at -oo; write oo, or turn the variable's sign around")
    return at_infinity(variable) if threshold else crosses(variable, reader.whole_expression(symbols.constants))


def _reset(text: str, symbols: _Symbols) -> dict[sp.Symbol, sp.Expr]:
    source = _source("reset", text, "V = -oo")
    found = [Reader(source, statement) for statement in statements(source, commas=True)]
    return _assignments(source, found, symbols, symbols.all)


def _assignments(source: Source, readers: list[Reader], symbols: _Symbols, scope: Scope) -> dict[sp.Symbol, sp.Expr]:
    changes: dict[sp.Symbol, sp.Expr] = {}
    for reader in readers:
        token = reader.name("a state")
        state = symbols.state(source, token)
        if state in changes:
            raise source.error(token.position, f"{token.text!r} is given two values; remove one")
        _equals(reader)
        infinity = None if scope is symbols.jumps else reader.infinity()
        changes[state] = reader.whole_expression(scope) if infinity is None else infinity
    return changes


def _inputs(inputs: Any, symbols: _Symbols) -> Any:
    if isinstance(inputs, Mapping):
        return {str(name): _route(f"input {name}", text, symbols) for name, text in inputs.items()}
    return _route("inputs", inputs, symbols)


def _route(what: str, text: Any, symbols: _Symbols) -> sp.Symbol | Jump:
    source = _source(what, text, "I")
    readers = [Reader(source, statement) for statement in statements(source, commas=True)]
    if len(readers) == 1 and len(readers[0].tokens) == 2:
        return symbols.state(source, readers[0].name("a state"))
    if not readers:
        raise source.error(0, "no input; write the state that an input spike increases, such as I")
    return jump(_assignments(source, readers, symbols, symbols.jumps))


def _initial(initial: Any, symbols: _Symbols) -> dict[sp.Symbol, Any]:
    values = _mapping(initial, "initial")
    return {_key(key, "initial", symbols): _given(value, f"initial {key}", symbols) for key, value in values.items()}


def _bounds(bounds: Any, symbols: _Symbols) -> dict[sp.Symbol, tuple[Any, Any]]:
    ranges: dict[sp.Symbol, tuple[Any, Any]] = {}
    for key, limits in _mapping(bounds, "bounds").items():
        if not isinstance(limits, (tuple, list)) or len(limits) != 2:
            raise ModelError(f"bounds of {key}: write a pair such as (0, 'oo'), not {limits!r}")
        low, high = (_given(limit, f"bounds {key}", symbols, infinite=True) for limit in limits)
        ranges[_key(key, "bounds", symbols, symbols.states | symbols.currents)] = (low, high)
    return ranges


def _given(value: Any, what: str, symbols: _Symbols | None = None, *, infinite: bool = False) -> Any:
    """A value that is a number, or text in which parameters may be named."""
    if not isinstance(value, str):
        return value
    reader = _only_statement(Source(what, value), "a number")
    infinity = reader.infinity() if infinite else None
    return reader.whole_expression(symbols.constants if symbols else Scope({})) if infinity is None else infinity


def _only_statement(source: Source, expected: str) -> Reader:
    found = statements(source)
    if len(found) != 1:
        position = found[1][0].position if found else 0
        raise source.error(position, f"expected one statement, found {len(found)}; write {expected}")
    return Reader(source, found[0])


def _source(what: str, text: Any, example: str) -> Source:
    if not isinstance(text, str):
        raise ModelError(f"{what}: expected text such as {example!r}, got {text!r}")
    return Source(what, text)


def _mapping(value: Any, what: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ModelError(f"{what}: expected a dictionary from names to values, got {value!r}")
    return value


def _key(name: Any, what: str, symbols: _Symbols, known: Mapping[str, sp.Symbol] | None = None) -> sp.Symbol:
    known = symbols.states if known is None else known
    if name not in known:
        raise ModelError(f"{what} {name!r}: no such state; the states are {', '.join(symbols.states)}")
    return known[name]


def _names(names: Any) -> list[Any]:
    if isinstance(names, str) or not isinstance(names or (), Iterable):
        raise ModelError(f"parameters: expected a dictionary from names to values, got {names!r}")
    return list(names or ())


def _current_names(currents: Any) -> tuple[str, ...]:
    if isinstance(currents, str):
        return tuple(name.strip() for name in currents.split(",")) if currents.strip() else ()
    if not isinstance(currents, Iterable):
        raise ModelError(f"currents: expected names such as 'I_ext', got {currents!r}")
    return tuple(currents)


def _checked(name: Any, where: str = "parameters") -> str:
    """Check the name of a parameter or current."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ModelError(f"{where}: {name!r} is not a name; write text of letters a-z, A-Z, digits and _, as 'tau_m'")
    if name in RESERVED:
        raise ModelError(f"{where}: the name {name!r} is taken; rename it, for example to '{name}_0'")
    return name
