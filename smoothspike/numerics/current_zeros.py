r"""When a ray under one exponential current next has a zero, in a clock in which the current stands still.

$q'' = -(d_0 + c\,e^{\mu t})\,q$, $g = -q'$ (see `riccati_series`). With $\lambda = -\mu/2$ and the clock
$dx = e^{-\lambda t} dt$ the Liouville transform $q = (dx/dt)^{-1/2}\,y$ leaves
$(1 - \lambda x)^2\, y_{xx} = -\big(c\,(1 - \lambda x)^2 + \kappa\big)\,y$ with $\kappa = d_0 + \lambda^2/4$:
coefficients of its power series follow from four before them. A ray goes on in hops of one series each; the clock
begins anew with every hop, and its unit is the hop. Zeros of y are those of q.

Derivatives come from integrals along the way, by the Wronskian identity: a change of the drive by $\delta d$ moves a
zero at T by $-\int_0^T q^2\,\delta d\;dt / g(T)^2$. Each integral is the Wronskian of the series with one that
$\delta d$ drives.
Source: Olver, Asymptotics and Special Functions (1974), chapter 6 (the transform).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Bool, Float

from ..kernels.batch_reductions import anywhere
from .elementwise import once_only
from .projective import unscaled, wronskian
from .series import value_at

Real = Float[Array, "*#shape"]

#: The largest part of the rest of the clock that a hop covers, and the largest angle by which a ray turns in it: below
#: pi, so that no two zeros are in one hop.
_FURTHEST, _LARGEST_TURN = 0.5, 2.5
#: Terms of a series, in double and single precision, whose remainder is below rounding for every hop: by the majorant
#: `(k + 1) (k + 2) y[k + 2] = C y[k] + K sum((j + 1) r**j y[k - j])`.
_TERMS = {True: 46, False: 20}
#: The square of an angle from which on the rest of the way is known to rounding without a hop.
_NEAR = {True: 1e-11, False: 1e-5}
_MOST_HOPS = 100_000
_FIRST_ORDER = "this solver has no second derivatives: only first derivatives of spike times are exact"


class Drive(NamedTuple):
    """What drives a ray: `constant + current * exp(rate * t)`."""

    constant: Real
    current: Real
    rate: Real


class _Hop(NamedTuple):
    """A solution in the clock, whose unit is the hop.

    Attributes:
        size: The unit.
        shrink: By how much the clock slows down in it.
        current: The part of the drive that stands still.
        rest: The part that grows as the clock slows down.
        y: The solution and its slope at the start.
    """

    size: Real
    shrink: Real
    current: Real
    rest: Real
    y: tuple[Real, Real]

    def time(self, x: Real) -> Real:
        """Return how much time has passed at a place in the hop."""
        slower = self.shrink * x
        # log1p is exact for the smallest numbers, too
        mean = -jnp.log1p(-slower) / jnp.where(slower == 0, 1.0, slower)
        return self.size * x * jnp.where(slower == 0, 1.0, mean)

    def series(self, start: Sequence[Real], forcing: Callable[[int], Real] | None = None) -> list[Real]:
        """Return the power series of a solution, or of one with a forcing over `(1 - shrink x)**2`."""
        series, r, squared, total = list(start), 2 * self.shrink, self.shrink**2, self.current + self.rest
        before, second = r * self.current, squared * self.current
        for k in range(_TERMS[_is_double(self.size)] - 2):
            # what is known first comes first: processors wait for results; and they divide slowly
            inverse = 1 / ((k + 1) * (k + 2))
            early = jnp.zeros_like(total) if forcing is None else -inverse * forcing(k)
            if k >= 2:
                early = early - (inverse * second) * series[k - 2]
            if k >= 1:
                early = early + (inverse * before) * series[k - 1]
            early = early - (inverse * total + k * (k - 1) * inverse * squared) * series[k]
            series.append(early + (k / (k + 2) * r) * series[k + 1])
        return series


def _hop(drive: Drive, elapsed: Real, g: Real, q: Real) -> _Hop:
    """Prepare a hop from a ray, as long as its series is exact."""
    fall = -drive.rate / 2
    current, kappa = drive.current * jnp.exp(drive.rate * elapsed), drive.constant + fall**2 / 4
    turn = (jnp.abs(current) + jnp.abs(kappa) / (1 - _FURTHEST) ** 2) / _LARGEST_TURN**2 + (fall / _FURTHEST) ** 2
    size = lax.rsqrt(jnp.where(turn > 0, turn, 1.0))
    return _Hop(size, fall * size, current * size**2, kappa * size**2, (q, -size * (g + fall / 2 * q)))


def _is_double(like: Real) -> bool:
    return jnp.finfo(jnp.result_type(like)).nmant > 30


def _at(series: Sequence[Real], x: Real) -> tuple[Real, Real]:
    """Return minus the slope and the value of a series."""
    return -value_at([k * coefficient for k, coefficient in enumerate(series)][1:], x), value_at(series, x)


def _ends(
    runs: Array, moving: tuple[str, ...], drive: Drive, elapsed: Real, hop: _Hop, x: Real
) -> tuple[tuple[Real, Real], tuple[Real, ...]]:
    """Return minus the slope and the value of a solution somewhere in a hop, and the integrals until there.

    They are one program of their own, and value and slope one number: else the compiler works the series out again for
    each of the many places where one of them is used.
    """

    def computed() -> tuple[Array, tuple[Real, ...]]:
        y = hop.series(hop.y)
        return lax.complex(*_at(y, x)), _integrals(moving, drive, elapsed, hop, y, x)

    def nothing() -> tuple[Array, tuple[Real, ...]]:
        return jax.tree.map(lambda like: jnp.zeros(like.shape, like.dtype), jax.eval_shape(computed))

    both, found = lax.cond(runs, computed, nothing)
    return (both.real, both.imag), found


def _integrals(
    moving: tuple[str, ...], drive: Drive, elapsed: Real, hop: _Hop, y: list[Real], x: Real
) -> tuple[Real, ...]:
    """Return the integrals over a hop up to a place in it, for the ray with which it begins."""
    g, q = _at(y, x)
    nothing = jnp.zeros_like(y[0])

    def driven(forcing: Callable[[int], Real]) -> Real:
        return hop.size * wronskian(g, q, *_at(hop.series([nothing] * 2, forcing), x))

    found: dict[str, Real] = {}
    if "constant" in moving:
        found["constant"] = driven(y.__getitem__)
    decayed = jnp.exp(drive.rate * elapsed)
    if "current" in moving or "rate" in moving:
        found["current"] = decayed * driven(_slowed(hop, y))
    if "rate" in moving:
        # the time since the start of the hop, times the solution
        timed = hop.series(
            [nothing, hop.size * y[0]],
            lambda k: -hop.size * (hop.shrink * (1 - 2 * k) * y[k] + 2 * (k + 1) * y[k + 1]),
        )
        found["rate"] = drive.current * (elapsed * found["current"] + decayed * driven(_slowed(hop, timed)))
    return tuple(found[name] for name in moving)


def _slowed(hop: _Hop, series: Sequence[Real]) -> Callable[[int], Real]:
    """Return the coefficients of a series times `(1 - shrink x)**2`."""

    def coefficient(k: int) -> Real:
        total = series[k]
        total = total - 2 * hop.shrink * series[k - 1] if k >= 1 else total
        return total + hop.shrink**2 * series[k - 2] if k >= 2 else total

    return coefficient


class _Way(NamedTuple):
    """How far a ray has come on the way to its zero.

    Attributes:
        g: Its first component.
        q: Its second, negative just beyond the zero and nowhere else.
        elapsed: The time.
        passed: How many zeros came before.
        scale: What the square of its length has been multiplied by.
        integrals: Of `q**2` times what each moving parameter does to the drive, negative and multiplied by the same.
        part: How much of a hop may be tried.
        found: Whether the zero is near.
        is_over: Whether it is, or there is none in time.
    """

    g: Real
    q: Real
    elapsed: Real
    passed: Real
    scale: Real
    integrals: tuple[Real, ...]
    part: Real
    found: Bool[Array, "*#shape"]
    is_over: Bool[Array, "*#shape"]


def _rest_of_way(drive: Real, g: Real, q: Real) -> Real:
    """Return about how far a zero is under a constant drive, inf if that is far; exact nearby."""
    ahead = g > 0
    distance = q / jnp.where(ahead, g, 1.0)
    turned = drive * distance**2
    ahead &= turned > -1
    # of the inverse tangent over its argument, or the hyperbolic one
    pade = (1 + 4 / 15 * turned) / jnp.where(ahead, 1 + 3 / 5 * turned, 1.0)
    return jnp.where(ahead, distance * pade, jnp.inf)


def _onwards(moving: tuple[str, ...], drive: Drive, within: Real, index: Real, way: _Way) -> _Way:
    """Go on by a hop, or to where the zero is by the present drive."""
    hop = _hop(drive, way.elapsed, way.g, way.q)
    is_last = way.passed >= index
    # in the clock a ray has another slope
    guess = _rest_of_way(hop.current + hop.rest / (1 - hop.shrink / 3) ** 2, -hop.y[1], hop.y[0])
    x = jnp.where(is_last, jnp.clip(guess, -way.part, way.part), 1.0)
    ends = _ends(anywhere(~way.is_over), moving, drive, way.elapsed, hop, x)
    (slope, value), here = ends
    slowed, crosses = 1 - hop.shrink * x, value < 0
    g, q = slowed / hop.size * slope + drive.rate / 4 * value, value
    # too far beyond the zero to see it
    lost = crosses & is_last & (slope <= 0)
    scale = unscaled(g, q) * jnp.where(crosses & ~is_last, -1.0, 1.0)
    squared, then = scale * (scale * slowed), way.elapsed + hop.time(x)
    integrals = tuple(squared * (a + b) for a, b in zip(way.integrals, here, strict=True))
    moved = way._replace(
        g=scale * g, q=scale * q, elapsed=then, passed=way.passed + (crosses & ~is_last), scale=squared * way.scale,
        integrals=integrals,
    )  # fmt: skip
    near = is_last & ~lost & (slope > 0) & (value**2 <= _NEAR[_is_double(value)] * slope**2)
    # with these signs a ray that is not a number is over, too
    none = ~crosses & ~near & ~(x < 1) & ~(then <= within)
    kept = jax.tree.map(lambda a, b: jnp.where(way.is_over | lost, a, b), way, moved)
    return kept._replace(
        part=jnp.where(lost, jnp.abs(x) / 2, 1.0), found=jnp.where(way.is_over, way.found, near),
        is_over=way.is_over | near | none,
    )  # fmt: skip


def _search(moving: tuple[str, ...], *arguments: Real) -> tuple[Real, Real, tuple[Real, ...]]:
    """Return when the zero comes, and its derivatives by the Wronskian of a change of the ray and by parameters."""
    within, index, constant, current, rate, g, q = arguments
    drive, turn = Drive(constant, current, rate), unscaled(g, q) * jnp.where(q < 0, -1.0, 1.0)
    nothing = jnp.zeros_like(q)

    def going(carry: tuple[_Way, Array]) -> Array:
        return ~carry[0].is_over.all() & (carry[1] < _MOST_HOPS)

    def onward(carry: tuple[_Way, Array]) -> tuple[_Way, Array]:
        return _onwards(moving, drive, within, index, carry[0]), carry[1] + 1

    # adding zero turns -0.0 into 0.0
    start = turn * g, turn * q + 0.0, nothing, nothing, turn**2, (nothing,) * len(moving)
    way, _ = lax.while_loop(going, onward, (_Way(*start, nothing + 1, nothing > 0, nothing > 0), jnp.array(0)))
    present = constant + current * jnp.exp(rate * way.elapsed)
    rest = _rest_of_way(present, way.g, way.q)
    wait = jnp.where(way.found, way.elapsed + rest, jnp.where(way.is_over & ~jnp.isnan(way.q), jnp.inf, jnp.nan))
    # at the zero itself; what the integrals lack until there is below rounding
    by_wronskian = jnp.where(way.found, 1 / (way.g**2 + present * way.q**2), 0.0)
    return wait, by_wronskian * way.scale, tuple(by_wronskian * each for each in way.integrals)


@jax.custom_jvp
def _time_to_zero(*arguments: Real) -> Real:
    return _search((), *arguments)[0]


@partial(_time_to_zero.defjvp, symbolic_zeros=True)
def _time_to_zero_jvp(primals: tuple[Real, ...], tangents: tuple[Any, ...]) -> tuple[Real, Real]:
    names = *Drive._fields, "g", "q"
    given = {a: b for a, b in zip(names, tangents[2:], strict=True) if not isinstance(b, SymbolicZero)}
    moving = tuple(name for name in Drive._fields if name in given)
    primals = tuple(once_only(_FIRST_ORDER, primal) for primal in primals)
    wait, by_wronskian, shifts = _search(moving, *primals)
    change = jnp.zeros_like(wait)
    if "g" in given or "q" in given:
        still = jnp.zeros_like(wait)
        g, q = primals[-2:]
        change += by_wronskian * wronskian(g, q, given.get("g", still), given.get("q", still))
    for name, shift in zip(moving, shifts, strict=True):
        change += shift * given[name]
    return wait, change


def time_to_zero(within: Real, index: Real, drive: Drive, g: Real, q: Real) -> Real:
    """Return the time to the (`index` + 1)-th zero of q, inf if it does not come `within` that time.

    One that comes soon after is found, too. Where hops run out, the time is not a number.

    Args:
        within: How far to look.
        index: Which zero, from 0.
        drive: What drives the ray.
        g: First component of the ray.
        q: Second.

    Differentiation:
        Both modes, first derivatives; zero where there is no zero.
    """
    dtype = jnp.result_type(float, within, g, q)
    arguments = within, index, *drive, g, q
    return _time_to_zero(*jnp.broadcast_arrays(*(jnp.asarray(each, dtype) for each in arguments)))
