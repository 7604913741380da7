"""The oracle of any other model, in double precision: SciPy's method of order 8 in coordinates without infinity.

The potential is carried as u = asinh V. Where the field is positive and grows faster than linearly in |V|, on the way
from minus infinity and on the way to the spike, u takes the place of time as the independent variable: time and the
other states are then smooth functions of it, up to the spike itself, whose time comes out without any search.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from reference import INFINITY, State, mp, number
from scipy.integrate import DOP853, quad
from scipy.optimize import brentq

from .equations import Declared, Equations, value
from .pseudo import lifted, without_drive

RELATIVE, ABSOLUTE = 3e-14, 1e-16
CLOSE_ENOUGH = 1e-19  # what remains of the way to infinity, in units of the time looked at
# NumPy's functions, which do not stop at an overflow, but Python's conditional expressions for a `Piecewise`
_FUNCTIONS = {name: getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)} | {
    f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")
}
FARTHEST = 300.0  # asinh V: further out the field is taken to be too weak for a spike at infinity


class General(Declared):
    """Any equations; a spike at infinity or where V rises through a threshold. Spike times are exact to about 1e-13.

    A spike at infinity cannot be missed. Two crossings of a finite threshold within one step can.
    Points are arrays of time, u and the other states.
    """

    def __init__(self, given: Equations) -> None:
        super().__init__(given)
        slope = sp.diff(given.field, given.potential)
        drift = sum(sp.diff(given.field, state) * rate for state, rate in zip(given.others, given.rates, strict=True))
        self._rates, self._slope, self._drift = (
            sp.lambdify(given.states, each, modules=[_FUNCTIONS, "math"])
            for each in ([given.field, *given.rates], slope, drift)
        )
        self._threshold = float(value(given.threshold))
        self._known: dict[State, tuple] = {}
        if given.threshold is sp.oo:
            self.pseudo_phase = self._pseudo_phase

    def time_to_spike(self, state: State, within: Any) -> Any:
        if state[0] >= self._threshold:
            return mp.zero
        if len(self._known) > 100:
            self._known.clear()
        spike, end = self._advance(state, float(within))
        self._known[state] = float(within if spike is None else spike), end
        return INFINITY if spike is None else number(spike)

    def flow(self, state: State, elapsed: Any) -> State:
        known, end = self._known.get(state, (None, ()))
        if known != float(elapsed):
            _, end = self._advance(state, float(elapsed), stop=False)
        return tuple(number(part) for part in end)

    def fire(self, state: State, elapsed: Any) -> State:
        return self.after_spike(self.flow(state, elapsed))

    def _advance(self, state: State, until: float, *, stop: bool = True) -> tuple[float | None, tuple]:
        """The time of the first spike up to `until`, or None, and the state there."""
        with np.errstate(all="ignore"):
            point = np.array([0.0, np.arcsinh(float(state[0])), *(float(part) for part in state[1:])])
            if np.isneginf(point[1]):
                point = self._leave_infinity(point, until)
            for now, before in self._in_time(point, until):
                if stop and (spike := self._rise(now, before, until)) is not None:
                    if spike[0] <= until:
                        return spike[0], (self._threshold, *spike[2:])
                    stop = self._threshold < np.inf
                point = now
        return None, (np.sinh(point[1]), *point[2:])

    def _in_time(
        self, point: np.ndarray, until: float, longest: float = np.inf
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The points after and before each step, with time as the independent variable."""

        def rates(_time: float, rest: np.ndarray) -> np.ndarray:
            field, *others = self._rates(np.sinh(rest[0]), *rest[1:])
            return np.array([field / np.cosh(rest[0]), *others])

        for time, rest, before, rest_before in _steps(rates, point[0], point[1:], until, longest):
            yield np.array([time, *rest]), np.array([before, *rest_before])

    def _along(self, point: np.ndarray, to: float) -> Iterator[np.ndarray]:
        """The points after each step, with u as the independent variable; none where the field turns negative."""

        def rates(position: float, rest: np.ndarray) -> np.ndarray:
            field, *others = self._rates(np.sinh(position), *rest[1:])
            pace = np.cosh(position) / field if field > 0 else np.nan
            return np.array([pace, *(pace * other if pace else 0.0 for other in others)])

        for position, rest, *_ in _steps(rates, point[1], np.delete(point, 1), to):
            yield np.array([rest[0], position, *rest[1:]])

    def _leave_infinity(self, point: np.ndarray, until: float) -> np.ndarray:
        """The last point up to `until` on the way from minus infinity on which the field is steep."""
        point = np.array([0.0, -self._far(point[2:], until, -1), *point[2:]])
        for now in self._along(point, 0.0):
            if now[0] > until or not self._is_steep(now):
                break
            point = now
        return point

    def _rise(self, now: np.ndarray, before: np.ndarray, until: float) -> np.ndarray | None:
        """The point of the spike, if it is certain to come, from a step on the way to it."""
        if self._threshold < np.inf:
            return self._crossing(now, before)
        return self._climb(now, self._far(now[2:], until, 1)) if now[1] > 0 and self._is_steep(now) else None

    def _crossing(self, now: np.ndarray, before: np.ndarray) -> np.ndarray | None:
        """The point at the threshold, where it lies between the ends of a step."""
        to = np.arcsinh(self._threshold)
        if now[1] < to:
            return None
        end = self._climb(before, to)
        if end is not None:
            return end
        shorter = self._in_time(before, now[0], (now[0] - before[0]) / 8)  # it first goes down
        return next((end for pair in shorter if (end := self._crossing(*pair)) is not None), None)

    def _climb(self, start: np.ndarray, to: float) -> np.ndarray | None:
        """The point at this u, if the field stays positive on the way."""
        *_, end = start, *self._along(start, to)
        return end if end[1] == to else None

    def _is_steep(self, point: np.ndarray) -> bool:
        """Whether the field is positive, grows fast with |V|, and stays so while V goes on to a multiple."""
        potential, others = np.sinh(point[1]), point[2:]
        field = self._rates(potential, *others)[0]
        is_growing = potential * self._slope(potential, *others) > 1.2 * field > 0
        return bool(is_growing and abs(potential * self._drift(potential, *others) / field) < 0.1 * field)

    def _far(self, others: Any, until: float, side: int) -> float:
        """The |u| beyond which the way to infinity takes no time worth speaking of."""
        for far in np.arange(3.0, FARTHEST, 0.5):
            field = self._rates(side * np.sinh(far), *others)[0]
            if np.cosh(far) < CLOSE_ENOUGH * until * field:
                return far
        raise ValueError("the field is too weak at infinity")

    def undriven(self, state: State) -> State:
        return without_drive(self.equations, state)

    def _pseudo_phase(self, state: State, x: Any, duration: Any, route: str | None = None) -> tuple:
        """Time since the reset and period, by quadrature over the potential, stretched about the minimum."""
        state = self.jump(state, x, route)
        with np.errstate(all="ignore"):
            bottom, resting = (self._lowest(each) for each in (state, self.undriven(state)))
            curvature = self._mean_curvature(resting[0], self.undriven(state), float(duration))
            excess = float(lifted(number(bottom[1]), number(resting[1]), number(curvature), duration))
            first, period = (
                self._time_to_infinity(float(start), state, bottom, excess, curvature)
                for start in (state[0], self._reset)
            )
        return number(period - first), number(period)

    def _lowest(self, state: State) -> tuple[float, float]:
        """Where the field has its minimum over the potential, and the minimum."""
        others = [float(part) for part in state[1:]]
        grid = np.sinh(np.linspace(-25.0, 25.0, 2001))
        index = int(np.argmin([self._rates(potential, *others)[0] for potential in grid]))
        if index in (0, len(grid) - 1):
            raise ValueError("the field has no minimum")
        low, high = grid[index - 1], grid[index + 1]
        place: Any = brentq(lambda potential: self._slope(potential, *others), low, high, xtol=1e-15)
        return place, self._rates(place, *others)[0]

    def _mean_curvature(self, place: float, state: State, duration: float) -> float:
        """How far the field rises at a distance w from its minimum, over w**2, with w such that it is w / duration."""
        others = [float(part) for part in state[1:]]

        def raised(width: float) -> float:
            sides = self._rates(place + width, *others)[0] + self._rates(place - width, *others)[0]
            return sides / 2 - self._rates(place, *others)[0]

        def excess(logarithm: float) -> float:
            return raised(np.exp(logarithm)) * duration / np.exp(logarithm) - 1

        above = next(each for each in np.arange(-12.0, 30.0, 0.5) if not excess(each) < 0)
        width: Any = np.exp(brentq(excess, above - 0.5, above, xtol=1e-15))
        return raised(width) / width**2

    def _time_to_infinity(
        self, start: float, state: State, bottom: tuple[float, float], excess: float, curvature: float
    ) -> float:
        others, width = [float(part) for part in state[1:]], np.sqrt(excess / curvature)

        def pace(stretched: float) -> float:
            field = self._rates(bottom[0] + width * np.sinh(stretched), *others)[0]
            return width * np.cosh(stretched) / (field - bottom[1] + excess)

        def far(side: int) -> float:
            return side * next(far for far in np.arange(3.0, FARTHEST, 0.5) if pace(side * far) < 1e-18 * pace(0.0))

        low = far(-1) if start == -np.inf else np.arcsinh((start - bottom[0]) / width)
        edges = [low, 0.0, far(1)] if low < 0 else [low, max(far(1), low + 40)]
        return sum(quad(pace, *piece, epsabs=0, epsrel=1e-13, limit=500)[0] for piece in pairwise(edges))


def _steps(rates: Callable, start: float, rest: np.ndarray, to: float, longest: float = np.inf) -> Iterator[tuple]:
    """Time and state after, then before, each step of the method; it ends early where the rates are not numbers."""
    if start == to:
        return
    solver = DOP853(rates, start, rest, to, rtol=RELATIVE, atol=ABSOLUTE, max_step=longest)
    while solver.status == "running":
        before, rest_before = solver.t, solver.y
        solver.step()
        if solver.status == "failed":
            return
        yield solver.t, solver.y, before, rest_before
