"""Plot loss and accuracy during training."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .style import COLORS, lighter, prepared


def learning_curve(history: Sequence[Mapping[str, float]], ax: Axes | None = None) -> Axes:
    """Plot losses on the left axis, logarithmic if positive, and accuracies in percent on the right axis.

    Args:
        history: One row per epoch. Names that contain "loss" or "accuracy" are plotted, against "epoch" if present.
        ax: The axes; by default of a new figure.

    Returns:
        The axes of the loss; `ax.figure.axes[-1]` has the accuracies.

    Raises:
        ValueError: if no row has a loss or an accuracy.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> ax = learning_curve([{"loss": 2.3, "accuracy": 0.1}, {"loss": 0.4, "accuracy": 0.9}])
        >>> ax.get_yscale(), ax.figure.axes[-1].get_ylabel()
        ('log', 'accuracy (%)')
        >>> plt.close(ax.figure)
    """
    names = list(dict.fromkeys(name for row in history for name in row))
    losses = [name for name in names if "loss" in name]
    accuracies = [name for name in names if "accuracy" in name]
    if not losses and not accuracies:
        raise ValueError(f"learning_curve: no row has a 'loss' or an 'accuracy'; the entries are {names}")
    epochs = np.array([row.get("epoch", place) for place, row in enumerate(history)], float)
    ax = prepared(ax)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    right = _right_axes(ax) if losses and accuracies else ax
    if losses:
        _losses(ax, epochs, _columns(history, losses))
    if accuracies:
        _accuracies(right, epochs, _columns(history, accuracies))
    # a single line is named by its axis
    handles = [
        line for names, side in ((losses, ax), (accuracies, right)) if len(names) > 1 for line in side.get_lines()
    ]
    if handles:
        right.legend(
            handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, frameon=False,
            labelspacing=0.3, handlelength=1.6,
        )  # fmt: skip
    return ax


def _losses(ax: Axes, epochs: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    for place, (label, values) in enumerate(columns.items()):
        ax.plot(epochs, values, color=lighter("#222222", 0.45 * place), linewidth=1.0, label=label)
    if min(map(np.nanmin, columns.values())) > 0:
        ax.set_yscale("log")
    ax.set_ylabel("loss")


def _accuracies(ax: Axes, epochs: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    for place, (label, values) in enumerate(columns.items()):
        style = "-" if place == 0 else (0, (4 - min(place, 3), 1.5))
        ax.plot(
            epochs, 100 * values, color=COLORS[place], linestyle=style, linewidth=1.0, clip_on=False, label=label
        )  # fmt: skip
    ax.set_ylabel("accuracy (%)")
    ax.set_ylim(top=100)


def _right_axes(ax: Axes) -> Axes:
    right = ax.twinx()
    right.spines["top"].set_visible(False)
    right.spines["right"].set_visible(True)
    right.spines["right"].set_linewidth(ax.spines["left"].get_linewidth())
    return right


def _columns(history: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name.replace("_", " "): np.array([row.get(name, np.nan) for row in history], float) for name in names}
