"""Input currents as functions of time: piecewise constant or piecewise linear."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, Self, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._checks import first_entry, floating, known
from ._describe import described_current
from ._typing import ArrayLike

Values = Float[Array, "*#neurons"]
#: After any trial, and finite in single precision.
_NEVER = float(np.finfo(np.float32).max) / 2


class Steps(NamedTuple):
    """What a current does to each neuron, at each of its times.

    Attributes:
        by: By how much the value of a piecewise linear current jumps.
        falls: Minus the value, or the slope of a piecewise linear current, until then.
        rises: The value or slope from then on.
    """

    by: Float[Array, " pieces #neurons"]
    falls: Float[Array, " pieces #neurons"]
    rises: Float[Array, " pieces #neurons"]


class AbstractCurrent(eqx.Module):
    """A current as a function of time, one for all neurons or one for each."""

    times: eqx.AbstractVar[Float[Array, "*batch pieces"]]
    values: eqx.AbstractVar[Float[Array, "*batch_pieces_neurons"]]
    has_slope: eqx.AbstractClassVar[bool]

    @classmethod
    def stack(cls, currents: Sequence[Self]) -> Self:
        """Stack the currents of several trials, of any numbers of pieces, along a new first axis.

        Shorter ones are padded with pieces of the last value that begin after any trial.

        Raises:
            TypeError: if they are of another kind.
            ValueError: if there are none, or only some have values for each neuron.

        Example:
            >>> one, other = PiecewiseConstant([0.0], [1.0]), PiecewiseConstant([0.0, 2.0], [3.0, 4.0])
            >>> PiecewiseConstant.stack([one, other]).values.tolist()
            [[1.0, 1.0], [3.0, 4.0]]
        """
        wrong = next((type(each).__name__ for each in currents if not isinstance(each, cls)), None)
        if wrong is not None:
            raise TypeError(
                f"{cls.__name__}.stack takes {cls.__name__}, not {wrong}: all trials have currents of a kind"
            )
        if len({(each.batch, each.neurons) for each in currents}) != 1:
            raise ValueError(
                f"{cls.__name__}.stack needs at least one current, and values for equally many neurons in all: here "
                f"{sorted({str(each.values.shape) for each in currents})}"
            )
        pieces = max(each.times.shape[-1] for each in currents)
        padded = [each._padded(pieces) for each in currents]
        make: Any = cls
        return make(jnp.stack([times for times, _ in padded]), jnp.stack([values for _, values in padded]))

    def __repr__(self) -> str:
        return described_current(self)

    @property
    def batch(self) -> tuple[int, ...]:
        """The leading axes: of trials that have currents of their own."""
        return self.times.shape[:-1]

    @property
    def neurons(self) -> int | None:
        """How many neurons have a current of their own; None where all have the same."""
        return None if self.values.ndim == self.times.ndim else self.values.shape[-1]

    @abstractmethod
    def at(self, ts: ArrayLike) -> Float[Array, " samples *neurons"]:
        """Return the values of one trial's current at times."""

    @abstractmethod
    def slope_at(self, ts: ArrayLike) -> Float[Array, " samples *neurons"]:
        """Return the slopes of one trial's current just after times."""

    @abstractmethod
    def mean(self, duration: Float[Array, ""]) -> Values:
        """Return the mean over a trial."""

    @abstractmethod
    def steps(self) -> Steps:
        """Return what one trial's current does at its times."""

    def _padded(self, pieces: int) -> tuple[Array, Array]:
        axis = self.times.ndim - 1
        missing = [(0, pieces - self.times.shape[-1] if each == axis else 0) for each in range(self.values.ndim)]
        times = jnp.pad(self.times, missing[: axis + 1], constant_values=_NEVER)
        return times, jnp.pad(self.values, missing, mode="edge")

    @property
    def _rows(self) -> Float[Array, " pieces #neurons"]:
        return self.values if self.values.ndim > self.times.ndim else self.values[..., None]

    def _last_begun(self, ts: Float[Array, " samples"]) -> Array:
        """The last piece that has begun at each time, -1 where none has."""
        return jnp.searchsorted(self.times, ts, side="right") - 1


@final
class PiecewiseConstant(AbstractCurrent):
    """A current that steps: value k holds from time k to time k + 1, the last one for ever; before the first it is 0.

    Args:
        times: When the pieces begin: (pieces,), or (*batch, pieces) for trials with currents of their own. They ascend;
            of equal ones, the last counts. They may lie before or beyond the trial.
        values: The current in each piece: one for all neurons in the shape of the times, or one for each neuron along
            one more axis, (pieces, neurons).

    Raises:
        ValueError: if there is no piece, shapes do not fit, times do not ascend, or anything is not finite.

    Differentiation:
        Spike times have exact derivatives by values and times. Where a step meets a spike they are as smooth as the
        certificate says of the route that is named after the current.

    Example:
        >>> pulse = PiecewiseConstant([1.0, 2.0], [0.5, 0.0])
        >>> pulse.at([0.5, 1.0, 1.5, 3.0]).tolist()
        [0.0, 0.5, 0.5, 0.0]
    """

    times: Float[Array, "*batch pieces"]
    values: Float[Array, "*batch_pieces_neurons"]
    has_slope = False

    def __init__(self, times: ArrayLike, values: ArrayLike) -> None:
        self.times, self.values = _checked(times, values)

    def at(self, ts: ArrayLike) -> Float[Array, " samples *neurons"]:
        """Return the values of one trial's current at times."""
        last = self._last_begun(jnp.asarray(ts, self.times.dtype))
        return jnp.concatenate([jnp.zeros_like(self.values[:1]), self.values])[last + 1]

    def slope_at(self, ts: ArrayLike) -> Float[Array, " samples *neurons"]:
        """Return the slopes of one trial's current just after times."""
        return jnp.zeros_like(self.at(ts))

    def mean(self, duration: Float[Array, ""]) -> Values:
        """Return the mean over a trial."""
        edges = jnp.clip(jnp.append(self.times, duration), 0.0, duration)
        return (self._rows * jnp.diff(edges)[:, None]).sum(0) / duration

    def steps(self) -> Steps:
        """Return what one trial's current does at its times."""
        before = jnp.concatenate([jnp.zeros_like(self._rows[:1]), self._rows[:-1]])
        return Steps(jnp.zeros_like(before), -before, self._rows)


