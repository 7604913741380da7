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
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from descents import descent, searching_descent
from gallery import PARTS, Entry, Outcome
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot

SIZE, TRAINED, DURATION, WEIGHT = 10, 2, 10.0, 5.0
CAPACITY = 500
Parameters = dict[str, Any]


class Task(NamedTuple):
    """Inputs, and the times at which neurons must spike; the last of each only bounds the spike after them."""

    spikes: ss.Spikes
    targets: list[np.ndarray]
    beyond: Any = "lifted"


def task(seed: int) -> Task:
    """Draw inputs of rate 1, and targets with exponential intervals of rates 1 and 1/2, plus 1 from the second on.

    The random numbers are those of the authors' code, as JAX drew them in 2024; inputs are seen from time 10 on.
    """
    number = int(5 * 2 * DURATION)
    with jax.threefry_partitionable(False):
        key, for_excitation = jax.random.split(jax.random.PRNGKey(seed))
        key, for_inhibition = jax.random.split(key)
        _, for_targets = jax.random.split(key)
        intervals = [
            np.asarray(jax.random.exponential(each, (SIZE, number))) for each in (for_excitation, for_inhibition)
        ]
        between = np.array(jax.random.exponential(for_targets, (TRAINED, int(2.5 * DURATION))))
    times = np.cumsum(np.concatenate(intervals), axis=1) - DURATION
    sources, _ = np.nonzero(inside := (times > 0) & (times < DURATION))
    between[1] /= 0.5
    between[:, 1:] += 1
    targets = [np.append(row[row < DURATION], 1.1 * DURATION) for row in np.cumsum(between, axis=1)]
    return Task(ss.Spikes(times[inside], sources).sorted(), targets)


def network(recurrent: Float[Array, "neurons neurons"], beyond: Any) -> ss.Recurrent:
    """Build the network; no neuron is connected to itself."""
    inputs = jnp.concatenate([WEIGHT * jnp.eye(SIZE), -WEIGHT * jnp.eye(SIZE)], axis=1)
    weights = recurrent * (1 - jnp.eye(SIZE))
    neuron = ss.Neuron(ss.models.qif(tau_m=1.0, tau_s=0.5), beyond=beyond)
    return ss.Recurrent(neuron, SIZE, 2 * SIZE, DURATION, recurrent_weights=weights, input_weights=inputs)


def recording(parameters: Parameters, given: Task) -> Any:
    """Run a trial."""
    return network(parameters["weights"], given.beyond)(given.spikes, initial=parameters["initial"], capacity=CAPACITY)


def errors(times: Float[Array, "neurons spikes"], targets: list[np.ndarray]) -> list[Array]:
    """Return by how much spikes miss their targets; the last of every neuron only by how much it is too early."""
    found = []
    for neuron, wanted in enumerate(targets):
        miss = times[neuron, : len(wanted)] - wanted
        found.append(miss.at[-1].set(jnp.minimum(miss[-1], 0.0)))
    return found


def loss_of(misses: list[Array], targets: list[np.ndarray]) -> Array:
    relative = [miss / (wanted + 2) for miss, wanted in zip(misses, targets, strict=True)]
    return jnp.mean(jnp.concatenate(relative) ** 2)


def at_zero(perturbation: int = 0) -> Parameters:
    """Return parameters of zero, or, numbered, ones whose weights are of the order of 1e-12."""
    noise = 1e-12 * np.random.default_rng(perturbation).normal(size=(SIZE, SIZE)) if perturbation else 0.0
    return {
        "weights": jnp.zeros((SIZE, SIZE)) + noise,
        "initial": {"V": jnp.zeros(SIZE), "I": jnp.zeros(SIZE)},
    }


def training(given: Task, trials: int, *, searches: bool = False) -> Callable[[Parameters], Any]:
    """Return a program that trains a network."""
    count = max(map(len, given.targets))

    def loss(parameters: Parameters) -> tuple[Array, Array]:
        times = recording(parameters, given).spike_times(count)[:TRAINED]
        return loss_of(errors(times, given.targets), given.targets), times

    if searches:
        seen = np.arange(count) < np.array([[len(wanted)] for wanted in given.targets])
        return searching_descent(loss, seen, trials)
    return descent(loss, trials)


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


def control(parameters: Parameters) -> Parameters:
    """Cut the connections onto the neurons that are not trained."""
    return {**parameters, "weights": parameters["weights"].at[TRAINED:].set(0.0)}


def scored(parameters: Parameters, given: Task) -> tuple[float, float]:
    """Return the loss and the largest error of a spike time."""
    times = recording(parameters, given).spike_times(max(map(len, given.targets)))[:TRAINED]
    misses = errors(times, given.targets)
    return float(loss_of(misses, given.targets)), float(max(jnp.abs(miss).max() for miss in misses))


