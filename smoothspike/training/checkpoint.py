"""Atomic checkpoints that refuse to load into a different training."""

import platform
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from ..baselines import SurrogateNetwork
from ..engine import Capacity
from ..networks._capacity import Capacities
from ..saving.content import Writer
from ..saving.file import read, write
from .fingerprint import CODE, array_digest, as_numpy, described, is_rate, optimizer_described, schedule_states

_FILE = "checkpoint.ss"
_BEST = "best"
_RATE = "learning rate"
_SHOWN, _LONG = 4, 100
#: Networks from the same key on different devices may differ by rounding.
_ROUNDING = 1e3
Facts = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Identity:
    """The description of a training.

    Attributes:
        facts: Descriptions of parts that must be equal on resumption, by part and path.
        free: Descriptions of parts that may differ, with a warning.
    """

    facts: Facts
    free: Facts

    @classmethod
    def of(
        cls, *, network: Any, dataset: Any, optimizer: Any, key: Any, batch_size: int, validation: Any, **functions: Any
    ) -> "Identity":
        """Describe the arguments of `fit`."""
        optimiser, rates = optimizer_described(optimizer)
        facts = {
            "network": described(network, exactly=False),
            "data": described(dataset),
            **{name: described(function) for name, function in functions.items()},
            "optimizer": optimiser,
            "key": {"": array_digest(key)},
            "batch_size": {"": str(batch_size)},
        }
        return cls(facts, {_RATE: rates, "validation": described(validation), "version of": _versions()})


class Checkpoint:
    """The file from which a training resumes, and to which it saves.

    Args:
        folder: Its folder; None for no checkpoints.
        identity: The description of the training.
        start: The network at the start.

    Raises:
        ValueError: if the folder is a file, or contains an older format.

    Attributes:
        best: The best network of the training that is resumed, None if the checkpoint keeps none.
    """

    def __init__(self, folder: Path | None, identity: Identity | None, start: Any) -> None:
        self.folder, self.identity = folder, identity
        self.best: Any = None
        self.start = {f"start{name}": leaf for name, leaf in _arrays(eqx.filter(start, eqx.is_inexact_array)).items()}
        if folder is None:
            return
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"checkpoint is {folder}, a file, but must be a folder, which is created if missing")
        if (folder / "history.json").exists() and not (folder / _FILE).exists():
            raise ValueError(f"{folder} has a checkpoint of an older format, which is not read; choose another folder")
        if jax.process_index() == 0:
            folder.mkdir(parents=True, exist_ok=True)

    def save(
        self, trained: Any, history: list[dict[str, float]], capacities: Capacities, best: Any | None = None
    ) -> None:
        """Write what is trained, its history and capacities, and the best network; of several processes the first."""
        if self.folder is None or self.identity is None or jax.process_index() > 0:
            return
        writer = Writer()  # whose arrays are those of the trained network
        network, place = trained[0], "[0]"
        if isinstance(network, SurrogateNetwork):  # of which the exact one is kept
            network, place = network.network, "[0].network"
        description = {
            "kind": "checkpoint", "network": writer.content(network, place), "models": writer.models,
            "history": history, "capacities": [list(each) for each in capacities], "facts": self.identity.facts,
            "free": self.identity.free,
        }  # fmt: skip
        kept = {f"{_BEST}{name}": leaf for name, leaf in _arrays(best).items()}
        write(self.folder / _FILE, description, self.start | _arrays(trained) | kept)

    def resumed(
        self, fresh: Any, capacities: Capacities, *, epochs: int, steps: int
    ) -> tuple[Any, list[dict[str, float]], Capacities]:
        """Return what the file holds, its history and capacities; or what is fresh, none, and the capacities given.

        Args:
            fresh: The network and the state of its optimiser.
            capacities: For spikes.
            epochs: How many are asked for.
            steps: How many an epoch has.

        Raises:
            ValueError: if the checkpoint is damaged or of another training, has more epochs, or not all processes see
                it.
        """
        if self.folder is None or self.identity is None:
            return fresh, [], capacities
        found = (fresh, [], capacities)
        if (self.folder / _FILE).exists():
            found = self._read(fresh, epochs, steps)
        if jax.process_count() > 1:
            everywhere = multihost_utils.process_allgather(np.array(len(found[1])))
            if (everywhere != len(found[1])).any():
                raise ValueError(
                    f"processes see different checkpoints in {self.folder} ({everywhere.tolist()} epochs); use a "
                    "shared folder"
                )
        return found

    def _read(self, fresh: Any, epochs: int, steps: int) -> tuple[Any, list[dict[str, float]], Capacities]:
        assert self.folder is not None
        assert self.identity is not None
        description, arrays = read(self.folder / _FILE)
        history, then = description["history"], Identity(description["facts"], description["free"])
        same_python = then.free["version of"].get(" python") == _versions()[" python"]
        problems = _differences(then.facts, self.identity.facts, with_code=same_python)
        has_new_rate = dict(then.free[_RATE]) != dict(self.identity.free[_RATE])
        trained, misfits = _restored(fresh, arrays, has_new_rate, len(history) * steps)
        # each kind of problem may follow from those before it
        if problems := problems or misfits or self._other_start(arrays):
            more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            raise ValueError(
                f"the checkpoint in {self.folder} is of another training: {'; '.join(problems[:_SHOWN])}{more}. Resume "
                "with the original arguments, or choose another folder"
            )
        if len(history) > epochs:
            raise ValueError(
                f"the checkpoint in {self.folder} has {len(history)} epochs, but epochs is {epochs}; increase "
                "it, or choose another folder"
            )
        changes = _differences(then.free, self.identity.free, with_code=same_python)
        if changes:
            warnings.warn(
                f"the training in {self.folder} resumes after epoch {len(history)} with changes: {'; '.join(changes)}",
                stacklevel=4,
            )
        self.start = {name: array for name, array in arrays.items() if name in self.start}
        self.best = _best(trained[0], arrays)
        return trained, history, tuple(Capacity(*each) for each in description["capacities"])

    def _other_start(self, arrays: Mapping[str, np.ndarray]) -> list[str]:
        """Name the parts of the network that equal neither those at the start of the training nor the trained ones."""
        now = {name: arrays[f"[0]{name.removeprefix('start')}"] for name in self.start}
        for known in (arrays, now):
            unlike = [name for name, array in self.start.items() if not _close(array, known[name])]
            if not unlike:
                return []
        return [f"the network's {name.removeprefix('start')} starts from other values" for name in unlike]