@final
class PiecewiseLinear(AbstractCurrent):
    """A current that is interpolated linearly between points; before the first and after the last it keeps its value.

    Args:
        times: When the points are: (points,), or (*batch, points) for trials with currents of their own. They ascend;
            between two equal ones the current jumps. They may lie before or beyond the trial.
        values: The current there: one for all neurons in the shape of the times, or one for each neuron along one more
            axis, (points, neurons).

    Raises:
        ValueError: if there is no point, shapes do not fit, times do not ascend, or anything is not finite.

    Differentiation:
        Spike times have exact derivatives by values and times.

    A recorded current is one with many points. Times that follow each other closely need double precision.

    Example:
        >>> ramp = PiecewiseLinear([1.0, 3.0], [0.0, 1.0])
        >>> ramp.at([0.5, 1.0, 2.0, 5.0]).tolist()
        [0.0, 0.0, 0.5, 1.0]
    """

    times: Float[Array, "*batch pieces"]
    values: Float[Array, "*batch_pieces_neurons"]
    has_slope = True

    def __init__(self, times: ArrayLike, values: ArrayLike) -> None:
        self.times, self.values = _checked(times, values)

    def at(self, ts: ArrayLike) -> Float[Array, " samples *neurons"]:
        """Return the values of one trial's current at times."""
        ts = jnp.asarray(ts, self.times.dtype)
        last = jnp.maximum(self._last_begun(ts), 0)
        found = self._rows[last] + self._slopes[1:][last] * jnp.maximum(ts - self.times[last], 0.0)[:, None]
        return found if self.values.ndim > self.times.ndim else found[:, 0]

    def slope_at(self, ts: ArrayLike) -> Float[Array, " samples *neurons"]:
        """Return the slopes of one trial's current just after times."""
        found = self._slopes[self._last_begun(jnp.asarray(ts, self.times.dtype)) + 1]
        return found if self.values.ndim > self.times.ndim else found[:, 0]

    def mean(self, duration: Float[Array, ""]) -> Values:
        """Return the mean over a trial."""
        rows, edges = self._rows, jnp.clip(self.times, 0.0, duration)
        middle, lengths = (edges[:-1] + edges[1:]) / 2, jnp.diff(edges)
        between = rows[:-1] + self._slopes[1:-1] * (middle - self.times[:-1])[:, None]
        outside = rows[0] * edges[0] + rows[-1] * (duration - edges[-1])
        return ((between * lengths[:, None]).sum(0) + outside) / duration

    def steps(self) -> Steps:
        """Return what one trial's current does at its times."""
        jumps = jnp.where(self._is_jump[:, None], jnp.diff(self._rows, axis=0), 0.0)
        by = jnp.concatenate([jnp.zeros_like(self._rows[:1]), jumps])
        return Steps(by, -self._slopes[:-1], self._slopes[1:])

    @property
    def _is_jump(self) -> Array:
        return jnp.diff(self.times) == 0

    @property
    def _slopes(self) -> Float[Array, " pieces+1 #neurons"]:
        """The slopes before the first point, between points, and after the last."""
        lengths = jnp.where(self._is_jump, jnp.inf, jnp.diff(self.times))
        return jnp.pad(jnp.diff(self._rows, axis=0) / lengths[:, None], ((1, 1), (0, 0)))


def _checked(times: ArrayLike, values: ArrayLike) -> tuple[Array, Array]:
    times, values = floating("times", times), floating("values", values)
    dtype = jnp.result_type(times, values)
    times, values = times.astype(dtype), values.astype(dtype)
    if times.ndim == 0 or times.shape[-1] == 0:
        raise ValueError("a current needs at least one piece: pass times and values as lists, such as [0.0] and [1.5]")
    if times.shape not in (values.shape, values.shape[:-1]):
        raise ValueError(
            f"times have shape {times.shape} and values {values.shape}: values must have the shape of the times, or "
            "one more axis, for neurons. For trials with currents of their own, broadcast the times to (trials, pieces)"
        )
    for name, array in (("times", times), ("values", values)):
        numbers = known(array)
        if numbers is not None and not np.isfinite(numbers).all():
            raise ValueError(f"{first_entry(name, numbers, ~np.isfinite(numbers))}, but must be finite")
    numbers = known(times)
    if numbers is not None and (np.diff(numbers, axis=-1) < 0).any():
        index = tuple(int(place) for place in np.argwhere(np.diff(numbers, axis=-1) < 0)[0])
        later = (*index[:-1], index[-1] + 1)
        raise ValueError(f"times must ascend, but {numbers[later]} comes after {numbers[index]}: sort the pieces")
    return times, values
