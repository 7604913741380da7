"""Divergences that a simulation must cut off: whether the outcome depends on the cut-off."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from symbolic import Observable

from ..numerics.trajectory import DONE, ESCAPED, STALLED
from .random_trials import Screening, Trials, screen
from .trials import Simulator

_CUTOFFS = 4
_TRIALS = 16
_WATCHED = 2  # spikes
_SETTLED = 0.75
_ROUNDING = 1e-6


class CutoffDependence(NamedTuple):
    """A trial whose outcome depends on the value at which the divergence of the spiking variable is cut off.

    Attributes:
        trial: The trial, alone.
        cut_offs: Values of the spiking variable.
        observable: The quantity that depends on them.
        outcomes: Its value for each of them; infinite for a spike that does not happen.
        spike_times: All spike times for each of them.
    """

    trial: Trials
    cut_offs: Float[np.ndarray, " cut_offs"]
    observable: Observable
    outcomes: Float[np.ndarray, " cut_offs"]
    spike_times: Float[np.ndarray, "cut_offs spikes"]


def find_cutoff_dependence(
    simulator: Simulator, screening: Screening, generator: np.random.Generator
) -> CutoffDependence | None:
    """Search for a trial in which a spike time, or a state at a spike, has no limit as the cut-off is raised.

    Where there is a limit, the remainder shrinks like a power of the cut-off. Each cut-off is the square of the
    previous one, so that their effects fall ever faster; those of a logarithm double.
    """
    if not simulator.numeric.model.spike.is_at_infinity:
        return None
    trials = screening.with_spikes(_TRIALS)
    if not len(trials):  # infinity may be out of reach
        trials = screen(simulator, generator, cut=0).with_spikes(_TRIALS)
    if not len(trials):
        return None
    outcomes = simulator(trials.inputs.repeated(_CUTOFFS), np.tile(np.arange(_CUTOFFS), len(trials)))
    spikes = outcomes.spike_times.reshape(len(trials), _CUTOFFS, -1)
    states = outcomes.at_spikes.reshape(len(trials), _CUTOFFS, *outcomes.at_spikes.shape[1:])
    status = outcomes.status.reshape(len(trials), _CUTOFFS)
    is_known = ((status == DONE) | (status == STALLED)).all(1)
    for trial, spike in np.ndindex(len(trials), _WATCHED):
        values = {Observable("spike time", spike + 1): spikes[trial, :, spike]}
        for place, state in enumerate(simulator.numeric.model.other_states, 1):
            values[Observable("state", spike + 1, state)] = states[trial, :, spike, place]
        for observable, sequence in values.items():
            if is_known[trial] and not has_limit(sequence, status[trial]):
                cut_offs = np.sinh(simulator.numeric.tops)
                return CutoffDependence(trials.chosen(np.array([trial])), cut_offs, observable, sequence, spikes[trial])
    return None


def has_limit(outcomes: Float[np.ndarray, " cut_offs"], status: Int[np.ndarray, " cut_offs"]) -> bool:
    """Whether outcomes converge; not if the trial stalls at a finite value before it reaches the farther cut-offs."""
    is_lost = np.isfinite(outcomes[0]) and np.isposinf(outcomes[-1]) and status[-1] == STALLED
    return settles(outcomes) and not is_lost


def settles(outcomes: Float[np.ndarray, " cut_offs"]) -> bool:
    """Whether a sequence converges; True also if it has no finite values to judge."""
    if np.isnan(outcomes).any() or not np.isfinite(outcomes[:2]).all():
        return True
    if not np.isfinite(outcomes).all():
        return False
    _, before, last = np.abs(np.diff(outcomes))
    return bool(last <= _SETTLED * before or last <= _ROUNDING * (1 + abs(outcomes[-1])))


def find_escape(simulator: Simulator, screening: Screening) -> tuple[Trials, float] | None:
    """Search for a trial that ends as the spiking variable diverges to minus infinity; return it and its end."""
    trials = screening.escapes(_TRIALS)
    if not len(trials):
        return None
    nearer = simulator(trials.inputs, np.full(len(trials), _CUTOFFS - 2))
    ended = trials.outcomes.ended
    same = (nearer.status == ESCAPED) & (np.abs(nearer.ended - ended) <= _ROUNDING * simulator.duration)
    found = np.flatnonzero(same)
    return (trials.chosen(found[:1]), float(ended[found[0]])) if len(found) else None
