"""A recurrent network learns precise spike trains, from weights of zero.

Ten neurons with random excitatory and inhibitory inputs; two must spike at given times. All recurrent weights start at
zero, and the initial states are learnt, too. After Fig. 3 of Klos & Memmesheimer, arXiv:2309.14523.

    python examples/precise_spike_trains.py [--quick] [--output runs/precise_spike_trains]

With the folder of github.com/chklos/spikegd in the environment variable SPIKEGD, the authors' code is trained, too.
"""

import importlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from descents import descent, searching_descent
from gallery import PARTS, Entry, Outcome
from jaxtyping import Array
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from spike_trains import (
    CAPACITY,
    DURATION,
    SIZE,
    TRAINED,
    WEIGHT,
    Parameters,
    Task,
    all_scores,
    at_zero,
    control,
    lossy,
    recording,
    task,
)

import smoothspike as ss
from smoothspike import plot

#: Trials with the line search, in parts that are kept so that more can follow; one is what was published.
PART, PARTS_OF_SEARCH = 20_000, 1


def trained(train: Callable[[Parameters], Any], given: Task, perturbation: int = 0) -> dict[str, Any]:
    """Train at rates that decay; return losses, and what becomes of the network with the other neurons and without."""
    end, losses, _ = train(at_zero(perturbation))
    return {"losses": np.asarray(losses).tolist()} | all_scores(end, given)


def of_the_authors(folder: Path, trials: int, copies: int) -> list[float]:
    """Train the network of the authors' code, at first from zero, then from weights that rounding might have made."""
    sys.path[:0] = [str(folder), str(folder / "experiments" / "rnn")]
    for name in ("tqdm", "tqdm.notebook"):
        sys.modules.setdefault(name, ModuleType(name)).__dict__["trange"] = range
    rnn, neuron = importlib.import_module("rnn"), importlib.import_module("spikegd.qif").QIFNeuron(1.0, 1e-6, 10.0)
    config = {
        "T": DURATION, "N": SIZE, "r_in": 1.0, "w_in_exc": WEIGHT, "w_in_inh": -WEIGHT, "K": CAPACITY, "Ntar": TRAINED,
        "r_targets": [1, 0.5],
    }  # fmt: skip
    with jax.threefry_partitionable(False):
        key, spikes = rnn.init_input(jax.random.PRNGKey(7), config)
        _, targets = rnn.init_target(key, config)
    weights = rnn.init_weights(config)

    def loss(parameters: list[Array]) -> tuple[Array, None]:
        return rnn.simulatefn(neuron, parameters, weights, spikes, targets, config)[0], None

    starts = jnp.stack([rnn.weights_net_to_w(at_zero(number)["weights"]) for number in range(copies)])
    _, losses, _ = jax.vmap(descent(loss, trials))([starts, jnp.zeros((copies, 2, SIZE))])
    return [float(each[-1]) for each in losses]


def draw_raster(ax: Axes, given: Task, trains: list[tuple[Any, str, str]]) -> None:
    """Draw targets as bars, and spikes of several recordings below each other."""
    bar = plot.lighter(plot.GREY, 0.4)
    ax.plot([], [], color=bar, linewidth=3, label="target")
    for neuron, wanted in enumerate(given.targets):
        for time in wanted[:-1]:
            ax.plot([time, time], [-neuron - 0.4, -neuron + 0.4], color=bar, linewidth=3)
        for offset, (found, color, label) in zip((0.25, 0.0, -0.25), trains, strict=True):
            spikes = found.spikes[-1].to_trains(SIZE)[neuron]
            heights = np.full(len(spikes), -neuron + offset)
            ax.plot(spikes, heights, "|", color=color, markersize=5, label=None if neuron else label)
    ax.set(xlim=(0, DURATION), ylim=(-1.6, 0.6), yticks=[0, -1], yticklabels=["neuron 1", "neuron 2"])
    ax.set_xlabel(r"time ($\tau_m$)")
    ax.legend(fontsize=6, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, columnspacing=1.0, handletextpad=0.4)


