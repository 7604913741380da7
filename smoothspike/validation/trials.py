"""Many trials of one model at once, with inputs in any order."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Bool, Float, Int

from ..numerics.adaptive_steps import Integration
from ..numerics.trajectory import Inputs, Trial, simulate
from .equations import Setting

#: Room for spikes in a trial; longer ones end early and are left out.
MAX_SPIKES = 8
#: How many trials are varied side by side, each at as many values as `GRID` says.
TRIALS, GRID = 16, 32
#: Inputs of a random trial; the last place is for experiments to fill.
INPUTS = 4
_LONG = 10
_MAX_STEPS = 3000


class Inputted(NamedTuple):
    """The inputs of many trials; an input that is not there has the time inf."""

    times: Float[np.ndarray, "trials inputs"]
    routes: Int[np.ndarray, "trials inputs"]
    weights: Float[np.ndarray, "trials inputs"]

    def chosen(self, which: np.ndarray) -> "Inputted":
        """Return some of the trials."""
        return Inputted(*(part[which] for part in self))

    def repeated(self, count: int) -> "Inputted":
        """Return every trial `count` times in a row."""
        return Inputted(*(np.repeat(part, count, axis=0) for part in self))

    def with_input(self, place: int, *, times: np.ndarray, weights: np.ndarray, routes: np.ndarray) -> "Inputted":
        """Return the same trials with another input at a place."""
        changed = Inputted(*(part.copy() for part in self))
        changed.times[:, place], changed.weights[:, place], changed.routes[:, place] = times, weights, routes
        return changed


class Outcomes(NamedTuple):
    """What happened in many trials: the same as `numerics.trajectory.Trial`, one row per trial."""

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
        setting: The model.
        duration: The trials' end. If None, ten times the natural time scale of the equations, or shorter for a neuron
            that fires by itself: until its third spike or so.
        trials: How many trials are varied side by side.
        integration: The solver of diffrax, and how precisely.

    Attributes:
        silent_spikes: The spike times of a trial without input, padded with inf.
    """

    def __init__(
        self,
        setting: Setting,
        duration: float | None = None,
        *,
        trials: int = TRIALS,
        integration: Integration = Integration(),
    ) -> None:
        self.setting, self.trials, self._lanes = setting, trials, trials * GRID

        def one(inputs: Inputs, cut: jax.Array, initial: jax.Array, duration: jax.Array) -> Trial:
            order = jnp.argsort(inputs.times, stable=True)
            inputs = Inputs(*(part[order] for part in inputs))
            return simulate(
                setting.equations, setting.line(cut), inputs, initial, duration,
                may_graze=not setting.model.spike.is_at_infinity, max_spikes=MAX_SPIKES, max_steps=_MAX_STEPS,
                integration=integration,
            )  # fmt: skip

        self._run = jax.jit(jax.vmap(one, in_axes=(0, 0, None, None)))
        self.duration = _LONG * setting.time_scale if duration is None else duration
        self.silent_spikes = self._spikes_without_input()
        _, second, third = self.silent_spikes[:3]
        if duration is None and np.isfinite(third):
            self.duration = float((5 * third - 3 * second) / 2)

    def start_at(self, **initial: float) -> None:
        """Start all trials from other initial states."""
        model = self.setting.model.with_initial(**initial)
        values = [float(model.initial[state]) for state in (model.variable, *model.other_states)]
        self.start_from(replace(self.setting, model=model, initial=np.array(values)))

    def start_from(self, setting: Setting) -> None:
        """Start all trials as another setting of the same model says."""
        if setting is not self.setting:
            self.setting = setting
            self.silent_spikes = self._spikes_without_input()

    def _spikes_without_input(self) -> Float[np.ndarray, " spikes"]:
        silence = Inputted(np.full((1, INPUTS), np.inf), np.full((1, INPUTS), -1), np.zeros((1, INPUTS)))
        return self(silence).spike_times[0]

    def __call__(self, inputted: Inputted, cuts: np.ndarray | None = None) -> Outcomes:
        """Simulate; `cuts` chooses one of the setting's cut-offs for each trial."""
        count = len(inputted.times)
        cuts = np.full(count, -1) if cuts is None else cuts
        parts = []
        with jax.enable_x64(True):
            for start in range(0, count, self._lanes):
                places = np.minimum(np.arange(start, start + self._lanes), count - 1)
                inputs = Inputs(*(jnp.asarray(part) for part in inputted.chosen(places)))
                part = self._run(inputs, cuts[places], self.setting.initial, self.duration)
                parts.append(jax.tree.map(lambda leaf: np.asarray(leaf)[: count - start], part))  # noqa: B023
        return Outcomes(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


def within_bounds(setting: Setting, trial: Outcomes) -> Bool[np.ndarray, " trials"]:
    """Tell which trials never left the declared ranges of the states, where they were recorded."""
    model = setting.model
    fine = np.ones(len(trial.num_spikes), bool)
    for place, state in enumerate((model.variable, *model.other_states)):
        low, high = (float(bound.subs(model.scalar_values)) for bound in model.bounds.get(state, (-sp.oo, sp.oo)))
        seen = np.concatenate([trial.before[..., place], trial.at_spikes[..., place], trial.states[:, None, place]], 1)
        slack = 1e-9 * (1 + np.abs(seen))
        fine &= ~np.any((seen < low - slack) | (seen > high + slack), axis=1)
    return fine
