"""The demo: declare, verify and derive a neuron, and train a network of it, silent at first, on handwritten digits.

`smoothspike demo` or `python examples/digits.py`. It writes `summary.json` and `demo.png` to runs/demo.
"""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import optax
import sympy as sp
from jaxtyping import PRNGKeyArray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from symbolic import NeuronModel, at_infinity, derive, verify

from .. import losses, plot
from ..datasets import Dataset, digits
from ..encoding import jittered
from ..networks import FeedForward
from ..networks.recording import Recording
from ..neurons.neuron import Neuron
from ..training import Fit, evaluate, fit

DURATION = 3.2  # of a trial, in membrane time constants
INPUT_DURATION = 2.0  # of the image; brighter pixels spike earlier
SPLIT, EPOCHS, BATCH = 42, 50, 32  # benchmarks/digits.py measures how much the split matters
HORIZON = 5.0  # end of the time axis, to show pseudospikes beyond the trial


def declare() -> NeuronModel:
    """Declare the quadratic integrate-and-fire neuron with an exponential input current."""
    V, I = sp.symbols("V I", real=True)
    tau_m, tau_s = sp.symbols("tau_m tau_s", positive=True)
    return NeuronModel(
        "QIF",
        dynamics={V: (V * (V - 1) + I) / tau_m, I: -I / tau_s},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=I,
        parameters={tau_m: 1.0, tau_s: 0.5},
    )


def loss(times: Any, label: Any) -> Any:
    """Cross-entropy of the class whose neuron spikes first."""
    return losses.first_spike_cross_entropy(times, label, tau=0.5, early_weight=0.05)


def learn(
    model: NeuronModel, train: Dataset, test: Dataset, *, epochs: int, key: PRNGKeyArray, progress: bool = True
) -> tuple[FeedForward, Fit]:
    """Build a silent 64-100-10 network and train it on noisy presentations; `test` serves evaluation only."""
    network = FeedForward(Neuron(model), sizes=(64, 100, 10), duration=DURATION, key=key, scale=0.6)
    steps = epochs * (len(train) // BATCH)
    trained = fit(
        network,
        train,
        loss,
        optimizer=optax.adabelief(optax.cosine_decay_schedule(1e-2, steps)),
        epochs=epochs,
        batch_size=BATCH,
        key=key,
        augment=partial(jittered, scale=0.1, dropout=0.1),
        validation=test,
        progress=progress,
    )
    return network, trained


def main(output: str | Path = "runs/demo", *, quick: bool = False) -> dict[str, Any]:
    """Run the demo and return its summary.

    Args:
        output: Folder to write `summary.json` and `demo.png` to.
        quick: Train briefly, as a test.
    """
    started = time.perf_counter()
    model = declare()
    print(f"1. Declared\n\n{model}\n")
    print(f"2. Verified\n\n{verify(model)}\n")
    print(f"3. Derived\n\n{derive(model)}\n")

    train, test = digits(duration=INPUT_DURATION, seed=SPLIT)
    print(f"4. Training a 64-100-10 network on {len(train)} handwritten digits; {len(test)} are held out\n")
    epochs = 2 if quick else EPOCHS
    network, trained = learn(model, train, test, epochs=epochs, key=jax.random.key(0))
    before, after = evaluate(network, test), evaluate(trained.network, test)

    summary = {"before": before, "after": after, "epochs": epochs, "seconds": round(time.perf_counter() - started, 1)}
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary | {"history": trained.history}, indent=1) + "\n")
    figure = draw(network, trained, test)
    figure.savefig(folder / "demo.png", dpi=200)
    plt.close(figure)
    print(
        f"\n{table(before, after)}\n\n"
        f"Wrote {folder / 'summary.json'} and {folder / 'demo.png'} in {summary['seconds']} s."
    )
    return summary


