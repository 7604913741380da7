"""Exact and surrogate gradients of quadratic and leaky networks on smooth random manifolds of spike times.

All answer by the largest voltages of leaky readouts. After Zenke & Vogels, Neural Computation 33 (2021), for data and
surrogates, and Gygax & Zenke, arXiv:2404.14964, for integrals of surrogate gradients around closed loops.

    python examples/surrogate_gradients.py [--quick] [--output runs/surrogate_gradients]
"""

from functools import partial
from typing import Any

import jax
import numpy as np
from gallery import PARTS, Entry, Outcome, mean_and_deviation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from touch_networks import Method, Settings, network, scored, start, trained

import smoothspike as ss
from smoothspike import plot

ALPHAS, SCALES, EPOCHS, SEEDS, HIDDEN = (0.5, 1.0, 2.0), (1.0, 10.0, 100.0), 12, 3, 50
CLASSES, UNITS, SAMPLES = 5, 20, 250
METHODS = {
    "qif": Method("qif", by_voltage=True),
    "lif": Method("lif", by_voltage=True),
    "surrogate_qif": Method("qif", is_surrogate=True, by_voltage=True),
    "surrogate_lif": Method("lif", is_surrogate=True, by_voltage=True),
}
COLORS = dict(zip(METHODS, (plot.BLUE, plot.VERMILION, plot.COLORS[5], plot.COLORS[4]), strict=True))
#: The same for all but the hidden weights, with which neurons of both kinds start with about half a spike in a trial.
SETTINGS = {"qif": Settings(0.012, 8.0, 8.0, 1.0), "lif": Settings(0.012, 2.0, 8.0, 1.0)}
#: Small networks for the integrals: planes, their radius in units of weights, samples, points on an edge.
LOOP_SIZES, PLANES, RADIUS, LOOP_SAMPLES, POINTS = (6, 8, 3), 5, 0.3, 4, 256


def score(name: str, scale: float, alpha: float, seed: int, quick: bool) -> dict[str, float]:
    """Train on manifolds of a smoothness; return what is found on test data."""
    method = METHODS[name]
    method = Method(method.neuron, method.is_surrogate, True, scale)
    data = ss.datasets.randman(
        CLASSES, UNITS, dim=1, samples=40 if quick else SAMPLES, alpha=alpha, duration=2.0, seed=seed,
        fractions=(0.2, 0.2),
    )  # fmt: skip
    settings = SETTINGS[method.neuron]
    weights, history = trained(method, settings, seed, 1 if quick else EPOCHS, data, HIDDEN)
    return scored(method, weights, settings, data[2]) | {"norm": float(np.mean([row["norm"] for row in history]))}


def largest_voltages(recording: Any) -> Any:
    return recording.max_over_time()


def loop(name: str, scale: float, plane: int) -> dict[str, float]:
    """Integrate the gradient of a small network around a square in a random plane of all weights."""
    method = METHODS[name]
    method = Method(method.neuron, method.is_surrogate, True, scale)
    channels, hidden, classes = LOOP_SIZES
    data = ss.datasets.randman(classes, channels, dim=1, samples=20, duration=2.0, seed=plane)[0][:LOOP_SAMPLES]
    net = network(method, start(plane, channels, classes, hidden), SETTINGS[method.neuron])
    found = ss.loop_integral(
        net, data, ss.losses.cross_entropy, key=jax.random.key(plane), readout=largest_voltages,
        radius=RADIUS, points=POINTS, capacity=None if method.is_surrogate else 32,
    )  # fmt: skip
    return {"integral": found.integral, "jumps": found.jumps, "error": found.error, "length": found.length}


