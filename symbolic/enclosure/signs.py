"""The sign of an expression over a box: proven by halving the box, or refuted by two points."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from typing import Any

import sympy as sp

from ..errors import ModelError
from .bounds import PRECISION, End, arithmetic_of, as_end, check_symbols, sign_at
from .factors import factors_of
from .field import Field, compact, exactly, field_of, inside
from .interval import Interval

_MOST_BOXES = 1500
_AFTER_ZERO = 100  # boxes in which two signs are looked for, where the expression certainly vanishes somewhere
_DEPTH, _DEPTH_OTHERWISE = 4, 2  # derivatives in a row, at the ends of a range of one symbol
_BITS_AT_POINTS = 320
_TINY = 2.0**-40  # width of a box, after x -> x/(1 + |x|)

_Ranges = dict[Any, tuple[End, End, bool, bool]]


@dataclass(frozen=True)
class SignOn:
    """What is proven about the sign of an expression over a box.

    Attributes:
        sign: 1 or -1 where it is that everywhere, 0 where the expression is zero everywhere, None where it is mixed or
            not decided.
        positive_at: A point in the box, of fractions, at which the expression is positive; None if none was met.
        negative_at: The same where it is negative.
    """

    sign: int | None
    positive_at: Mapping[Any, sp.Rational] | None = None
    negative_at: Mapping[Any, sp.Rational] | None = None

    @property
    def is_mixed(self) -> bool:
        """Whether the expression is proven to take both signs."""
        return self.positive_at is not None and self.negative_at is not None


def sign_on(
    expression: Any,
    box: Mapping[Any, tuple[Any, Any]],
    *,
    strict: bool = True,
    interior: bool = False,
    most_boxes: int = _MOST_BOXES,
    precision: int = PRECISION,
) -> SignOn:
    """Prove the sign of an expression over a box, or that it takes both, by halving the box again and again.

    The work is counted in boxes and does not depend on how fast the machine is. Infinite ends are split off ever
    farther away; there, signs are proven by bounds and by the signs of derivatives.

    Example:
        >>> V, w = sp.symbols("V w", real=True)
        >>> everywhere = (-sp.oo, sp.oo)
        >>> sign_on(sp.exp(V) - V, {V: everywhere}).sign
        1
        >>> found = sign_on(V - w**2, {V: everywhere, w: everywhere})
        >>> found.sign, found.is_mixed
        (None, True)
        >>> sign_on(V - sp.tanh(V), {V: (0, sp.oo)}, interior=True).sign
        1
    """
    expression = exactly(expression)
    check_symbols(expression, box)
    if expression == 0:
        return SignOn(0)
    ranges: _Ranges = {}
    for symbol in sorted(expression.free_symbols, key=str):
        low, high = (as_end(end, at) for at, end in enumerate(box[symbol]))
        if low > high or (interior and low == high):
            raise ModelError(f"the range of {symbol} goes from its lower to its upper end, not from {low} to {high}")
        ranges[symbol] = (low, high, interior, interior)
    search = _Search(ranges, strict, most_boxes, precision)
    found, sign, undecided = [], 1, None
    factors = _factors(expression)
    for factor in factors:
        part = search.over(field_of(factor))
        found.append(part)
        if part.sign is None:
            undecided = part
        else:
            sign *= part.sign
    if undecided is None:
        return replace(found[0], sign=sign) if len(found) == 1 else SignOn(sign)
    if sum(part.sign is None for part in found) == 1 and sign:
        places = (undecided.positive_at, undecided.negative_at)
        return SignOn(None, *(places if sign > 0 else places[::-1]))
    return search.over(field_of(expression))


def _factors(expression: Any) -> list[Any]:
    """Factors of an expression, the signs of which make up its sign."""
    if not expression.free_symbols:
        return [expression]
    parts = factors_of(sp.together(expression))
    if any(part == 0 for part in parts):
        return [sp.S.Zero]
    found: list[Any] = []
    for factor in parts:
        base, exponent = factor.as_base_exp()
        if exponent.is_Integer and exponent.is_odd and not isinstance(factor, sp.exp):
            factor = base if exponent > 0 else 1 / base
        found.append(factor)
    if len(found) == 1:
        return [expression]
    try:
        for factor in found:
            field_of(factor)
    except ModelError:
        return [expression]
    return found


class _Search:
    """Halves boxes until the sign of an expression is known on each."""

    def __init__(self, ranges: _Ranges, strict: bool, most_boxes: int, precision: int) -> None:
        self._ranges, self._strict, self._most = ranges, strict, most_boxes
        self._precision = precision

    def over(self, field: Field) -> SignOn:
        """The sign of one expression."""
        waiting = deque([{symbol: self._ranges[symbol] for symbol in field.symbols}])
        points: dict[int, dict[Any, sp.Rational]] = {}
        signs: set[int] = set()
        boxes, most = 0, self._most
        if self._strict and waiting[0] and self._sign_at(field, _simple(waiting[0])) == 0:
            most = _AFTER_ZERO
        while waiting and boxes < most:
            box = waiting.popleft()
            boxes += 1
            sign = self._sign(self._bounds(field, box))
            place = _centre(box) if sign is None or sign not in signs else {}
            if sign is not None:
                signs.add(sign)
            at = 0 if sign == 0 else self._sign_at(field, place) if place or not box else None
            if at:
                points.setdefault(at, place)
            if len(points) == 2:
                return SignOn(None, points[1], points[-1])
            if sign is None:
                if box:
                    widest = max(box, key=lambda symbol: compact(box[symbol][1]) - compact(box[symbol][0]))
                    if compact(box[widest][1]) - compact(box[widest][0]) < _TINY:  # then only two signs can be proven
                        signs.add(2)
                        most = min(most, boxes + _AFTER_ZERO)
                    waiting.extend(_halves(box, widest))
                else:
                    signs.add(2)
        if not waiting and len(signs) > 1 and not self._strict:
            signs.discard(0)
        decided = not waiting and len(signs) == 1 and 2 not in signs
        return SignOn(signs.pop() if decided else None, points.get(1), points.get(-1))

    def _bounds(self, field: Field, box: _Ranges) -> Interval:
        arithmetic = arithmetic_of(self._precision)
        with arithmetic.numbers.active():
            parts = {}
            for symbol, (low, high, misses_low, misses_high) in box.items():
                first = -arithmetic.infinity if low == -inf else arithmetic.numbers.ratio(*_pair(low))[0]
                last = arithmetic.infinity if high == inf else arithmetic.numbers.ratio(*_pair(high))[1]
                parts[symbol] = arithmetic.of(first, last, misses_low, misses_high)
            ends = next(iter(box.values())) if len(box) == 1 else (0, 0, False, False)
            is_at_end = ends[2] or ends[3] or inf in (ends[1], -ends[0])
            return field.tight(arithmetic, parts, _DEPTH if is_at_end else _DEPTH_OTHERWISE)

    def _sign(self, found: Interval) -> int | None:
        if found.sign is not None or self._strict or not found.is_defined:
            return found.sign
        return 1 if found.low >= 0 else -1 if found.high <= 0 else None

    @staticmethod
    def _sign_at(field: Field, place: Mapping[Any, Any]) -> int | None:
        return sign_at(field.expression, place, _BITS_AT_POINTS)


def _pair(end: Any) -> tuple[int, int]:
    return end.numerator, end.denominator


def _centre(box: _Ranges) -> dict[Any, sp.Rational]:
    places = {}
    for symbol, (low, high, *_) in box.items():
        place = inside(low, high) if low < high else Fraction(low)
        places[symbol] = sp.Rational(place.numerator, place.denominator)
    return places


def _simple(box: _Ranges) -> dict[Any, sp.Rational]:
    """The point of a box with as many zeros as there can be."""
    return {symbol: sp.S.Zero if low < 0 < high else at for (symbol, (low, high, *_)), at in
            zip(box.items(), _centre(box).values(), strict=True)}  # fmt: skip


def _halves(box: _Ranges, symbol: Any) -> list[_Ranges]:
    """Both halves of a box, cut across in one direction."""
    low, high, misses_low, misses_high = box[symbol]
    if low == high:
        return [box]
    at = inside(low, high)
    return [box | {symbol: (low, at, misses_low, False)}, box | {symbol: (at, high, False, misses_high)}]
