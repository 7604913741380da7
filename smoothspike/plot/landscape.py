"""Plot loss landscapes: on a line with all jumps and kinks, on a plane as a map."""

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from ..landscape import Landscape
from .style import BLUE, COLORS, GREY, prepared, text_size

Show = Literal["loss", "slope", "gradient norm"]
#: A colour and a marker for each kind of event.
_KINDS = {
    "appearance": (COLORS[1], "^"), "disappearance": (COLORS[3], "v"), "order": (COLORS[2], "s"),
    "trial end": (COLORS[4], "o"),
}  # fmt: skip


def landscape(scape: Landscape, *, show: Show = "loss", sample: int | None = None, ax: Axes | None = None) -> Axes:
    """Plot a landscape.

    On a line the loss is drawn with a gap at every jump, whose ends have a marker by its kind; ticks in the same
    colours below mark kinks. Derivatives are drawn at the points of the landscape, with straight lines between them. A
    plane is a map, of the loss with contour lines; a cross marks the network itself.

    Args:
        scape: The result of `smoothspike.landscape`.
        show: What to draw: the loss; its derivative along the line; the norm of the gradient by all parameters.
        sample: The sample whose loss to draw; None for the mean loss and the events of all samples.
        ax: The axes; by default of a new figure.

    Raises:
        ValueError: if the slope on a plane is asked for, or the norm of the gradient of one sample.

    Example:
        >>> import numpy as np
        >>> from matplotlib import pyplot as plt
        >>> x = np.linspace(-1, 1, 5)
        >>> scape = Landscape((x,), x**2, 2 * x[:, None], abs(2 * x), x[None] ** 2, 2 * x[None, :, None], (), (), 0)
        >>> ax = landscape(scape)
        >>> ax.get_ylabel()
        'loss'
        >>> plt.close(ax.figure)
    """
    if show == "gradient norm" and sample is not None:
        raise ValueError("landscape: the norm of the gradient is known of the mean loss alone; leave out sample")
    ax = prepared(ax)
    if len(scape.coordinates) == 2:
        return _map(scape, show, sample, ax)
    grid = scape.coordinates[0]
    ax.set(xlabel="distance along the direction", ylabel={"slope": "derivative of the loss"}.get(show, show))
    if show == "loss":
        _loss(scape, sample, ax)
    else:
        slopes = scape.gradients[:, 0] if sample is None else scape.sample_gradients[sample, :, 0]
        ax.plot(grid, slopes if show == "slope" else scape.gradient_norms, color=BLUE, marker=".", markersize=2.5)
    _kinks(scape, sample, ax)
    ax.set_xlim(grid[0], grid[-1])
    if any(handle for handle in ax.get_legend_handles_labels()[0]):
        ax.legend(
            loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, borderaxespad=0.2, columnspacing=1.0,
            handletextpad=0.3, fontsize=text_size(ax),
        )  # fmt: skip
    return ax


def _own(scape: Landscape, sample: int | None) -> list[Any]:
    return [event for event in scape.events if sample is None or event.sample == sample]


def _loss(scape: Landscape, sample: int | None, ax: Axes) -> None:
    places, values = scape.curve(sample)
    cuts = np.flatnonzero(np.diff(places) == 0) + 1
    ax.plot(np.insert(places, cuts, np.nan), np.insert(values, cuts, np.nan), color=BLUE, solid_capstyle="butt")
    lows, highs = values[cuts - 1], values[cuts]
    ax.vlines(places[cuts], lows, highs, color=GREY, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=1)
    for kind, (color, marker) in _KINDS.items():
        at = np.array([event.place for event in _own(scape, sample) if event.is_jump and event.kind == kind])
        chosen = np.isin(places[cuts], at)
        if chosen.any():
            where = np.tile(places[cuts][chosen], 2)
            limits = np.concatenate([lows[chosen], highs[chosen]])
            ax.plot(
                where, limits, marker, color=color, markersize=2.8, markeredgewidth=0.0, linestyle="none", label=kind
            )


def _kinks(scape: Landscape, sample: int | None, ax: Axes) -> None:
    for kind, (color, _) in _KINDS.items():
        at = [event.place for event in _own(scape, sample) if not event.is_jump and event.kind == kind]
        if at:
            ax.plot(
                at, np.full(len(at), 0.03), "|", transform=ax.get_xaxis_transform(), color=color, markersize=6.0,
                markeredgewidth=0.7, clip_on=False, label=f"{kind} (kink)", linestyle="none",
            )  # fmt: skip


def _map(scape: Landscape, show: Show, sample: int | None, ax: Axes) -> Axes:
    if show == "slope":
        raise ValueError("landscape: a plane has two slopes; show its loss or the norm of its gradient")
    values = scape.gradient_norms if show == "gradient norm" else scape.values
    values = values if sample is None else scape.sample_values[sample]
    x, y = scape.coordinates
    image = ax.pcolormesh(x, y, values.T, cmap="cividis", shading="gouraud", rasterized=True)
    if show == "loss":  # the norm of a gradient that jumps has no contours worth drawing
        ax.contour(x, y, values.T, levels=12, colors="white", linewidths=0.35, alpha=0.8)
    ax.plot(0.0, 0.0, "+", color="white", markersize=6.0, markeredgewidth=1.0)
    bar = ax.figure.colorbar(image, ax=ax, label=show, fraction=0.05, pad=0.03)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    ax.set(xlabel="first direction", ylabel="second direction", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    return ax