def table(before: dict[str, float], after: dict[str, float]) -> str:
    """Tabulate the metrics on held-out digits before and after training."""
    rows = {
        "accuracy, with pseudospikes": ("accuracy", "{:.1%}"),
        "accuracy, ordinary spikes only": ("accuracy_without_pseudospikes", "{:.1%}"),
        "silent hidden neurons": ("silent_fraction_0", "{:.1%}"),
        "silent output neurons": ("silent_fraction_1", "{:.1%}"),
        "spikes per hidden neuron": ("spikes_per_neuron_0", "{:.2f}"),
        "spikes per output neuron": ("spikes_per_neuron_1", "{:.2f}"),
    }
    lines = [f"{'held-out digits':32} {'before':>8} {'after':>8}"]
    for label, (name, form) in rows.items():
        lines.append(f"{label:32} {form.format(before[name]):>8} {form.format(after[name]):>8}")
    return "\n".join(lines)


def draw(network: FeedForward, trained: Fit, test: Dataset) -> Figure:
    """Draw one held-out digit before and after training, the output potentials, and the learning curve."""
    spikes, label = test[_instructive_sample(trained.network, test)]
    label = int(label)
    before, after = network(spikes), trained.network(spikes)
    with plot.paper_style():
        figure = plt.figure(figsize=(7.2, 5.2), layout="constrained")
        halves: Any = figure.subfigures(2, 1, height_ratios=[1.35, 1])
        upper, lower = halves
        panels = upper.subplot_mosaic(
            [["input", "before", "after"], ["input", "before output", "after output"]],
            height_ratios=[2, 1],
            width_ratios=[0.75, 1, 1],
        ) | lower.subplot_mosaic([["traces", "curve"]], width_ratios=[1.6, 1])
        plot.raster(spikes, ax=panels["input"], duration=DURATION, size=64)
        panels["input"].set(ylabel="pixel", xlim=(0, DURATION), title=f"input: a handwritten {label}")
        for name, recording in (("before", before), ("after", after)):
            _rasters(panels[name], panels[f"{name} output"], recording, label)
            panels[name].set_title(f"{name} training")
        _traces(panels["traces"], after, label)
        _learning_curve(panels["curve"], trained.history)
        for letter, name in zip("abcde", ("input", "before", "after", "traces", "curve"), strict=True):
            panels[name].annotate(
                letter, (0, 1), (-24, 7), xycoords="axes fraction", textcoords="offset points", fontweight="bold"
            )
    return figure


def _instructive_sample(network: FeedForward, test: Dataset) -> int:
    """The first digit that is classified correctly while some output neurons spike and others do not."""
    recording, classes = network(test.spikes), network.sizes[-1]
    right = recording.first_spike_times().argmin(-1) == test.labels
    active = (recording.spikes[-1].counts(classes) > 0).sum(-1)
    return int((right & (active >= 1) & (active < classes)).argmax())


def _rasters(hidden: Axes, output: Axes, recording: Recording, label: int) -> None:
    plot.raster(recording, layer=0, ax=hidden)
    hidden.set(ylabel="hidden neuron", xlim=(0, HORIZON), xlabel="")
    hidden.tick_params(labelbottom=False)
    colors = [plot.VERMILION if neuron == label else plot.GREY for neuron in range(10)]
    plot.raster(recording, layer=1, ax=output, pseudospikes=True, until=HORIZON, color=colors)
    output.set(ylabel="output", xlim=(0, HORIZON), yticks=range(0, 10, 3))


def _traces(ax: Axes, recording: Recording, label: int) -> None:
    order = [neuron for neuron in range(10) if neuron != label] + [label]
    colors = [plot.VERMILION if neuron == label else plot.lighter(plot.GREY) for neuron in order]
    plot.traces(recording, neurons=order, ax=ax, until=HORIZON, colors=colors)
    ax.set(xlim=(0, HORIZON), ylabel="output potentials $V$")
    ax.set_title(f"after training: the neuron for {label} is first", pad=12)


def _learning_curve(ax: Axes, history: list[dict[str, float]]) -> None:
    names = ("epoch", "loss", "accuracy", "accuracy_without_pseudospikes")
    plot.learning_curve([{name: row[name] for name in names} for row in history], ax=ax)
    right = ax.figure.axes[-1]
    right.set(ylim=(0, 100), ylabel="held-out accuracy (%)")
    right.legend(
        labels=["with pseudospikes", "ordinary spikes only"], loc="lower right", bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.2, frameon=False, fontsize=7,
    )  # fmt: skip
