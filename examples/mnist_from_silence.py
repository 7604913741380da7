"""Deep networks that start silent learn to read MNIST by their spikes.

784-100-100-10 oscillating QIF neurons, weights and initial phases trained, as in Fig. 4 of Klos & Memmesheimer,
arXiv:2309.14523, side by side with the authors' package: same images, starts, batches. Then leaky neurons
with exact and with surrogate gradients, deeper networks, and gradients layer by layer.

    python examples/mnist_from_silence.py --data FOLDER --peer FOLDER [--quick] [--output runs/mnist_from_silence]

The folder of the data has IDX files of MNIST, at least those of t10k; without it, 8 x 8 digits are read. The other is
a clone of https://github.com/chklos/spikegd; without it, its rows are left out.
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from gallery import PARTS, Entry, Outcome, mean_and_deviation
from jaxtyping import Array
from leaky_digits import LEAKY_DURATION, leaky, surrogate
from matplotlib.figure import Figure
from silent_digits import (
    DURATION,
    Images,
    Network,
    Parameters,
    images,
    oscillating,
    silent,
    spikegd,
    within_period,
)
from silent_tables import LEAKY, draw_activity, draw_depths, draw_errors, draw_gradients, draw_leaky, tables

import smoothspike as ss

BATCH, RATE, FLIPPED, EPOCHS = 50, 4e-3, 0.02, 5
SEEDS, PEER_SEEDS, LEAKY_SEEDS, ENTRIES = 3, 1, 1, 10
DEPTHS = 1, 2, 4, 8, 10
#: The last of them that is trained; deeper networks take long to compile.
DEEPEST = 8
#: Shares of a gradient's noise in central differences, above which they say something.
RESOLVED = 100.0


def loss_of(times: Any, label: Any, duration: float = DURATION, existing_only: bool = False) -> Array:
    """The loss of the paper."""
    return ss.losses.first_spike_cross_entropy(
        times, label, tau=1.0, early_weight=0.01, early="exponential", early_tau=duration, existing_only=existing_only
    )


#: Networks of leaky neurons, and their losses: without pseudospikes, missing spikes are left out as in EventProp.
LEAKY_NETWORKS = {
    "exact": (leaky, partial(loss_of, duration=LEAKY_DURATION, existing_only=True)),
    "surrogate": (surrogate, partial(loss_of, duration=LEAKY_DURATION)),
}


def optimizer(steps: int) -> optax.GradientTransformation:
    """AdaBelief, whose rate decays by 1/e, as over the 100 epochs of the paper."""
    return optax.adabelief(optax.exponential_decay(RATE, steps, float(np.exp(-1))))


@cache
def stepping(network: Network, loss: Any, steps: int) -> tuple[optax.GradientTransformation, Any]:
    """Return the optimiser and a step, compiled once for all seeds."""
    rule = optimizer(steps)

    @jax.jit
    def step(parameters: Parameters, state: Any, pixels: Array, labels: Array, key: Array) -> Any:
        pixels = pixels ^ jax.random.bernoulli(key, FLIPPED, pixels.shape)

        def mean_loss(parameters: Parameters) -> Array:
            answers = jax.vmap(network, (None, 0))(parameters, pixels)
            return jax.vmap(loss)(answers.times, labels).mean()

        gradient = jax.grad(mean_loss)(parameters)
        updates, state = rule.update(gradient, state, parameters)
        moved: Any = optax.apply_updates(parameters, updates)
        return within_period(moved), state

    return rule, step


@cache
def answering(network: Network) -> Any:
    return jax.jit(jax.vmap(network, (None, 0)))


def trained(network: Network, start: Parameters, data: list[Images], seed: int, epochs: int, loss: Any) -> Any:
    """Train; return parameters, and accuracies and losses on the validation images before and after each epoch."""
    train, validation, _ = data
    batches = len(train.labels) // BATCH
    rule, step = stepping(network, loss, epochs * batches)
    parameters, state, answered = start, rule.init(start), answering(network)
    history = [scored(answered, parameters, validation)]
    shuffled = np.random.default_rng(seed)
    for epoch in range(epochs):
        order = shuffled.permutation(len(train.labels))
        for number in range(batches):
            chosen = order[number * BATCH : (number + 1) * BATCH]
            key = jax.random.fold_in(jax.random.key(seed), epoch * batches + number)
            parameters, state = step(parameters, state, train.pixels[chosen], train.labels[chosen], key)
        history.append(scored(answered, parameters, validation))
    return parameters, history


def scored(answered: Any, parameters: Parameters, of: Images, duration: float = DURATION) -> dict[str, Any]:
    """Return accuracies in %, losses, and activity; a trial without an output spike counts as wrong."""
    parts = [
        answered(parameters, of.pixels[begin : begin + BATCH])
        for begin in range(0, len(of.labels) // BATCH * BATCH, BATCH)
    ]
    times, ordinary, counts = (np.concatenate(each) for each in zip(*parts, strict=True))
    labels = of.labels[: len(times)]
    has_spike = np.isfinite(ordinary).any(1)
    within = np.where(np.isfinite(ordinary), ordinary, duration)
    losses = jax.vmap(partial(loss_of, duration=duration))
    return {
        "accuracy": 100 * float((np.argmin(times, 1) == labels).mean()),
        "ordinary": 100 * float((has_spike & (np.argmin(ordinary, 1) == labels)).mean()),
        "loss": float(losses(times, labels).mean()) if np.isfinite(times).all() else None,
        "loss_ordinary": float(losses(within, labels).mean()),
        "spikes": float(counts.mean()),
        "silent": 100 * float((counts.sum(0) == 0).mean()),
    }


def one_run(network: Network, data: list[Images], seed: int, epochs: int, depth: int = 2) -> dict[str, Any]:
    """Train one oscillating network from silence; test images are seen once, after the last epoch, and before."""
    start = silent(seed, data[0].pixels.shape[1], depth)
    parameters, history = trained(network, start, data, seed, epochs, loss_of)
    answered = answering(network)
    return {
        "history": history,
        "before": scored(answered, start, data[2]),
        "after": scored(answered, parameters, data[2]),
    }


def leaky_run(kind: str, data: list[Images], seed: int, epochs: int, depth: int = 2) -> dict[str, Any]:
    """Train one leaky network, with exact or surrogate gradients, from the same weights."""
    network, loss = LEAKY_NETWORKS[kind]
    start = silent(seed, data[0].pixels.shape[1], depth)
    parameters, history = trained(network, start, data, seed, epochs, loss)
    found: dict[str, Any] = {"history": history}
    for when, each in (("before", start), ("after", parameters)):
        score = scored(answering(network), each, data[2], LEAKY_DURATION)
        found[when] = score | {"zeros": zeros(network, loss, each, data[0])}
    return found


def zeros(network: Network, loss: Any, parameters: Parameters, of: Images, samples: int = 50) -> float:
    """Return the share, in %, of weights without a gradient in single trials; those of dark pixels do not count."""

    def one(weights: Any, image: Array, label: Array) -> Array:
        return loss(network({**parameters, "weights": weights}, image).times, label)

    pixels = of.pixels[:samples]
    found = jax.jit(jax.vmap(jax.grad(one), (None, 0, 0)))(parameters["weights"], pixels, of.labels[:samples])
    masks = [pixels[:, None, :], *(np.ones((1, 1, 1), bool) for _ in found[1:])]
    counted = [np.broadcast_to(mask, each.shape) for mask, each in zip(masks, found, strict=True)]
    number = sum(int(each.sum()) for each in counted)
    return 100 * sum(int((each == 0)[mask].sum()) for each, mask in zip(found, counted, strict=True)) / number


def gradients(depth: int, data: list[Images], entries: int = ENTRIES, samples: int = 20) -> dict[str, list[float]]:
    """Return, of every layer's weights in a silent network, statistics of the gradients of single trials.

    Spread is the standard deviation over trials and weights, zeros the share of exact zeros; cosine compares the mean
    gradient with central differences, in some weights drawn at random.
    """
    with jax.enable_x64(True):
        start = jax.tree.map(lambda leaf: leaf.astype(np.float64), silent(0, data[0].pixels.shape[1], depth))
        pixels, labels = data[0].pixels[:samples], data[0].labels[:samples]

        def loss(parameters: Parameters, image: Any, label: Any) -> Array:
            return loss_of(oscillating(parameters, image).times, label)

        of_trials = jax.jit(jax.vmap(jax.grad(loss), (None, 0, 0)))(start, pixels, labels)["weights"]
        mean_loss = jax.jit(lambda parameters: jax.vmap(loss, (None, 0, 0))(parameters, pixels, labels).mean())
        generator, found = np.random.default_rng(0), {"spread": [], "zeros": [], "cosine": []}
        for layer, gradient in enumerate(np.asarray(each) for each in of_trials):
            found["spread"].append(float(gradient.std()))
            found["zeros"].append(float((gradient == 0).mean()))
            mean = gradient.mean(0)
            alive = np.flatnonzero(mean.ravel() if layer == 0 else np.ones(mean.size))
            chosen = generator.choice(alive, entries, replace=False)
            exact = mean.ravel()[chosen]
            found["cosine"].append(cosine(exact, mean_loss, start, layer, chosen))
        return found


def cosine(exact: np.ndarray, mean_loss: Any, start: Parameters, layer: int, places: np.ndarray) -> float | None:
    """Return the cosine of a gradient with central differences of fourth order; None where these are but rounding."""
    size = float(np.abs(exact).max())
    step = 1e-3 if size > 1e-7 else 3e-2  # the smaller the gradient, the more rounding counts
    noise = np.finfo(float).eps * float(mean_loss(start)) / step
    differences = np.array([central(mean_loss, start, layer, place, step) for place in places])
    if size < RESOLVED * noise:
        return None
    return float(exact @ differences / np.linalg.norm(exact) / np.linalg.norm(differences))


def central(mean_loss: Any, start: Parameters, layer: int, place: int, step: float) -> float:
    """Return the central difference of the loss in one weight, of fourth order."""

    def at(change: float) -> float:
        weights = [np.array(each) for each in start["weights"]]
        weights[layer].ravel()[place] += change
        return float(mean_loss({**start, "weights": weights}))

    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means and deviations over seeds."""
    found: dict[str, Any] = {"seeds": len(runs), "each": [each["after"]["ordinary"] for each in runs]}
    for when in ("before", "after"):
        keys = [key for key in runs[0][when] if all(each[when][key] is not None for each in runs)]
        found[when] = {key: mean_and_deviation([each[when][key] for each in runs]) for key in keys}
    return found


