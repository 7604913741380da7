"""A folder for one run: the configuration as it was used, versions, metrics and figures; never those of another."""

import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ..config import Config, ConfigError, as_toml
from ..config.check import shown
from ..config.places import Place, named, places

CONFIG, RUN, METRICS = "config.toml", "run.json", "metrics.json"
PACKAGES = ("smoothspike", "jax", "jaxlib", "equinox", "optax", "diffrax", "numpy", "sympy", "optuna")
_SHOWN = 5
#: What a run may have more of when it goes on.
_MAY_GROW = (("search", "trials"),)
#: For another process to begin: how often to look, and seconds between.
_LOOKS, _WAIT = 20, 0.1


class RunFolder:
    """The folder of a run.

    Args:
        path: The folder, which is made if missing.
        command: What is run: "train", "search" or "landscape".
        config: The configuration as it is used.
        config_folder: Where it is from, for the commit.
        overwrite: Whether to remove another run that is there.

    Raises:
        ConfigError: if the folder has another run, or something else.
    """

    def __init__(self, path: str | Path, command: str, config: Config, config_folder: Path, *, overwrite: bool) -> None:
        self.path, self.command = Path(path), command
        text = as_toml(config)
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"--output is {path}, a file, but must be a folder")
        if self._has_run():
            if other := self._difference(text):
                if not overwrite:
                    raise ConfigError(
                        f"{path} has another run: {other}. --output must be another folder; or pass --overwrite to "
                        "remove what is there"
                    )
                shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        is_longer = not (self.path / CONFIG).exists() or (self.path / CONFIG).read_text(encoding="utf-8") != text
        if is_longer:  # also of a run that now has more to do
            self._write_text(CONFIG, text)
            (self.path / METRICS).unlink(missing_ok=True)
        if not (self.path / RUN).exists():
            self._write(RUN, {"command": command, "started": _now(), **surroundings(config_folder)})

    def _has_run(self) -> bool:
        """Whether the folder has a run; of another process that is just beginning, it has one soon."""
        if not self.path.is_dir():
            return False
        for _ in range(_LOOKS):
            there = {each.name for each in self.path.iterdir()}
            if not there or (RUN in there and CONFIG in there):
                return bool(there)
            if not all(name.startswith((RUN, CONFIG)) for name in there):
                raise ConfigError(f"{self.path} has files that are of no run; --output must be another folder")
            time.sleep(_WAIT)
        return False  # a run that was killed before it began

    @property
    def metrics(self) -> dict[str, Any] | None:
        """The metrics of the run, None while it is not finished."""
        path = self.path / METRICS
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    @property
    def figures(self) -> Path:
        """The folder of figures."""
        folder = self.path / "figures"
        folder.mkdir(exist_ok=True)
        return folder

    def abandon(self) -> None:
        """Remove the run if nothing has been computed: its configuration was wrong, and will be another."""
        if {each.name for each in self.path.iterdir()} <= {CONFIG, RUN}:
            shutil.rmtree(self.path)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Write the metrics: the run is finished."""
        run = json.loads((self.path / RUN).read_text(encoding="utf-8"))
        self._write(RUN, run | {"finished": _now()})
        self._write(METRICS, metrics)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        self._write_text(name, json.dumps(content, indent=1) + "\n")

    def _write_text(self, name: str, text: str) -> None:
        beside = self.path / f"{name}.{os.getpid()}.new"
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.path / name)

    def _difference(self, text: str) -> str:
        """Say how the run that is there differs; nothing if it is the same."""
        run = json.loads((self.path / RUN).read_text(encoding="utf-8"))
        if run["command"] != self.command:
            return f"it is of `{run['command']}`, not of `{self.command}`"
        then = tomllib.loads((self.path / CONFIG).read_text(encoding="utf-8"))
        now = tomllib.loads(text)
        found = [
            f"{named(place)} was {_at(then, place)}, and is {_at(now, place)}"
            for place in dict.fromkeys((*places(then), *places(now)))
            if _at(then, place) != _at(now, place)
            and not _is_table(then, now, place)
            and not (place in _MAY_GROW and _value(then, place) < _value(now, place))
        ]
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return "; ".join(found[:_SHOWN]) + more


def surroundings(folder: Path) -> dict[str, Any]:
    """Return versions, the machine, and the commit of a folder if it is in a git repository."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(), "platform": platform.platform(), "packages": versions,
        "git": _commit(folder), "arguments": sys.argv[1:],
    }  # fmt: skip


def _commit(folder: Path) -> dict[str, Any] | None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder.resolve()), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "is_changed": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _value(content: Any, place: Place) -> Any:
    """Return what is at a place, None if nothing is there."""
    for part in place:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def _at(content: Any, place: Place) -> str:
    value = _value(content, place)
    return "not there" if value is None else shown(value)


def _is_table(then: Any, now: Any, place: Place) -> bool:
    """Whether both have a table there, whose keys tell the difference."""
    return all(isinstance(_value(each, place), dict) for each in (then, now))
