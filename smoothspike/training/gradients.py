"""`check_gradients`: compare exact gradients with central differences, for any network and input."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._typing import PRNGKeyArray
from ..networks import Network, require_exact
from ..spikes import Spikes


class GradientRow(NamedTuple):
    """The part of a report on one array."""

    name: str
    entries: int
    largest_gradient: float
    largest_error: float


class GradientReport(NamedTuple):
    """Errors of exact gradients, relative to the larger of 1 and the gradient.

    Attributes:
        rows: One per array: weights, trained parameters, input times.
        reverse_error: The largest difference between reverse and forward mode.
    """

    rows: tuple[GradientRow, ...]
    reverse_error: float

    @property
    def largest_error(self) -> float:
        """The largest error of all arrays."""
        return max([row.largest_error for row in self.rows], default=0.0)

    def __str__(self) -> str:
        lines = [f"{'array':32} {'entries':>8} {'largest gradient':>17} {'largest error':>14}"]
        lines += [
            f"{row.name:32} {row.entries:8d} {row.largest_gradient:17.3e} {row.largest_error:14.1e}"
            for row in self.rows
        ]
        return "\n".join([*lines, f"reverse mode differs from forward mode by at most {self.reverse_error:.1e}"])


def check_gradients(
    network: Network,
    spikes: Spikes,
    *,
    count: int = 1,
    entries: int = 32,
    step: float = 1e-6,
    key: PRNGKeyArray | None = None,
) -> GradientReport:
    """Compare the exact derivatives of all output spike times with central differences, in double precision.

    Args:
        network: The network; its arrays are converted to double precision.
        spikes: One trial.
        count: Spike times per output neuron, including pseudospikes.
        entries: Entries of each array to check, chosen at random.
        step: Half the distance of the two points of a difference.
        key: Random key of the choice.

    Returns:
        The report. Its `largest_error` includes the error of the differences: about `step**2` times the third
        derivative plus rounding errors over `step`. Where an input meets a neuron's own spike, the second derivative
        jumps, and the difference is wrong by up to `step` times that jump.

    Raises:
        ValueError: if `spikes` is a batch.

    Example:
        >>> from symbolic import models
        >>> from smoothspike import Neuron, FeedForward
        >>> net = FeedForward(Neuron(models.qif()), (2, 3), 4.0, key=jax.random.key(0))
        >>> check_gradients(net, Spikes([0.5, 1.0], [0, 1])).largest_error < 1e-6
        True
    """
    require_exact(network, "check_gradients")
    if spikes.times.ndim != 1:
        raise ValueError("check_gradients takes one trial, but spikes is a batch; select one, such as spikes[0]")
    source = np.random.default_rng(int(jax.random.bits(jax.random.key(0) if key is None else key)))
    with jax.enable_x64(True):
        double = jax.tree.map(_double, (eqx.filter(network, eqx.is_inexact_array), spikes.times))
        rest = eqx.filter(network, eqx.is_inexact_array, inverse=True)
        capacity = eqx.combine(double[0], rest).capacity_for(Spikes(double[1], spikes.sources))

        def outputs(arrays):
            changed, times = arrays
            return eqx.combine(changed, rest)(Spikes(times, spikes.sources), capacity=capacity).spike_times(count)

        return _report(outputs, double, entries, step, source)


def _report(
    outputs: Callable[[Any], Float[Array, "neurons count"]], point: Any, entries: int, step: float, source: Any
) -> GradientReport:
    paths, structure = jax.tree.flatten_with_path(point)
    leaves = [leaf for _, leaf in paths]
    along = jax.jit(lambda direction: jax.jvp(outputs, (point,), (direction,))[1])
    value = jax.jit(outputs)
    shifted = jax.jit(
        lambda direction, h: outputs(jax.tree.map(lambda x, d: jnp.where(d == 0, x, x + h * d), point, direction))
    )
    cotangent = source.normal(size=jax.eval_shape(value, point).shape)
    reverse = jax.tree.leaves(jax.jit(lambda p: jax.vjp(outputs, p)[1](jnp.asarray(cotangent))[0])(point))
    rows, reverse_error = [], 0.0
    for number, (path, leaf) in enumerate(paths):
        candidates = np.flatnonzero(np.isfinite(np.asarray(leaf)).ravel())
        chosen = source.choice(candidates, min(entries, candidates.size), replace=False)
        largest_gradient = largest_error = 0.0
        for entry in chosen:
            direction = structure.unflatten(
                [jnp.zeros_like(other).ravel().at[entry].set(float(i == number)).reshape(other.shape)
                 if i == number else jnp.zeros_like(other) for i, other in enumerate(leaves)]
            )  # fmt: skip
            exact = np.asarray(along(direction))
            difference = (np.asarray(shifted(direction, step)) - np.asarray(shifted(direction, -step))) / (2 * step)
            scale = max(1.0, float(np.abs(exact).max()))
            largest_gradient = max(largest_gradient, float(np.abs(exact).max()))
            largest_error = max(largest_error, float(np.abs(exact - difference).max()) / scale)
            reverse_error = max(
                reverse_error, abs(float(reverse[number].ravel()[entry]) - float((cotangent * exact).sum())) / scale
            )
        rows.append(GradientRow(_name(path), len(chosen), largest_gradient, largest_error))
    return GradientReport(tuple(rows), reverse_error)


def _name(path: Any) -> str:
    name = jax.tree_util.keystr(path)
    return "input times" if name == "[1]" else name.removeprefix("[0]").removeprefix(".")


def _double(leaf: Array) -> Array:
    return jnp.asarray(np.asarray(leaf), jnp.float64)
