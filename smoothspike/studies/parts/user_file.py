"""Load an object from a user's Python file; errors take one line that names file and line number."""

import contextlib
import inspect
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

from symbolic import NeuronModel

_NAME = "declared_model"


class FileError(Exception):
    """The file cannot be run, or has no such model."""


def model_in(path: str, attribute: str) -> NeuronModel:
    """Run a file and return a model from it, or the model that a function in it returns without arguments.

    The file's own output goes to stderr, so that stdout holds only the result of the command.

    Raises:
        FileError: if there is no such file or object, or running it raises.
    """
    model = object_in(path, attribute, NeuronModel)
    if not isinstance(model, NeuronModel) and callable(model):
        model = _made(path, attribute, model)
    if not isinstance(model, NeuronModel):
        raise FileError(
            f"{path}: {attribute} is of type {type(model).__name__}; it must be a model, or a function that returns one"
        )
    return model


def object_in(path: str, attribute: str, kind: type = object) -> Any:
    """Run a file and return an object from it.

    Args:
        path: The file.
        attribute: The name of the object.
        kind: What it probably is, to suggest others from the file.

    Raises:
        FileError: if there is no such file or object, or running it raises.
    """
    if not Path(path).is_file():
        raise FileError(f"no file {path!r}; use file.py:object, or a name of the library")
    module = _ran(path)
    if not hasattr(module, attribute):
        found = [name for name, value in vars(module).items() if isinstance(value, kind)] if kind is not object else []
        close = get_close_matches(attribute, vars(module), n=1)
        guess = f"; did you mean {close[0]!r}?" if close else f"; its models are {', '.join(found)}" if found else ""
        raise FileError(f"{path} has no object {attribute!r}{guess}")
    return getattr(module, attribute)


def _made(path: str, attribute: str, function: Callable[..., Any]) -> Any:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError) as error:
        raise FileError(f"{path}: {attribute} must be callable without arguments: {error}") from error
    return _careful(path, function)


def _ran(path: str) -> ModuleType:
    specification = util.spec_from_file_location(_NAME, path)
    if specification is None or specification.loader is None:
        raise FileError(f"{path} is not a Python file; its name must end in .py")
    module = util.module_from_spec(specification)
    # as for a script: the file can import its neighbours, and its classes find their module
    sys.path.insert(0, str(Path(path).resolve().parent))
    sys.modules[_NAME] = module
    loader = specification.loader
    _careful(path, lambda: loader.exec_module(module))
    return module


def _careful(path: str, run: Callable[[], Any]) -> Any:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return run()
    except (Exception, SystemExit) as error:
        raise FileError(f"{_place(path, error)}: {_told(error)}") from error


def _place(path: str, error: BaseException) -> str:
    """The file, with the line number if the error was raised in it."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"{error.filename or path}:{error.lineno}"
    own = Path(path).resolve()
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == own]
    return f"{path}:{lines[-1]}" if lines else path


def _told(error: BaseException) -> str:
    """The error in one line."""
    words = error.msg if isinstance(error, SyntaxError) else str(error)
    line = " ".join(words.split())
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
