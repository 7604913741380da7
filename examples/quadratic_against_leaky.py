"""Quadratic against leaky neurons on recorded touch: equal searches, then training from several seeds.

24-100-27 networks with the same rest, rheobase and time constants read Braille letters by first spikes, or by the
largest voltages of leaky readouts: QIF and LIF with exact gradients, and LIF with surrogate gradients. After the
question of Wenig, Memmesheimer & Klos, arXiv:2606.03935.

    python examples/quadratic_against_leaky.py --data braille_touch.npz [--quick]

`smoothspike.datasets.braille` says where the file is from; without it, spike times are generated (Randman).
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from gallery import PARTS, Entry, Outcome, mean_and_deviation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from touch_networks import METHODS, Settings, data_of, noisy, scored, trained

import smoothspike as ss
from smoothspike import plot

TRIALS, SEARCH_EPOCHS, EPOCHS, MOST_SEEDS = 5, 6, 30, 5
#: Settings by hand, from a few trainings before: six of QIF and five of surrogate LIF by first spikes, three of QIF and
#: one of exact LIF by voltages, whose setting the last one has. They compete with the best of the searches, except in
#: exact LIF, for which each takes several minutes.
BY_HAND = {
    "qif": Settings(0.012, 8.0, 8.0, 0.15),
    "surrogate": Settings(0.012, 2.5, 2.5, 0.3),
    "qif_voltage": Settings(0.012, 8.0, 8.0, 1.0),
    "surrogate_voltage": Settings(0.012, 2.5, 4.0, 1.0),
}
#: Validation accuracy of the best setting, below which a method is not trained further.
FLOOR = 0.2
#: Where they are not all of them: exact leaky networks take several times as long.
SEEDS = {"lif_voltage": 1, "qif_voltage": 3, "surrogate_voltage": 3}
#: Of a short run; the others take long to compile.
QUICK = "qif", "surrogate", "surrogate_voltage"
SPACE = {"rate": (3e-3, 5e-2, "log"), "tau": (0.1, 1.0, "log")}
#: Scales of weights at which hidden neurons start with about 0.1 to 1.5 spikes in a trial.
SCALES = {
    "qif": {"hidden_scale": (2.5, 16.0, "log"), "output_scale": (2.5, 16.0, "log")},
    "lif": {"hidden_scale": (0.7, 2.5, "log"), "output_scale": (0.7, 8.0, "log")},
}
OWN = {"lif": {"leave_out": [False, True]}}
JITTERS = 0.0, 0.02, 0.05, 0.1, 0.2
NOISES = 0.0, 0.05, 0.1, 0.2, 0.4
#: What is in the figure: first spikes drawn through, voltages dashed.
COLORS = {name: (plot.BLUE, plot.VERMILION, plot.COLORS[2])[place % 3] for place, name in enumerate(METHODS)}
Runs = dict[str, list[dict[str, Any]]]


def searched(data: Any, names: Iterable[str], trials: int, epochs: int, storage: Path | None) -> ss.studies.Study:
    """Search for settings of every method, by the accuracy on validation data by ordinary spikes."""

    def objective(trial: Any) -> float:
        settings = Settings(**trial.params)
        rows = trained(METHODS[trial.group], settings, trial.seed % 1000, epochs, data).history
        return max(row["ordinary"] for row in rows)

    groups = {name: SCALES[METHODS[name].neuron] | OWN.get(name, {}) for name in names}
    return ss.search(
        objective, SPACE, trials=trials, groups=groups, direction="maximize", sampler="quasirandom", storage=storage,
        pruner="none", progress=False,
    )  # fmt: skip


def best_run(name: str, settings: Settings, seed: int, epochs: int, data: Any) -> dict[str, Any]:
    """Train with the best settings; test data are seen only here, with and without noise."""
    method = METHODS[name]
    weights, history = trained(method, settings, seed, epochs, data)
    test = data[2]

    def of_jitter(scale: float) -> float:
        spikes = ss.jittered(test.spikes, jax.random.key(seed), scale=scale)
        moved = ss.datasets.Dataset(spikes, test.labels, num_classes=test.num_classes, num_sources=test.num_sources)
        return scored(method, weights, settings, moved)["ordinary"]

    return {
        "history": history,
        "test": scored(method, weights, settings, test),
        "jitter": [of_jitter(scale) for scale in JITTERS],
        "noise": [scored(method, noisy(weights, level, seed), settings, test)["ordinary"] for level in NOISES],
    }


def chosen(study: ss.studies.Study, name: str, epochs: int, data: Any) -> tuple[Settings, str, dict[str, float]]:
    """Return the setting, of the best of the search and the one by hand, that is better after all epochs.

    It is chosen on validation data. Returned, too, are its origin and the validation accuracies of both.
    """
    settings = {"search": Settings(**study.best_of(name).params)}
    settings |= {"hand": BY_HAND[name]} if name in BY_HAND else {}
    reached = {}
    for origin, each in settings.items():
        run = PARTS.kept(f"{name}_{origin}_0", partial(best_run, name, each, 0, epochs, data))
        reached[origin] = 100 * max(row["ordinary"] for row in run["history"])
    origin = max(reached, key=lambda each: reached[each])
    return settings[origin], origin, reached


def style(name: str) -> dict[str, Any]:
    """Return how a method is drawn."""
    return {"color": COLORS[name], "linestyle": (0, (4, 2)) if METHODS[name].by_voltage else "-"}


def draw_over_epochs(ax: Axes, runs: Runs, key: str, label: str, share_of: str | None = None) -> None:
    for name, each in runs.items():
        values = np.array([[row[key] / (row[share_of] if share_of else 1) for row in run["history"]] for run in each])
        epochs = np.arange(1, values.shape[1] + 1)
        ax.fill_between(epochs, values.min(0), values.max(0), color=COLORS[name], alpha=0.12, linewidth=0)
        ax.plot(epochs, values.mean(0), label=label_of(name), **style(name))
    ax.set(xlabel="epoch", ylabel=label)


def label_of(name: str) -> str:
    return f"{METHODS[name].title}, {'voltages' if METHODS[name].by_voltage else 'first spikes'}"


def draw_robustness(ax: Axes, runs: Runs, key: str, levels: Any, label: str) -> None:
    for name, each in runs.items():
        values = np.array([run[key] for run in each])
        ax.errorbar(levels, values.mean(0), values.std(0), marker="o", markersize=3, capsize=2, **style(name))
    ax.set(xlabel=label, ylabel="test accuracy", ylim=(0, 1))


def figure_of_search(study: ss.studies.Study) -> Figure:
    """Draw all settings that were tried."""
    fig = Figure(figsize=(7.2, 2.8), layout="constrained")
    ax = plot.parallel_coordinates(study, list(Settings._fields[:4]), ax=fig.subplots())
    labels = "learning rate", "scale of hidden weights", "scale of output weights", r"width $\tau$ of the loss"
    ax.set_xticks(range(len(labels)), labels, rotation=0, ha="center")
    fig.axes[-1].set_ylabel("validation accuracy")
    return fig


def figures(runs: Runs, study: ss.studies.Study) -> dict[str, Figure]:
    """Draw trainings and tests, and the search."""
    main = Figure(figsize=(7.2, 4.7), layout="constrained")
    axes = main.subplots(2, 3).ravel()
    draw_over_epochs(axes[0], runs, "ordinary", "validation accuracy")
    axes[0].set_ylim(0, 1)
    draw_over_epochs(axes[1], runs, "silent", "silent hidden neurons")
    axes[1].set_ylim(0, 1)
    draw_over_epochs(axes[2], runs, "norm", "mean norm of gradients")
    draw_over_epochs(axes[3], runs, "norm_spread", "s.d. of norm / mean", share_of="norm")
    for ax in axes[2:4]:
        ax.set_yscale("log")
    draw_robustness(axes[4], runs, "jitter", JITTERS, r"jitter of inputs ($\tau_m$)")
    draw_robustness(axes[5], runs, "noise", NOISES, "noise of weights (of their s.d.)")
    main.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return {"": main, "search": figure_of_search(study)}


def table(numbers: dict[str, Any]) -> str:
    columns = (
        "", "answers by", "best of search, validation, %", "the same, all epochs", "by hand, all epochs",
        "test, ordinary spikes, %", "with pseudospikes, %", "hidden neurons silent on the test, %",
        "spikes per hidden neuron", "settings",
    )  # fmt: skip
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
    rows = []
    for name, each in numbers["methods"].items():
        method = METHODS[name]
        begun = [method.title, "voltages" if method.by_voltage else "first spikes", f"{each['searched']:.1f}"]
        if "settings" not in each:
            rows.append(f"| {' | '.join(begun)} | not trained further |{' |' * (len(columns) - 4)}")
            continue
        settings = ", ".join(f"{key.replace('_', ' ')} {value:.2g}" for key, value in each["settings"].items())
        reached = each["reached"]
        found = [
            *begun, *(f"{reached[origin]:.1f}" if origin in reached else "not tried" for origin in ("search", "hand")),
            f"**{each['ordinary']}**", each["accuracy"] if name == "qif" else "", each["silent"], each["spikes"],
            settings,
        ]  # fmt: skip
        rows.append(f"| {' | '.join(found)} |")
    return "\n".join([head, *rows])


def run(quick: bool, data: Path | None = None) -> Outcome:
    """Search, train the best settings from several seeds, test."""
    given, kind = data_of(data)
    trials, search_epochs, epochs, most = (2, 1, 1, 1) if quick else (TRIALS, SEARCH_EPOCHS, EPOCHS, MOST_SEEDS)
    names = QUICK if quick else tuple(METHODS)
    folder = PARTS.folder
    seek = partial(searched, given, names, trials, search_epochs, None if folder is None else folder / "study.log")
    PARTS.kept("search", lambda: len(seek().completed))
    study = seek()  # it is all there
    runs, methods = {}, {}
    for name in names:
        values = [each.value or 0.0 for each in study.completed if each.group == name]
        methods[name] = {"searched": 100 * max(values), "values": values}
        if not quick and max(values) < FLOOR:
            continue
        settings, origin, reached = chosen(study, name, epochs, given)
        runs[name] = [
            PARTS.kept(f"{name}_{origin}_{seed}", partial(best_run, name, settings, seed, epochs, given))
            for seed in range(min(most, SEEDS.get(name, most)))
        ]
        tests = [each["test"] for each in runs[name]]
        percent = {key: [100 * each[key] for each in tests] for key in ("ordinary", "accuracy", "silent")}
        methods[name] |= {
            "validation": mean_and_deviation(
                [100 * max(row["ordinary"] for row in run["history"]) for run in runs[name]]
            ),
            "origin": origin,
            "reached": reached,
            "settings": {key: value for key, value in settings._asdict().items() if key != "leave_out"},
            "each": [each["ordinary"] for each in tests],
            "jitter": np.mean([each["jitter"] for each in runs[name]], 0).tolist(),
            "noise": np.mean([each["noise"] for each in runs[name]], 0).tolist(),
            "spikes": mean_and_deviation([each["spikes"] for each in tests]),
        } | {key: mean_and_deviation(values) for key, values in percent.items()}
    numbers = {
        "data": kind, "sizes": [len(part) for part in given], "trials": trials, "search_epochs": search_epochs,
        "epochs": epochs, "seeds": {name: len(each) for name, each in runs.items()}, "methods": methods,
        "jitters": JITTERS, "noises": NOISES,
    }  # fmt: skip
    return Outcome(numbers | {"table": table(numbers)}, figures(runs, study))


ENTRY = Entry(
    title="Quadratic against leaky neurons on recorded touch",
    published="no figure (QIF clearly better than LIF on spoken digits, by its abstract)",
    ours=(
        "test, first spikes: QIF {{ methods.qif.ordinary }} %, LIF at most "
        "{{ methods.lif.searched:.0f}} % (validation), surrogate LIF "
        "{{ methods.surrogate.ordinary }} %; voltages: {{ methods.qif_voltage.ordinary }}, "
        "{{ methods.lif_voltage.ordinary }}, {{ methods.surrogate_voltage.ordinary }} %. Settings by hand "
        "decide: by equal searches alone QIF {{ methods.qif.reached.search:.1f}}, surrogate LIF "
        "{{ methods.surrogate.reached.search:.1f}} % (validation, first spikes)"
    ),
    seeds="{{ seeds.lif_voltage }} to {{ seeds.qif }}",
    run=run,
    double=False,
    options={"data": "braille_touch.npz; without, spike times are generated"},
)

if __name__ == "__main__":
    ENTRY.main(__file__)
