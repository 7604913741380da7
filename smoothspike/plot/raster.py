"""Raster plots."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..networks.recording import Recording
from ..spikes import Spikes
from ._trial import last_time, pseudospike_times, require_one_trial, time_label
from .style import beside, lighter, mark_trial_end, prepared

#: Height of a mark, as a fraction of its row.
HEIGHT = 0.8
#: How much white there is in the colour of pseudospikes.
PALE = 0.6


def raster(
    spikes: Spikes | Recording,
    *,
    layer: int | None = None,
    ax: Axes | None = None,
    duration: float | None = None,
    size: int | None = None,
    pseudospikes: bool = False,
    until: float | None = None,
    color: str | Sequence[str] = "#222222",
    legend: bool | None = None,
) -> Axes:
    """Plot the spikes of one trial, with a row for each neuron.

    Args:
        spikes: The spikes, or a recording.
        layer: The layer of the recording; by default the last that spikes, which is before a readout.
        ax: The axes; by default of a new figure.
        duration: The trial end, a dashed line; by default the recording's.
        size: The number of neurons; by default the recording's, or 1 + the largest source.
        pseudospikes: Whether to show the first pseudospike of each neuron, in a lighter colour. Arrows at the edge
            point to those after `until`.
        until: End of the time axis; by default after the last mark, at most twice the trial.
        color: One colour, or one per neuron.
        legend: Whether to say which marks are pseudospikes; by default in a figure of its own, where there are any.

    Raises:
        ValueError: for a batch of trials, a source beyond `size`, a wrong number of colours, or `pseudospikes` without
            a recording.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> ax = raster(Spikes([0.5, 1.0, 1.5], [0, 2, 1]), duration=2.0)
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('time', 'neuron')
        >>> plt.close(ax.figure)
    """
    recording = spikes if isinstance(spikes, Recording) else None
    if isinstance(spikes, Recording):
        duration = spikes.duration if duration is None else duration
        layer = _last_spiking(spikes) if layer is None else layer
        size = spikes.layers[layer].size if size is None else size
        spikes = spikes.spikes[layer]
    if pseudospikes and recording is None:
        raise ValueError("raster: pseudospikes=True needs a Recording; Spikes contain ordinary spikes only")
    require_one_trial("raster", spikes)
    is_spike = np.asarray(spikes.is_spike)
    times, sources = np.asarray(spikes.times)[is_spike], np.asarray(spikes.sources)[is_spike]
    size = int(sources.max(initial=0)) + 1 if size is None else size
    spikes.check_sources(size)
    colors = np.array([color] * size if isinstance(color, str) else list(color))
    if len(colors) != size:
        raise ValueError(f"raster: {len(colors)} colours for {size} neurons; pass one colour, or one per neuron")

    legend = ax is None and pseudospikes if legend is None else legend
    ax = prepared(ax)
    _marks(ax, times, sources, colors)
    end = 1.03 * float(times.max(initial=0.0)) or 1.0
    if duration is not None:
        mark_trial_end(ax, duration)
        end = max(duration, float(times.max(initial=0.0)))
    if recording is not None and layer is not None and pseudospikes:
        later = pseudospike_times(recording, layer)
        end = last_time(recording.duration, later) if until is None else until
        _pseudospikes(ax, later, end, colors)
    ax.set(xlim=(0, end if until is None else until), ylim=(-0.5, size - 0.5))
    ax.set(xlabel=time_label(recording), ylabel="neuron")
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if legend and size:
        shades = {"spike": colors[0], "pseudospike,\nbeyond the trial": lighter(colors[0], PALE)}
        beside(ax, handles=[Line2D([], [], color=shade, label=name) for name, shade in shades.items()])
    return ax


def _pseudospikes(ax: Axes, times: np.ndarray, end: float, colors: np.ndarray) -> None:
    pale = np.array([lighter(each, PALE) for each in colors])
    is_shown = times <= end
    _marks(ax, times[is_shown], np.flatnonzero(is_shown), pale)
    beyond = np.flatnonzero(~is_shown)
    ax.scatter(np.full(beyond.size, end), beyond, s=5, marker=">", c=list(pale[beyond]), linewidths=0, clip_on=False)


def _last_spiking(recording: Recording) -> int:
    """Return the number of the last layer, or of the one before a readout."""
    last = len(recording.layers) - 1
    return last - 1 if last and recording.layers[last].is_readout else last


def _marks(ax: Axes, times: np.ndarray, neurons: np.ndarray, colors: np.ndarray) -> None:
    # among many neurons, a mark of one row would be invisible
    half = max(HEIGHT, len(colors) / 50) / 2
    ax.vlines(times, neurons - half, neurons + half, colors=list(colors[neurons]), linewidth=0.9)