def run(quick: bool, data: Path | None = None, peer: Path | None = None) -> Outcome:
    """Train and compare all networks."""
    by_peer = peer and spikegd(peer)
    parts, name = images(data)
    epochs, seeds, peer_seeds, depths = (1, 1, 1, (1,)) if quick else (EPOCHS, SEEDS, PEER_SEEDS, DEPTHS)
    parts = [Images(*(leaf[:200] for leaf in part)) for part in parts] if quick else parts

    def runs(kind: str, function: Callable[[int], Any], count: int) -> list[Any]:
        return [PARTS.kept(f"{kind}_{seed}", partial(function, seed)) for seed in range(count)]

    middle_depth = 1 if quick else 2
    found = {"ours": runs("ours", lambda seed: one_run(oscillating, parts, seed, epochs, middle_depth), seeds)}
    if by_peer is not None:
        found["peer"] = runs("peer", lambda seed: one_run(by_peer, parts, seed, epochs, middle_depth), peer_seeds)
    slopes = {str(depth): PARTS.kept(f"gradients_{depth}", partial(gradients, depth, parts)) for depth in depths}
    deep = {
        str(depth): found["ours"][:1] if depth == middle_depth
        else runs(f"depth_{depth}", lambda seed, depth=depth: one_run(oscillating, parts, seed, epochs, depth), 1)
        for depth in depths if depth <= DEEPEST
    }  # fmt: skip
    others = {
        kind: runs(kind, lambda seed, kind=kind: leaky_run(kind, parts, seed, epochs, middle_depth), LEAKY_SEEDS)
        for kind in (("surrogate",) if quick else LEAKY)  # the other takes long to compile
    }
    fig = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = fig.subplots(2, 3).ravel()
    draw_errors(axes[0], found)
    draw_activity(axes[1], found)
    draw_depths(axes[2], deep)
    draw_leaky(axes[3], found["ours"], others, "ordinary")
    draw_leaky(axes[4], found["ours"], others, "silent")
    draw_gradients(axes[5], slopes)
    size = len(parts[0].labels)
    numbers: dict[str, Any] = {"data": name, "images": size, "test_images": len(parts[2].labels), "epochs": epochs}
    numbers |= {"seeds": seeds, "peer_seeds": peer_seeds, "last_peer_seed": peer_seeds - 1, "entries": ENTRIES}
    numbers |= {"batch": BATCH, "steps": epochs * (size // BATCH), "gradients": slopes}
    numbers |= {kind: summary(each) for kind, each in found.items()}
    numbers |= {"depths": {depth: summary(each) for depth, each in deep.items()}}
    numbers |= {"leaky": {kind: summary(each) for kind, each in others.items()}}
    numbers |= {"start_zeros": zeros(oscillating, loss_of, silent(0, parts[0].pixels.shape[1], middle_depth), parts[0])}
    return Outcome(numbers | {"tables": tables(numbers)}, {"": fig})


ENTRY = Entry(
    title="Deep networks that start silent read MNIST",
    published="97.3 ± 0.1 % by ordinary spikes, 97.6 ± 0.1 % with pseudospikes (60,000 images, 6,000 steps)",
    ours=(
        "{{ ours.after.ordinary }} %, {{ ours.after.accuracy }} % ({{ images }} images, {{ steps }} steps); "
        "spikegd on the same: {{ peer.after.ordinary }} %, {{ peer.after.accuracy }} %"
    ),
    seeds="3",
    run=run,
    double=False,
    options={
        "data": "folder with IDX files of MNIST; without, 8 x 8 digits",
        "peer": "clone of github.com/chklos/spikegd to compare with; without, its rows are left out",
    },
)

if __name__ == "__main__":
    ENTRY.main(__file__)