def draw_raster(ax: Axes, given: Task, trains: list[tuple[Any, str]]) -> None:
    """Draw targets as bars, and spikes of several recordings below."""
    for neuron, wanted in enumerate(given.targets):
        for time in wanted[:-1]:
            ax.plot([time, time], [-neuron - 0.4, -neuron + 0.4], color=plot.lighter(plot.GREY, 0.4), linewidth=3)
        for offset, (found, color) in zip((0.25, 0.0, -0.25), trains, strict=True):
            spikes = found.spikes[-1].to_trains(SIZE)[neuron]
            ax.plot(spikes, np.full(len(spikes), -neuron + offset), "|", color=color, markersize=5)
    ax.set(xlim=(0, DURATION), ylim=(-1.6, 0.6), yticks=[0, -1], yticklabels=["neuron 1", "neuron 2"], xlabel="time")


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
    fig = Figure(figsize=(7.2, 2.3), layout="constrained")
    left, middle, right = fig.subplots(1, 3, width_ratios=(1, 1, 1.4))
    tasks = [("theirs", 7, task(7)._replace(beyond=ss.Softplus(10.0)))]
    tasks += [("ours", seed, task(seed)) for seed in range(7, 7 + seeds)]
    for place, (kind, seed, given) in enumerate(tasks):
        train = training(given, trials)
        end, *found = train(at_zero())
        losses = np.asarray(found[0])
        together = dict(zip(("loss", "error"), scored(end, given), strict=True))
        alone = dict(zip(("loss_alone", "error_alone"), scored(control(end), given), strict=True))
        numbers["runs"].append({"kind": kind, "seed": seed, "start": float(losses[0])} | together | alone)
        if place == 0:
            others = [np.asarray(train(at_zero(number))[1]) for number in range(1, copies)]
            for each in others:
                draw_losses(left, each, plot.lighter(plot.COLORS[4], 0.6), "")
            numbers["perturbed"] = spread([float(each[-1]) for each in (losses, *others)])
            numbers["apart"] = int(np.argmax(np.abs(np.array(others) / losses - 1).max(0) > 0.01))
        label = {0: "theirs", 1: "ours", 2: "other seeds"}.get(place, "")
        color = plot.lighter(plot.BLUE, 0.6 * (place > 1)) if place else plot.COLORS[4]
        draw_losses(left, losses, color, label)
    numbers["targets"] = sum(len(each) - 1 for each in tasks[1][2].targets)
    numbers["search"] = with_line_search((left, middle, right), tasks[:2], 2 * trials)
    left.set(xlabel="trial", ylabel="loss")
    left.legend(fontsize=6, loc="lower left")
    return Outcome(numbers | summary(numbers["runs"]) | peer(trials, copies // 2), {"": fig})


def peer(trials: int, copies: int) -> dict[str, Any]:
    """Return what the authors' code makes of the same, and a sentence on it, if it is at hand."""
    if "SPIKEGD" not in os.environ:
        return {"peer": None, "peer_sentence": "The authors' code was not at hand in this run."}
    found = spread(of_the_authors(Path(os.environ["SPIKEGD"]), trials, copies))
    sentence = (
        f"The authors' own code, trained here from the same {found['runs']} starts, ends at "
        f"{', '.join(f'{each:.1e}' for each in found['all'])}."
    )
    return {"peer": found, "peer_sentence": sentence}


def searched(given: Task, trials: int) -> dict[str, Any]:
    """Train with the line search; return losses, spike times of some trials, and what becomes of the network."""
    end, losses, times = training(given, trials, searches=True)(at_zero())
    (loss, error), (loss_alone, error_alone) = scored(end, given), scored(control(end), given)
    shown = np.unique(np.geomspace(1, trials, 1000).astype(int)) - 1
    return {
        "losses": np.asarray(losses).tolist(), "shown": shown.tolist(), "times": np.asarray(times)[shown].tolist(),
        "end": jax.tree.map(lambda leaf: leaf.tolist(), end), "loss": loss, "error": error, "loss_alone": loss_alone,
        "error_alone": error_alone,
    }  # fmt: skip


def with_line_search(axes: tuple[Axes, Axes, Axes], tasks: list[tuple[str, int, Task]], trials: int) -> dict[str, Any]:
    """Train again, with the line search; draw losses, and of ours spike times, before and after."""
    left, middle, right = axes
    found: dict[str, Any] = {"trials": trials}
    for (kind, seed, given), color in zip(tasks, (plot.COLORS[4], plot.BLUE), strict=True):
        result = PARTS.kept(f"search_{kind}_{seed}", partial(searched, given, trials))
        found[kind] = {name: result[name] for name in ("loss", "error", "loss_alone", "error_alone")}
        left.loglog(
            np.arange(1, trials + 1), result["losses"], color=color, linewidth=0.8, linestyle=(0, (2, 1)),
            label=f"{kind}, line search",
        )  # fmt: skip
        if kind == "ours":
            draw_times(middle, given, result)
            end = jax.tree.map(lambda _, values: jnp.array(values), at_zero(), result["end"])
            shown = [(at_zero(), plot.COLORS[4]), (end, plot.BLUE), (control(end), plot.VERMILION)]
            draw_raster(right, given, [(recording(each, given), color) for each, color in shown])
    return found


def draw_times(ax: Axes, given: Task, result: dict[str, Any]) -> None:
    """Draw the spike times of both neurons against trials."""
    for neuron, color in enumerate((plot.BLUE, plot.VERMILION)):
        times = np.array(result["times"])[:, neuron, : len(given.targets[neuron]) - 1]
        ax.semilogx(np.array(result["shown"]) + 1, times, color=color)
    ax.set(xlabel="trial", ylabel=r"spike times ($\tau_m$)")
    ax.axhline(DURATION, color=plot.GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)


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
