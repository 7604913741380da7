"""Quadratic against leaky neurons on recorded touch: equal searches, then training from several seeds.

24-100-27 neurons with the same rest, rheobase and time constants read Braille letters by first spikes: QIF and LIF with
exact gradients, and LIF with surrogate gradients. After the question of Wenig, Memmesheimer & Klos, arXiv:2606.03935.

    python examples/quadratic_against_leaky.py --data braille_touch.npz [--quick]

`smoothspike.datasets.braille` says where the file is from; without it, spike times are generated (Randman).
"""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from gallery import PARTS, Entry, Outcome, mean_and_deviation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from touch_networks import KINDS, Settings, data_of, noisy, scored, trained

import smoothspike as ss
from smoothspike import plot

TRIALS, SEARCH_EPOCHS, EPOCHS, SEEDS = 8, 10, 40, 3
SPACE = {
    "rate": (3e-3, 1e-1, "log"),
    "hidden_scale": (1.0, 16.0, "log"),
    "output_scale": (1.0, 16.0, "log"),
    "tau": (0.1, 1.0, "log"),
}
JITTERS = 0.0, 0.02, 0.05, 0.1, 0.2
NOISES = 0.0, 0.05, 0.1, 0.2, 0.4
COLORS = dict(zip(KINDS, (plot.BLUE, plot.VERMILION, plot.COLORS[2]), strict=True))


def searched(data: Any, trials: int, epochs: int, storage: Path | None) -> ss.studies.Study:
    """Search for settings of every kind, by the accuracy on validation data by ordinary spikes."""

    def objective(trial: Any) -> float:
        settings = Settings(**{name: trial[name] for name in SPACE})
        rows = trained(trial.group, settings, trial.seed % 1000, epochs, data).history
        return max(row["ordinary"] for row in rows)

    return ss.search(
        objective, SPACE, trials=trials, groups=list(KINDS), direction="maximize", storage=storage, pruner="none",
        progress=False,
    )  # fmt: skip


def best_run(kind: str, settings: Settings, seed: int, epochs: int, data: Any) -> dict[str, Any]:
    """Train with the best settings; test data are seen only here, with and without noise."""
    weights, history = trained(kind, settings, seed, epochs, data)
    test = data[2]

    def of_jitter(scale: float) -> float:
        spikes = ss.jittered(test.spikes, jax.random.key(seed), scale=scale)
        moved = ss.datasets.Dataset(spikes, test.labels, num_classes=test.num_classes, num_sources=test.num_sources)
        return scored(kind, weights, settings, moved)["ordinary"]

    return {
        "history": history,
        "test": scored(kind, weights, settings, test),
        "jitter": [of_jitter(scale) for scale in JITTERS],
        "noise": [scored(kind, noisy(weights, level, seed), settings, test)["ordinary"] for level in NOISES],
    }


def draw_over_epochs(ax: Axes, runs: dict[str, list[dict[str, Any]]], key: str, label: str) -> None:
    for kind, each in runs.items():
        values = np.array([[row[key] for row in run["history"]] for run in each])
        epochs = np.arange(1, values.shape[1] + 1)
        ax.fill_between(epochs, values.min(0), values.max(0), color=COLORS[kind], alpha=0.2, linewidth=0)
        ax.plot(epochs, values.mean(0), color=COLORS[kind], label=KINDS[kind])
    ax.set(xlabel="epoch", ylabel=label)


def draw_robustness(ax: Axes, runs: dict[str, list[dict[str, Any]]], key: str, levels: Any, label: str) -> None:
    for kind, each in runs.items():
        values = np.array([run[key] for run in each])
        ax.errorbar(levels, values.mean(0), values.std(0), fmt="o-", markersize=3, color=COLORS[kind], capsize=2)
    ax.set(xlabel=label, ylabel="test accuracy", ylim=(0, 1))


