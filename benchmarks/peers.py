"""Other packages to compare with, all optional, and how to get them."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

HOW_TO_GET = {
    "spikegd": "git clone https://github.com/chklos/spikegd FOLDER, then --peer spikegd=FOLDER",
    "eventax": "pip install --no-deps --target FOLDER eventax==0.1.0, then --peer eventax=FOLDER",
    "brian2": "pip install --target FOLDER brian2 'numpy<2.4', then --peer brian2=FOLDER",
}


def find(name: str, folders: Mapping[str, Path]) -> ModuleType | None:
    """Import a peer from its folder or as installed; None if it is missing."""
    if name in folders:
        # after installed packages: a peer's folder may contain other versions of our dependencies
        sys.path.append(str(Path(folders[name]).resolve()))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if error.name not in (name, None) and name in folders:
            raise ImportError(f"{name} was found in {folders[name]}, but it needs {error.name}") from error
        return None


def left_out(name: str) -> str:
    """The line that stands for the rows of a peer that is not importable."""
    return f"{name} was not found, so its rows are omitted. To get it: {HOW_TO_GET[name]}"
