"""Steps along the path of one neuron, up to the next thing that happens to it.

The spiking variable is V = sinh(x), and the clock is the arc length of the path in time and x, so that a divergence in
finite time is a path of finite speed. Events are found inside the step that passes them by repeating it with a smaller
size, never by interpolation. A step does not jump over a touch of a finite threshold: a maximum inside a step is
searched for itself, even where a minimum in the same step hides it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int

#: Rates of change of all states, the spiking variable first.
Rates = Callable[[Float[Array, " states"]], Float[Array, " states"]]

_HALVINGS, _SECANTS = 2, 10
_LARGEST = 1.0


class Equations(NamedTuple):
    """What a neuron does, as functions of arrays.

    Attributes:
        rates: The rates of change of all states, the spiking variable first.
        jump: The states after an input, from (route, weight, states).
        reset: The states after a spike, from those before; the spiking variable may be -inf.
    """

    rates: Rates
    jump: Callable[[Array, Array, Array], Array]
    reset: Callable[[Array], Array]


class Line(NamedTuple):
    """Where the line of the spiking variable ends, in x = asinh(V), and how fast time passes on it.

    Attributes:
        top: Where the spike is.
        bottom: What stands for minus infinity.
        time_scale: The unit of time.
        tolerance: The relative error that a step may make.
    """

    top: Float[Array, ""]
    bottom: Float[Array, ""]
    time_scale: Float[Array, ""]
    tolerance: Float[Array, ""]


class Engine(NamedTuple):
    """One step, the slope of the spiking variable and the change of that slope in time, for one neuron.

    `all_rates` are the rates of change of x = asinh(V) and of the other states.
    """

    step: Callable[[Array, Array], tuple[Array, Array]]
    rate: Callable[[Array], Float[Array, ""]]
    all_rates: Callable[[Array], Float[Array, " states"]]
    turning: Callable[[Array], Float[Array, ""]]
    line: Line
    may_graze: bool


def states_of(path: Float[Array, " path"]) -> Float[Array, " states"]:
    """Return the states at a place of the path, the spiking variable first."""
    return jnp.concatenate([jnp.sinh(path[1:2]), path[2:]])


def engine_of(equations: Equations, line: Line, solver: diffrax.AbstractERK, may_graze: bool) -> Engine:
    """Prepare steps of a solver along the path of a neuron."""

    def velocity(_: Any, path: Any, __: Any) -> Array:
        rates = equations.rates(states_of(path)) * line.time_scale
        rise = rates[:1] / jnp.cosh(path[1])
        pace = jnp.hypot(1.0, rise)
        return jnp.concatenate([line.time_scale / pace, rise / pace, rates[1:] / pace])

    terms = diffrax.ODETerm(velocity)

    def step(path: Array, size: Array) -> tuple[Array, Array]:
        state = solver.init(terms, 0.0, size, path, None)
        after, error, *_ = solver.step(terms, 0.0, size, path, None, state, made_jump=False)
        # sizes of steps are not differentiated: derivatives are those of the path, at the same arc length
        relative = jnp.abs(stop_gradient(jnp.asarray(error))) / (line.tolerance * (1e-2 + jnp.abs(stop_gradient(path))))
        return after, jnp.max(relative)

    def turning(path: Array) -> Array:
        states = states_of(path)
        return jax.jvp(equations.rates, (states,), (equations.rates(states),))[1][0]

    def all_rates(path: Array) -> Array:
        rates = equations.rates(states_of(path))
        return rates.at[0].divide(jnp.cosh(path[1]))

    return Engine(step, lambda path: equations.rates(states_of(path))[0], all_rates, turning, line, may_graze)


def advance(
    engine: Engine, path: Array, size: Array, steps: Array, target: Array, max_steps: int
) -> tuple[Float[Array, " path"], Float[Array, ""], Int[Array, ""]]:
    """Step until a step passes something; return where that one starts, its size, and the steps made in all."""
    line = engine.line

    def searching(state: tuple[Array, ...]) -> Bool[Array, ""]:
        *_, steps, found = state
        return ~found & (steps < max_steps)

    def onward(state: tuple[Array, ...]) -> tuple[Array, ...]:
        path, size, steps, _ = state
        after, error = engine.step(path, size)
        good = error <= 1
        rises = engine.rate(after) > 0
        passes = (after[0] >= target) | (after[1] >= line.top) | ((after[1] <= line.bottom) & ~rises)
        if engine.may_graze:
            passes |= _may_touch(engine, path, after, size)
        found = good & passes
        factor = jnp.where(jnp.isfinite(error), jnp.clip(0.9 * error ** (-1 / 8), 0.2, 4.0), 0.2)
        size = jnp.where(found, size, jnp.minimum(size * factor, _LARGEST))
        return jnp.where(good & ~found, after, path), size, steps + 1, found

    there = is_there(engine, path, target)
    path, size, steps, _ = lax.while_loop(searching, onward, (path, size, steps, there))
    return path, size, steps


def is_there(engine: Engine, path: Array, target: Array) -> Bool[Array, ""]:
    """Whether an event is due without any step."""
    return (path[0] >= target) | (path[1] >= engine.line.top)


def _may_touch(engine: Engine, path: Array, after: Array, size: Array) -> Bool[Array, ""]:
    """Whether a step may hide a maximum that reaches the threshold.

    The slope may have turned once on the way, so that it has the same sign at both ends of the step. No path is
    steeper than its arc length.
    """
    rose, rises = engine.rate(path) > 0, engine.rate(after) > 0
    before, beyond = engine.turning(path) > 0, engine.turning(after) > 0
    hides_maximum = (rose & ~rises) | (rose & rises & ~before & beyond) | (~rose & ~rises & before & ~beyond)
    return hides_maximum & (path[1] + after[1] + size >= 2 * engine.line.top)


def land(
    engine: Engine, path: Array, size: Array, target: Array
) -> tuple[Float[Array, " path"], Bool[Array, ""], Bool[Array, ""]]:
    """Shorten a step to the first thing that it passes: the spike, an input or the end, a maximum, or nothing.

    Derivatives are those at the same arc length; it is for the caller to move along the path to the event.
    """
    line, target, held = engine.line, stop_gradient(target), stop_gradient(path)

    def at(part: Array) -> Array:
        return jnp.where(part > 0, engine.step(held, part)[0], held)

    passes_target = at(size)[0] >= target
    until_target = jnp.where(passes_target, _root(lambda part: at(part)[0] - target, size), size)
    highest, is_maximum = until_target, jnp.array(False)
    if engine.may_graze:
        peak, is_maximum = _maximum(engine, at, until_target)
        is_maximum &= at(peak)[1] >= jnp.minimum(at(until_target)[1], line.top)
        highest = jnp.where(is_maximum, peak, until_target)
    spikes = at(highest)[1] >= line.top
    arrives = ~spikes & passes_target

    def unbent(part: Array) -> Array:
        # a maximum is a parabola, and a line as a function of the square of the distance from it: two crossings that
        # are about to merge would defy the secants
        return highest * jnp.where(is_maximum, 1 - jnp.sqrt(1 - part), part)

    until_spike = unbent(_root(lambda part: at(unbent(part))[1] - line.top, jnp.ones(())))
    part = jnp.where(spikes, until_spike, jnp.where(arrives, until_target, size))
    return jnp.where(part > 0, engine.step(path, part)[0], path), spikes, arrives


def _maximum(
    engine: Engine, at: Callable[[Array], Array], end: Float[Array, ""]
) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """Return where the spiking variable has a maximum before `end` in a step, and whether it has one.

    Its slope falls either until it turns or from there on.
    """

    def turning(part: Array) -> Float[Array, ""]:
        return engine.turning(at(part))

    falls_first = turning(jnp.zeros_like(end)) < 0
    sign = jnp.where(falls_first, 1.0, -1.0)
    turns = falls_first != (turning(end) < 0)
    turn = jnp.where(turns, _root(lambda part: sign * turning(part), end), jnp.where(falls_first, end, 0.0))
    low, width = jnp.where(falls_first, 0.0, turn), jnp.where(falls_first, turn, end - turn)
    inside = _root(lambda part: -engine.rate(at(low + part)), width)
    return low + inside, (inside > 0) & (inside < width)


def _root(value: Callable[[Array], Float[Array, ""]], size: Array) -> Float[Array, ""]:
    """Return where a value turns from negative to positive within a step: 0 or `size` if it does not.

    Bisection first, then the Illinois variant of the secant method, which keeps a bracket too.
    """

    def narrowed(number: int, ends: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, below, above, was_up, best, least = ends
        secant = (low * above - high * below) / (above - below)
        middle = jnp.where((number >= _HALVINGS) & (secant > low) & (secant < high), secant, (low + high) / 2)
        found = value(middle)
        up = found >= 0
        again = (number > _HALVINGS) & (up == was_up)  # the same end stays: count its value half
        stale = jnp.where(again, 0.5, 1.0)
        better = jnp.abs(found) < least
        return (
            jnp.where(up, low, middle),
            jnp.where(up, middle, high),
            jnp.where(up, below * stale, found),
            jnp.where(up, found, above * stale),
            up,
            jnp.where(better, middle, best),
            jnp.where(better, jnp.abs(found), least),
        )

    nothing = jnp.zeros_like(size)
    first, last = value(nothing), value(size)
    start = (nothing, size, first, last, first >= 0, size, jnp.abs(last))
    *_, inside, _ = lax.fori_loop(0, _HALVINGS + _SECANTS, narrowed, start)
    return jnp.where(first >= 0, nothing, jnp.where(last <= 0, size, inside))
