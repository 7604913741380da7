"""From one event of a neuron to the next, by the Runge-Kutta methods and the step-size control of diffrax.

The spiking variable is V = sinh(x), and the clock is the arc length of the path in time and x, so that a divergence in
finite time is a path of finite speed. A step that passes an event is repeated with the size that ends on it: the dense
output predicts the size, Newton's method corrects it. No touch of a finite threshold is missed: a maximum inside a
step is located too, even where a minimum in the same step hides it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int

from .elementwise import anywhere

Scalar = Float[Array, ""]
Flag = Bool[Array, ""]
Path = Float[Array, " path"]  # time, x = asinh(V) and the other states
States = Float[Array, " states"]  # V and the other states

_HALVINGS, _SECANTS = 2, 10
_FIRST, _LARGEST, _GROWTH = 0.05, 1.0, 4.0  # sizes of steps, in arc length
_NONE, _PEAK, _SPIKE, _TIME = range(4)


@dataclass(frozen=True)
class Integration:
    """A solver of diffrax, and the error that one step of it may make: `atol + rtol * abs(state)`.

    Attributes:
        solver: An explicit or implicit Runge-Kutta method with an error estimate.
        rtol: By default some thousand roundings.
        atol: By default a hundredth of `rtol`.
    """

    solver: diffrax.AbstractAdaptiveSolver = field(default_factory=diffrax.Dopri8)
    rtol: float | None = None
    atol: float | None = None

    def relative(self, dtype: jnp.dtype) -> float:
        """Return the relative error of a step."""
        return (1e-12 if jnp.finfo(dtype).nmant > 30 else 1e-6) if self.rtol is None else self.rtol

    def control(self, dtype: jnp.dtype) -> diffrax.PIDController:
        """Return the step-size control."""
        rtol = self.relative(dtype)
        atol = 1e-2 * rtol if self.atol is None else self.atol
        return diffrax.PIDController(rtol, atol, dtmax=_LARGEST, factormax=_GROWTH, norm=lambda y: jnp.abs(y).max())


class Line(NamedTuple):
    """Where the line of the spiking variable ends, in x = asinh(V), and how fast time passes on it.

    Attributes:
        top: Where the spike is.
        bottom: What stands for minus infinity.
        time_scale: The unit of time.
    """

    top: Scalar
    bottom: Scalar
    time_scale: Scalar


class Progress(NamedTuple):
    """Where a neuron is on its path, the size of its next step, the state of step-size control, and the steps made."""

    path: Path
    size: Scalar
    control: Any
    steps: Int[Array, ""]


class _Aim(NamedTuple):
    """The kind of event that a step is to end on, its size, and sizes between which the right one lies."""

    sought: Int[Array, ""]
    size: Scalar
    low: Scalar
    high: Scalar


class _Search(NamedTuple):
    """The search for the next event; `whole` is the size of the step that passes what the next step aims at."""

    progress: Progress
    aim: _Aim
    whole: Scalar
    is_cleared: Flag  # no maximum of that step reaches the threshold
    found: Int[Array, ""]
    fails: Flag


@dataclass(frozen=True, eq=False)
class PathSolver:
    """The path of one neuron.

    Attributes:
        rates: The rates of change of all states, the spiking variable first.
        line: Where it ends.
        may_graze: Whether the spiking variable may touch its threshold without crossing it.
        integration: The solver.
        max_steps: How many steps it may make.
    """

    rates: Callable[[States], States]
    line: Line
    may_graze: bool
    integration: Integration
    max_steps: int

    def start(self, path: Path) -> Progress:
        """Return the beginning of a path."""
        control, solver = self.integration.control(path.dtype), self.integration.solver
        size = jnp.asarray(_FIRST, path.dtype)
        zero, order = jnp.zeros_like(size), solver.error_order(self.terms)
        _, state = control.init(self.terms, zero, size, stop_gradient(path), size, None, solver.func, order)
        return Progress(path, size, state, jnp.array(0))

    @cached_property
    def terms(self) -> diffrax.ODETerm:
        """The equations of the path in its arc length."""

        def velocity(_: Any, path: Path, __: Any) -> Path:
            rates, scale = self.path_rates(path), self.line.time_scale
            pace = scale / jnp.hypot(1.0, rates[0] * scale)
            return jnp.concatenate([pace[None], rates * pace])

        return diffrax.ODETerm(velocity)

    def path_rates(self, path: Path) -> States:
        """Return the rates of change of x = asinh(V) and of the other states in time."""
        return self.rates(states_of(path)).at[0].divide(jnp.cosh(path[1]))

    def rate(self, path: Path) -> Scalar:
        """Return the rate of change of the spiking variable."""
        return self.rates(states_of(path))[0]

    def turning(self, path: Path) -> Scalar:
        """Return how fast that rate changes in time."""
        states = states_of(path)
        return jax.jvp(self.rates, (states,), (self.rates(states),))[1][0]

    def step(self, path: Path, size: Scalar) -> tuple[Path, Path, dict[str, Array]]:
        """Make one step; return where it ends, its error and its dense output.

        The stages of an explicit method are written out: twice as fast as diffrax's loop over them, forwards and for
        gradients. `diffeqsolve` with an event is slower still, and its events are as exact as its dense output.
        """
        solver = self.integration.solver
        if isinstance(solver, diffrax.AbstractERK):
            tableau, stages = solver.tableau, [self.terms.vf(0.0, path, None)]
            for row in tableau.a_lower:
                ahead = sum(float(part) * stage for part, stage in zip(row, stages, strict=True) if part != 0)
                stages.append(self.terms.vf(0.0, path + size * ahead, None))
            moves = size * jnp.stack(stages)
            after = path + jnp.asarray(tableau.b_sol, path.dtype) @ moves
            error, dense = jnp.asarray(tableau.b_error, path.dtype) @ moves, {"y0": path, "y1": after, "k": moves}
        else:
            solver = eqx.tree_at(lambda s: s.scan_kind, solver, "lax", is_leaf=lambda leaf: leaf is None)
            start = jnp.zeros_like(size)
            state = solver.init(self.terms, start, size, path, None)
            after, error, dense, _, result = solver.step(self.terms, start, size, path, None, state, made_jump=False)
            error = jnp.where(result == diffrax.RESULTS.successful, error, jnp.inf)
        return after, jnp.where(jnp.isnan(error), jnp.inf, error), dense

    def event_at(self, path: Path, target: Scalar) -> Int[Array, ""]:
        """Return which event is due without any step."""
        return jnp.where(path[1] >= self.line.top, _SPIKE, jnp.where(path[0] >= target, _TIME, _NONE))

    def escapes(self, path: Path) -> Flag:
        """Return whether the spiking variable is on its way to minus infinity."""
        return (path[1] <= self.line.bottom) & (self.rate(path) <= 0)


def states_of(path: Path) -> States:
    """Return the states at a place of the path, the spiking variable first."""
    return jnp.concatenate([jnp.sinh(path[1:2]), path[2:]])


def to_next_event(solver: PathSolver, progress: Progress, target: Scalar) -> tuple[Progress, Flag, Flag, Flag]:
    """Go on to the next spike or to a time, whichever comes first.

    Derivatives are carried along the path; where it ends they move along it to the event, by the implicit function
    theorem.

    Returns:
        The progress, whether there is a spike, whether the time is reached, and whether the solver failed.
    """
    until, start = stop_gradient((target, progress.path))
    no, zero = jnp.array(False), jnp.zeros_like(progress.size)
    aim = _Aim(jnp.array(_NONE), zero, zero, zero)
    search = _Search(progress, aim, zero, no, solver.event_at(start, until), no)
    search = lax.while_loop(lambda s: (s.found == _NONE) & ~s.fails, lambda s: _onward(solver, s, until), search)
    path, spikes, found = search.progress.path, search.found == _SPIKE, search.found != _NONE
    top, rates = solver.line.top, stop_gradient(solver.path_rates(path))
    # an input may lift a potential to its threshold or above, where it spikes at once
    at_once = spikes & (start[1] >= top) & ((start[1] > top) | (rates[0] <= 0))
    rises = rates[0] > 0
    to_top, left = (top - path[1]) / jnp.where(rises, rates[0], 1.0), target - path[0]
    comes = found & ~at_once & rises & stop_gradient(to_top < left)
    spikes &= at_once | ~rises | comes
    spikes |= comes
    # rates are constant to first order: the move changes the values by rounding, and their derivatives
    move = jnp.where(comes, to_top, jnp.where(found & ~spikes, left, 0.0))
    path = path + move * jnp.concatenate([jnp.ones_like(rates[:1]), rates])
    path = path.at[1].set(jnp.where(comes, top, path[1]))
    return search.progress._replace(path=path), spikes, found & ~spikes, search.fails


def _onward(solver: PathSolver, search: _Search, target: Scalar) -> _Search:
    """Make one step: any step, until one passes an event, and then steps that aim at it."""
    path, size, state, steps = search.progress
    after, error, dense = solver.step(path, size)
    # sizes of steps are not differentiated: derivatives are those of the path, at the same arc length
    held, ahead, error, dense = stop_gradient((path, after, error, dense))
    is_free, zero = search.aim.sought == _NONE, jnp.zeros_like(size)
    control, order = solver.integration.control(path.dtype), solver.integration.solver.error_order(solver.terms)
    kept, begin, end, _, new_state, _ = control.adapt_step_size(zero, size, held, ahead, None, error, order, state)
    passes = solver.event_at(ahead, target) != _NONE
    if solver.may_graze:
        passes |= ~search.is_cleared & _may_touch(solver, held, ahead, size)
    passes &= kept & is_free
    at_nothing = _Aim(jnp.array(_NONE), end - begin, zero, size)
    predicted = lax.cond(
        anywhere(passes),
        lambda: _predicted(solver, held, ahead, size, dense, target, search.is_cleared),
        lambda: at_nothing,
    )
    corrected, hits = _corrected(solver, search.aim, size, ahead, target)
    aim = _select(is_free, _select(passes & (predicted.sought != _NONE), predicted, at_nothing), corrected)
    aim, hits = stop_gradient(aim), ~is_free & hits
    is_aimed = (aim.sought != _NONE) & ~hits
    moves = (is_free & kept & ~is_aimed) | hits
    whole = jnp.where(is_free, size, search.whole)
    size = jnp.where(is_aimed | is_free, aim.size, whole)
    progress = Progress(jnp.where(moves, after, path), size, _select(is_free, new_state, state), steps + 1)
    found = jnp.where(hits, search.aim.sought, _NONE)
    fails = (moves & solver.escapes(ahead)) | ((steps + 1 >= solver.max_steps) & ~hits)
    return _Search(progress, aim, whole, ~moves & (search.is_cleared | (~is_free & ~is_aimed)), found, fails)


def _may_touch(solver: PathSolver, path: Path, after: Path, size: Scalar) -> Flag:
    """Whether a step may hide a maximum that reaches the threshold.

    The slope may have turned once on the way, so that it has the same sign at both ends of the step. No path is
    steeper than its arc length.
    """
    rose, rises = solver.rate(path) > 0, solver.rate(after) > 0
    before, beyond = solver.turning(path) > 0, solver.turning(after) > 0
    hides_maximum = (rose & ~rises) | (rose & rises & ~before & beyond) | (~rose & ~rises & before & ~beyond)
    return hides_maximum & (path[1] + after[1] + size >= 2 * solver.line.top)


def _predicted(
    solver: PathSolver, path: Path, after: Path, size: Scalar, dense: Any, target: Scalar, is_cleared: Flag
) -> _Aim:
    """Aim at the first event inside a step, by its dense output."""
    top, zero = solver.line.top, jnp.zeros_like(size)
    output: Any = solver.integration.solver.interpolation_cls(t0=zero, t1=size, **dense)

    def at(part: Scalar) -> Path:
        return jnp.where(part > 0, output.evaluate(part), path)

    in_time = after[0] >= target
    end = jnp.where(in_time, _root(lambda part: at(part)[0] - target, size), size)
    highest, is_maximum, is_close = end, jnp.array(False), jnp.array(False)
    if solver.may_graze:
        low, peak, is_maximum = _maximum(solver, at, end)
        is_maximum &= ~is_cleared & (at(peak)[1] >= jnp.minimum(at(end)[1], top))
        highest = jnp.where(is_maximum, peak, end)
        is_close = is_maximum & (jnp.abs(at(peak)[1] - top) < jnp.sqrt(solver.integration.relative(path.dtype)))

    def unbent(part: Scalar) -> Scalar:
        # a maximum is a parabola, and a line as a function of the square of the distance from it: two crossings that
        # are about to merge would defy the secants
        return highest * jnp.where(is_maximum, 1 - jnp.sqrt(1 - part), part)

    spikes = at(highest)[1] >= top
    until_spike = unbent(_root(lambda part: at(unbent(part))[1] - top, jnp.ones_like(size)))
    crossing = _Aim(jnp.array(_SPIKE), until_spike, zero, highest)
    aim = _select(spikes, crossing, _Aim(jnp.where(in_time, _TIME, _NONE), end, zero, size))
    return _select(is_close, _Aim(jnp.array(_PEAK), highest, low, end), aim) if solver.may_graze else aim


def _corrected(solver: PathSolver, aim: _Aim, size: Scalar, after: Path, target: Scalar) -> tuple[_Aim, Flag]:
    """Correct a size by Newton's method, given where that step ends; also return whether it hits the event."""
    top, rate, eps = solver.line.top, solver.path_rates(after)[0], jnp.finfo(size.dtype).eps
    to_top = (after[1] - top, rate, top)
    to_target = (after[0] - target, jnp.ones_like(size), target)
    excess, slope, scale = _select(aim.sought == _SPIKE, to_top, to_target)
    if solver.may_graze:
        is_peak = aim.sought == _PEAK
        to_peak = (-solver.rate(after), -solver.turning(after), jnp.zeros_like(size))
        excess, slope, scale = _select(is_peak, to_peak, (excess, slope, scale))
    low, high = jnp.where(excess < 0, size, aim.low), jnp.where(excess < 0, aim.high, size)
    slope *= solver.terms.vf(0.0, after, None)[0]
    new = size - excess / jnp.where(slope > 0, slope, jnp.nan)
    tolerance = 0.05 * jnp.sqrt(eps)  # of size: what is left is a move along the path to first order
    is_close = (jnp.abs(new - size) <= tolerance) | (high - low <= tolerance)
    hits = is_close | (jnp.abs(excess) <= 4 * eps * jnp.abs(scale))
    new = jnp.where((new > low) & (new < high), new, (low + high) / 2)
    corrected = _Aim(aim.sought, new, low, high)
    if solver.may_graze:
        # near its maximum, V is a parabola
        bend = -solver.turning(after) / jnp.cosh(top) * solver.line.time_scale**2 / 2
        before = jnp.sqrt(jnp.maximum(after[1] - top, 0.0) / jnp.where(bend > 0, bend, jnp.inf))
        zero = jnp.zeros_like(size)
        crossing = _Aim(jnp.array(_SPIKE), jnp.maximum(size - before, zero), zero, size)
        decided = _select(after[1] >= top, crossing, _Aim(jnp.array(_NONE), size, zero, size))
        corrected, hits = _select(is_peak & hits, decided, corrected), hits & ~is_peak
    return corrected, hits


def _select(condition: Flag, chosen: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), chosen, other)


def _maximum(solver: PathSolver, at: Callable[[Scalar], Path], end: Scalar) -> tuple[Scalar, Scalar, Flag]:
    """Return where to look for a maximum before `end` in a step from, where it is, and whether there is one.

    The slope falls either until it turns or from there on.
    """

    def turning(part: Scalar) -> Scalar:
        return solver.turning(at(part))

    falls_first = turning(jnp.zeros_like(end)) < 0
    sign = jnp.where(falls_first, 1.0, -1.0)
    turns = falls_first != (turning(end) < 0)
    turn = jnp.where(turns, _root(lambda part: sign * turning(part), end), jnp.where(falls_first, end, 0.0))
    low, width = jnp.where(falls_first, 0.0, turn), jnp.where(falls_first, turn, end - turn)
    inside = _root(lambda part: -solver.rate(at(low + part)), width)
    return low, low + inside, (inside > 0) & (inside < width)


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