def draw_smoothness(ax: Axes, tests: dict[str, dict[float, list[float]]], alphas: Any) -> None:
    for name, each in tests.items():
        method, values = METHODS[name], np.array([each[alpha] for alpha in alphas])
        ax.errorbar(
            alphas, values.mean(1), values.std(1), marker="o", markersize=3, capsize=2, label=method.title,
            color=COLORS[name], linestyle="--" if method.is_surrogate else "-",
        )  # fmt: skip
    ax.axhline(1 / CLASSES, color=plot.GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    ax.set(xlabel="smoothness α of manifolds", ylabel="test accuracy", ylim=(0, 1), xscale="log")
    ax.set_xticks(alphas, [f"{alpha:g}" for alpha in alphas])
    ax.minorticks_off()


def draw_scales(ax: Axes, scans: dict[str, dict[float, list[float]]], exact: dict[str, float], scales: Any) -> None:
    for name, each in scans.items():
        values = np.array([each[scale] for scale in scales])
        ax.errorbar(scales, values.mean(1), values.std(1), color=COLORS[name], linestyle="--", marker="o",
                    markersize=3, capsize=2)  # fmt: skip
        own = METHODS[name].neuron
        if own in exact:
            ax.axhline(exact[own], color=COLORS[own])
    ax.axhline(1 / CLASSES, color=plot.GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    ax.set(xlabel="scale β of the surrogate", ylabel="test accuracy, α = 1", ylim=(0, 1), xscale="log")


def draw_loops(ax: Axes, loops: dict[str, list[dict[str, float]]]) -> None:
    for place, (name, each) in enumerate(loops.items()):
        for key, marker in (("integral", "o"), ("remainder", "x")):
            values = [abs(one["integral"] + (one["jumps"] if key == "remainder" else 0.0)) for one in each]
            shift = -0.12 if key == "integral" else 0.12
            ax.plot(np.full(len(each), place + shift), np.maximum(values, 1e-17), marker, color=COLORS[name],
                    markersize=3.5, fillstyle="none", clip_on=False)  # fmt: skip
    ax.set(yscale="log", ylabel="|closed-loop integral|", ylim=(1e-17, 10))
    ax.set_xticks(range(len(loops)), [METHODS[name].title.replace(", ", "\n") for name in loops], fontsize=6)
    ax.plot([], [], "o", color=plot.GREY, markersize=3.5, fillstyle="none", label="of the gradient")
    ax.plot([], [], "x", color=plot.GREY, markersize=3.5, label="with the jumps")
    ax.legend(loc="center right")


def run(quick: bool) -> Outcome:
    """Train at every smoothness and scale, and integrate gradients."""
    seeds, planes = (1, 1) if quick else (SEEDS, PLANES)
    alphas, scales = ((1.0,), (10.0,)) if quick else (ALPHAS, SCALES)
    names = [name for name in METHODS if not (quick and name == "lif")]  # it takes long to compile

    def scores(name: str, scale: float, alpha: float) -> list[dict[str, float]]:
        return [
            PARTS.kept(f"{name}_{scale:g}_{alpha:g}_{seed}", partial(score, name, scale, alpha, seed, quick))
            for seed in range(seeds)
        ]

    found = {name: {alpha: scores(name, 10.0, alpha) for alpha in alphas} for name in names}
    scans = {
        name: {scale: scores(name, scale, 1.0) for scale in scales} for name in names if METHODS[name].is_surrogate
    }
    loops = {
        name: [PARTS.kept(f"loop_{name}_{plane}", partial(loop, name, 10.0, plane)) for plane in range(planes)]
        for name in names
    }
    numbers = numbers_of(found, scans, loops) | {"seeds": seeds, "planes": planes, "epochs": EPOCHS}
    return Outcome(numbers, {"": figure(found, scans, loops)})


def figure(found: Any, scans: Any, loops: Any) -> Figure:
    """Draw accuracies and integrals."""
    alphas, scales = list(found["qif"]), list(scans["surrogate_lif"])
    fig = Figure(figsize=(7.2, 2.7), layout="constrained")
    axes = fig.subplots(1, 3)
    tests = {
        name: {key: [one["ordinary"] for one in each] for key, each in all_.items()} for name, all_ in found.items()
    }
    scanned = {
        name: {key: [one["ordinary"] for one in each] for key, each in all_.items()} for name, all_ in scans.items()
    }
    draw_smoothness(axes[0], tests, alphas)
    draw_scales(axes[1], scanned, {name: float(np.mean(each[1.0])) for name, each in tests.items()}, scales)
    draw_loops(axes[2], loops)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return fig


def numbers_of(found: Any, scans: Any, loops: Any) -> dict[str, Any]:
    """Return what the page says."""
    percent = lambda each: mean_and_deviation([100 * one["ordinary"] for one in each])  # noqa: E731
    alphas, scales = list(found["qif"]), list(scans["surrogate_lif"])
    table = f"| test accuracy, % | {' | '.join(f'α = {alpha:g}' for alpha in alphas)} |\n|{'---|' * (len(alphas) + 1)}"
    for name, each in found.items():
        table += f"\n| {METHODS[name].title} | {' | '.join(percent(each[alpha]) for alpha in alphas)} |"
    scan = f"| test accuracy at α = 1, % | {' | '.join(f'β = {scale:g}' for scale in scales)} |"
    scan += f"\n|{'---|' * (len(scales) + 1)}"
    for name, each in scans.items():
        scan += f"\n| {METHODS[name].title} | {' | '.join(percent(each[scale]) for scale in scales)} |"
    largest = {
        name: {
            "integral": max(abs(one["integral"]) for one in each),
            "least": min(abs(one["integral"]) for one in each),
            "remainder": max(abs(one["integral"] + one["jumps"]) for one in each),
        }
        for name, each in loops.items()
    }
    return {
        "smoothness": {name: {f"{key:g}": each for key, each in all_.items()} for name, all_ in found.items()},
        "scales": {name: {f"{key:g}": each for key, each in all_.items()} for name, all_ in scans.items()},
        "loops": loops,
        "largest": largest,
        "ones": {name: percent(each[1.0]) for name, each in found.items()},
        "silent": {
            name: mean_and_deviation([100 * one["silent"] for one in each[1.0]]) for name, each in found.items()
        },
        "table": table,
        "scan": scan,
    }  # fmt: skip


ENTRY = Entry(
    title="Exact and surrogate gradients on smooth manifolds",
    published="surrogates robust to their shape, not to their scale; their closed-loop integral is not 0",
    ours=(
        "α = 1: exact QIF {{ ones.qif }} %, exact LIF {{ ones.lif }} %, surrogate QIF {{ ones.surrogate_qif }} %, "
        "surrogate LIF {{ ones.surrogate_lif }} %; integrals: exact QIF below {{ largest.qif.integral:.0e}}, surrogate "
        "LIF up to {{ largest.surrogate_lif.integral:.2g}}"
    ),
    seeds="{{ seeds }}",
    run=run,
    double=False,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
