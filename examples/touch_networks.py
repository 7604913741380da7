"""Quadratic and leaky networks with the same rest, rheobase and time constants, for two entries of the gallery.

Every method is compiled once: learning rate, scales of weights and the sharpness of the loss are arguments.
"""

from dataclasses import dataclass
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

TRIAL, HIDDEN, STEP, EARLY_WEIGHT, LAST, BATCH, PIECE = 4.0, 100, 0.05, 0.05, 0.05, 64, 135
Weights = tuple[Array, ...]

_LIF = ss.models.lif(tau_m=1.0, tau_s=0.5)
_NEURONS = {
    "qif": ss.Neuron(ss.nearest_continuous(_LIF)),
    "lif": ss.Neuron(_LIF, allow_discontinuous=True),
}
_LEAKY = ss.Neuron(
    ss.NeuronModel.from_equations(
        "dV/dt = (I - V)/tau_m; dI/dt = -I/tau_s", name="leaky", inputs="I", parameters={"tau_m": 1.0, "tau_s": 0.5}
    )
)


@dataclass(frozen=True)
class Method:
    """What neurons spike, whether their gradients are surrogates, and what answers: first spikes, or voltages."""

    neuron: str
    is_surrogate: bool = False
    by_voltage: bool = False
    #: Of the surrogate derivative, a SuperSpike.
    scale: float = 10.0

    @property
    def title(self) -> str:
        """How the method is called."""
        return f"{self.neuron.upper()}, {'surrogate' if self.is_surrogate else 'exact'}"


METHODS = {
    "qif": Method("qif"),
    "lif": Method("lif"),
    "surrogate": Method("lif", is_surrogate=True),
    "qif_voltage": Method("qif", by_voltage=True),
    "lif_voltage": Method("lif", by_voltage=True),
    "surrogate_voltage": Method("lif", is_surrogate=True, by_voltage=True),
}


class Settings(NamedTuple):
    """What is searched for; weights are trained in units of their scales, so that one rate suits both layers."""

    rate: float
    hidden_scale: float
    output_scale: float
    tau: float
    #: Whether missing spikes are left out of the loss, or count as late ones; for leaky neurons with exact gradients.
    leave_out: bool = False


class Trained(NamedTuple):
    """Weights in units of their scales, and what is known of every epoch."""

    weights: Weights
    history: list[dict[str, float]]


def start(seed: int, channels: int, classes: int, hidden: int = HIDDEN) -> Weights:
    """Draw weights, of a standard deviation of one over the root of the number of inputs."""
    generator = np.random.default_rng(seed)
    sizes = channels, hidden, classes
    return tuple(
        jnp.asarray(generator.normal(0, 1 / np.sqrt(sizes[n]), (sizes[n + 1], sizes[n])), jnp.float32) for n in (0, 1)
    )


def network(method: Method, weights: Weights, settings: Settings) -> Any:
    """Return a network with weights in units of their scales."""
    scales = settings.hidden_scale, settings.output_scale
    given = [scale * matrix for scale, matrix in zip(scales, weights, strict=True)]
    sizes = (given[0].shape[1], *(matrix.shape[0] for matrix in given))
    neuron = _NEURONS[method.neuron]
    net = ss.FeedForward([neuron, _LEAKY if method.by_voltage else neuron], sizes, TRIAL, weights=given)
    return ss.baselines.surrogate(net, dt=STEP, scale=method.scale) if method.is_surrogate else net


def ordinary_times(method: Method, recording: Any) -> Array:
    """Return first spikes within the trial, `inf` for none."""
    if method.is_surrogate:
        times = recording.first_spike_times()
        return jnp.where(times <= TRIAL, times, jnp.inf)
    return recording.ordinary_spike_times(1)[..., 0]


def loss_of(method: Method, recording: Any, labels: Array, settings: Settings) -> Array:
    """Return cross entropies of maximal voltages or of first spikes.

    In place of a missing spike stands a pseudospike (QIF, exact), or one after the trial without a gradient (LIF).
    """
    if method.by_voltage:
        return jax.vmap(ss.losses.cross_entropy)(recording.max_over_time() / settings.tau, labels)
    entropy = partial(ss.losses.first_spike_cross_entropy, tau=settings.tau, early_weight=EARLY_WEIGHT)
    is_exact_lif = method.neuron == "lif" and not method.is_surrogate
    times = ordinary_times(method, recording) if is_exact_lif else recording.first_spike_times()
    late = jax.vmap(entropy)(ss.losses.bounded_times(times, duration=TRIAL, margin=1.0), labels)
    if not is_exact_lif:
        return late
    return jnp.where(settings.leave_out, jax.vmap(partial(entropy, existing_only=True))(times, labels), late)


