"""Configurations in TOML: a schema, checks that name file and line, and the documentation of both."""

from pathlib import Path

from .check import checked as checked
from .places import ConfigError as ConfigError
from .places import Source as Source
from .places import parsed as parsed
from .places import read as read
from .schema import Config as Config
from .write import as_tables as as_tables
from .write import as_toml as as_toml


def load(path: str | Path) -> tuple[Config, Source]:
    """Read and check a configuration.

    Raises:
        ConfigError: if it is missing, no TOML, or wrong, with a line for each mistake.
    """
    source = read(path)
    return checked(source), source
