"""A training step of a network as it is trained on MNIST, side by side with spikegd.

784-100-100-10 theta neurons (tau = 6/pi, I_0 = 5/4 in the units of spikegd) for a duration of 2, as in the experiment
of Klos & Memmesheimer, arXiv:2309.14523. Images are binary, so all active pixels arrive in one event, whose weights
are summed beforehand. They are drawn at random, 100 to 150 pixels of each active, as many as in handwritten digits.

The two packages write the same neuron differently: spikegd has tau V' = V (V - 1) + I0, this package's theta neuron
tau_m V' = V**2 + I_0, so V is moved by 1/2 and I_0 = I0 - 1/4; time and weights are the same. Both start at half a
period: V = 1/2 there, theta = 0 here. Our gradient is taken in chunks of the batch that stay in the processor's cache
(`ss.parallel.value_and_grad_in_chunks`). The loss is the cross entropy of first ordinary spike times, or of the trial
end where there is none: the packages continue neurons beyond the trial end by different suprathreshold dynamics,
so times of pseudospikes differ by choice.
"""

from collections.abc import Callable
from functools import partial
from math import pi
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss
from smoothspike.engine import Capacity

from .agreement import Answer, agreements
from .comparison import Comparison
from .peers import find, left_out
from .question import OURS, Options, Report

SIZES, DURATION, INPUT_TIME, ROOM = (784, 100, 100, 10), 2.0, 0.02, 200
TAU, DRIVE = 6 / pi, 5 / 4
CHUNK = 100
# mean and spread of the weights of each layer: nearly all hidden neurons spike once, so that the capacity is used
WEIGHTS = ((0.016, 0.16), (0.02, 0.2), (0.3, 0.2))

FirstSpikes = Callable[[list[jax.Array], jax.Array], jax.Array]


class Data(NamedTuple):
    """Weights of all layers, images and labels."""

    weights: list[np.ndarray]
    pixels: np.ndarray
    labels: np.ndarray

    def cast(self, dtype: Any) -> "Data":
        """The same in another precision."""
        return Data([matrix.astype(dtype) for matrix in self.weights], self.pixels.astype(dtype), self.labels)


def data(batch: int) -> Data:
    """Draw weights and images; exact in single precision, so that both precisions run the same."""
    generator = np.random.default_rng(0)
    pixels = np.zeros((batch, SIZES[0]), np.float32)
    for image in pixels:
        image[generator.choice(SIZES[0], generator.integers(100, 151), replace=False)] = 1
    weights = [
        generator.normal(mean, spread, (after, before)).astype(np.float32)
        for (mean, spread), after, before in zip(WEIGHTS, SIZES[1:], SIZES[:-1], strict=True)
    ]
    return Data(weights, pixels, generator.integers(0, SIZES[-1], batch))


def of_smoothspike(rooms: tuple[Capacity, ...]) -> FirstSpikes:
    """First spike times of the last layer by this package: the event of a trial is a channel with its own weights."""
    neuron = ss.Neuron(ss.models.theta_neuron(tau_m=TAU, I_0=DRIVE - 1 / 4))

    def trial(weights, pixels):
        kick = weights[0] @ pixels
        network = ss.FeedForward(neuron, (1, *SIZES[1:]), DURATION, weights=[kick[:, None], *weights[1:]])
        event = ss.Spikes(jnp.full(1, INPUT_TIME, pixels.dtype), jnp.zeros(1, int))
        times = network(event, capacity=rooms).ordinary_spike_times(1)[:, 0]
        return jnp.where(jnp.isfinite(times), times, DURATION)

    return jax.vmap(trial, (None, 0))


def rooms(of: Data) -> tuple[Capacity, ...]:
    """The necessary capacity: the largest numbers of spikes in the layers and of one neuron."""
    neuron = ss.Neuron(ss.models.theta_neuron(tau_m=TAU, I_0=DRIVE - 1 / 4))

    def trial(pixels):
        kick = of.weights[0] @ pixels
        network = ss.FeedForward(neuron, (1, *SIZES[1:]), DURATION, weights=[kick[:, None], *of.weights[1:]])
        event = ss.Spikes(jnp.full(1, INPUT_TIME, pixels.dtype), jnp.zeros(1, int))
        layers = network(event, capacity=ROOM).spikes
        return [layer.counts(size) for layer, size in zip(layers, SIZES[1:], strict=True)]

    counts = jax.jit(jax.vmap(trial))(of.pixels)
    found = tuple(Capacity(int(count.sum(-1).max()), int(count.max())) for count in counts)
    if sum(room.total for room in found) >= ROOM:
        raise ValueError(f"{found} and an input do not fit into {ROOM} events")
    return found


