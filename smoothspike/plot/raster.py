"""Which neuron spiked when."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..networks.recording import Recording
from ..spikes import Spikes
from ._trial import last_time, pseudospike_times, require_one_trial
from .style import lighter, mark_trial_end, prepared

#: How much of its row a spike's mark fills.
HEIGHT = 0.8


def raster(
    spikes: Spikes | Recording,
    *,
    layer: int = -1,
    ax: Axes | None = None,
    duration: float | None = None,
    size: int | None = None,
    pseudospikes: bool = False,
    until: float | None = None,
    color: str | Sequence[str] = "#222222",
) -> Axes:
    """Draw the spikes of one trial: a row for each neuron, a mark for each spike.

    Args:
        spikes: The spikes, or a recording that holds them.
        layer: Which layer of the recording.
        ax: Where to draw; a new figure if None.
        duration: The trial end, marked by a dashed line; a recording's own if None.
        size: How many neurons there are; a recording's own if None, or as many as the largest source asks for.
        pseudospikes: Draw the first pseudospike of each neuron too, in a lighter colour, beyond the trial end. Arrows
            at the edge stand for those that come later than `until`.
        until: Where the time axis ends; if None, after the last mark, but not later than twice the trial.
        color: One colour, or one for each neuron.

    Returns:
        The axes.

    Raises:
        ValueError: for a batch of trials, if a source does not fit `size`, if there are not as many colours as
            neurons, or if pseudospikes are asked for without a recording.

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
        size = spikes.layers[layer].pseudospikes.first.shape[-1] if size is None else size
        spikes = spikes.spikes[layer]
    if pseudospikes and recording is None:
        raise ValueError("raster: pseudospikes=True needs a Recording; Spikes hold ordinary spikes only")
    require_one_trial("raster", spikes)
    is_spike = np.asarray(spikes.is_spike)
    times, sources = np.asarray(spikes.times)[is_spike], np.asarray(spikes.sources)[is_spike]
    size = int(sources.max(initial=0)) + 1 if size is None else size
    spikes.check_sources(size)
    colors = np.array([color] * size if isinstance(color, str) else list(color))
    if len(colors) != size:
        raise ValueError(f"raster: {len(colors)} colours for {size} neurons; give one colour, or one for each neuron")

    ax = prepared(ax)
    _marks(ax, times, sources, colors)
    end = 1.03 * float(times.max(initial=0.0)) or 1.0
    if duration is not None:
        mark_trial_end(ax, duration)
        end = max(duration, float(times.max(initial=0.0)))
    if recording is not None and pseudospikes:
        later = pseudospike_times(recording, layer)
        end = last_time(recording.duration, later) if until is None else until
        pale = np.array([lighter(each, 0.6) for each in colors])
        is_shown = later <= end
        _marks(ax, later[is_shown], np.flatnonzero(is_shown), pale)
        beyond = np.flatnonzero(~is_shown)
        ax.scatter(
            np.full(beyond.size, end), beyond, s=5, marker=">", c=list(pale[beyond]), linewidths=0, clip_on=False
        )
    ax.set(xlim=(0, end if until is None else until), ylim=(-0.5, size - 0.5), xlabel="time", ylabel="neuron")
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    return ax


def _marks(ax: Axes, times: np.ndarray, neurons: np.ndarray, colors: np.ndarray) -> None:
    # among very many neurons a mark of one row would be invisible
    half = max(HEIGHT, len(colors) / 50) / 2
    ax.vlines(times, neurons - half, neurons + half, colors=list(colors[neurons]), linewidth=0.9)