def figures(runs: dict[str, list[dict[str, Any]]], study: ss.studies.Study) -> dict[str, Figure]:
    main = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = main.subplots(2, 3).ravel()
    draw_over_epochs(axes[0], runs, "ordinary", "validation accuracy")
    axes[0].set_ylim(0, 1)
    axes[0].legend(fontsize=7)
    draw_over_epochs(axes[1], runs, "silent", "silent share of hidden neurons")
    draw_over_epochs(axes[2], runs, "norm", "mean norm of gradients")
    axes[2].set_yscale("log")
    draw_over_epochs(axes[3], runs, "norm_spread", "spread of the norm")
    axes[3].set_yscale("log")
    draw_robustness(axes[4], runs, "jitter", JITTERS, "jitter of inputs (τ_m)")
    draw_robustness(axes[5], runs, "noise", NOISES, "noise of weights (share of s.d.)")
    search = Figure(figsize=(7.2, 4.4), layout="constrained")
    upper, lower = search.subfigures(2, 1)
    for ax, kind in zip(upper.subplots(1, 3), KINDS, strict=True):
        plot.importances(study.importances(kind), ax=ax)
        ax.set_title(KINDS[kind])
    plot.parallel_coordinates(study, ax=lower.subplots())
    return {"": main, "search": search}


def table(numbers: dict[str, Any]) -> str:
    names = (
        "", "best of search, validation, %", "test, ordinary spikes, %", "with pseudospikes, %",
        "hidden neurons silent on the test, %", "settings",
    )  # fmt: skip
    head = f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
    rows = [
        f"| {KINDS[kind]} | {each['searched']:.1f} | {each['ordinary']} | {each['accuracy']} | {each['silent']} | "
        + ", ".join(f"{name.replace('_', ' ')} {value:.2g}" for name, value in each["settings"].items()) + " |"
        for kind, each in numbers["kinds"].items()
    ]  # fmt: skip
    return "\n".join([head, *rows])


def run(quick: bool, data: Path | None = None) -> Outcome:
    """Search, train the best settings from several seeds, test."""
    given, name = data_of(data)
    trials, search_epochs, epochs, seeds = (2, 1, 1, 1) if quick else (TRIALS, SEARCH_EPOCHS, EPOCHS, SEEDS)
    folder = PARTS.folder
    study = searched(given, trials, search_epochs, None if folder is None else folder / "study.log")
    runs, kinds = {}, {}
    for kind in KINDS:
        best = study.best_of(kind)
        settings = Settings(**best.params)
        runs[kind] = [
            PARTS.kept(f"{kind}_{seed}", partial(best_run, kind, settings, seed, epochs, given))
            for seed in range(seeds)
        ]
        tests = [each["test"] for each in runs[kind]]
        kinds[kind] = {
            "searched": 100 * best.value,
            "settings": dict(best.params),
            "each": [each["ordinary"] for each in tests],
            "jitter": np.mean([each["jitter"] for each in runs[kind]], 0).tolist(),
            "noise": np.mean([each["noise"] for each in runs[kind]], 0).tolist(),
            "values": [each.value for each in study.completed if each.group == kind],
        } | {key: mean_and_deviation([100 * each[key] for each in tests]) for key in ("ordinary", "accuracy", "silent")}
    numbers = {
        "data": name, "sizes": [len(part) for part in given], "trials": trials, "search_epochs": search_epochs,
        "epochs": epochs, "seeds": seeds, "kinds": kinds, "jitters": JITTERS, "noises": NOISES,
    }  # fmt: skip
    return Outcome(numbers | {"table": table(numbers)}, figures(runs, study))


ENTRY = Entry(
    title="Quadratic against leaky neurons on recorded touch",
    published="no figure (QIF clearly better than LIF on spoken digits, by its abstract)",
    ours=(
        "test: QIF {{ kinds.qif.ordinary }} %, LIF {{ kinds.lif.ordinary }} %, "
        "surrogate LIF {{ kinds.surrogate.ordinary }} %"
    ),
    seeds="3",
    run=run,
    double=False,
    options={"data": "braille_touch.npz; without, spike times are generated"},
)

if __name__ == "__main__":
    ENTRY.main(__file__)
