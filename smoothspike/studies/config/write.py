"""A configuration as TOML again, with all defaults."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tomli_w


def as_toml(config: Any) -> str:
    """Return a configuration as text, with all defaults; reading it gives the same configuration."""
    return tomli_w.dumps(as_tables(config))


def as_tables(config: Any) -> dict[str, Any]:
    """Return a configuration, or a table of one, as TOML has it: without what is not there."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if "options" in field.metadata:
            found |= {name: _plain(each) for name, each in value.items() if each is not None}
        elif value is not None and value not in ({}, ()):
            found[field.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return as_tables(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value
