"""Divergences that a simulation has to cut off somewhere: whether it matters where."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from symbolic import Observable

from ..numerics.trajectory import DONE, ESCAPED, STALLED
from .draws import Bases, Pilot, draw_pilot
from .trials import Simulator

_CUTS = 4
_TRIALS = 16
_WATCHED = 2  # spikes
_SETTLED = 0.75
_ROUNDING = 1e-6


class Unsettled(NamedTuple):
    """A trial whose outcome depends on where the divergence of the spiking variable is cut off.

    Attributes:
        base: The trial, alone.
        cut_offs: Values of the spiking variable.
        observable: What depends on them.
        outcomes: It, for each of them; infinite for a spike that does not happen.
        spike_times: All spike times for each of them.
    """

    base: Bases
    cut_offs: Float[np.ndarray, " cut_offs"]
    observable: Observable
    outcomes: Float[np.ndarray, " cut_offs"]
    spike_times: Float[np.ndarray, "cut_offs spikes"]


def find_unsettled(simulator: Simulator, pilot: Pilot, generator: np.random.Generator) -> Unsettled | None:
    """Look for a trial in which a spike time, or a state at a spike, has no limit as the cut-off is raised.

    Where there is a limit, what is missing shrinks like a power of the cut-off. Cut-offs are squared from one to the
    next, so that their effects fall off ever faster; those of a logarithm double.
    """
    if not simulator.setting.model.spike.is_at_infinity:
        return None
    bases = pilot.with_spikes(_TRIALS)
    if not len(bases):  # infinity may be out of reach
        bases = draw_pilot(simulator, generator, cut=0).with_spikes(_TRIALS)
    if not len(bases):
        return None
    trial = simulator(bases.inputs.repeated(_CUTS), np.tile(np.arange(_CUTS), len(bases)))
    spikes = trial.spike_times.reshape(len(bases), _CUTS, -1)
    states = trial.at_spikes.reshape(len(bases), _CUTS, *trial.at_spikes.shape[1:])
    cut_offs = np.sinh(simulator.setting.tops)
    status = trial.status.reshape(len(bases), _CUTS)
    is_known = ((status == DONE) | (status == STALLED)).all(1)
    for base, spike in np.ndindex(len(bases), _WATCHED):
        seen = {Observable("spike time", spike + 1): spikes[base, :, spike]}
        for place, state in enumerate(simulator.setting.model.other_states, 1):
            seen[Observable("state", spike + 1, state)] = states[base, :, spike, place]
        for observable, outcomes in seen.items():
            if is_known[base] and not has_limit(outcomes, status[base]):
                chosen = bases.chosen(np.array([base]))
                return Unsettled(chosen, cut_offs, observable, outcomes, spikes[base])
    return None


def has_limit(outcomes: Float[np.ndarray, " cut_offs"], status: Int[np.ndarray, " cut_offs"]) -> bool:
    """Whether what a trial yields settles; not if it stalls at a finite value short of the farther cut-offs."""
    is_lost = np.isfinite(outcomes[0]) and np.isposinf(outcomes[-1]) and status[-1] == STALLED
    return settles(outcomes) and not is_lost


def settles(outcomes: Float[np.ndarray, " cut_offs"]) -> bool:
    """Whether a sequence approaches a limit, or is not there to be looked at.

    Example:
        >>> settles(np.array([1.1, 1.01, 1.0001, 1.0])), settles(np.array([1.0, 2.0, 4.0, 8.0]))
        (True, False)
    """
    if np.isnan(outcomes).any() or not np.isfinite(outcomes[:2]).all():
        return True
    if not np.isfinite(outcomes).all():
        return False
    _, before, last = np.abs(np.diff(outcomes))
    return bool(last <= _SETTLED * before or last <= _ROUNDING * (1 + abs(outcomes[-1])))


def find_escape(simulator: Simulator, pilot: Pilot) -> tuple[Bases, float] | None:
    """Look for a trial that ends because the spiking variable runs to minus infinity; return it and its end."""
    bases = pilot.escapes(_TRIALS)
    if not len(bases):
        return None
    half = simulator(bases.inputs, np.full(len(bases), _CUTS - 2))
    whole = bases.trial.ended
    same = (half.status == ESCAPED) & (np.abs(half.ended - whole) <= _ROUNDING * simulator.duration)
    found = np.flatnonzero(same)
    return (bases.chosen(found[:1]), float(whole[found[0]])) if len(found) else None
