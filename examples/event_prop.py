"""EventProp on the Yin-Yang data: leaky neurons by the published protocol, and the nearest quadratic ones.

After Fig. 2 of Wunderlich & Pehle, Scientific Reports 11, 12829 (2021).

    python examples/event_prop.py [--quick] [--output runs/event_prop]
"""

from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from gallery import PARTS, Entry, Outcome, mean_and_deviation, trained_several_times
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot
from smoothspike.datasets.yin_yang import classify
from smoothspike.engine import Capacity

# in units of the membrane time constant, 20 ms
INPUT = 1.5
#: Synaptic time constants: theirs, and one for which spike times of quadratic neurons are elementary.
TAU_S = {"lif": 0.25, "qif": 0.5}
#: Quadratic neurons need more time than leaky ones from input to spike.
TRIALS = {"lif": 3.0, "qif": 4.0}
TAU, EARLY_TAU, EARLY_WEIGHT = 0.025, 0.32, 3e-3
#: Of the loss of quadratic neurons, whose spikes need more time.
SMOOTH_TAU, SMOOTH_EARLY_WEIGHT = 0.2, 0.05
EPOCHS, BATCH = 100, 32
SEEDS = {"lif": 2, "qif": 5}
#: Points: validation and test.
VALIDATION, TEST = 768, 1000
#: What they find on their test points after some epochs, in %: mean and standard deviation over ten seeds.
PUBLISHED = {
    1: (81.1, 2.1),
    2: (90.7, 1.6),
    4: (94.8, 0.6),
    9: (96.7, 0.6),
    19: (97.0, 0.9),
    49: (97.8, 0.4),
    99: (98.1, 0.18),
}
#: Learning rates at the start: theirs, and in proportion to the weights of a quadratic network.
RATES = {"lif": 5e-3, "qif": 1e-2}
#: By how much rates decay in an epoch: theirs, and to 3 % in all of them.
DECAYS = {"lif": 0.95, "qif": 0.965}
#: Of hidden and output neurons, all together and of one; `fit` finds more where it is too little.
CAPACITY = {"lif": (Capacity(160, 2), Capacity(112, 32)), "qif": (Capacity(320, 4), Capacity(16, 4))}


def published_loss(times: jax.Array, label: jax.Array) -> jax.Array:
    """Their loss; a missing spike has no gradient."""
    return ss.losses.first_spike_cross_entropy(
        times, label, tau=TAU, early_weight=EARLY_WEIGHT, early="exponential", early_tau=EARLY_TAU, existing_only=True
    )


def smooth_loss(times: jax.Array, label: jax.Array) -> jax.Array:
    """Cross entropy of first spikes, eight times as wide; pseudospikes count as at most one unit late."""
    times = ss.losses.bounded_times(times, duration=TRIALS["qif"], margin=1.0)
    return ss.losses.first_spike_cross_entropy(times, label, tau=SMOOTH_TAU, early_weight=SMOOTH_EARLY_WEIGHT)


def ordinary(recording: Any) -> jax.Array:
    return recording.ordinary_spike_times(1)[..., 0]


def leaky(seed: int, hidden: int) -> Any:
    """Return their network, with their distribution of weights."""
    neuron = ss.Neuron(ss.models.lif(tau_m=1.0, tau_s=TAU_S["lif"]), allow_discontinuous=True)
    generator = np.random.default_rng(seed)
    weights = [generator.normal(1.5, 0.78, (hidden, 5)), generator.normal(0.93, 0.1, (3, hidden))]
    return ss.FeedForward(neuron, (5, hidden, 3), TRIALS["lif"], weights=[each.astype(np.float32) for each in weights])


def quadratic(seed: int, hidden: int, train: ss.datasets.Dataset) -> Any:
    """Return the quadratic network with the same rest, rheobase and membrane time constant."""
    neuron = ss.Neuron(ss.nearest_continuous(ss.models.lif(tau_m=1.0, tau_s=TAU_S["qif"])))
    net = ss.FeedForward(neuron, (5, hidden, 3), TRIALS["qif"], key=jax.random.key(seed), mean=0.25)
    return ss.initialise(net, train, rate=(1.0, 1.0))


def trained(name: str, seed: int, quick: bool) -> dict[str, Any]:
    """Train one network; return its history and what is found on test data, which nothing else has seen."""
    hidden, epochs, sizes = (20, 2, (320, 96, 96)) if quick else (200, EPOCHS, (5000, VALIDATION, TEST))
    train, validation, test = (points(seed, *each) for each in zip(sizes, ("train", "validation", "test"), strict=True))
    net = leaky(seed, hidden) if name == "lif" else quadratic(seed, hidden, train[:500])
    steps = len(train) // BATCH
    schedule = optax.exponential_decay(RATES[name], steps, DECAYS[name], staircase=True)
    loss, readout = (published_loss, ordinary) if name == "lif" else (smooth_loss, None)
    adam = optax.adam(schedule)
    optimizer = adam if name == "lif" else optax.chain(optax.clip_by_global_norm(1.0), adam)
    net, history = ss.fit(
        net, train, loss, readout=readout, optimizer=optimizer, epochs=epochs, batch_size=BATCH,
        key=jax.random.key(seed), validation=validation, progress=False, capacity=CAPACITY[name],
    )  # fmt: skip
    found = ss.evaluate(net, test, batch_size=min(250, len(test)))
    return {"history": history, "found": found | {"missing": found["silent_fraction_1"]}}


