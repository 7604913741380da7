"""Divergences that a simulation has to cut off somewhere: whether it matters where."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..numerics.trajectory import ESCAPED
from .draws import Bases, draw_pilot
from .equations import FARTHEST
from .trials import Simulator

_SHARES = np.array([0.125, 0.25, 0.5, 1.0])
_NEAR = np.array([3.0, 6.0, 12.0, 24.0])  # in asinh(V), where the spike is beyond the largest numbers
_TRIALS = 16
_WATCHED = 2  # spikes
_SETTLED = 0.75
_ROUNDING = 1e-6


class Unsettled(NamedTuple):
    """A trial whose outcome depends on where the divergence of the spiking variable is cut off.

    Attributes:
        base: The trial, alone.
        cut_offs: Values of the spiking variable.
        observed: What depends on them, in words.
        outcomes: It, for each of them; infinite for a spike that does not happen.
        spike_times: All spike times for each of them.
    """

    base: Bases
    cut_offs: Float[np.ndarray, " cut_offs"]
    observed: str
    outcomes: Float[np.ndarray, " cut_offs"]
    spike_times: Float[np.ndarray, "cut_offs spikes"]


def cut_off_shares(simulator: Simulator) -> Float[np.ndarray, " cut_offs"]:
    """The cut-offs to compare, in units of the whole way to infinity in asinh(V); each is twice the one before."""
    return _SHARES if np.isfinite(simulator.setting.top) else _NEAR / FARTHEST


def find_unsettled(simulator: Simulator, generator: np.random.Generator) -> Unsettled | None:
    """Look for a trial in which a spike time, or a state at a spike, has no limit as the cut-off is raised.

    Where there is a limit, what is missing shrinks like a power of the cut-off. Cut-offs are squared from one to the
    next, so that their effects fall off ever faster; those of a logarithm double.
    """
    if not simulator.setting.model.spike.is_at_infinity:
        return None
    shares = cut_off_shares(simulator)
    bases = draw_pilot(simulator, generator, shares[0]).with_spikes(_TRIALS)
    if not len(bases):
        return None
    trial = simulator(bases.inputs.repeated(len(shares)), np.tile(shares, len(bases)))
    spikes = trial.spike_times.reshape(len(bases), len(shares), -1)
    states = trial.at_spikes.reshape(len(bases), len(shares), *trial.at_spikes.shape[1:])
    top = min(simulator.setting.top, FARTHEST)
    for base, spike in np.ndindex(len(bases), _WATCHED):
        seen = {f"time of spike {spike + 1}": spikes[base, :, spike]}
        for place, state in enumerate(simulator.setting.model.other_states, 1):
            seen[f"{state} at spike {spike + 1}"] = states[base, :, spike, place]
        for observed, outcomes in seen.items():
            if not settles(outcomes):
                chosen = bases.chosen(np.array([base]))
                return Unsettled(chosen, np.sinh(top * shares), observed, outcomes, spikes[base])
    return None


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


def find_escape(simulator: Simulator, generator: np.random.Generator) -> tuple[Bases, float] | None:
    """Look for a trial that ends because the spiking variable runs to minus infinity; return it and its end."""
    bases = draw_pilot(simulator, generator).escapes(_TRIALS)
    if not len(bases):
        return None
    half = simulator(bases.inputs, np.full(len(bases), 0.5))
    whole = bases.trial.ended
    same = (half.status == ESCAPED) & (np.abs(half.ended - whole) <= _ROUNDING * simulator.duration)
    found = np.flatnonzero(same)
    return (bases.chosen(found[:1]), float(whole[found[0]])) if len(found) else None
