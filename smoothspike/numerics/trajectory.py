"""Trials of one neuron with any equations, step by step, in coordinates in which nothing becomes infinite.

The spiking variable is V = sinh(x), and the clock is the arc length of the path in time and x, so that a divergence in
finite time is a path of finite speed. It counts as arrived where the time that is left has become smaller than the
rounding of any spike time: at x = `top`, and at x = `bottom` on the way back. Events are found inside the step that
passes them by repeating it with a smaller size, never by interpolation. A step does not jump over a touch of a finite
threshold: a maximum inside a step is searched for itself, even where a minimum in the same step hides it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

#: Rates of change of all states, the spiking variable first.
Rates = Callable[[Float[Array, " states"]], Float[Array, " states"]]

_HALVINGS, _SECANTS = 2, 10
_LARGEST = 1.0
_HARDLY = 1e-2
RUNNING, DONE, ESCAPED, STALLED, TOO_MANY_STEPS, TOO_MANY_SPIKES = range(6)


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


class Inputs(NamedTuple):
    """Input spikes in the order of their times, padded with inf; a route of -1 does nothing (and is recorded)."""

    times: Float[Array, " inputs"]
    routes: Int[Array, " inputs"]
    weights: Float[Array, " inputs"]


class Trial(NamedTuple):
    """What happened.

    Attributes:
        spike_times: The times of spikes, padded with inf.
        num_spikes: How many there were; one more than there was room for if there were too many.
        status: DONE, or why the trial ended early: ESCAPED to minus infinity, STALLED (so stiff that steps
            ran out, at a place from which the spiking variable hardly moves until the end), TOO_MANY_STEPS,
            TOO_MANY_SPIKES.
        ended: When it ended.
        at_spikes: The states just before the reset of each spike, the spiking variable first; NaN beyond `num_spikes`.
        before: The states just before each input, likewise; NaN where it was not reached.
        states: The states at the end.
    """

    spike_times: Float[Array, " spikes"]
    num_spikes: Int[Array, ""]
    status: Int[Array, ""]
    ended: Float[Array, ""]
    at_spikes: Float[Array, "spikes states"]
    before: Float[Array, "inputs states"]
    states: Float[Array, " states"]


class _Engine(NamedTuple):
    """One step, the slope of the spiking variable and the change of that slope in time, for one neuron."""

    step: Callable[[Array, Array], tuple[Array, Array]]
    rate: Callable[[Array], Float[Array, ""]]
    turning: Callable[[Array], Float[Array, ""]]
    line: Line
    may_graze: bool


class _Carry(NamedTuple):
    path: Float[Array, " path"]  # time, x and the other states
    size: Float[Array, ""]
    steps: Int[Array, ""]
    next_input: Int[Array, ""]
    trial: Trial


def simulate(
    equations: Equations,
    line: Line,
    inputs: Inputs,
    initial: Float[Array, " states"],
    duration: Float[Array, ""],
    *,
    may_graze: bool = True,
    max_spikes: int = 32,
    max_steps: int = 20_000,
    solver: diffrax.AbstractERK | None = None,
) -> Trial:
    """Simulate one trial from time 0 to `duration`.

    Args:
        equations: The neuron.
        line: Where its spike is.
        inputs: What arrives.
        initial: The states at time 0.
        duration: The trial's end.
        may_graze: Look for maxima that touch the threshold; needless where the spike is at infinity.
        max_spikes: Room for spikes; a trial that needs more ends early and says so.
        max_steps: Room for steps of the solver, likewise.
        solver: An explicit Runge-Kutta method; of order 8 if None.

    Example:
        The neuron V' = V^2 + 1 spikes each time pi after it came back from minus infinity.

        >>> import numpy as np
        >>> equations = Equations(
        ...     rates=lambda s: s**2 + 1, jump=lambda route, weight, s: s + weight, reset=lambda s: s - jnp.inf
        ... )
        >>> with jax.enable_x64(True):
        ...     nothing = Inputs(jnp.array([]), jnp.array([], int), jnp.array([]))
        ...     line = Line(*(jnp.array(value) for value in (45.0, -45.0, 1.0, 1e-12)))
        ...     trial = simulate(equations, line, nothing, jnp.zeros(1), jnp.array(10.0))
        >>> np.round(np.asarray(trial.spike_times[:3]) / np.pi, 10)
        array([0.5, 1.5, 2.5])
    """
    engine = _engine(equations, line, solver or diffrax.Dopri8(), may_graze)
    count = inputs.times.shape[0]
    inputs = Inputs(jnp.append(inputs.times, jnp.inf), jnp.append(inputs.routes, -1), jnp.append(inputs.weights, 0.0))

    def running(carry: _Carry) -> Bool[Array, ""]:
        return carry.trial.status == RUNNING

    def to_next_event(carry: _Carry) -> _Carry:
        target = jnp.minimum(inputs.times[carry.next_input], duration)
        carry, size = _advance(engine, carry, target, max_steps)
        path, spikes, arrives = _land(engine, carry.path, size, target)
        carry = carry._replace(path=path)
        carry = _select(spikes, _spike(equations, line, carry), carry)
        carry = _select(arrives, _arrive(equations, inputs, carry, duration), carry)
        return _watched(engine, carry, duration, max_steps)

    trial = Trial(
        jnp.full(max_spikes, jnp.inf), jnp.array(0), jnp.array(RUNNING), jnp.zeros(()),
        jnp.full((max_spikes, *initial.shape), jnp.nan), jnp.full((count + 1, *initial.shape), jnp.nan), initial,
    )  # fmt: skip
    path = jnp.concatenate([jnp.zeros(1), jnp.arcsinh(initial[:1]), initial[1:]])
    last = lax.while_loop(running, to_next_event, _Carry(path, jnp.asarray(1e-3), jnp.array(0), jnp.array(0), trial))
    return last.trial._replace(ended=last.path[0], before=last.trial.before[:count], states=_states(last.path))


def _states(path: Float[Array, " path"]) -> Float[Array, " states"]:
    return jnp.concatenate([jnp.sinh(path[1:2]), path[2:]])


def _select(condition: Bool[Array, ""], chosen: _Carry, other: _Carry) -> _Carry:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), chosen, other)


def _engine(equations: Equations, line: Line, solver: diffrax.AbstractERK, may_graze: bool) -> _Engine:
    def velocity(_: Any, path: Any, __: Any) -> Array:
        rates = equations.rates(_states(path)) * line.time_scale
        rise = rates[:1] / jnp.cosh(path[1])
        pace = jnp.hypot(1.0, rise)
        return jnp.concatenate([line.time_scale / pace, rise / pace, rates[1:] / pace])

    terms = diffrax.ODETerm(velocity)

    def step(path: Array, size: Array) -> tuple[Array, Array]:
        state = solver.init(terms, 0.0, size, path, None)
        after, error, *_ = solver.step(terms, 0.0, size, path, None, state, made_jump=False)
        return after, jnp.max(jnp.abs(jnp.asarray(error)) / (line.tolerance * (1e-2 + jnp.abs(path))))

    def turning(path: Array) -> Array:
        states = _states(path)
        return jax.jvp(equations.rates, (states,), (equations.rates(states),))[1][0]

    return _Engine(step, lambda path: equations.rates(_states(path))[0], turning, line, may_graze)


def _advance(engine: _Engine, carry: _Carry, target: Array, max_steps: int) -> tuple[_Carry, Float[Array, ""]]:
    """Step until a step passes something; return where that one starts, and its size."""
    line = engine.line

    def searching(state: tuple[_Carry, Array]) -> Bool[Array, ""]:
        return ~state[1] & (state[0].steps < max_steps)

    def onward(state: tuple[_Carry, Array]) -> tuple[_Carry, Array]:
        now, path, size = state[0], state[0].path, state[0].size
        after, error = engine.step(path, size)
        good = error <= 1
        rises = engine.rate(after) > 0
        passes = (after[0] >= target) | (after[1] >= line.top) | ((after[1] <= line.bottom) & ~rises)
        if engine.may_graze:
            passes |= _may_touch(engine, path, after, size)
        found = good & passes
        factor = jnp.where(jnp.isfinite(error), jnp.clip(0.9 * error ** (-1 / 8), 0.2, 4.0), 0.2)
        size = jnp.where(found, size, jnp.minimum(size * factor, _LARGEST))
        return now._replace(path=jnp.where(good & ~found, after, path), size=size, steps=now.steps + 1), found

    there = (carry.path[0] >= target) | (carry.path[1] >= line.top)
    carry, _ = lax.while_loop(searching, onward, (carry, there))
    return carry, jnp.where(there, 0.0, carry.size)


def _may_touch(engine: _Engine, path: Array, after: Array, size: Array) -> Bool[Array, ""]:
    """Whether a step may hide a maximum that reaches the threshold.

    The slope may have turned once on the way, so that it has the same sign at both ends of the step. No path is
    steeper than its arc length.
    """
    rose, rises = engine.rate(path) > 0, engine.rate(after) > 0
    before, beyond = engine.turning(path) > 0, engine.turning(after) > 0
    hides_maximum = (rose & ~rises) | (rose & rises & ~before & beyond) | (~rose & ~rises & before & ~beyond)
    return hides_maximum & (path[1] + after[1] + size >= 2 * engine.line.top)


def _land(
    engine: _Engine, path: Array, size: Array, target: Array
) -> tuple[Float[Array, " path"], Bool[Array, ""], Bool[Array, ""]]:
    """Shorten a step to the first thing that it passes: the spike, an input or the end, a maximum, or nothing."""
    line = engine.line

    def at(part: Array) -> Array:
        return jnp.where(part > 0, engine.step(path, part)[0], path)

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
    landed = at(jnp.where(spikes, until_spike, jnp.where(arrives, until_target, size)))
    return landed.at[0].set(jnp.where(arrives, target, landed[0])), spikes, arrives


def _maximum(
    engine: _Engine, at: Callable[[Array], Array], end: Float[Array, ""]
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


def _spike(equations: Equations, line: Line, carry: _Carry) -> _Carry:
    trial = carry.trial
    room = trial.spike_times.shape[0]
    before = _states(carry.path)
    states = equations.reset(before)
    x = jnp.where(jnp.isneginf(states[0]), line.bottom, jnp.arcsinh(states[0]))
    trial = trial._replace(
        spike_times=trial.spike_times.at[trial.num_spikes].set(carry.path[0], mode="drop"),
        at_spikes=trial.at_spikes.at[trial.num_spikes].set(before, mode="drop"),
        num_spikes=trial.num_spikes + 1,
        status=jnp.where(trial.num_spikes >= room, TOO_MANY_SPIKES, trial.status),
    )
    return carry._replace(path=jnp.concatenate([carry.path[:1], x[None], states[1:]]), trial=trial)


def _arrive(equations: Equations, inputs: Inputs, carry: _Carry, duration: Array) -> _Carry:
    """Apply the next input, unless the trial is over."""
    place, trial, before = carry.next_input, carry.trial, _states(carry.path)
    is_over = inputs.times[place] > duration
    after = equations.jump(inputs.routes[place], inputs.weights[place], before)
    x = jnp.where(after[0] == before[0], carry.path[1], jnp.arcsinh(after[0]))
    moved = jnp.concatenate([carry.path[:1], x[None], after[1:]])
    trial = trial._replace(
        before=trial.before.at[place].set(jnp.where(is_over, jnp.nan, before)),
        status=jnp.where(is_over, DONE, trial.status),
    )
    return carry._replace(path=jnp.where(is_over, carry.path, moved), next_input=place + 1, trial=trial)


def _watched(engine: _Engine, carry: _Carry, duration: Array, max_steps: int) -> _Carry:
    """End a trial that ran away to minus infinity or makes no progress."""
    rate, variable = engine.rate(carry.path), jnp.sinh(carry.path[1])
    stalls = jnp.abs(rate) * (duration - carry.path[0]) < _HARDLY * (1 + jnp.abs(variable))
    without_steps = jnp.where(stalls, STALLED, TOO_MANY_STEPS)
    escapes = (carry.path[1] <= engine.line.bottom) & (rate <= 0)
    status = jnp.where(escapes, ESCAPED, jnp.where(carry.steps >= max_steps, without_steps, RUNNING))
    status = jnp.where(carry.trial.status == RUNNING, status, carry.trial.status)
    return carry._replace(trial=carry.trial._replace(status=status))
