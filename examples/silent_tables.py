"""Tables of the page of mnist_from_silence.py."""

from typing import Any

_ROWS = {
    "ordinary": "test accuracy by ordinary spikes, %",
    "accuracy": "with pseudospikes, %",
    "loss_ordinary": "loss, missing spikes at the trial end",
    "loss": "loss with pseudospikes",
    "spikes": "spikes per hidden neuron and image",
    "silent": "hidden neurons that never spike, %",
}
_LEAKY = {
    "ours": "oscillating QIF, silent",
    "exact_silent": "LIF, exact, silent",
    "exact_awake": "LIF, exact, awake",
    "surrogate_silent": "LIF, surrogate, silent",
    "surrogate_awake": "LIF, surrogate, awake",
}


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


def _depths(numbers: dict[str, Any]) -> str:
    keys = "ordinary", "accuracy", "spikes", "silent"
    head = ["hidden layers", *(_ROWS[key] for key in keys), "silent before, %"]
    rows = [
        [depth, *(each["after"][key] for key in keys), each["before"]["silent"]]
        for depth, each in numbers["depths"].items()
    ]
    return _table(head, rows)


def _gradients(numbers: dict[str, Any]) -> str:
    rows = [
        [depth, f"{place + 1} of {len(each['spread'])}", f"{each['spread'][place]:.1e}",
         f"{each['zeros'][place]:.3f}", f"{abs(1 - each['cosine'][place]):.0e}"]
        for depth, each in numbers["gradients"].items() for place in range(len(each["spread"]))
    ]  # fmt: skip
    return _table(["hidden layers", "weights", "spread", "zeros", "1 - cosine"], rows)


def _leaky(numbers: dict[str, Any]) -> str:
    there = {kind: text for kind, text in _LEAKY.items() if kind in numbers}
    head = ["", _ROWS["ordinary"], "each", "silent before, %", "silent after, %"]
    rows = [
        [text, numbers[kind]["after"]["ordinary"], ", ".join(f"{each:.1f}" for each in numbers[kind]["each"]),
         numbers[kind]["before"]["silent"], numbers[kind]["after"]["silent"]]
        for kind, text in there.items()
    ]  # fmt: skip
    return _table(head, rows)


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Return all tables in Markdown."""
    return {
        "peer": _peer(numbers), "depths": _depths(numbers), "gradients": _gradients(numbers), "leaky": _leaky(numbers)
    }  # fmt: skip
