"""What a value of a configuration may be, read off an annotation; the checks and the documentation share it."""

import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin


@dataclass(frozen=True)
class Kind:
    """A set of values.

    Attributes:
        text: What it is called: "a whole number".
        holds: Whether a value belongs to it.
        convert: From what TOML gives to what Python gets.
    """

    text: str
    holds: Callable[[Any], bool]
    convert: Callable[[Any], Any] = lambda value: value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


WHOLE = Kind("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool))
NUMBER = Kind("a number", _is_number, lambda value: value if isinstance(value, float) else float(value))
EXACT = Kind("a number", _is_number)
TEXT = Kind("text", lambda value: isinstance(value, str))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
_SIMPLE = {int: WHOLE, float: NUMBER, str: TEXT, bool: FLAG}


def one_of(values: Sequence[Any]) -> Kind:
    """Return the kind of some values."""
    shown = ", ".join(f'"{value}"' if isinstance(value, str) else str(value).lower() for value in values)
    return Kind(f"one of {shown}" if len(values) > 1 else shown, lambda value: value in values)


def kind_of(annotation: Any) -> Kind | None:
    """Return the kind of an annotation; None if no value in TOML can stand for it.

    Example:
        >>> kind_of(float | tuple[float, ...] | None).text
        'a number, or a list of numbers'
    """
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return one_of(parts)
    if origin in (Union, types.UnionType):
        return _union([kind for part in parts if part is not type(None) and (kind := kind_of(part))])
    if origin in (tuple, list) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return _list(parts)
    if origin is dict or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _table(parts[1])
    if annotation is Any:
        return Kind("a value", lambda value: True)
    if "Array" in str(annotation):  # an array of no axes, to which a number converts
        return WHOLE if "Int[" in str(annotation) else NUMBER
    return None


def _union(kinds: list[Kind]) -> Kind | None:
    kinds = list(dict.fromkeys(kinds))
    if NUMBER in kinds and WHOLE in kinds:  # what is whole stays so
        return EXACT
    if not kinds:
        return None
    if len(kinds) == 1:
        return kinds[0]

    def convert(value: Any) -> Any:
        return next(kind for kind in kinds if kind.holds(value)).convert(value)

    return Kind(
        ", or ".join(kind.text for kind in kinds), lambda value: any(kind.holds(value) for kind in kinds), convert
    )


def _list(parts: tuple[Any, ...]) -> Kind | None:
    sizes = None if not parts or parts[-1] is Ellipsis or len(parts) == 1 else len(parts)
    entry = kind_of(parts[0]) if parts else None
    if entry is None:
        return None
    what = _PLURAL.get(entry.text, f"entries, each {entry.text}")
    text = f"a list of {sizes or ''}{' ' * bool(sizes)}{what}"

    def holds(value: Any) -> bool:
        return isinstance(value, list) and (sizes in (None, len(value))) and all(map(entry.holds, value))

    return Kind(text, holds, lambda value: tuple(map(entry.convert, value)))


_PLURAL = {"a number": "numbers", "a whole number": "whole numbers", "text": "texts"}


def _table(annotation: Any) -> Kind:
    entry = kind_of(annotation)
    assert entry is not None

    def holds(value: Any) -> bool:
        return isinstance(value, dict) and all(map(entry.holds, value.values()))

    def convert(value: Any) -> Any:
        return {key: entry.convert(each) for key, each in value.items()}

    return Kind(f"a table of names, each with {entry.text}", holds, convert)


@dataclass(frozen=True)
class Argument:
    """An argument of a function that a configuration can set.

    Attributes:
        kind: What it may be.
        default: Its default; `inspect.Parameter.empty` if it must be given.
        doc: What it is, from the function's docstring.
    """

    kind: Kind
    default: Any
    doc: str


def arguments(function: Callable[..., Any], omitted: Sequence[str] = ()) -> dict[str, Argument]:
    """Return the arguments of a function that TOML can express, by name.

    Example:
        >>> from smoothspike.losses import shift_invariant
        >>> arguments(shift_invariant, ["times", "label"])["gap"].kind.text
        'a number'
    """
    docs, found = _documented(function), {}
    for name, parameter in inspect.signature(function).parameters.items():
        is_variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        kind = None if is_variable or name in omitted else _argument_kind(parameter)
        if kind is not None:
            found[name] = Argument(kind, parameter.default, docs.get(name, ""))
    return found


def _argument_kind(parameter: inspect.Parameter) -> Kind | None:
    annotation, default = parameter.annotation, parameter.default
    if "Any" in str(annotation) or "ForwardRef" in str(annotation):  # a data type, a mask
        return None
    found = None if isinstance(annotation, str) or annotation is parameter.empty else kind_of(annotation)
    # annotations of packages that take arrays admit more than their default
    return _SIMPLE.get(type(default)) if found is None or type(default) is bool else found


def _documented(function: Callable[..., Any]) -> dict[str, str]:
    """Return the arguments of a Google docstring with their texts."""
    found: dict[str, str] = {}
    name, is_inside = "", False
    for line in (inspect.getdoc(function) or "").splitlines():
        stripped, indent = line.strip(), len(line) - len(line.lstrip())
        if stripped and indent == 0:
            is_inside = stripped == "Args:"
        elif is_inside and indent == 4 and ":" in stripped:
            name, _, text = stripped.partition(": ")
            found[name] = text
        elif is_inside and name and stripped:
            found[name] += f" {stripped}"
    return found
