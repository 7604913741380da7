"""Quadratic and leaky networks with the same rest, rheobase and time constants, for quadratic_against_leaky.py.

Every kind is compiled once: learning rate, scales of weights and the sharpness of the loss are arguments.
"""

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

import smoothspike as ss
from smoothspike.engine import Capacity
from smoothspike.networks import simulate

TRIAL, HIDDEN, STEP, EARLY_WEIGHT, LAST = 4.0, 100, 0.05, 0.05, 0.05
KINDS = {"qif": "QIF, exact", "lif": "LIF, exact", "surrogate": "LIF, surrogate"}
Weights = tuple[Array, ...]

_LIF = ss.models.lif(tau_m=1.0, tau_s=0.5)
_NEURONS = {
    "qif": ss.Neuron(ss.nearest_continuous(_LIF)),
    "lif": ss.Neuron(_LIF, allow_discontinuous=True),
}


class Settings(NamedTuple):
    """What is searched for; weights are trained in units of their scales, so that one rate suits both layers."""

    rate: float
    hidden_scale: float
    output_scale: float
    tau: float


class Trained(NamedTuple):
    """Weights in units of their scales, and what is known of every epoch."""

    weights: Weights
    history: list[dict[str, float]]


def start(seed: int, channels: int, classes: int) -> Weights:
    """Draw weights, of a standard deviation of one over the root of the number of inputs."""
    generator = np.random.default_rng(seed)
    sizes = channels, HIDDEN, classes
    return tuple(
        jnp.asarray(generator.normal(0, 1 / np.sqrt(sizes[n]), (sizes[n + 1], sizes[n])), jnp.float32) for n in (0, 1)
    )


def network(kind: str, weights: Weights, settings: Settings) -> Any:
    """Return a network with weights in units of their scales."""
    scales = settings.hidden_scale, settings.output_scale
    given = [scale * matrix for scale, matrix in zip(scales, weights, strict=True)]
    sizes = (given[0].shape[1], *(matrix.shape[0] for matrix in given))
    net = ss.FeedForward(_NEURONS["qif" if kind == "qif" else "lif"], sizes, TRIAL, weights=given)
    return ss.baselines.surrogate(net, dt=STEP) if kind == "surrogate" else net


def ordinary_times(kind: str, recording: Any) -> Array:
    """Return first spikes within the trial, `inf` for none."""
    if kind == "surrogate":
        times = recording.first_spike_times()
        return jnp.where(times <= TRIAL, times, jnp.inf)
    return recording.ordinary_spike_times(1)[..., 0]


def loss_of(kind: str, times: Array, label: Array, tau: Any) -> Array:
    """Cross entropy of first spikes; of missing ones a pseudospike (QIF), none (LIF), or the trial end (surrogate)."""
    if kind == "qif":
        times = ss.losses.bounded_times(times, duration=TRIAL, margin=1.0)
    return ss.losses.first_spike_cross_entropy(
        times, label, tau=tau, early_weight=EARLY_WEIGHT, existing_only=kind == "lif"
    )


@cache
def _step(kind: str, rooms: tuple[Capacity, ...]) -> Any:
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam())

    @jax.jit
    def step(weights: Weights, state: Any, settings: Settings, rate: Array, spikes: ss.Spikes, labels: Array) -> Any:
        def mean_loss(weights: Weights) -> Any:
            recording, needed = simulate(network(kind, weights, settings), spikes, rooms)
            times = recording.first_spike_times() if kind != "lif" else ordinary_times(kind, recording)
            losses = jax.vmap(partial(loss_of, kind), (0, 0, None))(times, labels, settings.tau)
            return losses.mean(), needed

        (value, needed), gradient = jax.value_and_grad(mean_loss, has_aux=True)(weights)
        norm = optax.global_norm(gradient)
        updates, state = rule.update(gradient, state)
        weights = jax.tree.map(lambda old, change: old - rate * change, weights, updates)
        return weights, state, value, norm, needed.max(0)

    return rule, step


