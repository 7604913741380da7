"""Objects of the user's files, `file.py:object`, and errors that say which part of a configuration they are of."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from symbolic import ContinuityError, DerivationError

from ..config.functions import file_and_object
from ..config.places import ConfigError, Place, Source, named
from .user_file import FileError, object_in


@contextlib.contextmanager
def explained(source: Source, place: Place) -> Iterator[None]:
    """A context in which errors about arguments name the part of the configuration that they are of.

    Raises:
        ConfigError: instead of them.
    """
    try:
        yield
    except ConfigError:
        raise
    except (
        ValueError, TypeError, ImportError, FileNotFoundError, FileError, ContinuityError, DerivationError,
    ) as error:  # fmt: skip
        words = " ".join(str(error).split())
        raise ConfigError(f"{source.at(place)}: [{named(place)}] {words}") from error


def from_file(name: str, source: Source) -> Any:
    """Return the object that `file.py:object` names; the path starts at the configuration.

    Raises:
        FileError: if there is none.
    """
    found = file_and_object(name)
    assert found is not None
    return object_in(str(path_of(found[0], source)), found[1])


def path_of(path: str, source: Source) -> Path:
    """Return a path of a configuration, which starts where the configuration is."""
    return source.folder / Path(path).expanduser()