def spread(losses: list[float]) -> dict[str, Any]:
    """Return the first, the least, the median and the largest of some losses."""
    return {
        "runs": len(losses), "unperturbed": losses[0], "least": min(losses), "median": float(np.median(losses)),
        "largest": max(losses), "all": losses,
    }  # fmt: skip


def draw_losses(ax: Axes, losses: np.ndarray, color: str, label: str) -> None:
    ax.loglog(np.arange(1, len(losses) + 1), losses, color=color, linewidth=0.8, label=label)


def run(quick: bool) -> Outcome:
    """Train networks from several seeds."""
    trials, seeds, copies = (50, 1, 2) if quick else (10_000, 5, 6)
    numbers: dict[str, Any] = {"trials": trials, "seeds": seeds, "runs": []}
    fig = Figure(figsize=(7.2, 2.5), layout="constrained")
    left, middle, right = fig.subplots(1, 3, width_ratios=(1.1, 1, 1.3))
    tasks = [("theirs", 7, task(7)._replace(beyond=ss.Softplus(10.0)))]
    tasks += [("ours", seed, task(seed)) for seed in range(7, 7 + seeds)]
    for place, (kind, seed, given) in enumerate(tasks):
        train = descent(lossy(given), trials)  # compiled when it runs
        found = PARTS.kept(f"{kind}_{seed}", partial(trained, train, given))
        losses = np.array(found.pop("losses"))
        numbers["runs"].append({"kind": kind, "seed": seed, "start": float(losses[0])} | found)
        if place == 0:
            others = [
                np.array(PARTS.kept(f"perturbed_{each}", partial(trained, train, given, each))["losses"])
                for each in range(1, copies)
            ]
            for each in others:
                draw_losses(left, each, plot.lighter(plot.COLORS[4], 0.6), "")
            numbers["perturbed"] = spread([float(each[-1]) for each in (losses, *others)])
            numbers["apart"] = int(np.argmax(np.abs(np.array(others) / losses - 1).max(0) > 0.01))
        label = {0: "theirs", 1: "ours", 2: "ours, other seeds"}.get(place, "")
        color = plot.lighter(plot.BLUE, 0.6 * (place > 1)) if place else plot.COLORS[4]
        draw_losses(left, losses, color, label)
    numbers["targets"] = sum(len(each) - 1 for each in tasks[1][2].targets)
    part, parts = (50, 2) if quick else (PART, PARTS_OF_SEARCH)
    numbers["search"] = with_line_search((left, middle, right), tasks[:2], part, parts)
    left.set(xlabel="trial", ylabel="loss")
    left.legend(fontsize=6, loc="lower left")
    return Outcome(numbers | summary(numbers["runs"]) | peer(trials, copies // 2), {"": fig})


def peer(trials: int, copies: int) -> dict[str, Any]:
    """Return what the authors' code makes of the same, and a sentence on it, if it is at hand."""
    if "SPIKEGD" not in os.environ:
        return {"peer": None, "peer_sentence": "The authors' code was not at hand in this run."}
    found = spread(PARTS.kept("peer", lambda: of_the_authors(Path(os.environ["SPIKEGD"]), trials, copies)))
    sentence = (
        f"The authors' own code, trained here from the same {found['runs']} starts, ends at "
        f"{', '.join(f'{each:.1e}' for each in found['all'])}."
    )
    return {"peer": found, "peer_sentence": sentence}


def searched(name: str, given: Task, part: int, parts: int) -> dict[str, Any]:
    """Train with the line search; return losses, spike times of some trials, and the network after every part."""
    count = max(map(len, given.targets))
    seen = np.arange(count) < np.array([[len(wanted)] for wanted in given.targets])
    search = searching_descent(lossy(given), seen, part)
    carry = search.begin(at_zero())
    shown = np.unique(np.geomspace(1, part * parts, 1000).astype(int)) - 1
    found: dict[str, Any] = {"losses": [], "times": [], "shown": shown, "ends": []}

    def advanced() -> dict[str, Any]:
        end, losses, times = search.run(carry)
        leaves = [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(end)]
        return {"losses": np.asarray(losses).tolist(), "times": np.asarray(times).tolist(), "end": leaves}

    for number in range(parts):
        here = PARTS.kept(f"search_{name}_{part}_{number}", advanced)
        leaves, structure = jax.tree.flatten(carry)
        leaves = [jnp.asarray(new, jnp.asarray(old).dtype) for new, old in zip(here["end"], leaves, strict=True)]
        carry = jax.tree.unflatten(structure, leaves)
        found["losses"] += here["losses"]
        found["times"] += here["times"]
        found["ends"].append(carry[0])
    found["times"] = np.array(found["times"])[shown]
    return found


def with_line_search(
    axes: tuple[Axes, Axes, Axes], tasks: list[tuple[str, int, Task]], part: int, parts: int
) -> dict[str, Any]:
    """Train again, with the line search; draw losses, and of ours spike times, before and after."""
    left, middle, right = axes
    found: dict[str, Any] = {"trials": part * parts, "part": part}
    for (kind, seed, given), color in zip(tasks, (plot.COLORS[4], plot.BLUE), strict=True):
        result = searched(f"{kind}_{seed}", given, part, parts)
        scores = [all_scores(each, given) for each in result["ends"]]
        found[kind] = scores[-1] | {"parts": scores, "early": scores[0]}
        left.loglog(
            np.arange(1, part * parts + 1), result["losses"], color=color, linewidth=0.8, linestyle=(0, (2, 1)),
            label=f"{kind}, line search",
        )  # fmt: skip
        if kind == "ours":
            draw_times(middle, given, result)
            shown = [
                (at_zero(), plot.COLORS[4], "before"),
                (result["ends"][-1], plot.BLUE, "after"),
                (control(result["ends"][-1]), plot.VERMILION, "without others"),
            ]
            draw_raster(right, given, [(recording(each, given), color, label) for each, color, label in shown])
    return found


def draw_times(ax: Axes, given: Task, result: dict[str, Any]) -> None:
    """Draw the spike times of both neurons against trials."""
    for neuron, color in enumerate((plot.BLUE, plot.VERMILION)):
        times = np.array(result["times"])[:, neuron, : len(given.targets[neuron]) - 1]
        lines = ax.semilogx(np.array(result["shown"]) + 1, times, color=color)
        lines[0].set_label(f"neuron {neuron + 1}")
    ax.set(xlabel="trial", ylabel=r"spike times ($\tau_m$)")
    ax.axhline(DURATION, color=plot.GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    ax.legend(fontsize=6, loc="upper right")


def summary(runs: list[dict]) -> dict[str, Any]:
    """Return what the page says of all runs."""
    final = [each["loss"] for each in runs[1:]]
    table = "\n".join(
        f"| seed {each['seed']}, {each['kind']} | {each['start']:.2f} | {each['loss']:.1e} | {each['error']:.3f} | "
        f"{each['loss_alone']:.2f} | {each['error_alone']:.1f} |"
        for each in runs
    )
    return {
        "theirs": runs[0]["loss"], "same_seed": final[0], "mean_loss": float(np.mean(final)), "worst_loss": max(final),
        "table": table,
    }  # fmt: skip


ENTRY = Entry(
    title="A recurrent network learns precise spike trains",
    published="loss 1.5e-4; with a line search 6e-5",
    ours=(
        "loss {{ perturbed.least:.1e}} to {{ perturbed.largest:.1e}} by rounding alone; with a line search "
        "{{ search.theirs.loss:.1e}} (their pseudospikes), {{ search.ours.loss:.1e}} (ours)"
    ),
    seeds="5",
    run=run,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
