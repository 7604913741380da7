"""The search for the next event of a neuron on its path: its spike, or the end of an interval.

A step that passes an event is repeated with the size that ends on it: the solver's dense output predicts the size,
Newton's method corrects it. No touch of a finite threshold is missed: a maximum inside a step is located too, even
where a minimum in the same step hides it. `diffrax.diffeqsolve` with an event would miss it, as it compares signs at
the ends of steps, and it interpolates the state at an event: for V' = exp(V) + 1 that errs by 2e-11, and by 1e-14 here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Int

from ..kernels.batch_reductions import anywhere
from .adaptive_steps import NONE, PEAK, SPIKE, TIME, Flag, Path, PathSolver, Progress, Scalar

_HALVINGS, _SECANTS = 2, 10


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


def to_next_event(solver: PathSolver, progress: Progress, target: Scalar) -> tuple[Progress, Flag, Flag, Flag]:
    """Go on to the next spike or to a time, whichever comes first.

    Derivatives are carried along the path; where it ends they move along it to the event, by the implicit function
    theorem.

    Returns:
        The progress, whether there is a spike, whether the time is reached, and whether the solver failed.
    """
    until, start = stop_gradient((target, progress.path))
    no, zero = jnp.array(False), jnp.zeros_like(progress.size)
    aim = _Aim(jnp.array(NONE), zero, zero, zero)
    search = _Search(progress, aim, zero, no, solver.event_at(start, until), no)
    search = lax.while_loop(lambda s: (s.found == NONE) & ~s.fails, lambda s: _onward(solver, s, until), search)
    path, spikes, found = search.progress.path, search.found == SPIKE, search.found != NONE
    top, rates = solver.line.top, stop_gradient(solver.path_rates(path))
    # an input may lift a potential to its threshold or above, where it spikes at once
    at_once = spikes & (start[1] >= top) & ((start[1] > top) | (rates[0] <= 0))
    rises = rates[0] > 0
    to_top, left = (top - path[1]) / jnp.where(rises, rates[0], 1.0), target - path[0]
    comes = found & ~at_once & rises & stop_gradient(to_top < left)
    spikes &= at_once | ~rises | comes
    spikes |= comes
    # rates are constant to first order, but next to a spike they change by orders within the rounding of a time: there
    # only derivatives are moved, so that they stay those of the place
    rounding = 4 * jnp.finfo(left.dtype).eps * jnp.abs(until)
    resolved = jnp.where(stop_gradient(jnp.abs(left)) > rounding, left, left - stop_gradient(left))
    move = jnp.where(comes, to_top, jnp.where(found & ~spikes, resolved, 0.0))
    path = path + move * jnp.concatenate([jnp.ones_like(rates[:1]), rates])
    path = path.at[1].set(jnp.where(comes, top, path[1]))
    return search.progress._replace(path=path), spikes, found & ~spikes, search.fails


def _onward(solver: PathSolver, search: _Search, target: Scalar) -> _Search:
    """Make one step: any step, until one passes an event, and then steps that aim at it."""
    path, size, state, steps = search.progress
    after, error, dense = solver.step(path, size)
    # sizes of steps are not differentiated: derivatives are those of the path, at the same arc length
    held, ahead, error, dense = stop_gradient((path, after, error, dense))
    is_free, zero = search.aim.sought == NONE, jnp.zeros_like(size)
    kept, next_size, new_state = solver.controlled(held, ahead, size, error, state)
    passes = solver.event_at(ahead, target) != NONE
    if solver.may_graze:
        passes |= ~search.is_cleared & _may_touch(solver, held, ahead, size)
    passes &= kept & is_free
    at_nothing = _Aim(jnp.array(NONE), next_size, zero, size)
    predicted = lax.cond(
        anywhere(passes),
        lambda: _predicted(solver, held, ahead, size, dense, target, search.is_cleared),
        lambda: at_nothing,
    )
    corrected, hits = _corrected(solver, search.aim, size, ahead, target)
    aim = select(is_free, select(passes & (predicted.sought != NONE), predicted, at_nothing), corrected)
    aim, hits = stop_gradient(aim), ~is_free & hits
    is_aimed = (aim.sought != NONE) & ~hits
    moves = (is_free & kept & ~is_aimed) | hits
    whole = jnp.where(is_free, size, search.whole)
    size = jnp.where(is_aimed | is_free, aim.size, whole)
    progress = Progress(jnp.where(moves, after, path), size, select(is_free, new_state, state), steps + 1)
    found = jnp.where(hits, search.aim.sought, NONE)
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

    def at(part: Scalar) -> Path:
        return jnp.where(part > 0, dense.evaluate(part), path)

    in_time = after[0] >= target
    end = jnp.where(in_time, _root(lambda part: at(part)[0] - target, size), size)
    highest, low, is_maximum, is_close = end, zero, jnp.array(False), jnp.array(False)
    if solver.may_graze:
        # whether a maximum reaches the threshold by more or less than the dense output errs by is for a step to decide
        margin = jnp.sqrt(solver.integration.relative(path.dtype))
        low, peak, is_maximum = _maximum(solver, at, end)
        is_maximum &= ~is_cleared & (at(peak)[1] >= jnp.minimum(at(end)[1], top - margin))
        highest = jnp.where(is_maximum, peak, end)
        is_close = is_maximum & (jnp.abs(at(peak)[1] - top) <= margin)

    def unbent(part: Scalar) -> Scalar:
        # a maximum is a parabola, and a line as a function of the square of the distance from it: two crossings that
        # are about to merge would defy the secants
        return highest * jnp.where(is_maximum, 1 - jnp.sqrt(1 - part), part)

    spikes = at(highest)[1] >= top
    until_spike = unbent(_root(lambda part: at(unbent(part))[1] - top, jnp.ones_like(size)))
    crossing = _Aim(jnp.array(SPIKE), until_spike, zero, highest)
    aim = select(spikes, crossing, _Aim(jnp.where(in_time, TIME, NONE), end, zero, size))
    return select(is_close, _Aim(jnp.array(PEAK), highest, low, end), aim)


def _corrected(solver: PathSolver, aim: _Aim, size: Scalar, after: Path, target: Scalar) -> tuple[_Aim, Flag]:
    """Correct a size by Newton's method, given where that step ends; also return whether it hits the event."""
    top, rate, eps = solver.line.top, solver.path_rates(after)[0], jnp.finfo(size.dtype).eps
    to_top = (after[1] - top, rate, top)
    to_target = (after[0] - target, jnp.ones_like(size), target)
    excess, slope, scale = select(aim.sought == SPIKE, to_top, to_target)
    is_peak = aim.sought == PEAK
    if solver.may_graze:
        to_peak = (-solver.rate(after), -solver.turning(after), jnp.zeros_like(size))
        excess, slope, scale = select(is_peak, to_peak, (excess, slope, scale))
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
        crossing = _Aim(jnp.array(SPIKE), jnp.maximum(size - before, zero), zero, size)
        decided = select(after[1] >= top, crossing, _Aim(jnp.array(NONE), size, zero, size))
        corrected, hits = select(is_peak & hits, decided, corrected), hits & ~is_peak
    return corrected, hits