def of_spikegd() -> FirstSpikes:
    """The same by spikegd, one trial mapped over all, as its experiments do."""
    from spikegd.theta import ThetaNeuron  # pyright: ignore[reportMissingImports]

    neuron, size = ThetaNeuron(TAU, DRIVE), sum(SIZES[1:])
    begins, ends = np.cumsum((0, *SIZES[1:-1])), np.cumsum(SIZES[1:])

    def trial(weights, pixels):
        dtype = pixels.dtype
        kick = jnp.zeros((size, 1), dtype).at[: SIZES[1], 0].set(weights[0] @ pixels)
        inner = jnp.zeros((size, size), dtype)
        for layer in range(1, len(weights)):
            rows, columns = slice(begins[layer], ends[layer]), slice(begins[layer - 1], ends[layer - 1])
            inner = inner.at[rows, columns].set(weights[layer])
        start = jnp.full((1, size), neuron.Theta() / 2, dtype)
        event = jnp.full(1, INPUT_TIME, dtype), jnp.zeros(1, int)
        times, is_input, which, _ = neuron.event(start, inner, kick, event, {"T": DURATION, "K": ROOM})
        own = (which[:, None] == begins[-1] + jnp.arange(SIZES[-1])) & ~is_input[:, None]
        return jnp.where(own.any(0), times[jnp.argmax(own, 0)], DURATION)

    return jax.vmap(trial, (None, 0))


def mean_loss(first_spikes: FirstSpikes, weights: list[jax.Array], pixels: jax.Array, labels: np.ndarray) -> jax.Array:
    """The mean cross entropy of first spike times."""
    return jax.vmap(ss.losses.first_spike_cross_entropy)(first_spikes(weights, pixels), labels).mean()


def found(first_spikes: FirstSpikes, of: Data, *, double: bool) -> Answer:
    """Spike times and gradient in one precision."""
    with jax.enable_x64(double):
        given = of.cast(np.float64 if double else np.float32)
        times = jax.jit(first_spikes)(given.weights, given.pixels)
        gradient = jax.jit(jax.grad(partial(mean_loss, first_spikes)))(given.weights, given.pixels, given.labels)
        return Answer(np.asarray(times), None, [np.asarray(matrix) for matrix in gradient])


def differentiated(name: str, loss: Callable[..., jax.Array]) -> Callable[..., Any]:
    """Loss and gradient, each package's way."""
    return ss.parallel.value_and_grad_in_chunks(loss, CHUNK) if name == OURS else jax.value_and_grad(loss)


def answer(options: Options) -> Report:
    """Measure."""
    batch = 50 if options.quick else 1000
    of = data(batch)
    room = rooms(of)
    functions = {OURS: of_smoothspike(room)}
    remarks = [
        f"Spikes of the busiest trials in the three layers: {', '.join(str(layer.total) for layer in room)}, the "
        f"capacity here; {ROOM} events in total in spikegd; of the busiest neurons: "
        f"{', '.join(str(layer.busiest) for layer in room)}. Our gradient is taken in chunks of {CHUNK} trials, on "
        "every device."
    ]
    if find("spikegd", options.peers) is None:
        remarks.append(left_out("spikegd"))
    else:
        functions["spikegd"] = of_spikegd()
    comparison = Comparison()
    # a hundred trials tell as much as a thousand
    some = of._replace(pixels=of.pixels[:100], labels=of.labels[:100])
    answers = {
        name: [found(function, some, double=double) for double in (False, True)] for name, function in functions.items()
    }
    for peer in answers.keys() - {OURS}:
        comparison.agreements += agreements(peer, answers[OURS], answers[peer], least=float(np.finfo(np.float32).eps))
    with jax.enable_x64(False):
        losses = {name: partial(mean_loss, function) for name, function in functions.items()}
        comparison.measure(
            losses,
            of.weights,
            of.pixels,
            of.labels,
            repeats=options.repeats,
            differentiated=differentiated,
            on_devices=ss.parallel.value_and_grad_in_chunks(
                losses[OURS], CHUNK * jax.device_count(), mesh=ss.parallel.data_mesh()
            ),
        )
    setting = f"{'-'.join(map(str, SIZES))} theta neurons, duration {DURATION:g}, one input event, batch of {batch}."
    return Report(
        "A training step on images like MNIST", setting, "float32", comparison.table(), comparison.agreements, remarks,
        comparison.figures(),
    )  # fmt: skip
