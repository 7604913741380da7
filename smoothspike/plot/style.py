"""The style of all plots: thin lines, small type, and a palette for colour-blind readers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
import sympy as sp
from cycler import cycler
from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.mathtext import MathTextParser

from symbolic.typesetting import latex

BLUE = "#0072B2"
VERMILION = "#D55E00"
#: In order of use (Okabe & Ito, 2008, without yellow, which is faint on white).
COLORS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222")
#: For trial ends, thresholds and zero lines.
GREY = "#808080"

#: Matplotlib's mathtext supports only a part of LaTeX.
_PARSER = MathTextParser("path")

#: What differs on a screen, where a figure without axes of its own is shown.
_SCREEN: dict[Any, Any] = {
    "axes.labelsize": 11.0, "axes.titlesize": 11.0, "figure.dpi": 110.0, "figure.figsize": (6.0, 3.6),
    "font.size": 10.0, "legend.fontsize": 10.0, "xtick.labelsize": 10.0, "ytick.labelsize": 10.0,
}  # fmt: skip
_PAPER: dict[Any, Any] = {
    "axes.edgecolor": "#222222",
    "axes.labelcolor": "#222222",
    "axes.labelpad": 3.0,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.0,
    "figure.dpi": 150.0,
    "figure.figsize": (3.4, 2.3),
    "font.size": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "lines.linewidth": 1.0,
    "lines.markersize": 4.0,
    "mathtext.fontset": "dejavusans",
    "pdf.fonttype": 42,
    "savefig.bbox": "tight",
    "savefig.dpi": 300.0,
    "text.color": "#222222",
    "xtick.color": "#222222",
    "xtick.labelsize": 8.0,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "xtick.minor.size": 1.5,
    "xtick.minor.width": 0.4,
    "ytick.color": "#222222",
    "ytick.labelsize": 8.0,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
    "ytick.minor.size": 1.5,
    "ytick.minor.width": 0.4,
}


def mathematics(symbol: sp.Symbol) -> str:
    r"""Return the name of a symbol for use between dollar signs, in commands that Matplotlib supports.

    Example:
        >>> import sympy as sp
        >>> print(mathematics(sp.Symbol("tau_m")), mathematics(sp.Symbol(r"\text{V}_0^{a}^{b}")))
        \tau_{m} \mathrm{textV0ab}
    """
    name = latex(symbol)
    try:
        _PARSER.parse(f"${name}$")
    except ValueError:
        return rf"\mathrm{{{''.join(letter for letter in symbol.name if letter.isalnum())}}}"
    return name


def words(text: str) -> str:
    r"""Escape dollar signs, so that Matplotlib does not parse mathematics."""
    return text.replace("$", r"\$")


@contextmanager
def paper_style() -> Iterator[None]:
    """A context in which new figures have the style of a paper.

    Example:
        >>> with paper_style():
        ...     figure, ax = plt.subplots()
        >>> ax.spines["top"].get_visible()
        False
        >>> plt.close(figure)
    """
    with matplotlib.rc_context(_PAPER):
        yield


def is_paper() -> bool:
    """Whether the style of a paper is in force."""
    return matplotlib.rcParams["font.size"] == _PAPER["font.size"]


def lighter(color: str, amount: float = 0.5) -> str:
    """Mix a colour with white: an `amount` of 0 gives the colour, 1 white.

    Example:
        >>> lighter("#000000", 1.0)
        '#ffffff'
    """
    red, green, blue = (channel + (1 - channel) * amount for channel in colors.to_rgb(color))
    return colors.to_hex((red, green, blue))


def prepared(ax: Axes | None) -> Axes:
    """Return the axes, by default of a new figure, without their upper and right spines.

    A new figure has the size for a screen, but inside `paper_style` that of a column.
    """
    if ax is None:
        with matplotlib.rc_context(_PAPER if is_paper() else _PAPER | _SCREEN):
            _, ax = plt.subplots(layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def beside(ax: Axes, **options: Any) -> None:
    """Place a legend to the right of the axes."""
    with matplotlib.rc_context({"legend.fontsize": text_size(ax), "legend.handlelength": 1.4}):
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, frameon=False, **options)


def text_size(ax: Axes) -> float:
    """Return the font size of the tick labels, for text beside them."""
    return float(ax.xaxis.get_ticklabels()[0].get_fontsize())


def show_angles(axis: Axis) -> None:
    """Label an axis of angles in units of pi."""
    axis.set_ticks([-np.pi, 0, np.pi], ["$-\\pi$", "$0$", "$\\pi$"])


def mark_trial_end(ax: Axes, duration: float) -> None:
    """Draw the trial end as a dashed line."""
    ax.axvline(duration, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0, label="_trial end")