def points(seed: int, size: int, split: Any) -> ss.datasets.Dataset:
    return ss.datasets.yin_yang(size, seed=seed, duration=INPUT, bias_time=0.0, split=split)


def near_a_border(data: ss.datasets.Dataset, distance: float = 0.01) -> float:
    """Return the share of points which some step of a distance takes into another class."""
    order = np.argsort(np.asarray(data.spikes.sources), axis=1)
    places = 1 - np.take_along_axis(np.asarray(data.spikes.times), order, axis=1)[:, :2] / INPUT
    classes, is_near = classify(places), np.zeros(len(data), bool)
    for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False):
        found = classify(places + distance * np.array([np.cos(angle), np.sin(angle)]))
        is_near |= (found != classes) & (found >= 0)
    return float(is_near.mean())


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what was found in several runs."""
    found = trained_several_times(runs)
    last = 1 - np.array(found["errors"])[:, -1]
    return found | {
        "validation": mean_and_deviation(list(100 * last)),
        "missing": mean_and_deviation([100 * each["found"]["missing"] for each in runs]),
    }


def comparison(leaky: dict[str, Any]) -> dict[str, Any]:
    """Compare leaky networks with what was published: epoch by epoch, and on all points that were not trained on."""
    accuracies = 1 - np.array(leaky["errors"])
    rows = [
        f"| {epochs} | {mean} ± {spread} | {mean_and_deviation(list(100 * accuracies[:, epochs - 1]))} |"
        for epochs, (mean, spread) in PUBLISHED.items()
    ]
    seeds = len(accuracies)
    number = seeds * (VALIDATION + TEST)
    pooled = (VALIDATION * accuracies[:, -1].sum() + TEST * sum(leaky["each"])) / number
    near = {
        split: [near_a_border(points(seed, size, split)) for seed in range(seeds)]
        for split, size in (("validation", VALIDATION), ("test", TEST))
    }
    errors = [100 * np.sqrt(0.981 * 0.019 / size) for size in (1000, seeds * TEST)]
    pooled_error = 100 * np.sqrt(pooled * (1 - pooled) / number)
    return {
        "rows": "\n".join(rows), "pooled": 100 * pooled, "points": number, "pooled_error": pooled_error,
        "published_error": errors[0], "test_error": errors[1],
        "standard_errors": (98.1 - 100 * pooled) / np.hypot(errors[0], pooled_error),
        "near": {split: mean_and_deviation([100 * each for each in shares]) for split, shares in near.items()},
        "near_all": 100 * near_a_border(points(100, 100_000, "test")),
    }  # fmt: skip


def figure(numbers: dict[str, Any]) -> Figure:
    """Draw validation errors."""
    fig = Figure(figsize=(3.6, 2.5), layout="constrained")
    ax = fig.subplots()
    for name, label, color in (("lif", "LIF, EventProp", plot.VERMILION), ("qif", "nearest QIF", plot.BLUE)):
        errors = 100 * np.array(numbers[name]["errors"])
        epochs = np.arange(1, errors.shape[1] + 1)
        ax.fill_between(epochs, errors.min(0), errors.max(0), color=color, alpha=0.2, linewidth=0)
        ax.plot(epochs, errors.mean(0), color=color, label=label)
    theirs = np.array([(epochs, 100 - mean) for epochs, (mean, _) in PUBLISHED.items() if epochs <= errors.shape[1]])
    ax.plot(*theirs.T, "o", color="#222222", markersize=3, label="LIF, published (test)")
    ax.set(xscale="log", yscale="log", xlabel="epoch", ylabel="error by ordinary spikes (%)")
    ax.set_yticks((1, 2, 5, 10, 20))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.legend()
    return fig


def run(quick: bool) -> Outcome:
    """Train both networks from several seeds."""
    seeds = dict.fromkeys(SEEDS, 1) if quick else SEEDS
    numbers: dict[str, Any] = {"seeds": seeds, "epochs": 2 if quick else EPOCHS, "rates": RATES}
    for name in SEEDS:
        runs = [PARTS.kept(f"{name}_{seed}", partial(trained, name, seed, quick)) for seed in range(seeds[name])]
        numbers[name] = summary(runs)
    if not quick:
        numbers["comparison"] = comparison(numbers["lif"])
    return Outcome(numbers, {"": figure(numbers)})


ENTRY = Entry(
    title="EventProp on the Yin-Yang data",
    published="LIF 98.10 ± 0.18 %, 37 % of output spikes missing",
    ours="LIF {{ lif.ordinary }} %, {{ lif.missing }} % missing; QIF {{ qif.ordinary }} %, {{ qif.missing }} % missing",
    seeds="{{ seeds.lif }} (LIF), {{ seeds.qif }} (QIF)",
    run=run,
    double=False,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
