"""A line through a network, and the losses and histories of samples at its points, with derivatives along it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..networks._capacity import Capacities, with_capacity
from ..networks._execute import simulate
from ..networks.recording import Recording
from .history import History, history
from .plane import Plane
from .slices import Task
from .watch import Watch, watch_of

#: Losses are computed so many at a time, always, so that one program is compiled.
_TOGETHER = 64


class Line(NamedTuple):
    """A line in a plane of networks: the points `origin + x tangent` with x from `low` to `high`."""

    plane: Plane
    origin: tuple[float, ...]
    tangent: tuple[float, ...]
    low: float
    high: float

    @property
    def span(self) -> float:
        """How long it is."""
        return self.high - self.low


class Rows(NamedTuple):
    """What is known at some places on a line, each for one sample.

    Attributes:
        place: The places.
        sample: The samples.
        value: The loss of the sample.
        slope: Its derivative along the line.
        history: The history of the trial.
        change: The derivative of the history.
    """

    place: Float[np.ndarray, " rows"]
    sample: Int[np.ndarray, " rows"]
    value: Float[np.ndarray, " rows"]
    slope: Float[np.ndarray, " rows"]
    history: History
    change: History

    def __getitem__(self, chosen: Any) -> "Rows":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Some of the rows."""
        return jax.tree.map(lambda leaf: leaf[chosen], self)

    @classmethod
    def joined(cls, parts: Sequence["Rows"]) -> "Rows":
        """All rows of several parts."""
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


class CapacityGrown(Exception):
    """Rows have become wider, so that they fit no longer with those from before."""


class Evaluator:
    """Computes rows; counts how many."""

    def __init__(self, line: Line, task: Task, capacities: Capacities) -> None:
        self.line, self.task, self.capacities = line, task, capacities
        self.watches = tuple(watch_of(layer) for layer in line.plane.network.layers)
        self.count = 0

    def rows(self, places: Float[np.ndarray, " rows"], samples: Int[np.ndarray, " rows"]) -> Rows:
        """Compute losses and histories at some places.

        Raises:
            CapacityGrown: if more spikes came than there was room for.
        """
        parts = []
        for start in range(0, len(places), _TOGETHER):
            own, which = places[start : start + _TOGETHER], samples[start : start + _TOGETHER]
            missing = _TOGETHER - len(own)
            padded = np.pad(own, (0, missing), mode="edge"), np.pad(which, (0, missing), mode="edge")
            found = self._computed(*padded)
            parts.append(found[: len(own)])
        self.count += len(places)
        return Rows.joined(parts)

    def _computed(self, places: np.ndarray, samples: np.ndarray) -> Rows:
        def run(capacities: Capacities) -> tuple[Any, Array]:
            own, which = jnp.asarray(places), jnp.asarray(samples)
            return _rows(self.line, self.task, own, which, capacities, self.watches)

        (values, slopes), capacities, _ = with_capacity(run, self.capacities)
        if capacities != self.capacities:
            self.capacities = capacities
            raise CapacityGrown
        (value, found), (slope, change) = jax.tree.map(np.asarray, (values, slopes))
        # what does not exist does not move
        change = jax.tree.map(lambda at, by: np.where(np.isfinite(at), by, 0.0), found, change)
        return Rows(places, samples, value, slope, found, change)


@eqx.filter_jit
def _rows(
    line: Line, task: Task, places: Array, samples: Array, capacities: Capacities, watches: tuple[Watch, ...]
) -> tuple[Any, Array]:
    origin, tangent = jnp.asarray(line.origin), jnp.asarray(line.tangent)
    most, totals = _most(line.plane.network, capacities), [capacity.total for capacity in capacities]

    def one(place: Array, sample: Array) -> Any:
        spikes, label = jax.tree.map(lambda leaf: leaf[sample], (task.spikes, task.labels))
        alone = jax.tree.map(lambda leaf: leaf[None], spikes)

        def at(place: Array) -> Any:
            network = line.plane.at(origin + place * tangent)
            recording, needed = simulate(network, alone, capacities)
            value = jax.vmap(task.loss)(task.readout(recording), label[None])[0]
            trial: Recording = jax.tree.map(lambda leaf: leaf[0], recording)
            found = history(network.layers, network.states(None), trial, spikes, watches, most, totals)
            times = tuple(None if each is None else each._replace(sources=None) for each in found)
            return (value, times), (found, needed)

        (value, times), change, (found, needed) = jax.jvp(at, (place,), (jnp.ones_like(place),), has_aux=True)
        del times
        slope, moves = change
        moves = tuple(
            None if each is None else each._replace(sources=jnp.zeros_like(full.sources, float))
            for each, full in zip(moves, found, strict=True)
        )
        return ((value, found), (slope, moves)), needed

    return jax.vmap(one)(places, samples)


def _most(network: Any, capacities: Capacities) -> list[int]:
    """How many spikes a neuron has at most; of queued populations that is not known apart."""
    return [
        capacity.total if layer.is_queued else min(capacity)
        for layer, capacity in zip(network.layers, capacities, strict=True)
    ]
