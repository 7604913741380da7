"""Inputs like spoken digits on a GPU: training steps, an epoch, and a surrogate network that goes in steps of time."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import smoothspike as ss
from smoothspike.engine import Capacity
from smoothspike.networks import simulate

from . import speech
from .gpu_rows import Row, as_line, both, ours


class Digits(NamedTuple):
    """A network for spoken digits, and what its layers need."""

    neuron: ss.Neuron
    sizes: tuple[int, ...]
    weights: list[np.ndarray]
    room: tuple[Capacity, ...]

    def loss(self, weights: list[Any], times: Any, sources: Any) -> jax.Array:
        """The mean cross entropy of first spikes."""
        network = ss.FeedForward(self.neuron, self.sizes, speech.DURATION, weights=weights)
        found = simulate(network, ss.Spikes(times, sources), self.room)[0].first_spike_times()
        return jax.vmap(ss.losses.first_spike_cross_entropy)(found, jnp.arange(len(times)) % self.sizes[-1]).mean()


def digits(spikes: ss.Spikes, sizes: tuple[int, ...] = speech.SIZES) -> Digits:
    """Draw weights with which hidden neurons spike a few times in a sample."""
    generator, strength = np.random.default_rng(1), np.sqrt(5000 / spikes.times.shape[-1])
    weights = [
        (strength * generator.normal(mean, spread, (after, before))).astype(np.float32)
        for (mean, spread), after, before in zip(speech.WEIGHTS[: len(sizes) - 1], sizes[1:], sizes[:-1], strict=True)
    ]
    neuron = ss.Neuron(ss.models.qif())
    network = ss.FeedForward(neuron, sizes, speech.DURATION, weights=weights)
    return Digits(neuron, sizes, weights, network.capacity_for(spikes[:8] if len(spikes.times) > 8 else spikes))


def of_speech(options: Any) -> Iterator[Row]:
    """700-128-20 neurons, 5000 inputs a sample."""
    batch, events = (2, 40) if options.tiny else (256, 5000)
    with jax.enable_x64(False):
        spikes = speech.inputs(batch, events)
        of = digits(spikes)
        given = of.weights, spikes.times, spikes.sources
        yield from both("speech", f"batch {batch}", ours(), of.loss, *given, sample_events=batch * events)


def of_epoch(options: Any) -> Iterator[Row]:
    """An epoch of 8,156 samples of 8,000 events, with an optimiser, batches moved to the device one by one."""
    batch, events, steps = (2, 40, 2) if options.tiny else (256, 8000, 32)
    with jax.enable_x64(False):
        batches = [speech.inputs(batch, events, seed) for seed in range(min(4, steps))]
        of, optimizer = digits(batches[0]), optax.adam(1e-3)

        @jax.jit
        def step(weights, state, times, sources):
            value, gradient = jax.value_and_grad(of.loss)(weights, times, sources)
            updates, state = optimizer.update(gradient, state)
            return optax.apply_updates(weights, updates), state, value

        host = [(np.asarray(each.times), np.asarray(each.sources)) for each in batches]
        weights = [jnp.asarray(matrix) for matrix in of.weights]
        state = optimizer.init(weights)
        begin = time.perf_counter()
        jax.block_until_ready(step(weights, state, *host[0]))
        compiling = time.perf_counter() - begin
        begin, passed, value = time.perf_counter(), 0, None
        for passed in range(1, steps + 1):
            weights, state, value = step(weights, state, *host[passed % len(host)])
            if passed % 4 == 0 and time.perf_counter() - begin > options.seconds:
                break
        jax.block_until_ready((weights, value))
        seconds = (time.perf_counter() - begin) * steps / passed
        rates = {"sample_events_per_second": batch * events * steps / seconds, "steps_run": passed}
        row = Row("epoch", f"{steps} steps of {batch} samples", ours(), 1e3 * seconds, compiling, rates)
        print(as_line(row), flush=True)
        yield row


@jax.custom_jvp
def spike(v: jax.Array) -> jax.Array:
    """A step, differentiated as a fast sigmoid (SuperSpike)."""
    return (v > 0).astype(v.dtype)


spike.defjvps(lambda tangent, _, v: tangent / (1 + 10 * jnp.abs(v)) ** 2)


def stepped_loss(steps: int, weights: list[jax.Array], counts: jax.Array) -> jax.Array:
    """Leaky neurons in steps, as surrogate-gradient packages compute them: all inputs at once, then one scan."""
    dt = speech.DURATION / steps
    decay_v, decay_i = np.float32(np.exp(-dt)), np.float32(np.exp(-2 * dt))
    drive = jnp.einsum("tbc,nc->tbn", counts, weights[0])

    def step(carry, come):
        (i, v), (i_out, v_out, most) = carry
        out = spike(v - 1)
        i, v = decay_i * i + come, decay_v * v * (1 - out) + (1 - decay_v) * i
        i_out, v_out = decay_i * i_out + out @ weights[1].T, decay_v * v_out + (1 - decay_v) * i_out
        return ((i, v), (i_out, v_out, jnp.maximum(most, v_out))), None

    hidden, last = (jnp.zeros((counts.shape[1], matrix.shape[0])) for matrix in weights)
    ((_, _), (_, _, most)), _ = jax.lax.scan(step, ((hidden, hidden), (last, last, last)), drive)
    labels = jnp.arange(counts.shape[1]) % last.shape[1]
    return optax.softmax_cross_entropy_with_integer_labels(most, labels).mean()


def of_surrogate(options: Any) -> Iterator[Row]:
    """The same size of network in 100 and 1,000 steps with surrogate gradients, in plain JAX."""
    batch, events = (2, 40) if options.tiny else (256, 8000)
    with jax.enable_x64(False):
        spikes = speech.inputs(batch, events)
        of = digits(spikes)
        for steps in (10, 20) if options.tiny else (100, 1000):
            counts = np.zeros((steps, batch, speech.SIZES[0]), np.float32)
            place = np.minimum((np.asarray(spikes.times) * steps / speech.DURATION).astype(int), steps - 1)
            np.add.at(counts, (place, np.arange(batch)[:, None], np.asarray(spikes.sources)), 1)
            given = [jnp.asarray(matrix) for matrix in of.weights], jnp.asarray(counts)
            yield from both("surrogate", f"{steps} steps", "plain JAX", partial(stepped_loss, steps), *given)
