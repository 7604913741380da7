"""The data of a configuration."""

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ...datasets import AbstractDataset, Dataset, digits, yin_yang
from ..config.functions import DATA_FUNCTIONS
from ..config.places import ConfigError, Source
from ..config.schema import Data, Fallback
from .objects import explained, from_file, path_of

_FILES = ("folder", "file")


class Splits(NamedTuple):
    """Training, validation and test data."""

    train: AbstractDataset
    validation: AbstractDataset
    test: AbstractDataset


def missing_files(data: Data, seed: int, source: Source) -> str | None:
    """Return the path of the files that the data need, if it is not there.

    Raises:
        ConfigError: if another option of the data is wrong, with the line of the table.
    """
    paths = [str(path_of(data.options[name], source)) for name in _FILES if name in data.options]
    missing = next((path for path in paths if not path_of(path, source).exists()), None)
    if missing is not None and data.name in DATA_FUNCTIONS:
        with explained(source, ("data",)), suppress(FileNotFoundError):
            _loaded(data, seed, source)
    return missing


def with_fallback(data: Data) -> Data:
    """Return the data that take their place."""
    fallback = data.fallback or Fallback()
    return dataclasses.replace(data, name=fallback.name, options=fallback.options, fallback=None)


def build_data(data: Data, seed: int, source: Source) -> Splits:
    """Load or generate the data, by their own seed if they have one.

    Raises:
        ConfigError: if they cannot be had, with the line of the table.
    """
    seed = seed if data.seed is None else data.seed
    with explained(source, ("data",)):
        loaded = _loaded(data, seed, source)
        if len(loaded) == 2:
            train, test = loaded
            train, validation = _held_out(train, data.validation_fraction, seed)
        else:
            train, validation, test = loaded
        parts = Splits(*(_limited(each, data.limit) for each in (train, validation, test)))
    for name, part in parts._asdict().items():
        if len(part) == 0:
            where = source.at(("data",))
            raise ConfigError(f"{where}: [data] {data.name} gives no {name} data; it must give all three")
    return parts


def _loaded(data: Data, seed: int, source: Source) -> tuple[AbstractDataset, ...]:
    options: dict[str, Any] = {
        name: path_of(value, source) if name in _FILES else value for name, value in data.options.items()
    }
    if data.name == "yin_yang":
        return _yin_yang(options, seed)
    if data.name == "digits":
        return digits(seed=seed, **options)
    if data.name == "randman":
        options["seed"] = seed
    if data.name in DATA_FUNCTIONS:
        return DATA_FUNCTIONS[data.name](**options)
    found = from_file(data.name, source)(**data.options)
    if not isinstance(found, tuple) or len(found) not in (2, 3):
        raise TypeError(f"{data.name} returned {type(found).__name__}, but must return (train, validation, test)")
    for each in found:
        if not isinstance(each, AbstractDataset):
            raise TypeError(f"{data.name} returned a {type(each).__name__}, but must return ss.datasets.Dataset")
    return found


def _yin_yang(options: Mapping[str, Any], seed: int) -> tuple[Dataset, ...]:
    """The three splits; a size is that of the training data, of which the others have a fifth."""
    options = dict(options, seed=seed)
    size = options.pop("size", None)
    sizes = (size, *((None, None) if size is None else [max(1, size // 5)] * 2))
    names = ("train", "validation", "test")
    return tuple(yin_yang(each, split=split, **options) for each, split in zip(sizes, names, strict=True))


def _held_out(train: Any, fraction: float, seed: int) -> tuple[Any, Any]:
    """Divide training data at random, for validation."""
    number = round(fraction * len(train))
    order = np.random.default_rng([seed, len(train)]).permutation(len(train))
    return train[np.sort(order[number:])], train[np.sort(order[:number])]


def _limited(data: Any, limit: int | None) -> Any:
    """Return evenly spaced samples."""
    if limit is None or len(data) <= limit:
        return data
    return data[np.linspace(0, len(data) - 1, limit).round().astype(int)]
