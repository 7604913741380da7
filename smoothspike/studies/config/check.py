"""Check a configuration against the schema: every mistake with its line, what was found, and what is allowed."""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_type_hints

from .functions import file_and_object
from .kinds import Argument, kind_of
from .places import ConfigError, Place, Source, named
from .schema import Config

_MOST = 20


def checked(source: Source) -> Config:
    """Return the configuration that a file describes.

    Raises:
        ConfigError: if something is wrong, with a line for each mistake.
    """
    problems: list[str] = []
    config = _Check(source, problems).table(Config, source.content, ())
    if problems:
        more = [f"and {len(problems) - _MOST} more"] if len(problems) > _MOST else []
        raise ConfigError("\n".join([*problems[:_MOST], *more]))
    return config


def fields_of(kind: type) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """Return the fields of a table of the schema with their annotations, without the one that takes all other keys."""
    hints = get_type_hints(kind)
    return {each.name: (each, hints[each.name]) for each in dataclasses.fields(kind) if "options" not in each.metadata}


def open_field(kind: type) -> dataclasses.Field[Any] | None:
    """Return the field of a table that takes all other keys."""
    return next((each for each in dataclasses.fields(kind) if "options" in each.metadata), None)


class _Check:
    """Collects what is wrong in a source."""

    def __init__(self, source: Source, problems: list[str]) -> None:
        self.source, self.problems = source, problems

    def table(self, kind: type, content: Any, place: Place) -> Any:
        """Return a table of the schema; where something is wrong, it has the default."""
        if not isinstance(content, Mapping):
            self._wrong(place, content, f"a table, [{named(place)}]")
            return kind()
        fields, given = fields_of(kind), {}
        for name, (field, annotation) in fields.items():
            if name in content:
                given[name] = self._field(field, annotation, content[name], (*place, name))
        rest = {name: value for name, value in content.items() if name not in fields}
        found = kind(**{name: value for name, value in given.items() if value is not dataclasses.MISSING})
        collecting = open_field(kind)
        if collecting is None:
            for name in rest:
                self._unknown((*place, name), tuple(fields))
            return found
        return dataclasses.replace(found, options=self._options(collecting, found, rest, place, tuple(fields)))

    def _field(self, field: dataclasses.Field[Any], annotation: Any, value: Any, place: Place) -> Any:
        kind, several = field.metadata.get("table"), field.metadata.get("several")
        if kind is None:
            return self._value(field.metadata, annotation, value, place)
        if several is None:
            return self.table(kind, value, place)
        if several == "named":
            if not isinstance(value, Mapping):
                self._wrong(place, value, f"tables, [{named(place)}.NAME]")
                return dataclasses.MISSING
            return {name: self.table(kind, each, (*place, name)) for name, each in value.items()}
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            self._wrong(place, value, f"tables, [[{named(place)}]]")
            return dataclasses.MISSING
        return tuple(self.table(kind, each, (*place, number)) for number, each in enumerate(value))

    def _value(self, limits: Mapping[str, Any], annotation: Any, value: Any, place: Place) -> Any:
        kind = kind_of(annotation)
        assert kind is not None, place
        if not kind.holds(value):
            self._wrong(place, value, f"{kind.text}{limits_text(limits)}", _choices(limits))
            return dataclasses.MISSING
        found = kind.convert(value)
        names = limits.get("names")
        if names is not None and found not in names and not ("py:" in names[-1] and file_and_object(found)):
            self._wrong(place, value, f"one of {', '.join(names)}", names)
        elif not _within(found, limits):
            self._wrong(place, value, f"{kind.text}{limits_text(limits)}")
        else:
            return found
        return dataclasses.MISSING

    def _options(
        self, field: dataclasses.Field[Any], found: Any, rest: Mapping[str, Any], place: Place, fields: Sequence[str]
    ) -> dict[str, Any]:
        known = field.metadata["options"](found.name)
        if known is None:  # a function of the user's file, which takes what it takes
            return dict(rest)
        given: dict[str, Any] = {}
        for name, value in rest.items():
            if name not in known:
                self._unknown((*place, name), (*fields, *known), f" for {found.name}")
            elif not known[name].kind.holds(value):
                self._wrong((*place, name), value, known[name].kind.text)
            else:
                given[name] = known[name].kind.convert(value)
        for name, argument in known.items():
            if name in rest:
                continue
            if argument.default is inspect.Parameter.empty:
                self._missing((*place, name), found.name, argument)
            elif argument.default is not None:
                given[name] = argument.default
        return given

    def _missing(self, place: Place, name: str, argument: Argument) -> None:
        text = f": {argument.doc.rstrip('.')}" if argument.doc else ""
        self._say(place, f"{named(place)} is missing; {name} needs it, and it must be {argument.kind.text}{text}")

    def _unknown(self, place: Place, known: Sequence[str], what: str = "") -> None:
        own = str(place[-1])
        close = get_close_matches(own, known, n=1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        self._say(place, f"there is no key {named(place)}{what}{guess}; it must be one of {', '.join(known)}")

    def _wrong(self, place: Place, value: Any, allowed: str, known: Sequence[str] = ()) -> None:
        close = get_close_matches(value, known, n=1) if isinstance(value, str) else []
        guess = f"; did you mean {close[0]!r}?" if close else ""
        self._say(place, f"{named(place)} is {shown(value)}, but must be {allowed}{guess}")

    def _say(self, place: Place, words: str) -> None:
        self.problems.append(f"{self.source.at(place)}: {words}")


def limits_text(limits: Mapping[str, Any]) -> str:
    """Return the limits of a number in words, beginning with a comma."""
    words = {"least": "at least", "above": "above", "most": "at most", "below": "below"}
    parts = [f"{text} {limits[name]}" for name, text in words.items() if name in limits]
    return f", {' and '.join(parts)}" if parts else ""


def shown(value: Any) -> str:
    """Return a value as it is written in TOML, shortened."""
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _choices(limits: Mapping[str, Any]) -> Sequence[str]:
    return limits.get("names", ())


def _within(value: Any, limits: Mapping[str, Any]) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return True
    return (
        value >= limits.get("least", value)
        and value <= limits.get("most", value)
        and ("above" not in limits or value > limits["above"])
        and ("below" not in limits or value < limits["below"])
    )
