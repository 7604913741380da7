"""Meetings: what an input does to the neuron's spikes when it comes ever closer to one of them, from either side."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..numerics.time_left import shift_by_input
from ..numerics.trajectory import DONE
from .draws import FREE, Bases, alike_weights, draw_weights
from .equations import Setting
from .order import DELAYS, Order, order
from .trials import Simulator

_POINTS = 9
# ranges of the time left to the spike, in units of the natural time: where rounding of V near a finite threshold allows
_NEAR_INFINITY, _NEAR_THRESHOLD = (1e-6, 1e-13), (1e-2, 1e-5)
_FAR = (0.3, 1e-2)  # where an effect shows that vanishes faster than every power
_SIDE_BY_SIDE = 1e-9
_FLAT = 12.0  # a contact exponent beyond this is called infinite
_UNSETTLED = 0.4  # more than logarithms change it


class Contact(NamedTuple):
    """How an input's effect on the own spike vanishes with the time left to it.

    Attributes:
        time_left: The times left to the spike, one row per random state.
        shift: How much an input then shifts the spike.
        exponent: The slope of log(shift) against log(time left), towards zero; `inf` if it grows and grows, NaN if the
            input shifts nothing, also far from the spike.
    """

    time_left: Float[np.ndarray, "states points"]
    shift: Float[np.ndarray, "states points"]
    exponent: Float[np.ndarray, " states"]


def contact(
    setting: Setting, route: int, states: Float[np.ndarray, "states others"], generator: np.random.Generator
) -> Contact:
    """Fit the contact exponent of a route at random values of the other states.

    The slopes between neighbouring points approach the exponent like 1/log(u) at worst, where the shift has a
    logarithmic factor; they are extrapolated accordingly.
    """
    count = len(states)
    weights = draw_weights(setting.model, np.full((count, 1), route), generator)[:, 0]
    weights = np.sign(weights) * np.clip(np.abs(weights), 0.1, 1.0)
    with jax.enable_x64(True):
        near = _NEAR_INFINITY if setting.model.spike.is_at_infinity else _NEAR_THRESHOLD
        places = jnp.asarray(np.concatenate([_places(setting, states[0], span) for span in (near, _FAR)]))

        def one(x: jax.Array, others: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
            return shift_by_input(setting.equations, setting.line(), x, others, jnp.asarray(route), weight)

        over_places = jax.vmap(one, in_axes=(0, None, None))
        left, shift = jax.jit(jax.vmap(over_places, in_axes=(None, 0, 0)))(places, jnp.asarray(states), weights)
    left, shift = np.asarray(left), np.abs(np.asarray(shift))
    acts = np.nansum(shift, axis=1) > 0
    left, shift = left[:, :_POINTS], shift[:, :_POINTS]
    exponents = np.array([_exponent(*rows) for rows in zip(left, shift, strict=True)])
    return Contact(left, shift, np.where(acts, exponents, np.nan))


def _places(setting: Setting, others: np.ndarray, span: tuple[float, float]) -> Float[np.ndarray, " points"]:
    """Places of x = asinh(V) from which the spike is about as far away as a range of natural times says."""
    first, last = np.array(span) * setting.time_scale
    rates = jax.jit(jax.vmap(lambda x: setting.equations.rates(jnp.concatenate([jnp.sinh(x)[None], others]))[0]))
    if not setting.model.spike.is_at_infinity:
        speed = float(rates(jnp.array([setting.top]))[0] / np.cosh(setting.top))
        return setting.top - speed * np.geomspace(first, last, _POINTS)
    x = np.linspace(0.5, setting.top, 4000)
    with np.errstate(all="ignore"):
        left = np.where((speed := np.asarray(rates(jnp.asarray(x)))) > 0, np.cosh(x) / speed, np.inf)
    start, end = (x[np.flatnonzero(left > bound).max(initial=0)] for bound in (first, last))
    return np.linspace(start, end, _POINTS)


def _exponent(left: np.ndarray, shift: np.ndarray) -> float:
    usable = np.isfinite(left) & (left > 0) & np.isfinite(shift)
    if usable.sum() < 5:
        return float("nan")
    if np.any(shift[usable] < 1e-280):
        return float("inf")
    u, s = np.log(left[usable]), np.log(shift[usable])
    slopes, middle = np.diff(s) / np.diff(u), (u[1:] + u[:-1]) / 2
    if slopes[-1] > _FLAT:
        return float("inf")
    third = len(slopes) // 3
    near, far = slopes[-third:].mean(), slopes[third : 2 * third].mean()
    if abs(near - far) > _UNSETTLED:
        return float("nan")
    x_near, x_far = 1 / np.abs(middle[-third:]).mean(), 1 / np.abs(middle[third : 2 * third]).mean()
    return float(near + (near - far) * x_near / (x_far - x_near))


class Swap(NamedTuple):
    """What a later spike does when an input passes the own spike, or another input, in time.

    Attributes:
        jump: The difference between both orders, side by side; one per trial.
        exponent: The least power of the delay that the spike time has and no smooth function has, see `Order`: 1 for a
            kink, 2 where the second derivative jumps; `inf` where none was seen, NaN where nothing could be measured.
        resolved: Up to which power it was looked for.
    """

    jump: Float[np.ndarray, " trials"]
    exponent: Float[np.ndarray, " trials"]
    resolved: Float[np.ndarray, " trials"]

    @property
    def least(self) -> Order:
        """The power that a quarter of the trials do not exceed, two at least; what they resolve in the median."""
        measured = ~np.isnan(self.exponent)
        powers = np.sort(self.exponent[measured])
        if not len(powers):
            return Order(float("nan"), 0)
        place = min(max(1, len(powers) // 4), len(powers) - 1)
        return Order(float(powers[place]), float(np.median(self.resolved[measured])))


def swap_with_spike(simulator: Simulator, bases: Bases, route: int, generator: np.random.Generator) -> Swap:
    """Let an input pass the first spike of each trial, and watch the second one, which each of them needs."""
    return _swap(simulator, bases, bases.trial.spike_times[:, 0], 1, route, generator)


def swap_with_input(simulator: Simulator, bases: Bases, route: int, generator: np.random.Generator) -> Swap:
    """Let an input pass the first input of each trial, and watch the first spike after that."""
    meetings = bases.inputs.times.min(1)
    bases, meetings = bases.chosen(np.isfinite(meetings)), meetings[np.isfinite(meetings)]
    after = (bases.trial.spike_times <= meetings[:, None]).sum(1)
    return _swap(simulator, bases, meetings, after, route, generator)


def _swap(
    simulator: Simulator, bases: Bases, meetings: np.ndarray, watched: Any, route: int, generator: np.random.Generator
) -> Swap:
    """Put an input at delays around the meetings, and compare the spike times on both sides."""
    count, scale, points = len(bases), simulator.setting.time_scale, len(DELAYS)
    if not count:
        return Swap(np.zeros(0), np.zeros(0), np.zeros(0))
    apart = np.abs(np.where(np.isfinite(bases.inputs.times), bases.inputs.times, np.inf) - meetings[:, None])
    clear = ((apart > 3 * DELAYS[0] * scale) | (apart == 0)).all(1)
    delays = scale * np.concatenate([DELAYS, -DELAYS, [_SIDE_BY_SIDE, -_SIDE_BY_SIDE]])
    routes = np.full((count, 1), route)
    weights = alike_weights(simulator, bases, routes, generator)
    grid = bases.inputs.repeated(len(delays)).with_input(
        FREE, times=(meetings[:, None] + delays).ravel(), weights=np.repeat(weights, len(delays)),
        routes=np.repeat(routes, len(delays)),
    )  # fmt: skip
    trial = simulator(grid)
    spikes = trial.spike_times.reshape(count, len(delays), -1)
    later = spikes[np.arange(count), :, np.broadcast_to(watched, count)]
    later = later[(trial.status.reshape(count, -1) == DONE).all(1) & np.isfinite(later).all(1) & clear]
    orders = np.array([order(row[:points], row[points:-2]) for row in later]).reshape(-1, 2)
    return Swap(np.abs(later[:, -2] - later[:, -1]), orders[:, 0], orders[:, 1])
