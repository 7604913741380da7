"""Random trials with a few spikes, within the declared ranges of the states."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
import sympy as sp

from symbolic import InputRoute, NeuronModel

from ..numerics.trajectory import DONE, ESCAPED
from .equations import numeric_model
from .trials import GRID, INPUTS, TRIALS, InputTrains, Outcomes, Simulator, within_bounds

#: Index of the input that experiments set.
FREE = INPUTS - 1
_MOST_SPIKES = 5
_SCREENED = 128  # at least, or as many as trials are varied at once
_RESTARTS = 3
_DECADES = (-2.0, 3.0)  # between trials
_WITHIN = (-0.5, 0.5)  # in one trial
_LAST_INPUT = 0.7  # so that effects of the last input are seen within the trial


@dataclass(frozen=True)
class Trials:
    """Random trials, from which experiments start: inputs, of which the last one is unused, and outcomes."""

    inputs: InputTrains
    outcomes: Outcomes

    def chosen(self, which: np.ndarray) -> "Trials":
        """Return some of the trials."""
        return Trials(self.inputs.chosen(which), Outcomes(*(leaf[which] for leaf in self.outcomes)))

    def __len__(self) -> int:
        return len(self.inputs.times)


class Screening(NamedTuple):
    """A hundred or more random trials, in ascending order of their largest weight.

    Attributes:
        trials: The trials.
        is_fine: Which ones reached their end with at most five spikes and within the declared ranges.
        escaped: Which ones ended early because the spiking variable diverged to minus infinity.
        fires_by_itself: Whether the neuron spikes without any input.
    """

    trials: Trials
    is_fine: np.ndarray
    escaped: np.ndarray
    fires_by_itself: bool

    def with_spikes(self, count: int, at_least: int = 1) -> Trials:
        """Return up to `count` trials with spikes.

        They come from the quarter with the smallest weights: with much larger ones, spike times change so steeply that
        no simulation can tell the change from a jump. The smallest ones hardly affect a neuron that fires without
        input; for it, they come from the second quarter.
        """
        fine = np.flatnonzero(self.is_fine & (self.trials.outcomes.num_spikes >= at_least))
        quarter = len(fine) // 4
        pool = fine[quarter : 2 * quarter] if self.fires_by_itself else fine[:quarter]
        pool = pool if len(pool) >= count else fine[:count]
        places = np.linspace(0, len(pool) - 1, min(count, len(pool))).astype(int)
        return self.trials.chosen(pool[places] if len(pool) else pool)

    def escapes(self, count: int) -> Trials:
        """Return trials that diverged to minus infinity."""
        return self.trials.chosen(np.flatnonzero(self.escaped)[:count])


def prepared(
    model: NeuronModel, generator: np.random.Generator, duration: float | None = None, trials: int = TRIALS
) -> tuple[Simulator, Screening]:
    """Return a simulator and a screening, with other initial states if the declared ones lead to nothing.

    Nothing means: neither spikes nor divergence, or an input whose jumps change no state.

    Raises:
        ModelError: if a parameter has no value or several.
    """
    simulator = Simulator(numeric_model(model), duration, trials=trials)
    screening = screen(simulator, generator)
    best, chosen = _liveliness(simulator, screening), (simulator.numeric, screening)
    for _ in range(_RESTARTS):
        if best == _LIVELY:
            break
        simulator.start_at(**_random_start(model, generator))
        screening = screen(simulator, generator)
        if (found := _liveliness(simulator, screening)) > best:
            best, chosen = found, (simulator.numeric, screening)
    simulator.start_from(chosen[0])
    return simulator, chosen[1]


_LIVELY = (True, True)


def _liveliness(simulator: Simulator, screening: Screening) -> tuple[bool, bool]:
    """Whether there are spikes, and whether every route changes some state."""
    happens = bool(len(screening.with_spikes(1)) or screening.escaped.any())
    inputs, before = screening.trials.inputs, screening.trials.outcomes.before
    arrived = np.isfinite(inputs.times) & np.isfinite(before).all(-1)
    with jax.enable_x64(True):
        jump = jax.jit(jax.vmap(simulator.numeric.equations.jump))
        after = np.asarray(jump(inputs.routes[arrived], inputs.weights[arrived], before[arrived]))
    moved = (after != before[arrived]).any(-1)
    routes = range(len(simulator.numeric.model.routes))
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


def screen(simulator: Simulator, generator: np.random.Generator, cut: int = -1) -> Screening:
    """Simulate trials with one to three random inputs; `cut` selects the cut-off of infinity, see `NumericModel`."""
    model, duration = simulator.numeric.model, simulator.duration
    count = max(_SCREENED, GRID * simulator.trials)
    times = generator.uniform(0, _LAST_INPUT * duration, (count, INPUTS))
    used = generator.integers(1, INPUTS, count)
    times[np.arange(INPUTS) >= used[:, None]] = np.inf
    routes = generator.integers(0, max(len(model.routes), 1), (count, INPUTS))
    weights = draw_weights(model, routes, generator)
    if not model.routes:
        times[:], routes[:] = np.inf, -1
    largest = np.max(np.abs(np.where(np.isfinite(times), weights, 0)), axis=1)
    drawn = InputTrains(times, routes, weights).chosen(np.argsort(largest, kind="stable"))
    outcomes = simulator(drawn, np.full(count, cut))
    admissible = within_bounds(simulator.numeric, outcomes)
    fine = (outcomes.status == DONE) & (outcomes.num_spikes <= _MOST_SPIKES) & admissible
    escaped = (outcomes.status == ESCAPED) & admissible
    return Screening(Trials(drawn, outcomes), fine, escaped, bool(simulator.silent_spikes[0] < duration))


def similar_weights(
    simulator: Simulator, trials: Trials, routes: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draw another weight for each trial, about as large as those that it has."""
    drawn = draw_weights(simulator.numeric.model, routes, generator)[:, 0]
    size = np.max(np.abs(np.where(np.isfinite(trials.inputs.times), trials.inputs.weights, 0)), axis=1, initial=0)
    return np.sign(drawn) * np.where(size > 0, size, 1.0) * generator.uniform(0.3, 1.0, len(trials))


def draw_weights(model: NeuronModel, routes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw weights of any magnitude, similar within a trial, most of them positive.

    Weights onto a state with a declared range have the sign that keeps it there.
    """
    scales = 10 ** generator.uniform(*_DECADES, (len(routes), 1))
    sizes = scales * 10 ** generator.uniform(*_WITHIN, routes.shape)
    signs = np.where(generator.uniform(size=routes.shape) < 0.8, 1.0, -1.0)
    for place, route in enumerate(model.routes):
        sign = required_sign(model, route)
        signs = np.where((routes == place) & (sign != 0), sign, signs)
    return sizes * signs


def required_sign(model: NeuronModel, route: InputRoute) -> int:
    """The sign that weights of a route must have, if the range of its state is bounded on one side; else 0."""
    target = route.additive_target
    if target is None:
        return 0
    low, high = model.bounds.get(target, (-sp.oo, sp.oo))
    return 1 if low != -sp.oo else -1 if high != sp.oo else 0
