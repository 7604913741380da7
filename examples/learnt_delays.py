"""Delays make few neurons many: Yin-Yang with 30 and with 5 hidden neurons, without, axonal and synaptic delays.

After Goeltz et al., "DelGrad", Nature Communications 16 (2025), arXiv:2404.19165.

    python examples/learnt_delays.py [--quick] [--output runs/learnt_delays]
"""

from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from gallery import PARTS, Entry, Outcome, mean_and_deviation
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot

TRIAL, BATCH, EPOCHS, SEEDS = 6.0, 50, 20, 2
#: What was published, in %, of one network each.
PUBLISHED = {"weights_30": 96.7, "axonal_30": 97.5, "synaptic_30": 98.2, "synaptic_5": 95.4}


def loss(times: jax.Array, label: jax.Array) -> jax.Array:
    """Cross entropy of first spikes, in which no pseudospike counts as later than a membrane time constant."""
    times = ss.losses.bounded_times(times, duration=TRIAL, margin=1.0)
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.1, early_weight=0.01)


def network(kind: str, hidden: int, seed: int, train: ss.datasets.Dataset) -> Any:
    """Return a network; delays start below half a time constant."""
    sizes = 4, hidden, 3
    generator = np.random.default_rng(seed)
    shapes = {
        "weights": None,
        "axonal": [(before,) for before in sizes[:-1]],
        "synaptic": list(zip(sizes[1:], sizes[:-1], strict=True)),
    }[kind]
    delays = None if shapes is None else [generator.uniform(0, 0.5, shape).astype(np.float32) for shape in shapes]
    neuron = ss.Neuron(ss.models.qif(tau_m=2.0, tau_s=1.0))
    net = ss.FeedForward(neuron, sizes, TRIAL, key=jax.random.key(seed), mean=0.25, delays=delays)
    return ss.initialise(net, train, rate=(0.7, 0.7))


def optimizer(kind: str, steps: int) -> optax.GradientTransformation:
    """Return Adam with decaying rates, which keeps delays positive."""
    weights = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(2e-2, steps, 0.02)))
    if kind == "weights":
        return weights
    delays = optax.chain(optax.adam(optax.cosine_decay_schedule(1e-2, steps, 0.02)), optax.keep_params_nonnegative())
    groups = ss.parameter_groups({"delays": "delays.*"}, otherwise="weights")
    return optax.multi_transform({"weights": weights, "delays": delays}, groups)


def trained(kind: str, hidden: int, seed: int, quick: bool) -> dict[str, Any]:
    """Train one network; return its history and what is found on test data, which nothing else has seen."""
    epochs, sizes = (2, (300, 150, 150)) if quick else (EPOCHS, (5000, 768, 1000))
    train, validation, test = (
        ss.datasets.yin_yang(size, seed=seed, duration=2.0, split=split)
        for size, split in zip(sizes, ("train", "validation", "test"), strict=True)
    )
    net, history = ss.fit(
        network(kind, hidden, seed, train[:300]), train, loss, epochs=epochs, batch_size=BATCH,
        optimizer=optimizer(kind, epochs * (len(train) // BATCH)), key=jax.random.key(seed), validation=validation,
        keep_best=True, progress=False,
    )  # fmt: skip
    return {"history": history, "found": ss.evaluate(net, test, batch_size=min(250, len(test)))}


def run(quick: bool) -> Outcome:
    """Train all networks from several seeds."""
    seeds, epochs = (1, 2) if quick else (SEEDS, EPOCHS)
    numbers: dict[str, Any] = {"seeds": seeds, "epochs": epochs, "batch": BATCH, "published": PUBLISHED}
    fig = Figure(figsize=(3.6, 2.5), layout="constrained")
    ax = fig.subplots()
    key = "accuracy_without_pseudospikes"
    for name, color in zip(["synaptic_5"] if quick else PUBLISHED, plot.COLORS, strict=False):
        kind, hidden = name.split("_")
        runs = [PARTS.kept(f"{name}_{seed}", partial(trained, kind, int(hidden), seed, quick)) for seed in range(seeds)]
        histories, results = [each["history"] for each in runs], [each["found"] for each in runs]
        errors = np.array([[1 - row[key] for row in history] for history in histories])
        label = f"{hidden} hidden, {'no' if kind == 'weights' else kind} delays"
        ax.plot(np.arange(1, errors.shape[1] + 1), errors.mean(0), color=color, label=label)
        numbers[name] = {
            "ordinary": mean_and_deviation([100 * each[key] for each in results]),
            "with_pseudospikes": mean_and_deviation([100 * each["accuracy"] for each in results]),
            "silent": mean_and_deviation([100 * each["silent_fraction_0"] for each in results]),
            "each": [each[key] for each in results],
            "errors": errors.tolist(),
        }
    ax.set(xscale="log", yscale="log", xlabel="epoch", ylabel="validation error, ordinary spikes")
    ax.legend(fontsize=6)
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="Delays make few neurons many",
    published="30 hidden: 96.7, axonal 97.5, synaptic 98.2 %; 5 hidden, synaptic: 95.4 %",
    ours=(
        "{{ weights_30.ordinary }}, {{ axonal_30.ordinary }}, {{ synaptic_30.ordinary }} %; {{ synaptic_5.ordinary }} %"
    ),
    seeds="2",
    run=run,
    double=False,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
