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
from .trials import Simulator

_POINTS = 9
# ranges of the time left to the spike, in units of the natural time: where rounding of V near a finite threshold allows
_NEAR_INFINITY, _NEAR_THRESHOLD = (1e-6, 1e-13), (1e-2, 1e-5)
_DELAYS = 10.0 ** np.linspace(-2, -4, 7)
_SIDE_BY_SIDE = 1e-8
_NOISE = 1e-9
_FLAT = 12.0  # a contact exponent beyond this is called infinite


class Contact(NamedTuple):
    """How an input's effect on the own spike vanishes with the time left to it.

    Attributes:
        time_left: The times left to the spike, one row per random state.
        shift: How much an input then shifts the spike.
        exponent: The slope of log(shift) against log(time left), towards zero; `inf` if it grows and grows.
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
        places = jnp.asarray(_places(setting, states[0]))

        def one(x: jax.Array, others: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
            return shift_by_input(setting.equations, setting.line(), x, others, jnp.asarray(route), weight)

        over_places = jax.vmap(one, in_axes=(0, None, None))
        left, shift = jax.jit(jax.vmap(over_places, in_axes=(None, 0, 0)))(places, jnp.asarray(states), weights)
    left, shift = np.asarray(left), np.abs(np.asarray(shift))
    return Contact(left, shift, np.array([_exponent(*rows) for rows in zip(left, shift, strict=True)]))


def _places(setting: Setting, others: np.ndarray) -> Float[np.ndarray, " points"]:
    """Places of x = asinh(V) from which the spike is a given time away, about."""
    spike_is_far = setting.model.spike.is_at_infinity
    first, last = np.array(_NEAR_INFINITY if spike_is_far else _NEAR_THRESHOLD) * setting.time_scale
    rates = jax.jit(jax.vmap(lambda x: setting.equations.rates(jnp.concatenate([jnp.sinh(x)[None], others]))[0]))
    if not spike_is_far:
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
    x_near, x_far = 1 / np.abs(middle[-third:]).mean(), 1 / np.abs(middle[third : 2 * third]).mean()
    return float(near + (near - far) * x_near / (x_far - x_near))


class Swap(NamedTuple):
    """What a later spike does when an input passes the own spike, or another input, in time.

    Attributes:
        jump: The difference between both orders, side by side; one per trial.
        exponent: The power of the delay with which the second difference of the spike time vanishes: 1 for a kink, 2
            where it is smooth; NaN where it is lost in rounding.
    """

    jump: Float[np.ndarray, " trials"]
    exponent: Float[np.ndarray, " trials"]


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
    count, scale, points = len(bases), simulator.setting.time_scale, len(_DELAYS)
    if not count:
        return Swap(np.zeros(0), np.zeros(0))
    apart = np.abs(np.where(np.isfinite(bases.inputs.times), bases.inputs.times, np.inf) - meetings[:, None])
    clear = ((apart > 3 * _DELAYS[0] * scale) | (apart == 0)).all(1)
    delays = scale * np.concatenate([_DELAYS, -_DELAYS, [_SIDE_BY_SIDE, -_SIDE_BY_SIDE]])
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
    bend = np.abs(later[:, :points] + later[:, points:-2] - (later[:, -2] + later[:, -1])[:, None])
    return Swap(np.abs(later[:, -2] - later[:, -1]), np.array([_power(row, scale) for row in bend]))


def _power(bend: np.ndarray, scale: float) -> float:
    """The slope of log(bend) against log(delay) at the smallest delays where rounding does not show."""
    usable = np.flatnonzero(bend > _NOISE * scale)
    if len(usable) < 3:
        return float("nan")
    last = usable[-3:]
    return float(np.polyfit(np.log(_DELAYS[last]), np.log(bend[last]), 1)[0])