@cache
def _step(method: Method, rooms: tuple[Capacity, ...]) -> Any:
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam())

    @jax.jit
    def step(weights: Weights, state: Any, settings: Settings, rate: Array, spikes: ss.Spikes, labels: Array) -> Any:
        def mean_loss(weights: Weights) -> Any:
            recording, needed = simulate(network(method, weights, settings), spikes, rooms)
            return loss_of(method, recording, labels, settings).mean(), needed

        (value, needed), gradient = jax.value_and_grad(mean_loss, has_aux=True)(weights)
        norm = optax.global_norm(gradient)
        updates, state = rule.update(gradient, state)
        weights = jax.tree.map(lambda old, change: old - rate * change, weights, updates)
        return weights, state, value, norm, needed.max(0)

    return rule, step


@cache
def _answer(method: Method, rooms: tuple[Capacity, ...]) -> Any:
    @jax.jit
    def answer(weights: Weights, settings: Settings, spikes: ss.Spikes) -> Any:
        recording, needed = simulate(network(method, weights, settings), spikes, rooms)
        counts = recording.counts(0) if method.is_surrogate else recording.spikes[0].counts(len(weights[0]))
        if method.by_voltage:
            ordinary = times = -recording.max_over_time()
        else:
            ordinary = ordinary_times(method, recording)
            times = recording.first_spike_times() if method.neuron == "qif" else ordinary
        return ordinary, times, counts, needed.max(0)

    return answer


#: Room for spikes, which grows.
_ROOMS: dict[Method, tuple[Capacity, ...]] = {}


def _with_room(method: Method, run: Any) -> Any:
    """Run with more room, until all spikes fit; `run` returns what was needed last."""
    first = Capacity(320, 32 if method.neuron == "lif" else 8)
    rooms = _ROOMS.setdefault(method, (first, Capacity(128, 16 if method.neuron == "lif" else 8)))
    while True:
        *result, needed = run(rooms)
        needed = np.asarray(needed)
        if method.by_voltage:
            needed = np.stack([needed[0], np.zeros_like(needed[0])])  # readouts do not spike
        if (needed <= np.asarray(rooms)).all():
            return result
        rooms = _ROOMS[method] = tuple(map(_grown, rooms, needed))


def _grown(room: Capacity, needed: np.ndarray) -> Capacity:
    total, per_neuron = (1 << int(most - 1).bit_length() for most in np.maximum(needed, 1))
    return Capacity(max(room.total, total), max(room.per_neuron, per_neuron))


def scored(method: Method, weights: Weights, settings: Settings, data: Any) -> dict[str, float]:
    """Return the share of right answers by ordinary spikes, with pseudospikes, and of what is silent."""
    found = []
    for begin in range(0, len(data), PIECE):
        spikes = data[begin : begin + PIECE].spikes
        run = lambda rooms: _answer(method, rooms)(weights, settings, spikes)  # noqa: B023, E731
        found.append([np.asarray(each) for each in _with_room(method, run)])
    ordinary, times, counts = (np.concatenate(each) for each in zip(*found, strict=True))
    labels = np.asarray(data.labels)
    right, answers = (np.isfinite(each).any(1) & (each.argmin(1) == labels) for each in (ordinary, times))
    return {
        "ordinary": float(right.mean()),
        "accuracy": float(answers.mean()),
        "spikes": float(counts.mean()),
        "silent": float((counts.sum(0) == 0).mean()),
    }


def trained(method: Method, settings: Settings, seed: int, epochs: int, data: Any, hidden: int = HIDDEN) -> Trained:
    """Train; the rate decays to a twentieth. The returned weights are those of the best epoch on validation data."""
    train, validation = data[:2]
    weights = start(seed, train.num_sources, train.num_classes, hidden)
    steps = epochs * (len(train) // BATCH)
    state, number, history, best = _step(method, ())[0].init(weights), 0, [], (-1.0, weights)
    for epoch in range(epochs):
        losses, norms = [], []
        for spikes, labels, *_ in train.batches(BATCH, jax.random.fold_in(jax.random.key(seed), epoch)):
            rate = settings.rate * (LAST + (1 - LAST) * 0.5 * (1 + np.cos(np.pi * number / steps)))
            run = lambda rooms: _step(method, rooms)[1](weights, state, settings, rate, spikes, labels)  # noqa: B023, E731
            weights, state, value, norm = _with_room(method, run)
            losses.append(float(value))
            norms.append(float(norm))
            number += 1
        row = scored(method, weights, settings, validation)
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
