"""Inputs of a single trial, for configurations whose networks learn precise spike times."""

import numpy as np

import smoothspike as ss


def frozen(channels: int = 22, duration: float = 10.0, seed: int = 3) -> tuple[ss.datasets.Dataset, ...]:
    """One spike of each channel at a random time; of the first two at 0, to be moved by delays."""
    times = np.random.default_rng(seed).uniform(0.0, duration, channels)
    times[:2] = 0.0
    return _three(ss.Spikes(times[None], np.arange(channels)[None]), channels)


def poisson(
    channels: int = 20, duration: float = 10.0, rate: float = 1.0, seed: int = 7
) -> tuple[ss.datasets.Dataset, ...]:
    """A Poisson process of each channel."""
    generator = np.random.default_rng(seed)
    trains = [np.sort(generator.uniform(0.0, duration, generator.poisson(rate * duration))) for _ in range(channels)]
    sources = np.repeat(np.arange(channels), [len(train) for train in trains])
    return _three(ss.Spikes(np.concatenate(trains)[None], sources[None]), channels)


def _three(spikes: ss.Spikes, channels: int) -> tuple[ss.datasets.Dataset, ...]:
    """The same trial for training, validation and test: what is learned is this trial."""
    return (ss.datasets.Dataset(spikes, [0], num_classes=1, num_sources=channels),) * 3
