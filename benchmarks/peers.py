"""Other packages to measure against: none of them is needed, and each says how to get it."""

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
    """Import a peer from its folder, or as it is installed; None where it is not to be had."""
    if name in folders:
        # behind what is installed: a peer's folder may hold other versions of what this package needs
        sys.path.append(str(Path(folders[name]).resolve()))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if error.name not in (name, None) and name in folders:
            raise ImportError(f"{name} was found in {folders[name]}, but it needs {error.name}") from error
        return None


def left_out(name: str) -> str:
    """The line that stands for the rows of a peer that is not importable."""
    return f"{name} was not found, so its rows are left out. To get it: {HOW_TO_GET[name]}"
