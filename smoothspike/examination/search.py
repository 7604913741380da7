"""The search for a witness: a trial in which the tiniest change moves a spike by a finite amount."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from symbolic import Certificate, Failure, ModelError, NeuronModel, Observable, Verdict, Witness

from .concrete import concrete_models
from .cut_off import Unsettled, find_escape, find_unsettled
from .draws import Bases, Pilot, prepared
from .replay import simulate_witness
from .sweep import Leaps, sweep_inputs, sweep_past_inputs, sweep_past_spikes, varied_inputs
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

    Random trials are simulated. In each, a weight or an input time is varied, and the place where spike times change
    most is closed in on until a change by 1e-9 is left. For failures that concern the spike itself, the divergence is
    cut off at several values of the spiking variable, and what depends on them without a limit is reported.

    Args:
        certificate: A certificate with the verdict FAILS. Open parameters get numbers for which its assumptions hold.
        seed: Of the random trials.
        duration: The trials' end; chosen by the time scale of the equations if None.
        trials: How many trials are varied side by side.

    Returns:
        The witness, or None if none was found and confirmed.

    Raises:
        ModelError: if the certificate does not say FAILS.

    Example:
        >>> from symbolic import models, verify
        >>> witness = find_witness(verify(models.lif_delta()), trials=4)
        >>> witness.failure.name, abs(witness.values[1] - witness.values[0]) <= 1e-9
        ('VANISHES', True)
    """
    if certificate.verdict is not Verdict.FAILS:
        raise ModelError(
            f"{certificate.model.name}: only a failure has a witness, and the verdict is {certificate.verdict.name}"
        )
    for model in islice(concrete_models(certificate), _MODELS):
        generator = np.random.default_rng(seed)
        found = find_example(*prepared(model, generator, duration, trials), generator)
        if found is not None:
            return found
    return None


def find_example(
    simulator: Simulator, pilot: Pilot, generator: np.random.Generator, attempts: int = _ATTEMPTS
) -> Witness | None:
    """Look for spikes that have no limit, that run away, or that jump; the first one that is confirmed."""
    unsettled = find_unsettled(simulator, pilot, generator)
    if unsettled is not None:
        return _confirmed(_without_limit(simulator, unsettled))
    escape = find_escape(simulator, pilot)
    if escape is not None:
        return _confirmed(_escaping(simulator, *escape))
    for _ in range(attempts if simulator.setting.is_reachable else 0):
        for sweep in (sweep_inputs, sweep_past_spikes, sweep_past_inputs):
            for witness in islice(_jumps(simulator, *sweep(simulator, pilot, generator)), _CANDIDATES):
                confirmed = _confirmed(witness)
                if confirmed is not None:
                    return confirmed
    return None


def _jumps(simulator: Simulator, bases: Bases, leaps: Leaps) -> Iterator[Witness]:
    """Jumps, large ones by few inputs of small weights first."""
    inputs = np.isfinite(bases.inputs.times).sum(1)
    is_large = leaps.leap > _LARGE * simulator.duration
    for place in sorted(np.flatnonzero(leaps.is_jump), key=lambda k: (not is_large[k], inputs[k], k)):
        middle = float(leaps.low[place] + leaps.high[place]) / 2
        base = bases.chosen(np.array([place]))
        witness = _jumping(simulator, base, int(leaps.varied[place]), bool(leaps.is_time[place]), middle)
        if witness is not None:
            yield witness


def _confirmed(witness: Witness) -> Witness | None:
    again = simulate_witness(witness)
    return replace(witness, confirmed_by=again.method) if again.confirms else None


def _jumping(simulator: Simulator, base: Bases, varied: int, is_time: bool, middle: float) -> Witness | None:
    values = middle + np.array([-0.45, 0.45]) * _CHANGE
    trial = simulator(varied_inputs(base.inputs, np.array([varied]), np.array([is_time]), values[None]))
    ends = np.minimum(trial.spike_times, simulator.duration)
    moved = np.abs(ends[1] - ends[0])
    if not np.max(moved) > 0:
        return None
    spike = int(np.argmax(moved > _PERSISTS * np.max(moved)))
    gone = trial.num_spikes[0] != trial.num_spikes[1]
    inputs, order = _inputs(simulator.setting.model, base)
    witness = Witness(
        failure=Failure.VANISHES if gone else Failure.JUMPS,
        model=simulator.setting.model,
        duration=simulator.duration,
        inputs=inputs,
        varied=order.index(varied),
        quantity="time" if is_time else "weight",
        values=tuple(map(float, values)),
        observable=Observable("spike time", spike + 1),
        outcomes=tuple(map(float, trial.spike_times[:, spike])),
        spike_times=_spike_times(trial.spike_times),
        jump=float(np.max(moved)),
    )
    return replace(witness, inputs=witness.inputs_at(witness.values[0]))


def _without_limit(simulator: Simulator, unsettled: Unsettled) -> Witness:
    finite = unsettled.outcomes[np.isfinite(unsettled.outcomes)]
    is_lost = len(finite) < len(unsettled.outcomes)
    return Witness(
        failure=Failure.NO_LIMIT,
        model=simulator.setting.model,
        duration=simulator.duration,
        inputs=_inputs(simulator.setting.model, unsettled.base)[0],
        varied=None,
        quantity="cut-off",
        values=tuple(map(float, unsettled.cut_offs)),
        observable=unsettled.observable,
        outcomes=tuple(map(float, unsettled.outcomes)),
        spike_times=_spike_times(unsettled.spike_times),
        jump=float("inf") if is_lost else float(np.ptp(finite)),
    )


def _escaping(simulator: Simulator, base: Bases, end: float) -> Witness:
    return Witness(
        failure=Failure.ESCAPES,
        model=simulator.setting.model,
        duration=simulator.duration,
        inputs=_inputs(simulator.setting.model, base)[0],
        varied=None,
        quantity="cut-off",
        values=(float(-np.inf),),
        observable=Observable("escape", state=simulator.setting.model.variable),
        outcomes=(end,),
        spike_times=_spike_times(base.trial.spike_times),
        jump=float("inf"),
    )


def _inputs(model: NeuronModel, base: Bases) -> tuple[tuple[tuple[float, str, float], ...], list[int]]:
    """The inputs of one trial that are there, in the order of their times, and where each stood."""
    times, routes, weights = (part[0] for part in base.inputs)
    order = [int(place) for place in np.argsort(times, kind="stable") if np.isfinite(times[place])]
    rows = ((float(times[k]), model.routes[int(routes[k])].name, float(weights[k])) for k in order)
    return tuple(rows), order


def _spike_times(rows: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(time) for time in row if np.isfinite(time)) for row in rows)
