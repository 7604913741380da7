"""`find_witness`: search for a trial in which a tiny change of an input moves a spike by a finite amount."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from symbolic import Certificate, Failure, ModelError, NeuronModel, Observable, Verdict, Witness

from .cutoff_study import CutoffDependence, find_cutoff_dependence, find_escape
from .discontinuity_search import (
    Discontinuities,
    pass_inputs,
    pass_releases,
    pass_spikes,
    varied_inputs,
    vary_inputs,
)
from .instantiate import instantiate
from .random_trials import Screening, Trials, prepared
from .replay import simulate_witness
from .trials import TRIALS, Simulator

_ATTEMPTS = 3
_CANDIDATES = 3
_LARGE = 0.02  # of the trial
_CHANGE = 1e-9
_PERSISTS = 0.9
_MODELS = 3


def find_witness(
    certificate: Certificate, *, seed: int = 0, duration: float | None = None, trials: int = TRIALS
) -> Witness | None:
    """Search for a concrete example of the failure that a certificate proves, and confirm it by another simulation.

    In random trials, a weight or an input time is varied, and the interval in which spike times change most is refined
    down to a width of 1e-9. For failures that concern the spike itself, the divergence is cut off at several values of
    the spiking variable, and an outcome that has no limit is reported. This takes seconds, or minutes for neurons with
    many states.

    Args:
        certificate: A certificate with the verdict FAILS. Open parameters get numbers that satisfy its assumptions.
        seed: Seed of the random trials.
        duration: The trial end; by default chosen by the time scale of the equations.
        trials: Number of trials that are varied in parallel.

    Returns:
        Inputs, weights and the size of the jump, to be simulated again with `simulate_witness`; None if the search
        found no example. More trials or another seed may find inputs that are rare, such as strong inhibition just
        before a spike. The verdict rests on the proof, with or without a witness.

    Raises:
        ModelError: if the verdict is not FAILS: other certificates have no witness.

    Example:
        >>> from symbolic import models, verify
        >>> witness = find_witness(verify(models.lif_delta()), trials=4)
        >>> witness.failure.name, abs(witness.values[1] - witness.values[0]) <= 1e-9
        ('VANISHES', True)
    """
    if certificate.verdict is not Verdict.FAILS:
        raise ModelError(
            f"{certificate.model.name} has no witness: only a verdict of FAILS has one, and its verdict is "
            f"{certificate.verdict.name}"
        )
    for model in islice(instantiate(certificate), _MODELS):
        generator = np.random.default_rng(seed)
        found = find_example(*prepared(model, generator, duration, trials), generator)
        if found is not None:
            return found
    return None


def find_example(
    simulator: Simulator, screening: Screening, generator: np.random.Generator, attempts: int = _ATTEMPTS
) -> Witness | None:
    """Return the first confirmed example of an outcome without a limit, of a divergence, or of a jump."""
    dependence = find_cutoff_dependence(simulator, screening, generator)
    if dependence is not None:
        return _confirmed(_without_limit(simulator, dependence))
    escape = find_escape(simulator, screening)
    if escape is not None:
        return _confirmed(_escaping(simulator, *escape))
    searches = [vary_inputs, pass_spikes, pass_inputs]
    if simulator.numeric.refractory:
        searches.insert(2, pass_releases)
    for _ in range(attempts if simulator.numeric.is_reachable else 0):
        for search in searches:
            for witness in islice(_jumps(simulator, *search(simulator, screening, generator)), _CANDIDATES):
                confirmed = _confirmed(witness)
                if confirmed is not None:
                    return confirmed
    return None


def _jumps(simulator: Simulator, trials: Trials, found: Discontinuities) -> Iterator[Witness]:
    """The jumps, large ones with few inputs of small weights first."""
    inputs = np.isfinite(trials.inputs.times).sum(1)
    is_large = found.change > _LARGE * simulator.duration
    for place in sorted(np.flatnonzero(found.is_jump), key=lambda k: (not is_large[k], inputs[k], k)):
        middle = float(found.low[place] + found.high[place]) / 2
        trial = trials.chosen(np.array([place]))
        witness = _jumping(simulator, trial, int(found.varied[place]), bool(found.is_time[place]), middle)
        if witness is not None:
            yield witness


def _confirmed(witness: Witness) -> Witness | None:
    again = simulate_witness(witness)
    return replace(witness, confirmed_by=again.method) if again.confirms else None


def _jumping(simulator: Simulator, trial: Trials, varied: int, is_time: bool, middle: float) -> Witness | None:
    values = middle + np.array([-0.45, 0.45]) * _CHANGE
    outcomes = simulator(varied_inputs(trial.inputs, np.array([varied]), np.array([is_time]), values[None]))
    ends = np.minimum(outcomes.spike_times, simulator.duration)
    moved = np.abs(ends[1] - ends[0])
    if not np.max(moved) > 0:
        return None
    spike = int(np.argmax(moved > _PERSISTS * np.max(moved)))
    gone = outcomes.num_spikes[0] != outcomes.num_spikes[1]
    inputs, order = _inputs(simulator.numeric.model, trial)
    witness = Witness(
        failure=Failure.VANISHES if gone else Failure.JUMPS,
        model=simulator.numeric.model,
        duration=simulator.duration,
        inputs=inputs,
        varied=order.index(varied),
        quantity="time" if is_time else "weight",
        values=tuple(map(float, values)),
        observable=Observable("spike time", spike + 1),
        outcomes=tuple(map(float, outcomes.spike_times[:, spike])),
        spike_times=_spike_times(outcomes.spike_times),
        jump=float(np.max(moved)),
    )
    return replace(witness, inputs=witness.inputs_at(witness.values[0]))


def _without_limit(simulator: Simulator, dependence: CutoffDependence) -> Witness:
    finite = dependence.outcomes[np.isfinite(dependence.outcomes)]
    is_lost = len(finite) < len(dependence.outcomes)
    return Witness(
        failure=Failure.NO_LIMIT,
        model=simulator.numeric.model,
        duration=simulator.duration,
        inputs=_inputs(simulator.numeric.model, dependence.trial)[0],
        varied=None,
        quantity="cut-off",
        values=tuple(map(float, dependence.cut_offs)),
        observable=dependence.observable,
        outcomes=tuple(map(float, dependence.outcomes)),
        spike_times=_spike_times(dependence.spike_times),
        jump=float("inf") if is_lost else float(np.ptp(finite)),
    )


def _escaping(simulator: Simulator, trial: Trials, end: float) -> Witness:
    return Witness(
        failure=Failure.ESCAPES,
        model=simulator.numeric.model,
        duration=simulator.duration,
        inputs=_inputs(simulator.numeric.model, trial)[0],
        varied=None,
        quantity="cut-off",
        values=(float(-np.inf),),
        observable=Observable("escape", state=simulator.numeric.model.variable),
        outcomes=(end,),
        spike_times=_spike_times(trial.outcomes.spike_times),
        jump=float("inf"),
    )


def _inputs(model: NeuronModel, trial: Trials) -> tuple[tuple[tuple[float, str, float], ...], list[int]]:
    """The inputs of one trial without padding, in the order of their times, and their indices."""
    times, routes, weights = (part[0] for part in trial.inputs)
    order = [int(place) for place in np.argsort(times, kind="stable") if np.isfinite(times[place])]
    rows = ((float(times[k]), model.routes[int(routes[k])].name, float(weights[k])) for k in order)
    return tuple(rows), order


def _spike_times(rows: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(time) for time in row if np.isfinite(time)) for row in rows)
