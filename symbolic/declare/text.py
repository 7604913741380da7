"""From text to a declaration: equations, spike rule, reset and inputs as one would write them in a paper."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import sympy as sp

from ..errors import ModelError
from .expressions import RESERVED, Reader, Scope
from .names import NAME, DeclaredNames
from .roles import time_constants
from .rules import Jump, SpikeRule, at_infinity, crosses, jump
from .solution import Solution
from .subexpressions import Subexpression, with_subexpressions
from .tokens import Source, statements, tokenize
from .units import is_quantity


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
    refractory: Any = None,
    units: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Read a declaration from text: the arguments of the same model declared with SymPy symbols."""
    if not isinstance(parameters, Mapping):
        parameters = dict.fromkeys(_names(parameters))
    source = _source("equations", equations, "dV/dt = ...")
    rates, parts = _rates(source)
    given = _current_names(currents)
    positive = _positive(rates, parts, parameters, given) | _named_in(refractory)
    symbols = DeclaredNames(rates, parts, parameters, positive, given)
    scope = with_subexpressions(symbols.rates, parts)
    return dict(
        name=name,
        dynamics={symbols.states[state]: reader.whole_expression(scope) for state, reader in rates.items()},
        spike=_spike(spike, symbols),
        reset={} if spike is None and reset == "" else _reset(reset, symbols),
        inputs=_inputs(inputs, symbols),
        parameters={symbols.parameters[key]: _given(value, f"parameter {key}") for key, value in parameters.items()},
        initial=_initial(initial or {}, symbols),
        solution=solution,
        bounds=_bounds(bounds or {}, symbols),
        currents=tuple(symbols.currents.values()),
        refractory=_given(refractory, "refractory", symbols),
        units={symbols.any(key): text for key, text in _mapping(units or {}, "units").items()},
    )


def _named_in(refractory: Any) -> frozenset[str]:
    """The names of parameters that are times, as a refractory time is made of them."""
    if not isinstance(refractory, str) or is_quantity(refractory):
        return frozenset()
    return frozenset(token.text for token in tokenize(Source("refractory", refractory)) if token.kind == "name")


def _positive(
    rates: Mapping[str, Reader],
    parts: Mapping[str, Subexpression],
    parameters: Iterable[Any],
    currents: Iterable[str],
) -> frozenset[str]:
    """The names of time constants, found in the equations under any assumptions."""
    names = frozenset(name for name in parameters if isinstance(name, str))
    found: dict[sp.Symbol, sp.Expr] = {}
    for assumed in (names, frozenset()):
        symbols = DeclaredNames(rates, parts, parameters, assumed, currents)
        with suppress(ModelError):  # what is wrong is said once it is known what to assume
            scope = with_subexpressions(symbols.rates, parts)
            for state, reader in rates.items():
                with suppress(ModelError):
                    if symbols.states[state] not in found:
                        found[symbols.states[state]] = reader.copy().whole_expression(scope)
    return frozenset(symbol.name for symbol in time_constants(found))


def _rates(source: Source) -> tuple[dict[str, Reader], dict[str, Subexpression]]:
    """The right-hand side of every equation and of every subexpression, yet to be read."""
    rates: dict[str, Reader] = {}
    parts: dict[str, Subexpression] = {}
    for statement in statements(source):
        reader = Reader(source, statement)
        start = reader.name("an equation dV/dt = ...")
        if reader.take("=") is not None:
            if start.text in parts:
                raise source.error(start.position, f"{start.text!r} is defined twice; remove one")
            parts[start.text] = Subexpression(start, reader)
            continue
        is_derivative = start.text.startswith("d") and reader.take("/") is not None and reader.next.text == "dt"
        if not is_derivative:
            raise source.error(
                start.position, "expected an equation of the form dV/dt = ..., or a subexpression such as I = g*(E - V)"
            )
        reader.skip()
        state = start.text[1:]
        if not NAME.fullmatch(state) or state in RESERVED:
            advice = "name a state after the first d, as in dV/dt" if not state else f"{state!r} cannot name a state"
            raise source.error(start.position, f"{advice}; the names {', '.join(sorted(RESERVED))} are taken")
        if state in rates:
            raise source.error(start.position, f"{state!r} has two equations; remove one")
        _equals(reader)
        rates[state] = reader
    for name, part in parts.items():
        # not the rate of a state, with its /dt forgotten; nor an equation where there is none at all
        if not rates or (name.startswith("d") and name[1:] in rates):
            raise source.error(part.name.position, "expected an equation of the form dV/dt = ...")
    return rates, parts


