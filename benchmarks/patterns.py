"""Random inputs that make a declared neuron spike several times, and the spikes according to the oracle."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import symbolic

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from oracles import derivatives, oracle
from reference import simulate_single

DURATION, INPUTS = 10.0, 20
FEWEST, MOST = 3, 40  # spikes of a trial
STRENGTHS = 0.5, 1.5  # of the strongest input, relative to one that causes about four spikes


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
    """The first `count` random patterns with several spikes, reproducible for a model."""
    neuron, generator = oracle(model), np.random.default_rng(seed)
    lowest, found = (0.0 if _is_one_sided(model) else -0.6), []
    usual = _usual_strength(neuron, lowest, generator)
    for _ in range(100 * count):
        weights, times = _draw(usual * generator.uniform(*STRENGTHS), lowest, generator)
        spikes, _ = simulate_single(neuron, times, weights, DURATION)
        if FEWEST <= len(spikes) <= MOST:
            found.append(_trial(neuron, weights, times, spikes, generator.normal(size=2 * INPUTS)))
        if len(found) == count:
            return found
    raise ValueError(f"{model.name}: too few random patterns make it spike {FEWEST} to {MOST} times")


def _draw(strength: float, lowest: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights and times, both exact in single precision."""
    weights = strength * generator.uniform(lowest, 1, INPUTS)
    times = 0.9 * DURATION * generator.random(INPUTS)
    return weights.astype(np.float32).astype(float), times.astype(np.float32).astype(float)


def _usual_strength(neuron: Any, lowest: float, generator: np.random.Generator) -> float:
    """The strength, a power of two, at which patterns have four spikes on average."""
    strength, patterns = 0.5, 4
    while strength < 2.0**20:
        drawn = [_draw(strength, lowest, generator) for _ in range(patterns)]
        if sum(len(simulate_single(neuron, times, weights, DURATION)[0]) for weights, times in drawn) >= 4 * patterns:
            return strength
        strength *= 2
    raise ValueError("no weights make the neuron spike")


def _trial(neuron: Any, weights: np.ndarray, times: np.ndarray, spikes: list, direction: np.ndarray) -> Trial:
    def run(point: list) -> list:
        return simulate_single(neuron, point[INPUTS:], point[:INPUTS], DURATION)[0]

    try:
        slopes = derivatives(neuron, run, [*weights, *times], direction)
    except ValueError:
        slopes = None
    return Trial(weights, times, direction, spikes, slopes)


def _is_one_sided(model: symbolic.NeuronModel) -> bool:
    """Whether an input changes a state that never becomes negative, such as a conductance."""
    changed = {state for route in model.routes for state in route.jump}
    return any(model.range_of(state).inf == 0 for state in changed)
