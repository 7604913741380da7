"""Spikes of auditory receptor neurons of grasshoppers, with the sound that they were driven by."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .._time_units import MILLISECONDS, time_factor
from ..spikes import Spikes
from .files import reading

_SOURCE = "nitime 0.12 by pip"


class Receptor(NamedTuple):
    """A recording of one neuron, 10 seconds long.

    Attributes:
        spikes: One trial with one source.
        stimulus: The amplitude modulation of the sound, as recorded; the first sample is at time 0.
        dt: The time between samples of the stimulus.
        duration: The length of the recording.
        cutoff: The cut-off frequency of the modulation in Hz.
    """

    spikes: Spikes
    stimulus: Float[np.ndarray, " samples"]
    dt: float
    duration: float
    cutoff: float


def grasshopper(to: str = MILLISECONDS) -> tuple[Receptor, Receptor]:
    """Load two recordings of auditory receptor neurons of grasshoppers, one with a slow and one with a fast stimulus.

    The stimulus is a sound whose amplitude is modulated by Gaussian noise with a cut-off at 200 and at 800 Hz. Spikes
    have a resolution of 0.1 ms; 929 and 868 of them come in 10 s.

    Source: the data that the package nitime includes, which are of the laboratory of Andreas Herz; Rokem et al.,
    "Spike-timing precision underlies the coding efficiency of auditory receptor neurons", J. Neurophysiol. 95 (2006),
    2541-2552.

    Args:
        to: The time unit of the result, as text: `"ms"`, `"s"`, or a multiple such as `"20 ms"`.

    Returns:
        The recordings.

    Raises:
        ImportError: if nitime is not installed.
        ValueError: if its files are not as expected, or the unit is unknown.

    Example:
        >>> slow, fast = grasshopper()  # doctest: +SKIP
    """
    found = find_spec("nitime")
    if found is None or found.origin is None:
        raise ImportError('these recordings are part of nitime; run pip install "smoothspike[recordings]"')
    slow, fast = (_receptor(Path(found.origin).parent / "data", number, to) for number in (1, 2))
    return slow, fast


def _receptor(folder: Path, number: int, to: str) -> Receptor:
    factor = time_factor("us", to)
    events, sound = folder / f"grasshopper_spike_times{number}.txt", folder / f"grasshopper_stimulus{number}.txt"
    with reading(events, "file of spike times", _SOURCE):
        header = [line for line in events.read_text().splitlines() if line.startswith("# cut-off frequency")]
        cutoff = float(header[0].partition(":")[2])
        times = np.loadtxt(events)
    with reading(sound, "file of samples", _SOURCE):
        sampled, stimulus = np.loadtxt(sound).T
        step = sampled[1] - sampled[0]
        if sampled[0] != 0 or (np.diff(sampled) != step).any():
            raise ValueError("samples are not at equal distances")
    spikes = Spikes.from_trials([(times, np.zeros(len(times), int))], unit="us", to=to)[0]
    return Receptor(spikes, stimulus, float(step * factor), float(step * factor * len(stimulus)), cutoff)
