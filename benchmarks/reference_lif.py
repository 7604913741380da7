"""Leaky neurons with tau_m = 1 = 2 tau_s, threshold 1 and reset to 0, for many networks at once, in NumPy.

Between events V = (V0 + I0) z - I0 z^2 with z = exp(-t), so that a spike is the larger root z < 1 of a quadratic
(Goeltz et al., arXiv:1912.11443).
"""

from typing import Any, NamedTuple

import numpy as np


class Trains(NamedTuple):
    """Spikes of a layer.

    Attributes:
        times: Ascending, infinite where there are no more; (networks, neurons, spikes).
        slopes: With which slope V crosses the threshold.
    """

    times: np.ndarray
    slopes: np.ndarray


def trains(weights: list[np.ndarray], spikes: Any, duration: float) -> list[Trains]:
    """Simulate one trial in feed-forward networks with the weights (networks, neurons, sources) of every layer."""
    times, sources = np.asarray(spikes.times), np.asarray(spikes.sources)
    arrivals, found = np.broadcast_to(times, (len(weights[0]), times.size)), []
    sources = np.broadcast_to(sources, arrivals.shape)
    for matrix in weights:
        order = np.argsort(arrivals, -1)
        arrivals, sources = (np.take_along_axis(each, order, -1) for each in (arrivals, sources))
        count = int((arrivals < duration).sum(-1).max(initial=0))
        columns = np.take_along_axis(matrix, sources[:, None, :count], -1)
        found.append(_layer(arrivals[:, :count], columns, duration))
        size = found[-1].times.shape
        arrivals = found[-1].times.reshape(size[0], -1)
        sources = np.broadcast_to(np.repeat(np.arange(size[1]), size[2]), arrivals.shape)
    return found


def _layer(arrivals: np.ndarray, columns: np.ndarray, duration: float) -> Trains:
    now, v, i = (np.zeros(columns.shape[:2]) for _ in range(3))
    found: list[Trains] = []
    steps = [(np.minimum(arrivals[:, k, None], duration), columns[..., k]) for k in range(arrivals.shape[1])]
    for until, weight in [*steps, (np.full((len(arrivals), 1), duration), np.zeros_like(v))]:
        while True:
            with np.errstate(all="ignore"):
                z = (v + i + np.sqrt((v + i) ** 2 - 4 * i)) / (2 * i)
                wait = -np.log(z)
            spikes = (i > 0) & (z < 1) & (now + wait < until)
            if not spikes.any():
                break
            current = i * np.where(spikes, z, 1.0) ** 2
            found.append(Trains(np.where(spikes, now + wait, np.inf), np.where(spikes, current - 1, 0.0)))
            now, v, i = np.where(spikes, now + wait, now), np.where(spikes, 0.0, v), np.where(spikes, current, i)
        z = np.exp(now - until)
        v, i = (v + i) * z - i * z**2, i * z**2 + np.where(until < duration, weight, 0.0)
        now = np.broadcast_to(until, v.shape)
    return _ascending(found or [Trains(np.full(v.shape, np.inf), np.zeros(v.shape))])


def recurrent_trains(weights: np.ndarray, recurrent: np.ndarray, spikes: Any, duration: float) -> Trains:
    """Simulate one trial in recurrent populations, event by event, with weights (networks, neurons, sources)."""
    times, sources = (np.asarray(each) for each in (spikes.times, spikes.sources))
    order = np.argsort(times, kind="stable")
    inputs = [(time, weights[:, :, source]) for time, source in zip(times[order], sources[order], strict=True)]
    shape, every = weights.shape[:2], np.arange(len(weights))
    now, v, i = np.zeros(len(weights)), np.zeros(shape), np.zeros(shape)
    found: list[Trains] = []
    for until, weight in [*((time, added) for time, added in inputs if time < duration), (duration, 0.0)]:
        while True:
            with np.errstate(all="ignore"):
                z = (v + i + np.sqrt((v + i) ** 2 - 4 * i)) / (2 * i)
                wait = np.where((i > 0) & (z > 0) & (z < 1), -np.log(z), np.inf)
            first = np.argmin(wait, -1)
            fires = now + wait[every, first] < until
            if not fires.any():
                break
            z = np.exp(-np.where(fires, wait[every, first], 0.0))[:, None]
            v, i = (v + i) * z - i * z**2, i * z**2
            is_own = fires[:, None] & (np.arange(shape[1]) == first[:, None])
            now = np.where(fires, now + wait[every, first], now)
            found.append(Trains(np.where(is_own, now[:, None], np.inf), np.where(is_own, i - 1, 0.0)))
            v = np.where(is_own, 0.0, v)
            i = i + np.where(fires[:, None], recurrent[every, :, first], 0.0)
        z = np.exp(now - until)[:, None]
        v, i, now = (v + i) * z - i * z**2, i * z**2 + weight, np.full_like(now, until)
    found = found or [Trains(np.full(shape, np.inf), np.zeros(shape))]
    return _ascending(found)


def _ascending(found: list[Trains]) -> Trains:
    """Join spikes, of which each has every neuron's or none, in their order."""
    times, slopes = (np.stack(each, -1) for each in zip(*found, strict=True))
    order = np.argsort(times, -1)
    return Trains(np.take_along_axis(times, order, -1), np.take_along_axis(slopes, order, -1))
