"""What several pictures need to know about a trial."""

import numpy as np

from ..networks.recording import Recording
from ..spikes import Spikes


def require_one_trial(where: str, spikes: Spikes) -> None:
    """Raise a ValueError for a batch of trials."""
    if spikes.times.ndim != 1:
        raise ValueError(
            f"{where} draws one trial, but this is a batch of shape {spikes.times.shape[:-1]}; "
            "pick trial i with jax.tree.map(lambda leaf: leaf[i], recording), or spikes[i]"
        )


def last_time(duration: float, later: np.ndarray) -> float:
    """Return where the time axis ends: it holds all pseudospikes, but is no longer than twice the trial."""
    return min(max(duration, 1.03 * float(later.max(initial=0.0))), 2 * duration)


def pseudospike_times(recording: Recording, layer: int) -> np.ndarray:
    """Return when the first pseudospike of each neuron comes."""
    return recording.duration + np.asarray(recording.layers[layer].pseudospikes.first)
