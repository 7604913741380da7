"""`Trial`: what the objective of a search gets."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ..training.callbacks import Callback, History

_SAMPLING, _TRAINING = 0, 1


class Pruned(Exception):
    """A trial was given up before its end, as others were better at the same step."""


class Trial:
    """One setting of what is searched for, with one seed.

    Attributes:
        number: The number of the trial in its study, counted from 0; of every group of its own.
        params: The setting, by name; `trial["name"]` is the same.
        group: The group that it belongs to; None without groups.
        seed: The seed of everything random in it. It follows from the seed of the search, the number, and which of the
            seeds of a setting this is, so that it is the same in every run of the same search.
        replicate: Which of the seeds of this setting it is, counted from 0.

    Example:
        >>> def objective(trial):
        ...     return (trial["x"] - 0.5) ** 2
        >>> objective(Trial(0, {"x": 1.0}, seed=1))
        0.25
    """

    def __init__(
        self,
        number: int,
        params: Mapping[str, Any],
        *,
        seed: int,
        group: str | None = None,
        replicate: int = 0,
        direction: str = "minimize",
        report: Callable[[float, int], bool] | None = None,
    ) -> None:
        self.number, self.group, self.seed, self.replicate = number, group, seed, replicate
        self.params = MappingProxyType(dict(params))
        self.notes: dict[str, Any] = {}
        self._direction, self._report = direction, report

    def __getitem__(self, name: str) -> Any:
        if name not in self.params:
            raise KeyError(f"the space has no {name!r}; it has {', '.join(self.params)}")
        return self.params[name]

    def __repr__(self) -> str:
        group = "" if self.group is None else f" of {self.group}"
        return f"Trial({self.number}{group}, {dict(self.params)}, seed={self.seed})"

    @property
    def key(self) -> PRNGKeyArray:
        """The random key of the seed."""
        return jax.random.key(self.seed)

    def report(self, value: float, step: int) -> None:
        """Say how good this trial is so far, in the sense of what is minimised or maximised.

        Args:
            value: The value now.
            step: An epoch, or any number that grows.

        Raises:
            Pruned: if the trial is not worth going on. Let it pass: the search records the trial as pruned. Of several
                seeds of a setting the first alone decides.
            ValueError: if the value is not a finite number.
        """
        value = checked_value(value, f"the value reported at step {step}")
        if self._report is not None and self._report(value, int(step)):
            raise Pruned(f"after step {step}, at {value:g}")

    def note(self, **values: Any) -> None:
        """Keep further results with the trial, such as `trial.note(test_accuracy=0.9)`: numbers, text, or lists."""
        self.notes.update({name: _plain(name, value) for name, value in values.items()})

    def pruning(self, metric: str = "validation_loss") -> Callback:
        """Return a callback for `fit` that reports a metric after every epoch, and so ends a training that is hopeless.

        Args:
            metric: A name in the history. A loss is taken as such, anything else as the better the larger it is,
                whichever of both is searched for.

        Raises:
            ValueError: in `fit`, if the history has no such metric.
        """
        sign = 1.0 if ("loss" in metric) == (self._direction == "minimize") else -1.0

        def report(network: Any, history: History) -> None:
            if metric not in history[-1]:
                raise ValueError(f"the history has no metric {metric!r} to report; it has {', '.join(history[-1])}")
            self.report(sign * history[-1][metric], int(history[-1]["epoch"]))

        return report


def seed_of(seed: int, number: int, replicate: int) -> int:
    """Return the seed of a trial, below 2^31."""
    return _seed(seed, _TRAINING, number, replicate)


def sampler_seed(seed: int, number: int) -> int:
    """Return the seed with which the setting of a trial is drawn, below 2^31."""
    return _seed(seed, _SAMPLING, number)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def checked_value(value: Any, what: str = "what the objective returned") -> float:
    """Return a finite number, or raise a ValueError that says what it is instead."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} is {value!r}, but must be a number") from error
    if not math.isfinite(number):
        raise ValueError(f"{what} is {number}, but must be finite")
    return number


def _plain(name: str, value: Any) -> Any:
    """Return what JSON can hold."""
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        value = np.asarray(value).tolist()
    if isinstance(value, list | tuple):
        return [_plain(name, part) for part in value]
    if isinstance(value, bool | int | float | str | type(None)):
        return value
    raise TypeError(f"trial.note({name}=...) is of type {type(value).__name__}, but must be a number, text, or a list")