def _best(network: Any, arrays: Mapping[str, np.ndarray]) -> Any | None:
    """Return the best network of a checkpoint, None if it keeps none."""
    if not any(name.startswith(_BEST) for name in arrays):
        return None

    def number(path: tuple[Any, ...], leaf: Any) -> Any:
        return _like(leaf, arrays[f"{_BEST}{jax.tree_util.keystr(path)}"]) if _is_number(leaf) else leaf

    return jax.tree_util.tree_map_with_path(number, network)


def _arrays(tree: Any) -> dict[str, np.ndarray]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): as_numpy(leaf) for path, leaf in leaves if _is_number(leaf)}


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, bool | int | float | complex | jax.Array | np.ndarray | np.generic)


def _restored(fresh: Any, arrays: Mapping[str, np.ndarray], has_new_rate: bool, steps: int) -> tuple[Any, list[str]]:
    """Return a tree with the numbers of a checkpoint, and the entries that do not fit."""
    counts = {jax.tree_util.keystr(path) for path in schedule_states(fresh)}
    problems: list[str] = []

    def number(path: tuple[Any, ...], leaf: Any) -> Any:
        name = jax.tree_util.keystr(path)
        if not _is_number(leaf):
            return leaf
        is_count = any(name.startswith(f"{place}.") for place in counts) or ("hyperparams_states" in name)
        if has_new_rate and is_rate(path) and "hyperparams_states" not in name:
            return leaf
        if has_new_rate and is_count and name not in arrays:
            return _like(leaf, np.asarray(steps))  # a new schedule starts at the current step
        expected, found = as_numpy(leaf), arrays.get(name)
        if found is None:
            problems.append(f"it has no {_named(name)}")
        elif (found.dtype, found.shape) != (expected.dtype, expected.shape):
            kinds = [f"{each.dtype}{list(each.shape)}" for each in (found, expected)]
            problems.append(f"{_named(name)} was {kinds[0]}, and is {kinds[1]}")
        else:
            return _like(leaf, found)
        return leaf

    return jax.tree_util.tree_map_with_path(number, fresh), problems


def _like(leaf: Any, numbers: np.ndarray) -> Any:
    if not isinstance(leaf, jax.Array):
        return numbers.astype(leaf.dtype) if isinstance(leaf, np.ndarray) else type(leaf)(numbers.item())
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.asarray(numbers), impl=jax.random.key_impl(leaf))
    return jnp.asarray(numbers, leaf.dtype)


def _named(name: str) -> str:
    return f"the network's {name[3:]}" if name.startswith("[0]") else f"the optimizer's state {name[3:]}"


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    tolerance = _ROUNDING * float(jnp.finfo(one.dtype).eps)
    return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance * float(np.max(np.abs(other), initial=0.0))))


def _differences(then: Facts, now: Facts, *, with_code: bool) -> list[str]:
    found = []
    for part in dict.fromkeys((*then, *now)):
        before, after = then.get(part, {}), now.get(part, {})
        if part == _RATE and (rates := (_rates(before), _rates(after)))[0] != rates[1]:
            found.append(f"{part} was {rates[0]}, and is {rates[1]}")
            continue
        for place in dict.fromkeys((*before, *after)):
            # what is None now may have been unknown to the version that wrote
            is_same = (before.get(place) or "None") == (after.get(place) or "None")
            if is_same or (place.endswith(CODE) and not with_code):
                continue
            if place.endswith(CODE):
                found.append(f"{part}{place.removesuffix(CODE)} has other code")
            else:
                found.append(f"{part}{place} was {_shown(before.get(place))}, and is {_shown(after.get(place))}")
    return found


def _rates(described: Mapping[str, str]) -> str:
    """Return learning rates as one would write them, from their description: numbers, or schedules of optax."""
    found = []
    for root in described:
        if root.endswith(CODE) or any(root.startswith(f"{other}.") for other in described):
            continue
        inner = f"{root}.learning_rate"
        function = inner if inner in described else root
        arguments = [
            f"{place.removeprefix(function)[1:]}={value}" for place, value in described.items()
            if place.startswith(f"{function}.") and not place.endswith(CODE)
        ]  # fmt: skip
        name = described[function]
        found.append(f"{name.partition('.')[0]}({', '.join(arguments)})" if arguments else name)
    return " and ".join(found)


def _shown(value: str | None) -> str:
    if value is None:
        return "not there"
    return value if len(value) <= _LONG else f"{value[:_LONG]}..."


def _versions() -> dict[str, str]:
    versions = {" python": ".".join(platform.python_version_tuple()[:2])}
    for package in ("jax", "optax", "smoothspike"):
        try:
            versions[f" {package}"] = metadata.version(package)
        except metadata.PackageNotFoundError:  # run from a folder
            versions[f" {package}"] = "not installed"
    return versions
