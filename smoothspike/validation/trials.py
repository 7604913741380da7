"""Simulate many trials of one model in parallel, with inputs in any order."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Bool, Float, Int

from ..numerics.adaptive_steps import Integration
from ..numerics.trajectory import Inputs, Trial, simulate
from .equations import NumericModel

#: Capacity for spikes in a trial; trials with more end early and are ignored.
MAX_SPIKES = 8
#: Number of trials that are varied in parallel, each at `GRID` values.
TRIALS, GRID = 16, 32
#: Inputs of a random trial; experiments set the last one.
INPUTS = 4
_LONG = 10
_MAX_STEPS = 3000


class InputTrains(NamedTuple):
    """The inputs of many trials, padded with the time inf."""

    times: Float[np.ndarray, "trials inputs"]
    routes: Int[np.ndarray, "trials inputs"]
    weights: Float[np.ndarray, "trials inputs"]

    def chosen(self, which: np.ndarray) -> "InputTrains":
        """Return some of the trials."""
        return InputTrains(*(part[which] for part in self))

    def repeated(self, count: int) -> "InputTrains":
        """Return every trial `count` times in a row."""
        return InputTrains(*(np.repeat(part, count, axis=0) for part in self))

    def with_input(self, place: int, *, times: np.ndarray, weights: np.ndarray, routes: np.ndarray) -> "InputTrains":
        """Return the same trials with another input at an index."""
        changed = InputTrains(*(part.copy() for part in self))
        changed.times[:, place], changed.weights[:, place], changed.routes[:, place] = times, weights, routes
        return changed


class Outcomes(NamedTuple):
    """The outcomes of many trials: `numerics.trajectory.Trial` with one row per trial."""

    spike_times: Float[np.ndarray, "trials spikes"]
    num_spikes: Int[np.ndarray, " trials"]
    status: Int[np.ndarray, " trials"]
    ended: Float[np.ndarray, " trials"]
    at_spikes: Float[np.ndarray, "trials spikes states"]
    before: Float[np.ndarray, "trials inputs states"]
    states: Float[np.ndarray, "trials states"]


class Simulator:
    """Simulates trials of one model, many at a time, compiled once.

    Args:
        numeric: The model.
        duration: The trial end; by default ten natural time scales of the equations, or about the third spike of a
            neuron that fires without input.
        trials: Number of trials that are varied in parallel.
        integration: Solver and tolerance.

    Attributes:
        silent_spikes: The spike times without input, padded with inf.
    """

    def __init__(
        self,
        numeric: NumericModel,
        duration: float | None = None,
        *,
        trials: int = TRIALS,
        integration: Integration | None = None,
    ) -> None:
        self.numeric, self.trials, self._lanes = numeric, trials, trials * GRID

        def one(inputs: Inputs, cut: jax.Array, initial: jax.Array, duration: jax.Array) -> Trial:
            order = jnp.argsort(inputs.times, stable=True)
            inputs = Inputs(*(part[order] for part in inputs))
            return simulate(
                numeric.equations, numeric.line(cut), inputs, initial, duration,
                may_graze=not numeric.model.spike.is_at_infinity, max_spikes=MAX_SPIKES, max_steps=_MAX_STEPS,
                integration=integration,
            )  # fmt: skip

        self._run = jax.jit(jax.vmap(one, in_axes=(0, 0, None, None)))
        self.duration = _LONG * numeric.time_scale + 2 * numeric.refractory if duration is None else duration
        self.silent_spikes = self._spikes_without_input()
        _, second, third = self.silent_spikes[:3]
        if duration is None and np.isfinite(third):
            self.duration = float((5 * third - 3 * second) / 2)

    def start_at(self, **initial: float) -> None:
        """Start all trials from other initial states."""
        model = self.numeric.model.with_initial(**initial)
        values = [float(model.initial[state]) for state in (model.variable, *model.other_states)]
        self.start_from(replace(self.numeric, model=model, initial=np.array(values)))

    def start_from(self, numeric: NumericModel) -> None:
        """Start all trials from the initial states of another instance of the same model."""
        if numeric is not self.numeric:
            self.numeric = numeric
            self.silent_spikes = self._spikes_without_input()

    def _spikes_without_input(self) -> Float[np.ndarray, " spikes"]:
        silence = InputTrains(np.full((1, INPUTS), np.inf), np.full((1, INPUTS), -1), np.zeros((1, INPUTS)))
        return self(silence).spike_times[0]

    def __call__(self, trains: InputTrains, cuts: np.ndarray | None = None) -> Outcomes:
        """Simulate; `cuts` selects a cut-off of infinity for each trial."""
        count = len(trains.times)
        cuts = np.full(count, -1) if cuts is None else cuts
        parts = []
        with jax.enable_x64(True):
            for start in range(0, count, self._lanes):
                places = np.minimum(np.arange(start, start + self._lanes), count - 1)
                inputs = Inputs(*(jnp.asarray(part) for part in trains.chosen(places)))
                part = self._run(inputs, cuts[places], self.numeric.initial, self.duration)
                parts.append(jax.tree.map(lambda leaf: np.asarray(leaf)[: count - start], part))  # noqa: B023
        return Outcomes(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


def within_bounds(numeric: NumericModel, trial: Outcomes) -> Bool[np.ndarray, " trials"]:
    """Which trials stayed in the declared ranges of the states wherever they were recorded."""
    model = numeric.model
    fine = np.ones(len(trial.num_spikes), bool)
    for place, state in enumerate((model.variable, *model.other_states)):
        low, high = (float(bound.subs(model.scalar_values)) for bound in model.bounds.get(state, (-sp.oo, sp.oo)))
        seen = np.concatenate([trial.before[..., place], trial.at_spikes[..., place], trial.states[:, None, place]], 1)
        slack = 1e-9 * (1 + np.abs(seen))
        fine &= ~np.any((seen < low - slack) | (seen > high + slack), axis=1)
    return fine
