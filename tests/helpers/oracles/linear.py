"""Oracles of models that become linear: affine equations with a finite threshold, and quadratic ones as V = P / Q."""

from collections.abc import Sequence
from typing import Any

import sympy as sp
from reference import INFINITY, State, mp, riccati_blow_up

from .equations import Equations, value
from .pseudo import lifted, without_drive
from .series import BITS, ONE, AffineMap, Series, SeriesOracle, fixed, floating, product_term


def is_affine(given: Equations) -> bool:
    """Whether all equations are affine and the threshold is finite."""
    return given.threshold is not sp.oo and all(
        _degree(rate, given.states) <= 1 for rate in (given.field, *given.rates)
    )


def is_riccati(given: Equations) -> bool:
    """Whether the field is quadratic with a constant positive V**2, and the other states are linear by themselves."""
    if not given.field.is_polynomial(*given.states):
        return False
    coefficients = sp.Poly(given.field, given.potential).all_coeffs()
    if len(coefficients) > 3 or any(_degree(part, given.others) > 1 for part in coefficients):
        return False
    square = coefficients[0] if len(coefficients) == 3 else sp.Integer(0)
    if square.free_symbols or square < 0 or (square == 0 and given.threshold is sp.oo):
        return False
    return all(given.potential not in rate.free_symbols and _degree(rate, given.others) <= 1 for rate in given.rates)


def _degree(expression: sp.Expr, states: Sequence[sp.Symbol]) -> Any:
    if not expression.is_polynomial(*states):
        return sp.oo
    return sp.Poly(expression, *states).total_degree() if states and expression.free_symbols else 0


def _affine_map(rates: Sequence[sp.Expr], states: Sequence[sp.Symbol]) -> AffineMap:
    at_rest = dict.fromkeys(states, 0)
    matrix = [[value(sp.diff(rate, state)) for state in states] for rate in rates]
    return AffineMap(matrix, [value(rate.subs(at_rest)) for rate in rates])


def quadratic_parts(given: Equations) -> list[sp.Expr]:
    """The field as a polynomial in the potential: a, b and c of a + b V + c V**2."""
    polynomial = sp.Poly(given.field, given.potential)
    return [polynomial.coeff_monomial(given.potential**power) for power in range(3)]


def _derivative(expression: sp.Expr, rates: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    return sum((sp.diff(expression, state) * rate for state, rate in rates.items()), sp.Integer(0))


class Affine(SeriesOracle):
    """All equations are affine; a spike where V reaches a finite threshold from below, or by an input."""

    def __init__(self, given: Equations) -> None:
        super().__init__(given)
        self._map = _affine_map((given.field, *given.rates), given.states)
        self._threshold = value(given.threshold)
        self._level = fixed(self._threshold)

    def coordinates(self, state: State) -> list[int]:
        return [fixed(part) for part in state]

    def state(self, coordinates: Sequence[int]) -> State:
        return tuple(floating(part) for part in coordinates)

    def rate(self, coordinates: Sequence[int]) -> Any:
        return self._map.rate + mp.mpf("1e-30")

    def continued(self, series: list[Series], length: int) -> list[int]:
        return [part * length >> BITS for part in self._map.term(series, len(series[0]) - 1)]

    def level(self, series: list[Series]) -> Series:
        return [series[0][0] - self._level, *series[0][1:]]

    def is_beyond(self, state: State) -> bool:
        return state[0] >= self._threshold


class Riccati(SeriesOracle):
    """V' = a + b V + c V**2 with c constant, a and b affine in states that are linear by themselves.

    With P' = a Q + b P / 2 and Q' = -c P - b Q / 2 the quotient V = P / Q obeys it, through every spike. Coordinates
    are P, Q > 0, a, b / 2 and the other states; P and Q share a factor that keeps the larger of them near one.
    """

    def __init__(self, given: Equations) -> None:
        super().__init__(given)
        start, slope, square = quadratic_parts(given)
        self._parts = _affine_map([start, slope / 2], given.others)
        rates = dict(zip(given.others, given.rates, strict=True))
        self._rates = _affine_map(
            [*(_derivative(part, rates) for part in (start, slope / 2)), *given.rates], given.others
        )
        self._square = fixed(value(square))
        self._threshold = value(given.threshold)

    def coordinates(self, state: State) -> list[int]:
        potential, *others = state
        above, below = (-ONE, 0) if potential == -INFINITY else (fixed(potential), ONE)
        others = [fixed(part) for part in others]
        return self.normalised([above, below, *self._parts.term([[part] for part in others], 0), *others])

    def normalised(self, coordinates: list[int]) -> list[int]:
        excess = max(map(abs, coordinates[:2])).bit_length() - BITS
        scaled = [part >> excess if excess > 0 else part << -excess for part in coordinates[:2]]
        return scaled + coordinates[2:]

    def state(self, coordinates: Sequence[int]) -> State:
        above, below, _, _, *others = coordinates
        potential = mp.mpf(above) / below if below > 0 else -INFINITY if above < 0 else INFINITY
        return potential, *(floating(part) for part in others)

    def rate(self, coordinates: Sequence[int]) -> Any:
        start, slope = (abs(floating(part)) for part in coordinates[2:4])
        return mp.sqrt(start * floating(self._square)) + slope + max(self._rates.rate, mp.mpf("1e-30"))

    def continued(self, series: list[Series], length: int) -> list[int]:
        above, below, start, slope, *others = series
        order = len(above) - 1
        rising = product_term(start, below, order) + product_term(slope, above, order)
        falling = (self._square * above[order] >> BITS) + product_term(slope, below, order)
        return [part * length >> BITS for part in (rising, -falling, *self._rates.term(others, order))]

    def level(self, series: list[Series]) -> Series:
        above, below = series[:2]
        if self._threshold == INFINITY:
            return [-part for part in below]
        height = fixed(self._threshold)
        return [one - (height * other >> BITS) for one, other in zip(above, below, strict=True)]

    def is_beyond(self, state: State) -> bool:
        return state[0] >= self._threshold


class RiccatiAtInfinity(Riccati):
    """The same with the spike at infinity, with pseudospikes."""

    def undriven(self, state: State) -> State:
        return without_drive(self.equations, state)

    def pseudo_phase(self, state: State, x: Any, duration: Any, route: str | None = None) -> tuple:
        """Time since the reset and period, with u = c V + b / 2 of which u' = u**2 + c times the lowest F_p."""
        state, square = self.jump(state, x, route), floating(self._square)

        def lowest(others: Sequence[Any]) -> tuple:
            start, slope = (floating(part) for part in self._parts.term([[fixed(part)] for part in others], 0))
            return start - slope**2 / square, slope

        at_rest, _ = lowest(self.undriven(state)[1:])
        driven, slope = lowest(state[1:])
        excess = square * lifted(driven, at_rest, square, duration)
        first, period = (riccati_blow_up(square * potential + slope, excess) for potential in (state[0], self._reset))
        return period - first, period