def _equals(reader: Reader) -> None:
    if reader.take("=", "->") is None:
        name, advice = reader.tokens[reader.index - 1].text, ""
        if reader.next.text == "+=":
            simpler = f"{name!r} alone, to which an input adds its weight, or " if "input" in reader.source.what else ""
            advice = (
                f"; write {simpler}{name} = {name} + ... in full" if name != "dt" else "; write dV/dt = ... in full"
            )
        raise reader.source.error(reader.next.position, f"expected '=', found {reader.next}{advice}")


def _spike(text: str | None, symbols: DeclaredNames) -> SpikeRule | None:
    if text is None:
        return None
    source = _source("spike", text, "V = oo")
    reader = _only_statement(source, "V = oo or V = V_th")
    variable = symbols.state(source, reader.name("the spiking variable"))
    if reader.take(">", ">=", "=", "->") is None:
        raise source.error(reader.next.position, f"expected '=' or '>', found {reader.next}; write V = oo or V = V_th")
    start = reader.next
    if is_quantity(text[start.position :]):
        return crosses(variable, text[start.position :].strip())
    threshold = reader.infinity()
    if threshold == -sp.oo:
        raise source.error(start.position, "a neuron cannot spike at -oo; write oo, or turn the variable's sign around")
    return at_infinity(variable) if threshold else crosses(variable, reader.whole_expression(symbols.thresholds))


def _reset(text: str, symbols: DeclaredNames) -> dict[sp.Symbol, sp.Expr]:
    source = _source("reset", text, "V = -oo")
    found = [Reader(source, statement) for statement in statements(source, commas=True)]
    return _assignments(source, found, symbols, symbols.all)


def _assignments(
    source: Source, readers: list[Reader], symbols: DeclaredNames, scope: Scope
) -> dict[sp.Symbol, sp.Expr]:
    changes: dict[sp.Symbol, Any] = {}
    for reader in readers:
        token = reader.name("a state")
        state = symbols.state(source, token)
        if state in changes:
            raise source.error(token.position, f"{token.text!r} is given two values; remove one")
        _equals(reader)
        last = reader.tokens[-1].position
        if scope is not symbols.jumps and is_quantity(source.text[reader.next.position : last]):
            changes[state] = source.text[reader.next.position : last].strip()
            continue
        infinity = None if scope is symbols.jumps else reader.infinity()
        changes[state] = reader.whole_expression(scope) if infinity is None else infinity
    return changes


def _inputs(inputs: Any, symbols: DeclaredNames) -> Any:
    if isinstance(inputs, Mapping):
        return {str(name): _route(f"input {name}", text, symbols) for name, text in inputs.items()}
    return _route("inputs", inputs, symbols)


def _route(what: str, text: Any, symbols: DeclaredNames) -> sp.Symbol | Jump:
    source = _source(what, text, "I")
    readers = [Reader(source, statement) for statement in statements(source, commas=True)]
    if len(readers) == 1 and len(readers[0].tokens) == 2:
        return symbols.state(source, readers[0].name("a state"))
    if not readers:
        raise source.error(0, "no input; write the state that an input spike increases, such as I")
    return jump(_assignments(source, readers, symbols, symbols.jumps))


def _initial(initial: Any, symbols: DeclaredNames) -> dict[sp.Symbol, Any]:
    values = _mapping(initial, "initial")
    return {_key(key, "initial", symbols): _given(value, f"initial {key}", symbols) for key, value in values.items()}


def _bounds(bounds: Any, symbols: DeclaredNames) -> dict[sp.Symbol, tuple[Any, Any]]:
    ranges: dict[sp.Symbol, tuple[Any, Any]] = {}
    for key, limits in _mapping(bounds, "bounds").items():
        if not isinstance(limits, (tuple, list)) or len(limits) != 2:
            raise ModelError(f"bounds of {key}: write a pair such as (0, 'oo'), not {limits!r}")
        low, high = (_given(limit, f"bounds {key}", symbols, infinite=True) for limit in limits)
        ranges[_key(key, "bounds", symbols, symbols.states | symbols.currents)] = (low, high)
    return ranges


def _given(value: Any, what: str, symbols: DeclaredNames | None = None, *, infinite: bool = False) -> Any:
    """A value that is a number, or text in which parameters may be named."""
    if not isinstance(value, str) or is_quantity(value):
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


def _key(name: Any, what: str, symbols: DeclaredNames, known: Mapping[str, sp.Symbol] | None = None) -> sp.Symbol:
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