@cache
def _answer(kind: str, rooms: tuple[Capacity, ...]) -> Any:
    @jax.jit
    def answer(weights: Weights, settings: Settings, spikes: ss.Spikes) -> Any:
        recording, needed = simulate(network(kind, weights, settings), spikes, rooms)
        ordinary = ordinary_times(kind, recording)
        counts = recording.counts(0) if kind == "surrogate" else recording.spikes[0].counts(HIDDEN)
        return ordinary, recording.first_spike_times() if kind == "qif" else ordinary, counts, needed.max(0)

    return answer


#: Room for spikes of all kinds, which grows.
_ROOMS: dict[str, tuple[Capacity, ...]] = {}


def _with_room(kind: str, run: Any) -> Any:
    """Run with more room, until all spikes fit; `run` returns what was needed last."""
    rooms = _ROOMS.setdefault(kind, (Capacity(320, 8), Capacity(128, 8)))
    while True:
        *result, needed = run(rooms)
        if (np.asarray(needed) <= np.asarray(rooms)).all():
            return result
        rooms = _ROOMS[kind] = tuple(map(_grown, rooms, np.asarray(needed)))


def _grown(room: Capacity, needed: np.ndarray) -> Capacity:
    total, per_neuron = (1 << int(most - 1).bit_length() for most in np.maximum(needed, 1))
    return Capacity(max(room.total, total), max(room.per_neuron, per_neuron))


def scored(kind: str, weights: Weights, settings: Settings, data: Any) -> dict[str, float]:
    """Return the share of right answers by ordinary spikes, with pseudospikes, and of what is silent."""
    run = lambda rooms: _answer(kind, rooms)(weights, settings, data.spikes)  # noqa: E731
    ordinary, times, counts = (np.asarray(each) for each in _with_room(kind, run))
    labels, has_spike = np.asarray(data.labels), np.isfinite(ordinary).any(1)
    return {
        "ordinary": float((has_spike & (ordinary.argmin(1) == labels)).mean()),
        "accuracy": float((np.isfinite(times).any(1) & (times.argmin(1) == labels)).mean()),
        "spikes": float(counts.mean()),
        "silent": float((counts.sum(0) == 0).mean()),
    }


def trained(kind: str, settings: Settings, seed: int, epochs: int, data: Any, batch: int = 64) -> Trained:
    """Train; the rate decays to a twentieth. The returned weights are those of the best epoch on validation data."""
    train, validation = data[:2]
    weights = start(seed, train.num_sources, train.num_classes)
    steps = epochs * (len(train) // batch)
    state, number, history, best = _step(kind, ())[0].init(weights), 0, [], (-1.0, weights)
    for epoch in range(epochs):
        losses, norms = [], []
        for spikes, labels, *_ in train.batches(batch, jax.random.fold_in(jax.random.key(seed), epoch)):
            rate = settings.rate * (LAST + (1 - LAST) * 0.5 * (1 + np.cos(np.pi * number / steps)))
            run = lambda rooms: _step(kind, rooms)[1](weights, state, settings, rate, spikes, labels)  # noqa: B023, E731
            weights, state, value, norm = _with_room(kind, run)
            losses.append(float(value))
            norms.append(float(norm))
            number += 1
        row = scored(kind, weights, settings, validation)
        row |= {"loss": float(np.mean(losses)), "norm": float(np.mean(norms)), "norm_spread": float(np.std(norms))}
        history.append(row)
        if row["ordinary"] > best[0]:
            best = row["ordinary"], weights
    return Trained(best[1], history)


def noisy(weights: Weights, level: float, seed: int) -> Weights:
    """Add noise of a share of each layer's standard deviation."""
    generator = np.random.default_rng(seed)
    return tuple(each + level * each.std() * generator.normal(size=each.shape).astype(np.float32) for each in weights)


def data_of(file: Any) -> tuple[Any, str]:
    """Return data for training, validation and test, and what they are."""
    if file is None:
        return ss.datasets.randman(5, 24, dim=1, samples=60, duration=2.0), "generated spike times (Randman)"
    return ss.datasets.braille(file, step=0.02, duration=2.0), "recorded Braille letters"
