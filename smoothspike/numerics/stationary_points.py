r"""Stationary points of the first state of a linear system: all of them, by Rolle's theorem.

The derivative of the first state is a sum of exponentials times powers of time. By Rolle's theorem it is isolated by
the zeros of a shorter sum: applying $D - \lambda$ with a rate of the system, $D$ the derivative, removes one term, and
between two zeros of what is left the sum, times an exponential, is monotone and vanishes at most once. Down to a sum of
one term, which never vanishes, no stationary point is missed. The remaining sums are known by their coefficients in the
states, so that equal rates are nothing special. Of two states that drive one another the factor
$(D - a)^2 + b^2$ is split into two of first order with tangents as coefficients, on pieces shorter than $\pi / b$.
With two rates the only stationary point has a formula.

Source: Pólya & Szegő, Problems and Theorems in Analysis II, part V, for zeros of exponential sums; Pólya, Trans. AMS 24
(1922), for the factors; Chandrupatla, Adv. Eng. Software 28 (1997), for zeros in brackets.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from .propagator import Entries, Real, Structure, carried, propagator, read_out
from .special_functions import exponential

#: A row of coefficients of the states; None for zero.
Row = list[Real | None]
_ROUNDS = 200
#: The length of a piece in radians of the fastest oscillation, below pi.
_PIECE = 2.0


class UnsupportedCircle(ValueError):
    """More than two states drive one another in a circle."""


class _Factor(NamedTuple):
    """A factor $(D - rate)$, or $(D - rate)^2 - squared$ where two states drive one another."""

    rate: Real
    squared: Real | None = None

    @property
    def order(self) -> int:
        return 1 if self.squared is None else 2


class Search(NamedTuple):
    """The part of a system on which its first state depends, and the factors that annihilate its derivative."""

    kept: tuple[int, ...]
    structure: Structure
    rates: tuple[Real, ...]
    factors: tuple[_Factor, ...]

    @classmethod
    def of(cls, structure: Structure, rates: Sequence[Real]) -> "Search":
        """Take from a system what its first state depends on.

        Raises:
            UnsupportedCircle: if more than two states drive one another in a circle.
        """
        reached = structure.reached
        kept = tuple(state for state in range(structure.size) if (0, state) in reached)
        chosen = [
            (kept.index(row), kept.index(column), rate)
            for (row, column), rate in zip(structure.couplings, rates, strict=True)
            if row in kept and column in kept
        ]
        part = Structure(len(kept), tuple((row, column) for row, column, _ in chosen))
        entries = {(row, column): rate for row, column, rate in chosen}
        return cls(kept, part, tuple(entries.values()), _factors(part, entries))

    @property
    def order(self) -> int:
        """How many exponentials the derivative of the first state is made of."""
        return sum(factor.order for factor in self.factors)

    @property
    def has_formula(self) -> bool:
        """Whether there is one stationary point at most, which has a formula."""
        return self.order == 2 and not self.oscillates

    @property
    def oscillates(self) -> bool:
        """Whether it may: two states drive one another."""
        return any(factor.order == 2 for factor in self.factors)

    def _applied(self, row: Row) -> Row:
        """The row whose product with the states is the derivative of that of a row."""
        found: Row = [None] * self.structure.size
        for (of, column), rate in zip(self.structure.couplings, self.rates, strict=True):
            found[column] = _sum(found[column], _times(row[of], rate))
        return found

    def _reduced(self, row: Row, factor: _Factor) -> Row:
        """Apply a factor to a row."""
        once = self._applied(row)
        if factor.squared is None:
            return [_sum(a, _times(b, -factor.rate)) for a, b in zip(once, row, strict=True)]
        twice = self._applied(once)
        constant = factor.rate**2 - factor.squared
        return [
            _sum(_sum(a, _times(b, -2 * factor.rate)), _times(c, constant))
            for a, b, c in zip(twice, once, row, strict=True)
        ]

    @property
    def slope(self) -> Row:
        """The derivative of the first state, in the states."""
        return self._applied([jnp.ones(()), *[None] * (self.structure.size - 1)])

    def two(self, values: Sequence[Real]) -> tuple[Real, Real, Real, Real]:
        """The slope g, with `g = exp(slow t) (g0 + h0 t phi)`, its g0 and h0, and both rates."""
        one, other = (factor.rate for factor in self.factors)
        slow, fast = jnp.minimum(one, other), jnp.maximum(one, other)
        g = product(self.slope, values)
        h = product(self._reduced(self.slope, _Factor(slow)), values)
        return g, h, slow, fast

    def inside(self, values: Sequence[Real], length: Real) -> tuple[Real, Real]:
        """Return where the first state is largest among its stationary points inside an interval, and its value."""
        if self.order < 2:
            return jnp.zeros_like(length), values[0]
        if self.has_formula:
            places = self._place_of_two(values, length)[None]
            return self._best(values, places)
        if not self.oscillates:
            return self._best(values, self._stationary(values, length))
        return self._best_in_pieces(values, length)

    def _place_of_two(self, values: Sequence[Real], length: Real) -> Real:
        g, h, slow, fast = self.two(values)
        q = g / jnp.where(h < 0, -h, 1.0)
        apart = fast - slow
        # the integral of exp(apart u) up to the place is q
        place = q / exponential(0, -jnp.log1p(apart * q))
        return jnp.where((g > 0) & (h < 0), jnp.minimum(place, length), 0.0)

    def _value(self, values: Sequence[Real], elapsed: Real) -> Real:
        return read_out(propagator(self.structure, elapsed, self.rates), values, 0)

    def _best(self, values: Sequence[Real], places: Float[Array, "places neurons"]) -> tuple[Real, Real]:
        found = self._value(values, places)
        best = jnp.argmax(found, 0)[None]
        return tuple(jnp.take_along_axis(each, best, 0)[0] for each in (places, found))  # pyright: ignore[reportReturnType]

    def _best_in_pieces(self, values: Sequence[Real], length: Real) -> tuple[Real, Real]:
        turning = jnp.zeros_like(length)
        for factor in self.factors:
            if factor.squared is not None:
                turning = jnp.maximum(turning, jnp.sqrt(jnp.maximum(-factor.squared, 0.0)))
        number = jnp.maximum(jnp.ceil(turning * length / _PIECE), 1.0)
        number = jnp.where(jnp.isfinite(number), number, 1.0)
        piece = length / number

        def going(state: tuple) -> Array:
            done, _ = state
            return (done < number).any()

        def onward(state: tuple) -> tuple:
            done, (place, best) = state
            start = jnp.minimum(done * piece, length)
            there = carried(propagator(self.structure, start, self.rates), values)
            where, value = self._best(there, self._stationary(there, piece))
            better = (value > best) & (done < number)
            return done + 1, (jnp.where(better, start + where, place), jnp.where(better, value, best))

        first = jnp.zeros_like(length), jnp.full_like(length, -jnp.inf)
        return lax.while_loop(going, onward, (jnp.zeros((), length.dtype), first))[1]

    def _stationary(self, values: Sequence[Real], length: Real) -> Float[Array, "places neurons"]:
        """Return all stationary points in an interval; its ends stand for those that do not exist."""
        levels = self._levels(length)
        brackets = jnp.stack([jnp.zeros_like(length), length])
        for level in reversed(levels):
            brackets = self._isolated(level, values, brackets)
        return brackets

    def _levels(self, length: Real) -> list[Callable[[Sequence[Real], Real], Real]]:
        """Functions of the states and the time in an interval, each isolating the zeros of the one before."""
        levels: list[Callable[[Sequence[Real], Real], Real]] = []
        row = self.slope
        for factor in self.factors:
            levels.append(lambda states, _, row=row: product(row, states))
            if factor.squared is not None:
                levels.append(self._half(row, factor, length))
            row = self._reduced(row, factor)
        return levels[:-1]

    def _half(self, row: Row, factor: _Factor, length: Real) -> Callable[[Sequence[Real], Real], Real]:
        """One of the two factors of first order into which one of second order is split."""
        assert factor.squared is not None
        once, squared = self._applied(row), factor.squared
        root = jnp.sqrt(jnp.abs(squared))

        def level(states: Sequence[Real], t: Real) -> Real:
            angle = root * (t - length / 2)
            part = jnp.where(squared < 0, -jnp.tan(jnp.where(squared < 0, angle, 0.0)), jnp.tanh(angle))
            return product(once, states) - (factor.rate + root * part) * product(row, states)

        return level

    def _isolated(
        self, level: Callable[[Sequence[Real], Real], Real], values: Sequence[Real], brackets: Real
    ) -> Float[Array, "places neurons"]:
        """Return the ends, and the zeros of a level between ascending places, at most one between two of them.

        By the method of Chandrupatla, without derivatives, in brackets that only shrink.
        """
        low, high = brackets[:-1], brackets[1:]

        def at(t: Real) -> Real:
            return level(carried(propagator(self.structure, t, self.rates), values), t)

        zeros = _zero_between(at, low, high)
        return jnp.concatenate([brackets[:1], zeros, brackets[-1:]])


def _zero_between(function: Callable[[Real], Real], low: Real, high: Real) -> Real:
    """Return the zero of a function in every bracket; the upper end where the sign does not change."""
    f_low, f_high = function(low), function(high)
    changes = (jnp.sign(f_low) * jnp.sign(f_high) < 0) & (high > low)
    eps = jnp.finfo(low.dtype).eps

    def going(state: tuple) -> Array:
        *_, done, count = state
        return ~done.all() & (count < _ROUNDS)

    def narrowed(state: tuple) -> tuple:
        a, b, c, fa, fb, fc, part, done, count = state
        t = jnp.where(done, a, a + part * (b - a))
        ft = function(t)
        same = jnp.sign(ft) == jnp.sign(fa)
        c, fc = jnp.where(same, a, b), jnp.where(same, fa, fb)
        b, fb = jnp.where(same, b, a), jnp.where(same, fb, fa)
        a, fa = t, ft
        gap = jnp.abs(b - a)
        close = eps * jnp.maximum(jnp.abs(a), jnp.abs(b)) / jnp.where(gap > 0, gap, 1.0)
        done = done | (fa == 0) | (close > 0.25) | (gap == 0)
        xi, phi = _quotient(a - b, c - b), _quotient(fa - fb, fc - fb)
        is_smooth = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        inverse = _quotient(fa, fb - fa) * _quotient(fc, fb - fc) + _quotient(c - a, b - a) * _quotient(
            fa, fc - fa
        ) * _quotient(fb, fc - fb)
        part = jnp.clip(jnp.where(is_smooth, inverse, 0.5), close, 1 - close)
        return a, b, c, fa, fb, fc, part, done, count + 1

    start = high, low, low, f_high, f_low, f_low, jnp.full_like(low, 0.5), ~changes, jnp.array(0)
    found = lax.while_loop(going, narrowed, start)
    return jnp.where(changes, found[0], high)


def _quotient(a: Real, b: Real) -> Real:
    return a / jnp.where(b == 0, jnp.ones_like(b), b)


def _factors(structure: Structure, entries: Entries) -> tuple[_Factor, ...]:
    """The factors that annihilate the derivative of the first state, those of second order first."""
    reached, nothing = set(structure.reached), jnp.zeros(())
    single: list[_Factor] = []
    double: list[_Factor] = []
    is_constant = False
    for state in range(structure.size):
        circle = [other for other in range(structure.size) if {(state, other), (other, state)} <= reached]
        if len(circle) > 2:
            raise UnsupportedCircle(f"{len(circle)} states drive one another in a circle")
        own = entries.get((state, state), nothing)
        if len(circle) == 2 and state == circle[0]:
            other = entries.get((circle[1], circle[1]), nothing)
            product = entries[circle[0], circle[1]] * entries[circle[1], circle[0]]
            double.append(_Factor((own + other) / 2, ((own - other) / 2) ** 2 + product))
        elif len(circle) == 1 and not is_constant and (state, state) not in entries:
            # its rate is zero, and the derivative has no constant term
            is_constant = True
        elif len(circle) == 1:
            single.append(_Factor(own))
    return (*double, *single)


def _sum(a: Real | None, b: Real | None) -> Real | None:
    return b if a is None else a if b is None else a + b


def _times(a: Real | None, b: Real) -> Real | None:
    return None if a is None else a * b


def product(row: Row, values: Sequence[Real]) -> Real:
    """Multiply a row with the values of the states."""
    parts = [entry * value for entry, value in zip(row, values, strict=True) if entry is not None]
    return sum(parts[1:], parts[0]) if parts else jnp.zeros_like(values[0])
