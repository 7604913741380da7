"""Plot the spiking variable of neurons over a trial, also where it diverges."""

from collections.abc import Sequence

import equinox as eqx
import numpy as np
import sympy as sp
from jaxtyping import Array
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..networks.recording import LayerRecord, Recording
from ..neurons import ReadoutDynamics
from ._potential import Curve, Variable, broken, mark_spikes, show_threshold, window
from ._trial import last_time, pseudospike_times, require_one_trial, time_label
from .style import COLORS, GREY, beside, mark_trial_end, mathematics, prepared, show_angles

#: The default number of neurons.
MOST = len(COLORS)


def traces(
    recording: Recording,
    *,
    neurons: Sequence[int] | None = None,
    layer: int = -1,
    ax: Axes | None = None,
    samples: int = 1000,
    pseudospikes: bool = True,
    until: float | None = None,
    colors: Sequence[str] | None = None,
    legend: bool | None = None,
) -> Axes:
    """Plot the membrane potential (or the angle) of neurons in one trial, with spikes as triangles above the panel.

    Of a readout, which has no spikes, it is the voltage that is read out.

    Curves are interrupted at spikes. Divergences are cut: the panel shows where potentials are most of the time
    (change it with `ax.set_ylim`). A dotted line marks a finite threshold, a dashed line the trial end.

    Args:
        recording: One trial.
        neurons: Indices in the layer; by default the first seven.
        layer: The layer.
        ax: The axes; by default of a new figure.
        samples: Number of equidistant times; times around spikes and inputs are added.
        pseudospikes: Whether to mark the first pseudospike of each neuron by a hollow triangle; one at the edge points
            to a pseudospike after `until`.
        until: End of the time axis; by default after the last mark, at most twice the trial.
        colors: One colour for each of the neurons.
        legend: Whether to say which colour is which neuron, and what triangles are; by default in a figure of its own.

    Raises:
        ValueError: for a batch of trials, a neuron that does not exist, or too few colours.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> import smoothspike as ss
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif()), sizes=(1, 1), duration=2.0, weights=[[[10.0]]])
        >>> ax = traces(net(ss.Spikes([0.5], [0])))
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('time', '$V$')
        >>> plt.close(ax.figure)
    """
    require_one_trial("traces", recording.spikes[layer])
    size = recording.layers[layer].size
    chosen = list(range(min(size, MOST)) if neurons is None else neurons)
    palette = [COLORS[place % len(COLORS)] for place in range(len(chosen))] if colors is None else list(colors)
    _check(chosen, palette, size, layer)
    variable = _variable(recording.layers[layer], size)
    pseudospikes = pseudospikes and not recording.layers[layer].is_readout
    trains = recording.spikes[layer].to_trains(size)
    later = pseudospike_times(recording, layer) if pseudospikes else np.zeros(size)
    curves = _curves(recording, layer, variable, chosen, [trains[neuron] for neuron in chosen], samples)

    end = last_time(recording.duration, later[chosen] if pseudospikes else later[:0]) if until is None else until
    legend = ax is None if legend is None else legend
    ax = prepared(ax)
    for neuron, (times, values), color in zip(chosen, curves, palette, strict=False):
        ax.plot(times, values, color=color, linewidth=1.0, label=f"neuron {neuron}")
        mark_spikes(ax, trains[neuron][trains[neuron] <= end], color, color)
        if pseudospikes:
            mark_spikes(ax, np.minimum(later[[neuron]], end), color, "white", "^" if later[neuron] <= end else ">")
    variable = variable._replace(threshold=variable.threshold[chosen], reset=variable.reset[chosen])
    show_threshold(ax, variable)
    mark_trial_end(ax, recording.duration)
    ax.set(xlim=(0, end), ylim=window(variable, curves, 0.0, recording.duration))
    if variable.is_angle:
        show_angles(ax.yaxis)
    unit = dict(recording.layers[layer].units).get(variable.name)
    label = f"${mathematics(sp.Symbol(variable.name))}$"
    ax.set(xlabel=time_label(recording), ylabel=label if unit is None else f"{label} ({unit})")
    if legend:
        _explain(ax, pseudospikes)
    return ax


def _explain(ax: Axes, pseudospikes: bool) -> None:
    """Add a legend: neurons by their colour, spikes by their triangles."""
    handles = [line for line in ax.get_lines() if str(line.get_label()).startswith("neuron")]
    marks = {"spike": GREY, "pseudospike": "white"} if pseudospikes else {}
    handles += [
        Line2D([], [], color=GREY, marker="^", markerfacecolor=face, linestyle="", markersize=4.0, label=name)
        for name, face in marks.items()
    ]
    beside(ax, handles=handles)


def _check(chosen: list[int], palette: list[str], size: int, layer: int) -> None:
    for neuron in chosen:
        if not 0 <= neuron < size:
            raise ValueError(f"traces: neuron {neuron} does not exist; layer {layer} has neurons 0 to {size - 1}")
    if len(palette) < len(chosen):
        raise ValueError(f"traces: {len(palette)} colours for {len(chosen)} neurons; pass one per neuron")


def _variable(layer: LayerRecord, size: int) -> Variable:
    if isinstance(layer.dynamics, ReadoutDynamics):
        nothing = np.full(size, np.nan)
        return Variable(layer.dynamics.variable, nothing, nothing, False)
    ends = layer.dynamics.voltage_range
    at, after = (np.broadcast_to(np.asarray(value, float), (size,)) for value in (ends.threshold, ends.reset))
    return Variable(ends.variable, at, after, ends.is_angle)


def _curves(
    recording: Recording, layer: int, variable: Variable, chosen: list[int], trains: list[np.ndarray], samples: int
) -> list[Curve]:
    """Return times and values of each curve, broken at spikes."""
    duration = recording.duration
    # states at an event are those after it; those before it need another time
    trajectory = recording.layers[layer].trajectory
    starts = np.asarray(trajectory.starts)
    if trajectory.neurons is not None:
        starts = starts[np.isin(np.asarray(trajectory.neurons), chosen)]
    elif starts.shape[1] > 1:
        starts = starts[:, chosen]
    events = np.unique(starts[(starts > 0) & (starts < duration)])
    distances = duration * np.geomspace(1e-4, 0.1, 40)
    sides = [spike + side * distances for train in trains for spike in train for side in (-1, 1)]
    grid = np.concatenate([np.linspace(0, duration, samples), events, np.nextafter(events, -np.inf), *sides])
    # padded to few different numbers of samples, each of which is compiled
    grid = np.unique(grid[(grid >= 0) & (grid <= duration)].astype(starts.dtype))
    grid = np.pad(grid, (0, -len(grid) % 512), mode="edge")
    states = np.asarray(_states_at(recording, grid, layer)[variable.name])
    curves = []
    for neuron, train in zip(chosen, trains, strict=True):
        times, values = grid, states[:, neuron].astype(float)
        if train.size:
            near = np.abs(times[:, None] - train).min(axis=1) < 0.5e-4 * duration
            times, values = times[~near], values[~near]
        times, values = broken(times, values, train, variable.threshold[neuron], variable.reset[neuron])
        curves.append((times, np.where(np.isfinite(values), values, np.nan)))
    return curves


@eqx.filter_jit
def _states_at(recording: Recording, ts: np.ndarray, layer: int) -> dict[str, Array]:
    return recording.states_at(ts, layer)
