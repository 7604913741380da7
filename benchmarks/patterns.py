"""Random inputs that make a declared neuron spike several times, and what the oracle says about them."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import symbolic

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracles import derivatives, oracle
from reference import simulate_single

DURATION, INPUTS = 10.0, 20
FEWEST, MOST = 3, 40  # spikes of a trial
STRENGTHS = 1.0, 4.0  # of the strongest input, relative to one that just makes the neuron spike


@dataclass(frozen=True)
class Trial:
    """One input pattern, its spikes, and their derivatives along one direction of weights and times.

    Weights and times are exact in single precision, so that the same truth serves both precisions. `slopes` is None
    where the pattern of spikes changes within the step of a numerical difference.
    """

    weights: np.ndarray
    times: np.ndarray
    direction: np.ndarray
    spikes: list
    slopes: list | None


def trials(model: symbolic.NeuronModel, count: int, seed: int = 0) -> list[Trial]:
    """The first `count` random patterns with several spikes, always the same for the same model."""
    neuron, generator = oracle(model), np.random.default_rng(seed)
    drawn = _patterns(model, _just_enough(neuron), generator)
    return [_trial(neuron, *next(drawn), generator.normal(size=2 * INPUTS)) for _ in range(count)]


def _patterns(
    model: symbolic.NeuronModel, unit: float, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, list]]:
    """Patterns of more or less excitation, with their spikes."""
    neuron = oracle(model)
    lowest = 0.0 if _is_one_sided(model) else -0.6
    for _ in range(10_000):
        strength = unit * generator.uniform(*STRENGTHS)
        weights = (strength * generator.uniform(lowest, 1, INPUTS)).astype(np.float32).astype(float)
        times = (0.9 * DURATION * generator.random(INPUTS)).astype(np.float32).astype(float)
        spikes, _ = simulate_single(neuron, times, weights, DURATION)
        if FEWEST <= len(spikes) <= MOST:
            yield weights, times, spikes
    raise ValueError(f"{model.name}: too few random patterns make it spike {FEWEST} to {MOST} times")


def _trial(neuron: Any, weights: np.ndarray, times: np.ndarray, spikes: list, direction: np.ndarray) -> Trial:
    def run(point: list) -> list:
        return simulate_single(neuron, point[INPUTS:], point[:INPUTS], DURATION)[0]

    try:
        slopes = derivatives(neuron, run, [*weights, *times], direction)
    except ValueError:
        slopes = None
    return Trial(weights, times, direction, spikes, slopes)


def _just_enough(neuron: Any) -> float:
    """The weight of a single input that just makes a resting neuron spike; 1 for a neuron that spikes anyway."""
    spikes = partial(simulate_single, neuron, [0.5], duration=DURATION)
    if spikes([0.0])[0]:
        return 1.0
    high = 2.0**-6
    while not spikes([high])[0]:
        high *= 2
    low = high / 2
    while high - low > 0.02 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if spikes([middle])[0] else (middle, high)
    return high


def _is_one_sided(model: symbolic.NeuronModel) -> bool:
    """Whether an input changes a state that never becomes negative, such as a conductance."""
    changed = {state for route in model.routes for state in route.jump}
    return any(model.range_of(state).inf == 0 for state in changed)
