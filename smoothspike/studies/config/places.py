"""TOML files with the line of every key, for errors that say where."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The keys and indices that lead to a value.
Place = tuple[str | int, ...]


class ConfigError(ValueError):
    """A configuration cannot be used; each line names the file, the line in it, the key, and what to write."""


@dataclass(frozen=True)
class Source:
    """The text of a configuration.

    Attributes:
        name: The name of the file, for errors.
        folder: Where it is: paths in it start there.
        content: What it holds.
        lines: For each place the line where it is set, counted from 1.
    """

    name: str
    folder: Path
    content: Mapping[str, Any]
    lines: Mapping[Place, int]

    def at(self, place: Place) -> str:
        """Return `file:line` of a place, or of the table that it would be in."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.lines:
                return f"{self.name}:{self.lines[place[:end]]}"
        return self.name


def read(path: str | Path) -> Source:
    """Read a TOML file.

    Raises:
        ConfigError: if it is missing, or no TOML.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {path}; name a configuration in TOML") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return parsed(text, str(path), path.parent)


def parsed(text: str, name: str, folder: Path) -> Source:
    r"""Parse TOML.

    Raises:
        ConfigError: if it is no TOML, with the line.

    Example:
        >>> source = parsed("[data]\nname = 'digits'\n", "run.toml", Path())
        >>> source.at(("data", "name")), source.at(("data", "other"))
        ('run.toml:2', 'run.toml:1')
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = str(error)
        words, _, rest = told.partition(" (at line ")
        line = rest.partition(",")[0]
        where = f"{name}:{line}" if line else name
        raise ConfigError(f"{where}: {words if line else told}; the file must be TOML, https://toml.io") from error
    return Source(name, folder, content, _lines(text))


def _lines(text: str) -> dict[Place, int]:
    """Return the line where each statement of a valid text begins, for what the statement sets.

    A text is cut into statements where it parses: the first lines do so exactly if the last of them ends a statement.
    """
    lines = text.split("\n")
    found: dict[Place, int] = {}
    begin = 0
    for end in range(1, len(lines) + 1):
        try:
            content = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        for place in places(content):
            if place not in found:
                found[place] = _within(lines, begin, end, place)
        begin = end
    return found


def _within(lines: list[str], begin: int, end: int, place: Place) -> int:
    """Return the line of a key in a statement of several lines: where it is set, if just one line looks like that."""
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    likely = [number for number in range(begin, end) if f"{key} =" in lines[number] or f"{key}=" in lines[number]]
    if len(likely) == 1:
        return likely[0] + 1
    return next((number for number in range(begin, end) if lines[number].split("#")[0].strip()), begin) + 1


def places(content: Any, above: Place = ()) -> Iterator[Place]:
    """Yield the places of all that a table or list holds."""
    if isinstance(content, Mapping):
        parts: Any = content.items()
    elif isinstance(content, list) and any(isinstance(each, Mapping) for each in content):
        parts = enumerate(content)
    else:
        return
    for key, part in parts:
        yield (*above, key)
        yield from places(part, (*above, key))


def named(place: Place) -> str:
    """Return a place as it is written: `network.layers[0].size`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            part = part if part.replace("_", "").replace("-", "").isalnum() else f'"{part}"'
            text += f".{part}" if text else part
    return text
