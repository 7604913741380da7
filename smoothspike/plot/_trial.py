"""Properties of a trial that several plots need."""

import numpy as np

from ..networks.recording import Recording
from ..spikes import Spikes


def require_one_trial(where: str, spikes: Spikes) -> None:
    """Raise a ValueError for a batch of trials."""
    if spikes.times.ndim != 1:
        raise ValueError(
            f"{where} draws one trial, but this is a batch of shape {spikes.times.shape[:-1]}; "
            "select trial i with jax.tree.map(lambda leaf: leaf[i], recording), or spikes[i]"
        )


def last_time(duration: float, later: np.ndarray) -> float:
    """Return the end of a time axis that shows all pseudospikes, at most twice the trial."""
    return min(max(duration, 1.03 * float(later.max(initial=0.0))), 2 * duration)


def time_label(recording: Recording | None) -> str:
    """Return the label of a time axis: models with units have times in ms."""
    has_units = recording is not None and any(layer.units for layer in recording.layers)
    return "time (ms)" if has_units else "time"


def pseudospike_times(recording: Recording, layer: int) -> np.ndarray:
    """Return the time of each neuron's first pseudospike."""
    return recording.duration + np.asarray(recording.layers[layer].spiking.first)
