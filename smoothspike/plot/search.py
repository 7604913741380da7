"""Plots of a search for hyperparameters: its history, what matters, and trials by their settings."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from .style import COLORS, GREY, prepared, words

_SPARSE = 2.0  # decades from which an axis is logarithmic


class Trials(Protocol):
    """What is plotted of a study, such as `smoothspike.studies.Study`."""

    @property
    def direction(self) -> str:
        """Which values are best: "minimize" or "maximize"."""
        ...

    @property
    def groups(self) -> Sequence[str | None]:
        """Names of groups."""
        ...

    @property
    def completed(self) -> Sequence[Any]:
        """Trials with `number`, `group`, `value` and `params`."""
        ...


def search_history(study: Trials, ax: Axes | None = None) -> Axes:
    """Plot the value of each trial, and the best so far, against the number of the trial; by groups.

    Args:
        study: What `ss.search` returns.
        ax: The axes; by default of a new figure.

    Raises:
        ValueError: if no trial is complete.

    Example:
        >>> import smoothspike as ss
        >>> from matplotlib import pyplot as plt
        >>> study = ss.search(lambda trial: trial["x"] ** 2, {"x": (-1.0, 1.0)}, trials=5, storage=None, progress=False)
        >>> ax = search_history(study)
        >>> ax.get_xlabel(), len(ax.lines)
        ('trial', 2)
        >>> plt.close(ax.figure)
    """
    _require_trials(study, "search_history")
    ax = prepared(ax)
    best = np.minimum if study.direction == "minimize" else np.maximum
    for group, color in _colored(study):
        trials = [each for each in study.completed if each.group == group]
        if not trials:
            continue
        numbers, values = np.array([[each.number, each.value] for each in trials]).T
        ax.plot(numbers, values, "o", color=color, markersize=3, alpha=0.5, markeredgewidth=0)
        ax.plot(numbers, best.accumulate(values), color=color, drawstyle="steps-post", label=group or "best so far")
    ax.set(xlabel="trial", ylabel="value")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.legend(frameon=False)
    return ax


def importances(shares: Mapping[str, float], ax: Axes | None = None) -> Axes:
    """Plot how much each hyperparameter matters, as horizontal bars.

    Args:
        shares: By name, what `study.importances()` returns.
        ax: The axes; by default of a new figure.

    Raises:
        ValueError: if there are none.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> ax = importances({"rate": 0.7, "size": 0.3})
        >>> [round(float(bar.get_width()), 1) for bar in ax.patches]
        [0.3, 0.7]
        >>> plt.close(ax.figure)
    """
    if not shares:
        raise ValueError("importances: there are none to plot")
    ax = prepared(ax)
    rows = sorted(shares.items(), key=lambda each: each[1])
    ax.barh([words(name) for name, _ in rows], [share for _, share in rows], color=COLORS[0], height=0.6)
    ax.set(xlabel="importance", xlim=(0, 1))
    return ax


def search_slice(study: Trials, name: str, ax: Axes | None = None) -> Axes:
    """Plot the values of trials against one hyperparameter; by groups.

    Args:
        study: What `ss.search` returns.
        name: The name of the hyperparameter.
        ax: The axes; by default of a new figure.

    Raises:
        ValueError: if no trial is complete, or there is no such hyperparameter.

    Example:
        >>> import smoothspike as ss
        >>> from matplotlib import pyplot as plt
        >>> study = ss.search(lambda trial: trial["x"] ** 2, {"x": (-1.0, 1.0)}, trials=5, storage=None, progress=False)
        >>> search_slice(study, "x").get_xlabel()
        'x'
        >>> plt.close("all")
    """
    _require_trials(study, "search_slice")
    _require_names(study, [name])
    ax = prepared(ax)
    places, labels, is_log = _positions([each.params.get(name) for each in study.completed])
    for group, color in _colored(study):
        chosen = [place for place, each in enumerate(study.completed) if each.group == group]
        values = [study.completed[place].value for place in chosen]
        ax.plot(places[chosen], values, "o", color=color, markersize=3.5, markeredgewidth=0, label=group)
    if labels is not None:
        ax.set_xticks(range(len(labels)), labels)
    elif is_log:
        ax.set_xscale("log")
    ax.set(xlabel=words(name), ylabel="value")
    if study.groups != (None,):
        ax.legend(frameon=False)
    return ax


def parallel_coordinates(study: Trials, names: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Plot each trial as a line through its hyperparameters, coloured by its value.

    Each hyperparameter has an axis from its least to its largest value, logarithmic where that spans two decades.

    Args:
        study: What `ss.search` returns.
        names: The hyperparameters in their order; by default all that differ between trials.
        ax: The axes; by default of a new figure.

    Raises:
        ValueError: if no trial is complete, or there is no such hyperparameter.

    Example:
        >>> import smoothspike as ss
        >>> from matplotlib import pyplot as plt
        >>> space = {"x": (-1.0, 1.0), "kind": ["a", "b"]}
        >>> study = ss.search(lambda trial: trial["x"] ** 2, space, trials=5, storage=None, progress=False)
        >>> len(parallel_coordinates(study, ["x", "kind"]).lines)
        7
        >>> plt.close("all")
    """
    _require_trials(study, "parallel_coordinates")
    names = list(names) if names is not None else _differing(study)
    _require_names(study, names)
    ax = prepared(ax)
    columns = [_Column([each.params.get(name) for each in study.completed]) for name in names]
    values = np.array([each.value for each in study.completed])
    norm = Normalize(values.min(), values.max())
    colors = colormaps["viridis_r" if study.direction == "minimize" else "viridis"]
    is_best_last = np.argsort(-values if study.direction == "minimize" else values)
    for place in is_best_last:
        ax.plot([column.heights[place] for column in columns], color=colors(norm(values[place])), linewidth=0.8)
    for place, column in enumerate(columns):
        ax.axvline(place, color=GREY, linewidth=0.6)
        for height, label in column.ticks:
            note = ax.annotate(label, (place, height), (3, 0), textcoords="offset points", fontsize=6, va="center")
            note.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6})
    ax.set_xticks(range(len(names)), [words(name) for name in names], rotation=20, ha="right")
    ax.set(yticks=[], ylim=(-0.05, 1.05))
    ax.spines["left"].set_visible(False)
    ax.figure.colorbar(_mappable(norm, colors), ax=ax, label="value")
    return ax


