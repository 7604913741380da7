"""For leaky neurons the gradient is the one of EventProp, whose adjoint equations are solved here on their own.

Source: Wunderlich & Pehle, Scientific Reports 11, 12829 (2021), table 1, with a reset to V_r and layers.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss

TAU_M, TAU_S, THRESHOLD, RESET, DURATION = 1.0, 0.6, 1.0, 0.1, 4.0
SIZES = (3, 5, 2)


class Event(NamedTuple):
    """An input (`layer` 0) or a spike, and the source or neuron it comes from."""

    time: float
    layer: int
    source: int


class EventProp:
    """The states of all layers at all events, and the adjoint equations backwards from event to event."""

    def __init__(self, weights: list[np.ndarray], spikes: list[ss.Spikes]):
        self.weights = weights
        self.events = sorted(
            Event(float(time), layer, int(source))
            for layer, each in enumerate(spikes)
            for time, source in zip(each.times, each.sources, strict=True)
            if time < DURATION
        )
        self._forward()

    def _forward(self):
        V, I = ([np.zeros(size) for size in SIZES[1:]] for _ in range(2))
        now, self.slopes = 0.0, []
        for time, layer, index in self.events:
            for place in range(len(V)):
                V[place], I[place] = self._flow(V[place], I[place], time - now)
            now, slopes = time, None
            if layer:
                own = layer - 1
                np.testing.assert_allclose(V[own][index], THRESHOLD, atol=1e-12)
                slopes = (I[own][index] - THRESHOLD) / TAU_M, (I[own][index] - RESET) / TAU_M
                V[own][index] = RESET
            self.slopes.append(slopes)
            if layer < len(V):
                I[layer] = I[layer] + self.weights[layer][:, index]

    @staticmethod
    def _flow(V, I, time):
        slow, fast = np.exp(-time / TAU_M), np.exp(-time / TAU_S)
        return V * slow + I * TAU_S / (TAU_M - TAU_S) * (slow - fast), I * fast

    def gradients(self, by_time: dict[tuple[int, int], np.ndarray]):
        """Return derivatives of a loss by weights and input times, from those by the spike times of each neuron."""
        by_V, by_I = ([np.zeros(size) for size in SIZES[1:]] for _ in range(2))
        by_weights = [np.zeros_like(matrix) for matrix in self.weights]
        by_inputs, left, later = [], {key: list(each) for key, each in by_time.items()}, DURATION
        for (time, layer, index), slopes in zip(self.events[::-1], self.slopes[::-1], strict=True):
            slow, fast = np.exp(-(later - time) / TAU_M), np.exp(-(later - time) / TAU_S)
            for place in range(len(by_V)):
                by_I[place] = by_I[place] * fast + by_V[place] * TAU_M / (TAU_M - TAU_S) * (slow - fast)
                by_V[place] = by_V[place] * slow
            later, by_event = time, 0.0
            if layer < len(by_V):
                by_weights[layer][:, index] -= TAU_S * by_I[layer]
                by_event += self.weights[layer][:, index] @ (by_V[layer] - by_I[layer])
            if layer:
                before, after = slopes
                own = by_V[layer - 1]
                by_event += left[layer, index].pop() + TAU_M * after * own[index]
                own[index] = by_event / (TAU_M * before)
            else:
                by_inputs.append(by_event)
        return by_weights, np.array(by_inputs[::-1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_those_of_event_prop(seed):
    generator = np.random.default_rng(seed)
    neuron = ss.Neuron(ss.models.lif(TAU_M, TAU_S, V_th=THRESHOLD, V_r=RESET), allow_discontinuous=True)
    weights = [generator.normal(1.2, 1.2, (after, before)) for after, before in zip(SIZES[1:], SIZES, strict=False)]
    times = np.sort(generator.uniform(0, 2, 12))
    sources = generator.integers(0, SIZES[0], 12)
    importance = jnp.asarray(generator.normal(size=(SIZES[-1], 128)))

    def spikes_of(weights, times):
        net = ss.FeedForward(neuron, SIZES, DURATION, weights=weights)
        return net(ss.Spikes(times, sources), capacity=128).spikes

    @jax.jit
    @jax.grad
    def gradients(arguments):
        *_, out = spikes_of(*arguments)
        number = jnp.sum((out.sources[:, None] == out.sources) & jnp.tri(128, k=-1, dtype=bool), 1)
        return jnp.sum(importance[out.sources, number] * jnp.where(out.is_spike, out.times, 0.0))

    found, found_times = gradients(([jnp.asarray(matrix) for matrix in weights], jnp.asarray(times)))
    spikes = [ss.Spikes(times, sources), *jax.jit(spikes_of)(weights, times)]
    counts = [each.counts(size) for each, size in zip(spikes[1:], SIZES[1:], strict=True)]
    assert min(count.sum() for count in counts) > 5
    wanted = {(1, neuron): np.zeros(count) for neuron, count in enumerate(counts[0])}
    wanted |= {(2, neuron): importance[neuron, :count] for neuron, count in enumerate(counts[1])}
    expected, expected_times = EventProp(weights, spikes).gradients(wanted)
    for one, other in zip([*found, found_times], [*expected, expected_times], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)
