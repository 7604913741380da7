"""Steps along the path of one neuron, by the explicit Runge-Kutta methods and the step-size control of diffrax.

The spiking variable is V = sinh(x), and the clock is the arc length of the path in time and x, so that a divergence in
finite time is a path of finite speed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, cast

import diffrax
import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int

Scalar = Float[Array, ""]
Flag = Bool[Array, ""]
Path = Float[Array, " path"]  # time, x = asinh(V) and the other states
States = Float[Array, " states"]  # V and the other states

#: Kinds of events: none, a maximum below the threshold or at it, a spike, the end of an interval.
NONE, PEAK, SPIKE, TIME = range(4)
_FIRST, _LARGEST, _GROWTH = 0.05, 1.0, 4.0  # sizes of steps, in arc length


@dataclass(frozen=True)
class Integration:
    """A solver of diffrax, and the error that one step of it may make: `atol + rtol * abs(state)`.

    The states are x = asinh(V), V for the spiking variable, and the other states as declared.

    Attributes:
        solver: An explicit Runge-Kutta method with an error estimate.
        rtol: By default a few thousand roundings: 1e-12 in double precision, 1e-6 in single.
        atol: By default a hundredth of `rtol`.

    Raises:
        TypeError: if the solver is not an explicit Runge-Kutta method of diffrax.
        ValueError: if a tolerance is not positive, or too small for any precision.
    """

    solver: diffrax.AbstractERK = field(default_factory=diffrax.Dopri8)
    rtol: float | None = None
    atol: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.solver, diffrax.AbstractERK):
            raise TypeError(
                f"solver must be an explicit Runge-Kutta method of diffrax with an error estimate, such as "
                f"diffrax.Dopri8() or diffrax.Tsit5(), not {self.solver!r}"
            )
        for name, least in (("rtol", 1e-14), ("atol", 0.0)):
            value = getattr(self, name)
            if value is not None and not least < float(value) < 1:
                raise ValueError(f"{name} must lie between {least:g} and 1, not {value!r}")

    def relative(self, dtype: jnp.dtype) -> float:
        """Return the relative error of a step."""
        rtol = (1e-12 if jnp.finfo(dtype).nmant > 30 else 1e-6) if self.rtol is None else self.rtol
        if rtol < 4 * jnp.finfo(dtype).eps:
            raise ValueError(f"rtol={rtol:g} is below the rounding of {dtype}; use a larger one, or double precision")
        return rtol

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
        size, zero = jnp.asarray(_FIRST, path.dtype), jnp.zeros((), path.dtype)
        _, state = control.init(self.terms, zero, size, stop_gradient(path), size, None, solver.func, self._order)
        return Progress(path, size, state, jnp.array(0))

    def controlled(self, path: Path, after: Path, size: Scalar, error: Path, state: Any) -> tuple[Flag, Scalar, Any]:
        """Return whether to keep a step, the size of the next one, and the state of step-size control."""
        control, zero = self.integration.control(path.dtype), jnp.zeros_like(size)
        kept, start, end, _, state, _ = control.adapt_step_size(
            zero, size, path, after, None, error, self._order, state
        )
        return jnp.asarray(kept), jnp.asarray(end) - jnp.asarray(start), state

    @property
    def _order(self) -> int:
        return cast(int, self.integration.solver.order(self.terms))

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

    def step(self, path: Path, size: Scalar) -> tuple[Path, Path, Any]:
        """Make one step; return where it ends, its error and its dense output.

        The stages are written out: forwards and for gradients that takes half the time of diffrax's loop over them.
        """
        tableau: Any = self.integration.solver.tableau
        stages = [self.terms.vf(0.0, path, None)]
        for row in tableau.a_lower:
            slope = sum(float(part) * stage for part, stage in zip(row, stages, strict=True) if part != 0)
            stages.append(self.terms.vf(0.0, path + size * slope, None))
        moves = size * jnp.stack(stages)
        after = path + jnp.asarray(tableau.b_sol, path.dtype) @ moves
        error = jnp.asarray(tableau.b_error, path.dtype) @ moves
        output = self.integration.solver.interpolation_cls(t0=jnp.zeros_like(size), t1=size, y0=path, y1=after, k=moves)
        return after, jnp.where(jnp.isnan(error), jnp.inf, error), output

    def event_at(self, path: Path, target: Scalar) -> Int[Array, ""]:
        """Return which event is due without any step."""
        return jnp.where(path[1] >= self.line.top, SPIKE, jnp.where(path[0] >= target, TIME, NONE))

    def escapes(self, path: Path) -> Flag:
        """Return whether the spiking variable is on its way to minus infinity."""
        return (path[1] <= self.line.bottom) & (self.rate(path) <= 0)


def states_of(path: Path) -> States:
    """Return the states at a place of the path, the spiking variable first."""
    return jnp.concatenate([jnp.sinh(path[1:2]), path[2:]])
