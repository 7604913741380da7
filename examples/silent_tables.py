"""Tables and drawings of mnist_from_silence.py."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from smoothspike import plot

_LINES = ("ordinary", "-", "ordinary spikes"), ("accuracy", (0, (2, 1.5)), "pseudospikes too")

_ROWS = {
    "ordinary": "test accuracy by ordinary spikes, %",
    "accuracy": "with pseudospikes, %",
    "loss_ordinary": "loss, missing spikes at the trial end",
    "loss": "loss with pseudospikes",
    "spikes": "spikes per hidden neuron and image",
    "silent": "hidden neurons that never spike, %",
}

#: Leaky networks, by their gradients.
LEAKY = {"exact": "LIF, exact gradient", "surrogate": "LIF, surrogate gradient"}


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _peer(numbers: dict[str, Any]) -> str:
    columns = {"smoothspike": numbers["ours"]} | ({"spikegd": numbers["peer"]} if "peer" in numbers else {})
    head = ["", *(f"{name}, {when}" for name in columns for when in ("before", "after"))]
    rows = [
        [text, *(each[when][key] for each in columns.values() for when in ("before", "after"))]
        for key, text in _ROWS.items()
    ]
    return _table(head, rows)


def _gradients(numbers: dict[str, Any]) -> str:
    rows = [
        [depth, f"{place + 1} of {len(each['spread'])}", f"{each['spread'][place]:.1e}",
         f"{each['zeros'][place]:.3f}", _from_one(each["cosine"][place])]
        for depth, each in numbers["gradients"].items() for place in range(len(each["spread"]))
    ]  # fmt: skip
    return _table(["hidden layers", "weights", "spread", "zeros", "1 - cosine"], rows)


def _from_one(cosine: float | None) -> str:
    return "below rounding" if cosine is None else f"{abs(1 - cosine):.0e}"


def _depths(numbers: dict[str, Any]) -> str:
    keys = "ordinary", "accuracy", "spikes", "silent"
    head = ["hidden layers", *(_ROWS[key] for key in keys), "silent before, %"]
    rows = [
        [depth, *(each["after"][key] for key in keys), each["before"]["silent"]]
        for depth, each in numbers["depths"].items()
    ]
    return _table(head, rows)


def _leaky(numbers: dict[str, Any]) -> str:
    head = ["", _ROWS["ordinary"], "silent before, %", "silent after, %", "zero gradients before, %", "after, %"]
    ours = numbers["ours"]
    rows = [["oscillating QIF, exact gradient", ours["after"]["ordinary"], ours["before"]["silent"],
             ours["after"]["silent"], f"{numbers['start_zeros']:.2f}", ""]]  # fmt: skip
    for kind, each in numbers["leaky"].items():
        text, before, after = LEAKY[kind], each["before"], each["after"]
        rows.append([text, after["ordinary"], before["silent"], after["silent"], before["zeros"], after["zeros"]])
    return _table(head, rows)


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Return all tables in Markdown."""
    return {
        "peer": _peer(numbers), "gradients": _gradients(numbers), "depths": _depths(numbers), "leaky": _leaky(numbers),
    }  # fmt: skip


def draw_errors(ax: Axes, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Draw validation errors against epochs, with pseudospikes (dashed) and without, of the seeds that both have."""
    styles = {"ours": (plot.lighter(plot.BLUE, 0.4), "smoothspike", 2.5), "peer": (plot.VERMILION, "spikegd", 0.9)}
    seeds = len(runs.get("peer", runs["ours"]))
    for name, (color, label, width) in styles.items():
        for key, dashes, what in (
            ("ordinary", "-", "ordinary spikes"),
            ("accuracy", (0, (2, 1.5)), "pseudospikes too"),
        ):
            if name in runs:
                errors = np.mean([[100 - row[key] for row in each["history"]] for each in runs[name][:seeds]], 0)
                ax.plot(errors, color=color, linestyle=dashes, linewidth=width, label=f"{label}, {what}")
    ax.set(xlabel="epoch", ylabel="validation error (%)", ylim=(0, 150), yticks=range(0, 101, 20))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=6, loc="upper right", labelspacing=0.3)


def draw_activity(ax: Axes, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Draw how many hidden neurons are silent on the validation images against epochs, of every seed."""
    for name, color, label in (("ours", plot.BLUE, "smoothspike"), ("peer", plot.VERMILION, "spikegd")):
        for place, each in enumerate(runs.get(name, [])):
            silent = [row["silent"] for row in each["history"]]
            ax.plot(silent, color=color, label=label if place == 0 else None)
    ax.set(xlabel="epoch", ylabel="silent hidden neurons (%)", ylim=(0, 102))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=6)


def draw_leaky(ax: Axes, quadratic: list[dict[str, Any]], leaky: dict[str, list[dict[str, Any]]], key: str) -> None:
    """Draw validation errors by ordinary spikes, or silent neurons, of the first seed of each kind of network."""
    is_error = key == "ordinary"

    def values(run: dict[str, Any]) -> np.ndarray:
        found = np.array([row[key] for row in run["history"]])
        return 100 - found if is_error else found

    ax.plot(values(quadratic[0]), color=plot.lighter(plot.BLUE, 0.4), linewidth=2.5, label="QIF, exact")
    styles = {"exact": (plot.VERMILION, (0, (3, 1.5))), "surrogate": (plot.COLORS[2], "-")}
    for kind, runs in leaky.items():
        color, style = styles[kind]
        ax.plot(values(runs[0]), color=color, linestyle=style, label=f"LIF, {kind}")
    ax.set(xlabel="epoch", ylabel="validation error (%)" if is_error else "silent hidden neurons (%)")
    ax.set(ylim=(0, 135) if is_error else (0, 104), yticks=range(0, 101, 20))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if is_error:
        ax.legend(fontsize=6, loc="upper right", labelspacing=0.3)


def draw_depths(ax: Axes, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Draw the test accuracy against the number of hidden layers."""
    depths = list(map(int, runs))
    for key, color, label in (
        ("ordinary", plot.BLUE, "ordinary spikes"),
        ("accuracy", plot.VERMILION, "pseudospikes too"),
    ):
        values = [[each["after"][key] for each in runs[str(depth)]] for depth in depths]
        ax.plot(depths, np.mean(values, 1), "o-", markersize=3, color=color, label=label)
    ax.set(xlabel="hidden layers", ylabel="test accuracy (%)", ylim=(0, 135), yticks=range(0, 101, 20), xticks=depths)
    ax.legend(fontsize=6, loc="upper right")


def draw_gradients(ax: Axes, found: dict[str, dict[str, list[float]]]) -> None:
    """Draw the spread of gradients against the layer."""
    for depth, color in zip(found, plot.COLORS, strict=False):
        spread = found[depth]["spread"]
        label = f"{depth} hidden layer{'' if depth == '1' else 's'}"
        ax.semilogy(np.arange(1, len(spread) + 1), spread, "o-", markersize=3, color=color, label=label)
    ax.set(xlabel="layer of weights", ylabel="s.d. of gradients")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=6)
