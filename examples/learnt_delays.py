"""Delays make few neurons many: Yin-Yang with 30 and with 5 hidden neurons, without, axonal and synaptic delays.

After Goeltz et al., "DelGrad", Nature Communications 16 (2025), arXiv:2404.19165.

    python examples/learnt_delays.py [--quick] [--output runs/learnt_delays]
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from gallery import PARTS, Entry, Outcome, mean_and_deviation, trained_several_times
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot
from smoothspike.engine import Capacity

TRIAL, BATCH, EPOCHS, SEEDS = 8.0, 150, 300, 1
#: Points to test, more than the 1,000 of others.
TEST = 10_000
#: What was published, in %, of one network each.
PUBLISHED = {"weights_30": 96.7, "axonal_30": 97.5, "synaptic_30": 98.2, "synaptic_5": 95.4}

#: Of hidden and output neurons; `fit` finds more where it is too little, but compiles again.
CAPACITY = {5: [Capacity(16, 4), Capacity(8, 4)], 30: [Capacity(48, 4), Capacity(8, 4)]}


class Settings(NamedTuple):
    """Settings of a network, chosen on validation points of other seeds, or, if so, with new points thereafter.

    Attributes:
        rates: Learning rates of weights and of delays at the start.
        early: The term of the loss that draws answers to the start of the trial.
        points: Seed of the points, of which no others are tested.
    """

    rates: tuple[float, float]
    early: dict[str, Any]
    points: int


LINEAR = {"early_weight": 0.04}
#: Of little weight where answers should be, it grows towards the trial end, from which it keeps them away.
EXPONENTIAL = {"early_weight": 0.005, "early": "exponential", "early_tau": 1.5}
SETTINGS = {
    "weights_30": Settings((1e-2, 5e-3), LINEAR, 30),
    "axonal_30": Settings((1e-2, 5e-3), LINEAR, 30),
    "synaptic_30": Settings((1e-2, 5e-3), EXPONENTIAL, 40),
    "synaptic_5": Settings((3e-2, 1e-2), LINEAR, 20),
}


def loss(times: jax.Array, label: jax.Array, early: dict[str, Any]) -> jax.Array:
    """Cross entropy of first spikes, in which no pseudospike counts as later than a membrane time constant."""
    times = ss.losses.bounded_times(times, duration=TRIAL, margin=2.0)
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.2, **early)


def network(kind: str, hidden: int, seed: int, train: ss.datasets.Dataset) -> Any:
    """Return a network; delays start below half a time unit, and weights so large that few neurons are silent."""
    sizes = 4, hidden, 3
    generator = np.random.default_rng(seed)
    shapes = {
        "weights": None,
        "axonal": [(before,) for before in sizes[:-1]],
        "synaptic": list(zip(sizes[1:], sizes[:-1], strict=True)),
    }[kind]
    delays = None if shapes is None else [generator.uniform(0, 0.5, shape).astype(np.float32) for shape in shapes]
    neuron = ss.Neuron(ss.models.qif(tau_m=2.0, tau_s=1.0))
    net = ss.FeedForward(neuron, sizes, TRIAL, key=jax.random.key(seed), mean=1.0, delays=delays)
    return ss.initialise(net, train, rate=1.0)


def optimizer(kind: str, rates: tuple[float, float], steps: int) -> optax.GradientTransformation:
    """Return Adam with decaying rates, which keeps delays positive."""
    of_weights, of_delays = (optax.adam(optax.cosine_decay_schedule(rate, steps, 0.02)) for rate in rates)
    weights = optax.chain(optax.clip_by_global_norm(1.0), of_weights)
    if kind == "weights":
        return weights
    delays = optax.chain(of_delays, optax.keep_params_nonnegative())
    groups = ss.parameter_groups({"delays": "delays.*"}, otherwise="weights")
    return optax.multi_transform({"weights": weights, "delays": delays}, groups)


def trained(name: str, seed: int, quick: bool) -> dict[str, Any]:
    """Train one network; return its history and what is found on test data, which nothing else has seen."""
    kind, hidden, settings = name.split("_")[0], int(name.split("_")[1]), SETTINGS[name]
    epochs, sizes = (2, (300, 150, 150)) if quick else (EPOCHS, (5000, 768, TEST))
    train, validation, test = (
        ss.datasets.yin_yang(size, seed=settings.points + seed, duration=2.0, split=split)
        for size, split in zip(sizes, ("train", "validation", "test"), strict=True)
    )
    net, history = ss.fit(
        network(kind, hidden, seed, train[:300]), train, partial(loss, early=settings.early), epochs=epochs,
        batch_size=BATCH,
        optimizer=optimizer(kind, settings.rates, steps=epochs * (len(train) // BATCH)), key=jax.random.key(seed),
        validation=validation, keep_best=True, progress=False, capacity=CAPACITY[hidden],
    )  # fmt: skip
    return {"history": history, "found": ss.evaluate(net, test, batch_size=min(250, len(test)))}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the page says of several runs."""
    found = trained_several_times(runs)
    best = 1 - np.array(found["errors"]).min(axis=1)
    return found | {"validation": mean_and_deviation(list(100 * best))}