class _Column:
    """One axis: heights from 0 to 1, and labels."""

    def __init__(self, given: Sequence[Any]) -> None:
        places, labels, is_log = _positions(given)
        scaled = np.log(places) if is_log else places
        low, high = np.nanmin(scaled), np.nanmax(scaled)
        span = high - low or 1.0
        self.heights = (scaled - low) / span
        ends = [(0.0, f"{np.nanmin(places):.3g}"), (1.0, f"{np.nanmax(places):.3g}")]
        self.ticks = ends if labels is None else [((n - low) / span, label) for n, label in enumerate(labels)]


def _positions(given: Sequence[Any]) -> tuple[np.ndarray, list[str] | None, bool]:
    """Return numbers for the values of a hyperparameter, labels if it has none, and whether they span decades."""
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in given):
        numbers = np.array(given, float)
        is_log = bool(numbers.min() > 0 and np.log10(numbers.max() / numbers.min()) >= _SPARSE)
        return numbers, None, is_log
    labels = list(dict.fromkeys(str(each) for each in given))
    return np.array([labels.index(str(each)) for each in given], float), labels, False


def _colored(study: Trials) -> list[tuple[str | None, str]]:
    return [(group, COLORS[place % len(COLORS)]) for place, group in enumerate(study.groups)]


def _differing(study: Trials) -> list[str]:
    names = dict.fromkeys(name for each in study.completed for name in each.params)
    return [name for name in names if len({str(each.params.get(name)) for each in study.completed}) > 1]


def _mappable(norm: Normalize, colors: Any) -> Any:
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(norm, colors)


def _require_trials(study: Trials, what: str) -> None:
    if not study.completed:
        raise ValueError(f"{what}: no trial of the study is complete")


def _require_names(study: Trials, names: Sequence[str]) -> None:
    known = list(dict.fromkeys(name for each in study.completed for name in each.params))
    for name in names:
        if name not in known:
            raise ValueError(f"the study has no {name!r}; it has {', '.join(known)}")
