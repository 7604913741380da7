"""A declaration as content for JSON, and back: equal in every part, its order and the assumptions of symbols included.

Parts are encoded by what they are, not by which they are: `dynamics`, or any other part that a declaration may have.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import sympy as sp

from ..errors import ModelError
from .exact_text import can_name, read_exact, written
from .frozen import FrozenMapping
from .model import NeuronModel
from .rules import InputRoute, Jump, SpikeRule
from .solution import Solution

#: The classes that parts of a declaration may have.
_CLASSES: dict[str, Any] = {each.__name__: each for each in (SpikeRule, InputRoute, Jump, Solution)}
_CLASS, _EACH, _TEXT, _NAMED, _NAME = "$class", "$each", "$text", "$named", "$name"


def to_json(model: NeuronModel) -> dict[str, Any]:
    """Return a declaration as content for JSON.

    Raises:
        ModelError: if a part cannot be written so that it is read back as it is.

    Example:
        >>> from symbolic import models
        >>> to_json(models.qif())["dynamics"]
        {'V': 'tau_m**-1*(I + V*(-1 + V))', 'I': '-1*I*tau_s**-1'}
    """
    names = _names(model)
    content: dict[str, Any] = {"symbols": {name: _assumptions(symbol, name) for symbol, name in names.items()}}
    for field in fields(model):
        content[field.name] = _encoded(getattr(model, field.name), names, f"{model.name}: {field.name}")
    again = from_json(json.loads(json.dumps(content)))
    if again != model or again.order != model.order:
        changed = [each.name for each in fields(model) if getattr(again, each.name) != getattr(model, each.name)]
        raise ModelError(f"{model.name}: {', '.join(changed) or 'the order of its parts'} would not be read back as is")
    return content


def from_json(content: Any) -> NeuronModel:
    """Return the declaration that `to_json` wrote, checked like any other.

    Raises:
        ModelError: if it is none, or a wrong one.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("symbols"), Mapping):
        raise ModelError(f"a saved declaration has symbols and parts by name, but this is {str(content)[:100]!r}")
    symbols = {name: _symbol(name, assumed) for name, assumed in content["symbols"].items()}
    parts = {name: _decoded(part, symbols, f"the saved {name}") for name, part in content.items() if name != "symbols"}
    parts["inputs"] = {route.name: Jump(route.jump) for route in parts.pop("routes", ())}
    return NeuronModel(parts.pop("name", ""), **parts)


def _names(model: NeuronModel) -> dict[sp.Symbol, str]:
    """Name all symbols: as they are called, where a text can hold that name and it is not that of another."""
    found: dict[Any, None] = dict.fromkeys((*model.states, *model.parameters))
    for field in fields(model):
        found |= dict.fromkeys(_symbols(getattr(model, field.name)))
    names: dict[sp.Symbol, str] = {}
    for symbol in found:
        if isinstance(symbol, sp.Dummy):
            raise ModelError(f"{model.name}: the symbol {symbol} is a Dummy, equal to no other; declare a sp.Symbol")
        usable = can_name(symbol.name) and symbol.name not in names.values()
        names[symbol] = symbol.name if usable else f"symbol_{len(names)}"
    return names


def _symbols(value: Any) -> list[Any]:
    if isinstance(value, sp.Basic):
        return sorted(value.free_symbols, key=sp.default_sort_key)
    if isinstance(value, Mapping):
        return [symbol for item in value.items() for part in item for symbol in _symbols(part)]
    if isinstance(value, tuple):
        return [symbol for part in value for symbol in _symbols(part)]
    if is_dataclass(value):
        return [symbol for field in fields(value) for symbol in _symbols(getattr(value, field.name))]
    return []


def _assumptions(symbol: sp.Symbol, name: str) -> dict[str, Any]:
    called = {} if symbol.name == name else {_NAME: symbol.name}
    return called | symbol._assumptions_orig


def _symbol(name: str, assumed: Any) -> sp.Symbol:
    is_known = isinstance(assumed, Mapping) and all(
        isinstance(value, str if key == _NAME else bool) for key, value in assumed.items()
    )
    if not is_known:
        raise ModelError(f"the saved symbol {name!r} has the assumptions {assumed!r}, but each must be true or false")
    given = {key: value for key, value in assumed.items() if key != _NAME}
    try:
        return sp.Symbol(assumed.get(_NAME, name), **given)
    except (TypeError, ValueError) as error:
        raise ModelError(f"the saved symbol {name!r} has contradictory assumptions: {error}") from error


def _encoded(value: Any, names: Mapping[Any, str], where: str) -> Any:
    if isinstance(value, sp.Tuple):
        return {_EACH: [written(part, names, where) for part in value.args]}
    if isinstance(value, sp.Basic):
        return written(value, names, where)
    if isinstance(value, str):
        return {_TEXT: value}
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping) and value and all(isinstance(key, str) for key in value):
        return {_NAMED: {key: _encoded(part, names, f"{where} of {key}") for key, part in value.items()}}
    if isinstance(value, Mapping):
        return {names[key]: _encoded(part, names, f"{where} of {key}") for key, part in value.items()}
    if isinstance(value, tuple):
        return [_encoded(part, names, where) for part in value]
    if type(value) is _CLASSES.get(type(value).__name__):
        parts = {field.name: _encoded(getattr(value, field.name), names, where) for field in fields(value)}
        return {_CLASS: type(value).__name__} | parts
    raise ModelError(f"{where}: a {type(value).__name__} cannot be saved")


def _decoded(content: Any, symbols: Mapping[str, sp.Symbol], where: str) -> Any:
    if isinstance(content, str):
        return read_exact(content, symbols, where)
    if content is None or isinstance(content, bool | int | float):
        return content
    if isinstance(content, list):
        return tuple(_decoded(part, symbols, where) for part in content)
    if _TEXT in content:
        return str(content[_TEXT])
    if _NAMED in content:
        return FrozenMapping({name: _decoded(part, symbols, where) for name, part in content[_NAMED].items()})
    if _EACH in content:
        return sp.Tuple(*(read_exact(part, symbols, where) for part in content[_EACH]))
    if _CLASS in content:
        kind = _CLASSES.get(content[_CLASS])
        if kind is None:
            raise ModelError(f"{where}: {content[_CLASS]!r} is unknown to this version of smoothspike; use a newer one")
        parts = {name: _decoded(part, symbols, where) for name, part in content.items() if name != _CLASS}
        return kind(**parts)
    if unknown := [name for name in content if name not in symbols]:
        raise ModelError(f"{where}: {unknown[0]!r} is no symbol of the saved declaration")
    return FrozenMapping({symbols[name]: _decoded(part, symbols, where) for name, part in content.items()})