def select(condition: Flag, chosen: Any, other: Any) -> Any:
    """Choose between two trees of arrays."""
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


def _root(value: Callable[[Scalar], Scalar], size: Scalar) -> Scalar:
    """Return about where a value turns from negative to positive within a step: 0 or `size` if it does not.

    Bisection first, then the Illinois variant of the secant method, which keeps a bracket too.
    """

    def narrowed(number: Int[Array, ""], ends: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, below, above, was_up = ends
        secant = (low * above - high * below) / (above - below)
        middle = jnp.where((number >= _HALVINGS) & (secant > low) & (secant < high), secant, (low + high) / 2)
        found = value(middle)
        up = found >= 0
        stale = jnp.where((number > _HALVINGS) & (up == was_up), 0.5, 1.0)  # the same end stays: count its value half
        lower = jnp.where(up, low, middle), jnp.where(up, below * stale, found)
        upper = jnp.where(up, middle, high), jnp.where(up, found, above * stale)
        return lower[0], upper[0], lower[1], upper[1], up

    nothing = jnp.zeros_like(size)
    first, last = value(nothing), value(size)
    start = (nothing, size, first, last, first >= 0)
    low, high, below, above, _ = lax.fori_loop(0, _HALVINGS + _SECANTS, narrowed, start)
    inside = jnp.where(above < -below, high, low)
    return jnp.where(first >= 0, nothing, jnp.where(last <= 0, size, inside))
