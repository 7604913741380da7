"""Linear equations step by step as Taylor series, in fixed point: every number is an integer in units of 2**-BITS.

A step is taken only after it is certain whether it contains a spike: either the level that vanishes at a spike is
bounded away from zero on it, or it is monotone there. Series are in `elapsed / length`, hence on [0, 1].
"""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import count
from operator import mul
from typing import Any, NamedTuple

from mpmath.libmp import to_fixed
from reference import INFINITY, TIE, mp, number

from .equations import Declared, Equations

BITS = 230  # 69 decimal digits
NEGLIGIBLE = 1 << (BITS - 185)  # terms from here on are left out
TERMS = 90
SHORTEST = 90  # halvings of a step after which a touch of the threshold counts as no crossing
ONE = 1 << BITS
Series = list[int]


def fixed(value: Any) -> int:
    """The integer that stands for a number."""
    return to_fixed(number(value)._mpf_, BITS)


def floating(integer: int) -> Any:
    """The number that an integer stands for."""
    return mp.ldexp(mp.mpf(integer), -BITS)


def product_term(one: Series, other: Series, order: int) -> int:
    """The coefficient of this order of the product of two series."""
    return sum(map(mul, one[: order + 1], other[order::-1])) >> BITS


def evaluate(series: Series, at: int) -> int:
    """The sum of a series."""
    total = 0
    for coefficient in reversed(series):
        total = (total * at >> BITS) + coefficient
    return total


def is_settled(level: Series) -> bool:
    """Whether the level provably either has no zero on [0, 1] or is monotone."""
    sizes = [abs(coefficient) for coefficient in level]
    return sizes[0] > sum(sizes[1:]) or sizes[1] > sum(map(mul, count(2), sizes[2:]))


def upward_zero(level: Series) -> int:
    """The zero in [0, 1] of a level that grows from a negative to a positive value: Newton, guarded by bisection."""
    slope = list(map(mul, count(1), level[1:]))
    low, high, at = 0, ONE, ONE // 2
    while high - low > 1:
        height, steepness = evaluate(level, at), evaluate(slope, at)
        low, high = (at, high) if height < 0 else (low, at)
        guess = at - (height << BITS) // steepness if steepness > 0 else low
        if abs(guess - at) <= 2:
            return guess
        at = guess if low < guess < high else (low + high) // 2
    return high


class Step(NamedTuple):
    """The series of all coordinates from `start` on, valid for `length`."""

    start: Any
    length: Any
    series: list[Series]

    def at(self, elapsed: Any) -> list[int]:
        part = fixed((elapsed - self.start) / self.length)
        return [evaluate(each, part) for each in self.series]


class Path(NamedTuple):
    """Steps up to the first spike, or as far as was asked for."""

    steps: list[Step]
    spike: Any
    end: Any

    def at(self, elapsed: Any) -> list[int]:
        """The coordinates at a time on the path, or beyond its end by less than its last step."""
        step = next((step for step in self.steps if elapsed <= step.start + step.length), self.steps[-1])
        return step.at(elapsed)


class SeriesOracle(Declared):
    """A neuron whose coordinates obey linear equations with coefficients that do so, too.

    Subclasses say what the coordinates are and how their series continue.
    """

    def __init__(self, given: Equations) -> None:
        super().__init__(given)
        self._paths: dict[tuple, Path] = {}

    @abstractmethod
    def coordinates(self, state: tuple) -> list[int]:
        """Turn a state into coordinates."""

    @abstractmethod
    def state(self, coordinates: Sequence[int]) -> tuple:
        """Turn coordinates into a state."""

    @abstractmethod
    def rate(self, coordinates: Sequence[int]) -> Any:
        """Roughly the largest rate of change; about its inverse is the first step that is tried."""

    @abstractmethod
    def continued(self, series: list[Series], length: int) -> list[int]:
        """The next coefficient of each series, when time is measured in units of `length`."""

    @abstractmethod
    def level(self, series: list[Series]) -> Series:
        """What grows through zero at a spike."""

    def normalised(self, coordinates: list[int]) -> list[int]:
        """The same point in coordinates of moderate size."""
        return coordinates

    @abstractmethod
    def is_beyond(self, state: tuple) -> bool:
        """Whether a state lies at or above a finite threshold."""

    def time_to_spike(self, state: tuple, within: Any) -> Any:
        if self.is_beyond(state):
            return mp.zero
        return self._path(state, within).spike

    def flow(self, state: tuple, elapsed: Any) -> tuple:
        return self.state(self._path(state, elapsed).at(elapsed)) if elapsed > 0 else state

    def fire(self, state: tuple, elapsed: Any) -> tuple:
        return self.after_spike(self.flow(state, elapsed))

    def _path(self, state: tuple, within: Any) -> Path:
        known = self._paths.get(state)
        if known is None or (known.end < within and known.spike == INFINITY):
            if len(self._paths) > 100:
                self._paths.clear()
            known = self._paths[state] = self._walked(self.coordinates(state), number(within))
        return known

    def _walked(self, coordinates: list[int], within: Any) -> Path:
        steps, start = [], mp.zero
        within += within * TIE
        while True:
            step = self._step(coordinates, start, within)
            steps.append(step)
            level = self.level(step.series)
            if level[0] < 0 <= sum(level):
                spike = start + step.length * floating(upward_zero(level))
                return Path(steps, spike, spike)
            start = start + step.length
            if start >= within:
                return Path(steps, INFINITY, start)
            coordinates = self.normalised([sum(each) for each in step.series])

    def _step(self, coordinates: list[int], start: Any, within: Any) -> Step:
        """The longest step that is tried, converges and is certain to have at most one spike."""
        remaining, longest = within - start, 2 / self.rate(coordinates)
        length = remaining if remaining <= longest else longest
        while (series := self._expanded(coordinates, length)) is None:
            length /= 2
        for _ in range(SHORTEST):
            if is_settled(self.level(series)):
                break
            length /= 2
            series = [[coefficient >> order for order, coefficient in enumerate(each)] for each in series]
        return Step(start, length, series)

    def _expanded(self, coordinates: list[int], length: Any) -> list[Series] | None:
        """All series up to negligible terms, or None where they converge too slowly."""
        series, unit = [[coordinate] for coordinate in coordinates], fixed(length)
        for order in range(1, TERMS):
            for each, coefficient in zip(series, self.continued(series, unit), strict=True):
                each.append(coefficient // order)
            if order > 3 and all(abs(c) < NEGLIGIBLE for each in series for c in each[-4:]):
                return series
        return None


class AffineMap:
    """The right-hand sides `matrix @ states + constant`, in fixed point."""

    def __init__(self, matrix: Sequence[Sequence[Any]], constant: Sequence[Any]) -> None:
        self.matrix = [[fixed(entry) for entry in row] for row in matrix]
        self.constant = [fixed(entry) for entry in constant]
        self.rate = max((mp.fsum(abs(number(entry)) for entry in row) for row in matrix), default=mp.zero)

    def term(self, series: Sequence[Series], order: int) -> list[int]:
        """The coefficients of this order of the right-hand sides."""
        newest = [each[order] for each in series]
        linear = (sum(map(mul, row, newest)) >> BITS for row in self.matrix)
        return [part + (0 if order else constant) for part, constant in zip(linear, self.constant, strict=True)]