def running_median(values: np.ndarray, reach: int = 5) -> np.ndarray:
    """Return the median of each value and those around it."""
    return np.array([np.median(values[max(0, place - reach) : place + reach + 1]) for place in range(len(values))])


def figure(numbers: dict[str, Any]) -> Figure:
    """Draw validation errors, pale, and their running medians; and what was published."""
    fig = Figure(figsize=(3.6, 2.6), layout="constrained")
    ax = fig.subplots()
    epochs = np.arange(1, numbers["epochs"] + 1)
    for name, color in zip(PUBLISHED, plot.COLORS, strict=False):
        if name not in numbers:
            continue
        kind, hidden = name.split("_")
        errors = 100 * np.mean(numbers[name]["errors"], axis=0)
        ax.plot(epochs, errors, color=plot.lighter(color, 0.6), linewidth=0.5, zorder=1)
        label = f"{hidden} hidden, {'no' if kind == 'weights' else kind} delays"
        ax.plot(epochs, running_median(errors), color=color, label=label)
        ax.plot(epochs[-1] * 1.04, 100 - PUBLISHED[name], "<", color=color, markersize=4, clip_on=False)
    ax.set(
        xscale="log", yscale="log", xlim=(1, epochs[-1]), ylim=(1.2, 60), xlabel="epoch", ylabel="validation error (%)"
    )
    ax.set_yticks((2, 5, 10, 20, 50))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.legend(fontsize=6, loc="lower left")
    return fig


def run(quick: bool) -> Outcome:
    """Train all networks from several seeds."""
    seeds, epochs = (1, 2) if quick else (SEEDS, EPOCHS)
    numbers: dict[str, Any] = {"seeds": seeds, "epochs": epochs, "batch": BATCH, "test": TEST}
    numbers |= {"published": PUBLISHED, "settings": {name: each._asdict() for name, each in SETTINGS.items()}}
    for name in ["synaptic_5"] if quick else reversed(PUBLISHED):
        runs = [PARTS.kept(f"{name}_{seed}", partial(trained, name, seed, quick)) for seed in range(seeds)]
        numbers[name] = summary(runs)
    return Outcome(numbers, {"": figure(numbers)})


ENTRY = Entry(
    title="Delays make few neurons many",
    published="30 hidden: 96.7, axonal 97.5, synaptic 98.2 %; 5 hidden, synaptic: 95.4 %",
    ours=(
        "{{ weights_30.ordinary }}, {{ axonal_30.ordinary }}, {{ synaptic_30.ordinary }} %; {{ synaptic_5.ordinary }} %"
    ),
    seeds="{{ seeds }}",
    run=run,
    double=False,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
