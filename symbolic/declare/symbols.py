"""Checks of the symbols of a declaration and of their names."""

from typing import Any

import sympy as sp

from ..errors import ModelError
from .declaration import Declaration
from .rules import SpikeRule, weight


def require_consistent_symbols(model: Declaration) -> None:
    """Refuse names that cannot be printed or mean two things, and symbols that are not real."""
    called = {"the model": model.name} | {f"input route {route.name!r}": route.name for route in model.routes}
    symbols = (*model.dynamics, *model.parameters, *model.currents)
    called |= {f"the symbol {symbol.name!r}": symbol.name for symbol in symbols}
    for what, name in called.items():
        if not name.strip() or not name.isprintable():
            raise ModelError(f"{what} is called {name!r}; give it a name of one line that can be printed")
    if not model.dynamics:
        raise ModelError(f"{model.name}: no equations; pass dynamics={{V: ...}}")
    for symbol in model.parameters:
        if symbol in model.dynamics:
            raise ModelError(f"{symbol} is declared both as a state and as a parameter; remove it from one of them")
    declared: dict[str, sp.Symbol] = {}
    for symbol in (*model.states, *model.parameters, *model.currents):
        _same(declared.setdefault(symbol.name, symbol), symbol)
    _currents(model)
    if weight.name in declared:
        raise ModelError(f"{weight.name!r} is reserved for the weight of an input spike; rename the symbol")
    for symbol in declared.values():
        if symbol.is_real is not True:
            kind = "state" if symbol in model.dynamics else "current" if symbol in model.currents else "parameter"
            raise ModelError(f"{kind} {symbol} must be real; write sp.Symbol({symbol.name!r}, real=True)")
    for symbol in _used_symbols(model):
        _same(declared.get(symbol.name, symbol), symbol)


def _currents(model: Declaration) -> None:
    routes = {route.name for route in model.routes}
    for symbol in model.currents:
        for kind, others in (("state", model.dynamics), ("parameter", model.parameters)):
            if symbol in others:
                raise ModelError(f"{symbol} is declared both as a {kind} and as a current; remove it from one of them")
        if model.currents.count(symbol) > 1:
            raise ModelError(f"currents: {symbol} is named twice; name it once")
        if symbol.name in routes:
            raise ModelError(f"{symbol} names both a current and an input route; rename one of them")


def _same(declared: sp.Symbol, symbol: sp.Symbol) -> None:
    if declared != symbol:
        raise ModelError(
            f"two different symbols are called {symbol.name}: their assumptions differ "
            f"({_assumptions(declared)} and {_assumptions(symbol)}); create the symbol once and use it everywhere"
        )


def _used_symbols(model: Declaration) -> set[sp.Symbol]:
    expressions: list[Any] = [*model.dynamics.values(), *model.reset.values(), *model.initial.values()]
    expressions += [value for route in model.routes for value in route.jump.values()]
    expressions += [limit for limits in model.bounds.values() for limit in limits]
    jumped = (state for route in model.routes for state in route.jump)
    named: set[Any] = {*model.reset, *model.initial, *model.bounds, *jumped}
    if isinstance(model.spike, SpikeRule):
        expressions.append(model.spike.threshold)
        expressions.append(model.refractory)
        named.add(model.variable)
    return named.union(*(item.free_symbols for item in expressions if isinstance(item, sp.Basic)))  # pyright: ignore[reportReturnType]


def _assumptions(symbol: sp.Symbol) -> str:
    given = [name for name, value in symbol._assumptions_orig.items() if value]
    return ", ".join(given) or "none"
