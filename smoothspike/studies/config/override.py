"""Other values for some keys of a configuration, as a search tries them."""

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from .check import checked
from .places import ConfigError, Place, Source, named
from .schema import Config, Span
from .write import as_tables


def overridden(config: Config, source: Source, values: Mapping[str, Any]) -> Config:
    """Return a configuration with other values, checked again.

    Args:
        config: The configuration.
        source: Where it is from.
        values: Values by key, such as `{"network.layers.0.size": 50}`.

    Raises:
        ConfigError: if there is no such key, or a value is not allowed there.
    """
    content = copy.deepcopy(as_tables(config))
    for key, value in values.items():
        _set(content, key, value)
    return checked(dataclasses.replace(source, content=content))


def check_space(config: Config, source: Source) -> None:
    """Check that a search can set each of its keys to the ends of its range, or each of its choices.

    Raises:
        ConfigError: if not, with the line of the search.
    """
    search = config.search
    if search is None:
        raise ConfigError(f"{source.name}: there is no [search]; there must be one, with [search.space], to search")
    if not search.space and not search.groups:
        raise ConfigError(
            f"{source.at(('search',))}: search.space is missing; it must have a range for at least one key"
        )
    for key, span in search.space.items():
        _try(config, source, ("search", "space", key), [(key, value) for value in _examples(source, key, span)])
    for group, values in search.groups.items():
        _try(config, source, ("search", "groups", group), values.items())


def spaces(config: Config) -> dict[str, Any]:
    """Return the space of a search, as `ss.search` takes it."""
    assert config.search is not None
    return {
        key: {"choices": list(span.choices)} if span.choices is not None else _range(span)
        for key, span in config.search.space.items()
    }


def _range(span: Span) -> dict[str, Any]:
    found = {"low": span.low, "high": span.high, "log": span.log}
    return found if span.step is None else found | {"step": span.step}


def _examples(source: Source, key: str, span: Span) -> tuple[Any, ...]:
    ends = (span.low, span.high)
    if (span.choices is None) == (ends == (None, None)) or (span.choices is None and None in ends):
        place = ("search", "space", key)
        raise ConfigError(f"{source.at(place)}: {named(place)} must have either low and high, or choices")
    return span.choices if span.choices is not None else ends


def _try(config: Config, source: Source, place: Place, values: Iterable[tuple[str, Any]]) -> None:
    for key, value in values:
        try:
            overridden(config, source, {key: value})
        except ConfigError as error:
            words = str(error).splitlines()[0].partition(": ")[2] or str(error)
            raise ConfigError(f"{source.at(place)}: {named(place)} cannot be used: {words}") from error


def _set(content: Any, key: str, value: Any) -> None:
    """Set a value in tables; those on the way are made if missing."""
    parts = key.split(".")
    for number, part in enumerate(parts):
        rest = ".".join(parts[number:])
        is_last = number == len(parts) - 1 or (isinstance(content, dict) and rest in content)
        if isinstance(content, list):
            if not part.isdecimal() or int(part) >= len(content):
                raise ConfigError(f": there is no {key}: {part} must be a number below {len(content)}")
            if is_last:
                content[int(part)] = value
                return
            content = content[int(part)]
        elif not isinstance(content, dict):
            raise ConfigError(
                f": there is no key {key}, as {'.'.join(parts[:number])} is no table; it must be a key of a table"
            )
        elif is_last:
            content[rest] = value
            return
        else:
            content = content.setdefault(part, {})
