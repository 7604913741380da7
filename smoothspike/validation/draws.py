"""Random trials in which a neuron does something: a few spikes, within the declared ranges."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
import sympy as sp

from symbolic import InputRoute, NeuronModel

from ..numerics.trajectory import DONE, ESCAPED
from .equations import setting
from .trials import GRID, INPUTS, TRIALS, Inputted, Outcomes, Simulator, within_bounds

#: The input that experiments fill.
FREE = INPUTS - 1
_MOST_SPIKES = 5
_PILOTS = 128  # at least, or as many as trials are varied at once
_RESTARTS = 3
_DECADES = (-2.0, 3.0)  # between trials
_WITHIN = (-0.5, 0.5)  # in one trial
_LAST_INPUT = 0.7  # so that effects of the last input are seen within the trial


@dataclass(frozen=True)
class Bases:
    """Random trials to start experiments from, with what happened in them.

    Attributes:
        inputs: The inputs; the last place is free.
        trial: What happened.
    """

    inputs: Inputted
    trial: Outcomes

    def chosen(self, which: np.ndarray) -> "Bases":
        """Return some of the trials."""
        return Bases(self.inputs.chosen(which), Outcomes(*(leaf[which] for leaf in self.trial)))

    def __len__(self) -> int:
        return len(self.inputs.times)


class Pilot(NamedTuple):
    """Random trials, a hundred or more, those with the smallest weights first.

    Attributes:
        bases: The trials.
        is_fine: Which ones came to their end with at most five spikes and within the declared ranges.
        escaped: Which ones ended early because the neuron ran to minus infinity.
        fires_by_itself: Whether the neuron spikes without any input.
    """

    bases: Bases
    is_fine: np.ndarray
    escaped: np.ndarray
    fires_by_itself: bool

    def with_spikes(self, count: int, at_least: int = 1) -> Bases:
        """Return trials with some spikes; fewer than `count` if there are not so many.

        They are taken from the quarter with the smallest weights: the weights that matter to this neuron. Much larger
        ones make spike times change so steeply that no simulation could tell it from a jump. A neuron that fires by
        itself hardly notices the smallest ones; for it, the second quarter is taken.
        """
        fine = np.flatnonzero(self.is_fine & (self.bases.trial.num_spikes >= at_least))
        quarter = len(fine) // 4
        pool = fine[quarter : 2 * quarter] if self.fires_by_itself else fine[:quarter]
        pool = pool if len(pool) >= count else fine[:count]
        places = np.linspace(0, len(pool) - 1, min(count, len(pool))).astype(int)
        return self.bases.chosen(pool[places] if len(pool) else pool)

    def escapes(self, count: int) -> Bases:
        """Return trials that ran to minus infinity."""
        return self.bases.chosen(np.flatnonzero(self.escaped)[:count])


def prepared(
    model: NeuronModel, generator: np.random.Generator, duration: float | None = None, trials: int = TRIALS
) -> tuple[Simulator, Pilot]:
    """Return a simulator of a model and a pilot; from other initial states if nothing happens from the declared ones.

    That an input changes no state, since its jump multiplies one that is zero all along, also counts as nothing.

    Raises:
        ModelError: if a parameter has no value or several.
    """
    simulator = Simulator(setting(model), duration, trials=trials)
    pilot = draw_pilot(simulator, generator)
    best, declared = _liveliness(simulator, pilot), simulator.setting
    chosen = declared, pilot
    for _ in range(_RESTARTS):
        if best == _LIVELY:
            break
        simulator.start_at(**_random_start(model, generator))
        pilot = draw_pilot(simulator, generator)
        if (found := _liveliness(simulator, pilot)) > best:
            best, chosen = found, (simulator.setting, pilot)
    simulator.start_from(chosen[0])
    return simulator, chosen[1]


_LIVELY = (True, True)


def _liveliness(simulator: Simulator, pilot: Pilot) -> tuple[bool, bool]:
    """Whether there are spikes, and whether every route changes some state."""
    happens = bool(len(pilot.with_spikes(1)) or pilot.escaped.any())
    inputs, before = pilot.bases.inputs, pilot.bases.trial.before
    arrived = np.isfinite(inputs.times) & np.isfinite(before).all(-1)
    with jax.enable_x64(True):
        jump = jax.jit(jax.vmap(simulator.setting.equations.jump))
        after = np.asarray(jump(inputs.routes[arrived], inputs.weights[arrived], before[arrived]))
    moved = (after != before[arrived]).any(-1)
    routes = range(len(simulator.setting.model.routes))
    return happens, all(moved[inputs.routes[arrived] == route].any() for route in routes)


def _random_start(model: NeuronModel, generator: np.random.Generator) -> dict[str, float]:
    """Draw initial states of ordinary size, within the declared ranges and below the threshold."""
    start = {}
    for state in model.states:
        low, high = (float(bound.subs(model.scalar_values)) for bound in model.bounds.get(state, (-sp.oo, sp.oo)))
        if state == model.variable and not model.spike.is_at_infinity:
            high = min(high, float(model.spike.threshold.subs(model.scalar_values)))
        size = 2 * abs(generator.normal())
        inside = low + size if np.isfinite(low) else high - size
        if np.isfinite(low) and np.isfinite(high):
            inside = generator.uniform(low, high)
        start[state.name] = inside if np.isfinite(inside) else size * generator.choice([-1, 1, 1])
    return start


def draw_pilot(simulator: Simulator, generator: np.random.Generator, cut: int = -1) -> Pilot:
    """Simulate trials with one to three random inputs; `cut` says where infinity is cut off, see `Setting`."""
    model, duration = simulator.setting.model, simulator.duration
    count = max(_PILOTS, GRID * simulator.trials)
    times = generator.uniform(0, _LAST_INPUT * duration, (count, INPUTS))
    used = generator.integers(1, INPUTS, count)
    times[np.arange(INPUTS) >= used[:, None]] = np.inf
    routes = generator.integers(0, max(len(model.routes), 1), (count, INPUTS))
    weights = draw_weights(model, routes, generator)
    if not model.routes:
        times[:], routes[:] = np.inf, -1
    largest = np.max(np.abs(np.where(np.isfinite(times), weights, 0)), axis=1)
    drawn = Inputted(times, routes, weights).chosen(np.argsort(largest, kind="stable"))
    trial = simulator(drawn, np.full(count, cut))
    admissible = within_bounds(simulator.setting, trial)
    fine = (trial.status == DONE) & (trial.num_spikes <= _MOST_SPIKES) & admissible
    escaped = (trial.status == ESCAPED) & admissible
    return Pilot(Bases(drawn, trial), fine, escaped, bool(simulator.silent_spikes[0] < duration))


def alike_weights(simulator: Simulator, bases: Bases, routes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw one more weight for each trial, about as large as those that it has."""
    drawn = draw_weights(simulator.setting.model, routes, generator)[:, 0]
    size = np.max(np.abs(np.where(np.isfinite(bases.inputs.times), bases.inputs.weights, 0)), axis=1, initial=0)
    return np.sign(drawn) * np.where(size > 0, size, 1.0) * generator.uniform(0.3, 1.0, len(bases))


def draw_weights(model: NeuronModel, routes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw weights of any order of magnitude, alike within a trial, most of them positive.

    Weights of a state with a declared range have the sign that leads into it.
    """
    scales = 10 ** generator.uniform(*_DECADES, (len(routes), 1))
    sizes = scales * 10 ** generator.uniform(*_WITHIN, routes.shape)
    signs = np.where(generator.uniform(size=routes.shape) < 0.8, 1.0, -1.0)
    for place, route in enumerate(model.routes):
        sign = one_sign(model, route)
        signs = np.where((routes == place) & (sign != 0), sign, signs)
    return sizes * signs


def one_sign(model: NeuronModel, route: InputRoute) -> int:
    """The only sign that weights of a route may have where its state has a declared end; 0 for both."""
    target = route.additive_target
    if target is None:
        return 0
    low, high = model.bounds.get(target, (-sp.oo, sp.oo))
    return 1 if low != -sp.oo else -1 if high != sp.oo else 0
