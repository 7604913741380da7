"""Simulate a witness again, by another solver, and record the membrane potential."""

from dataclasses import dataclass

import diffrax
import numpy as np
from jaxtyping import Float

from symbolic import Failure, Witness

from ..numerics.adaptive_steps import Integration
from ..numerics.trajectory import DONE, ESCAPED
from .cutoff_study import has_limit
from .equations import numeric_model
from .trials import InputTrains, Outcomes, Simulator

_TOLERANCE = 1e-11
_SAMPLES = 240
_BESIDE = 2e-6  # of the trial
_AGREES = 1e-3


@dataclass(frozen=True)
class Replay:
    """A witness, simulated again.

    Attributes:
        witness: The witness.
        confirms: Whether the jump (or the missing limit) is reproduced, with the same size.
        method: The solver, in words.
        spike_times: The spike times for each value of the varied quantity.
        jump: The size of the jump.
        times: Sample times of the potential.
        potential: The spiking variable at these times, for each value of the varied quantity.
    """

    witness: Witness
    confirms: bool
    method: str
    spike_times: tuple[tuple[float, ...], ...]
    jump: float
    times: Float[np.ndarray, " samples"]
    potential: Float[np.ndarray, "values samples"]

    def __str__(self) -> str:
        found = "confirmed" if self.confirms else "NOT confirmed"
        trains = [", ".join(f"{time:.9g}" for time in times) or "no spikes" for times in self.spike_times]
        rows = [f"  {self.witness.quantity} {value!r}: {train}"
                for value, train in zip(self.witness.values, trains, strict=True)]  # fmt: skip
        return "\n".join([f"{self.witness}", f"Simulated again by {self.method}: {found}.", *rows])


def simulate_witness(witness: Witness) -> Replay:
    """Simulate the trials of a witness again, by another solver with other steps, and check whether it is right.

    Args:
        witness: A witness, such as `find_witness` returns.

    Example:
        >>> import smoothspike as ss
        >>> replay = ss.simulate_witness(ss.find_witness(ss.verify(ss.models.lif_delta()), trials=4))
        >>> replay.confirms, replay.jump > 0.01
        (True, True)
    """
    numeric = numeric_model(witness.model)
    integration = Integration(diffrax.Dopri5(), _TOLERANCE)
    simulator = Simulator(numeric, witness.duration, trials=1, integration=integration)
    rows = [witness.inputs_at(value) for value in witness.values]
    cuts = np.arange(len(rows)) if witness.failure is Failure.NO_LIMIT else np.full(len(rows), -1)
    samples = _samples(witness)
    inputs = InputTrains(*(np.stack(part) for part in zip(*(_row(witness, row, samples) for row in rows), strict=True)))
    trial = simulator(inputs, cuts)
    order = np.argsort(inputs.times, axis=1, kind="stable")
    sampled = np.take_along_axis(inputs.routes, order, 1) < 0
    potential = np.stack([seen[mask] for seen, mask in zip(trial.before[..., 0], sampled, strict=True)])
    outcomes = _outcomes(witness, numeric.model.other_states, trial)
    ends = np.minimum(trial.spike_times, witness.duration)
    return Replay(
        witness,
        _confirms(witness, outcomes, trial),
        f"a Runge-Kutta method of order 5 with error control at {_TOLERANCE:.0e}",
        tuple(tuple(float(time) for time in row if np.isfinite(time)) for row in trial.spike_times),
        float(np.max(np.abs(ends[-1] - ends[0]))) if witness.varied is not None else float(np.ptp(outcomes)),
        samples,
        potential,
    )


def _samples(witness: Witness) -> Float[np.ndarray, " samples"]:
    """Equidistant times, as many shared among the intervals between inputs and spikes, and both sides of each event."""
    spikes = [time for times in witness.spike_times for time in times]
    inputs = [time for time, _, _ in witness.inputs_at(witness.values[0])]
    parts = np.array([0.0, 1.0, *(time / witness.duration for time in spikes + inputs)])
    parts = np.unique(np.clip(parts, 0.0, 1.0).round(6))
    sides = np.clip(np.concatenate([parts - _BESIDE, parts + _BESIDE]), 0.0, 1.0)
    between = np.interp(np.linspace(0, len(parts) - 1, _SAMPLES), np.arange(len(parts)), parts)
    return witness.duration * np.unique(np.concatenate([np.linspace(0, 1, _SAMPLES), between, sides]))


def _row(witness: Witness, inputs: tuple, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The inputs of a trial, and one without effect at each sample time."""
    names = [route.name for route in witness.model.routes]
    times = np.append([time for time, _, _ in inputs], samples)
    routes = np.append([names.index(name) for _, name, _ in inputs], np.full(len(samples), -1)).astype(int)
    weights = np.append([weight for _, _, weight in inputs], np.zeros(len(samples)))
    return times, routes, weights


def _outcomes(witness: Witness, others: tuple, trial: Outcomes) -> Float[np.ndarray, " values"]:
    if witness.failure is Failure.ESCAPES:
        return np.asarray(trial.ended)
    observable = witness.observable
    spike = (observable.spike or 1) - 1
    if observable.kind == "spike time":
        return np.asarray(trial.spike_times[:, spike])
    return np.asarray(trial.at_spikes[:, spike, others.index(observable.state) + 1])


def _confirms(witness: Witness, outcomes: np.ndarray, trial: Outcomes) -> bool:
    before = np.array(witness.outcomes)
    alike = np.isclose(outcomes, before, rtol=_AGREES, atol=_AGREES * witness.duration) | (outcomes == before)
    if witness.failure is Failure.ESCAPES:
        return bool((trial.status == ESCAPED).all() and alike.all())
    if witness.failure is Failure.NO_LIMIT:
        return not has_limit(outcomes, trial.status) and bool(alike.all())
    return bool((trial.status == DONE).all() and alike.all())
