"""The arguments of a declaration as they are given, brought to one form."""

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from ..errors import ModelError
from .declaration import Bounds, Value
from .frozen import FrozenMapping
from .rules import InputRoute, Jump, exact, weight


def sympified(mapping: Any, where: str) -> dict[sp.Symbol, sp.Expr]:
    """Return a dictionary with exact values."""
    return {symbol: exact(value, f"{where} of {symbol}") for symbol, value in items(mapping, where)}


def items(mapping: Any, where: str) -> list[tuple[sp.Symbol, Any]]:
    """Return the items of a dictionary from symbols."""
    if not isinstance(mapping, Mapping):
        raise ModelError(f"{where}: expected a dictionary from SymPy symbols to values, got {mapping!r}")
    for symbol in mapping:
        if not isinstance(symbol, sp.Symbol):
            raise ModelError(f"{where}: {symbol!r} is not a SymPy symbol; write sp.Symbol('V', real=True)")
    return list(mapping.items())


def symbols_of(currents: Any) -> tuple[sp.Symbol, ...]:
    """Return the symbols of currents."""
    found = (currents,) if isinstance(currents, sp.Symbol) else currents
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise ModelError(f"currents: expected a SymPy symbol or several, got {currents!r}")
    symbols = tuple(found)
    for symbol in symbols:
        if not isinstance(symbol, sp.Symbol):
            raise ModelError(f"currents: {symbol!r} is not a SymPy symbol; write sp.Symbol('I_ext', real=True)")
    return symbols


def value_of(symbol: Any, value: Any) -> Value:
    """A number; a sequence of numbers (one per neuron) becomes a SymPy tuple."""
    if value is None:
        return None
    if hasattr(value, "tolist"):  # NumPy and JAX arrays, without importing either
        value = value.tolist()
    where = f"parameter {symbol}"
    if isinstance(value, (list, tuple, sp.Tuple)):
        return sp.Tuple(*(exact(number, where) for number in value))
    return exact(value, where)


def range_of(state: Any, limits: Any) -> Bounds:
    """Return the ends of a declared range."""
    try:
        low, high = limits
    except (TypeError, ValueError) as error:
        raise ModelError(f"bounds of {state}: write a pair such as (0, oo), not {limits!r}") from error
    return exact(low, f"bounds of {state}"), exact(high, f"bounds of {state}")


def routes_of(inputs: Any) -> tuple[InputRoute, ...]:
    """Return the routes of inputs."""
    if inputs is None:
        return ()
    if isinstance(inputs, Mapping):
        return tuple(_route(str(name), target) for name, target in inputs.items())
    if isinstance(inputs, Jump) and inputs.changes:
        return (_route(next(iter(inputs.changes)).name, inputs),)
    if isinstance(inputs, sp.Symbol):
        return (_route(inputs.name, inputs),)
    raise ModelError(f"inputs: name the state that an input spike increases, or a dictionary of routes, not {inputs!r}")


def _route(name: str, target: Any) -> InputRoute:
    if isinstance(target, Jump):
        return InputRoute(name, target.changes)
    if isinstance(target, sp.Symbol):
        return InputRoute(name, FrozenMapping({target: target + weight}))
    raise ModelError(f"inputs: route {name!r} must name a state or a jump, not {target!r}")
