"""Loss and gradient of every sample at any points of a plane, with bounded memory and capacity that grows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..networks import Network, simulate
from ..networks._capacity import Capacities, with_capacity
from ..networks._execute import enough
from ..spikes import Spikes
from .plane import Plane


class Task(NamedTuple):
    """What the loss of a sample is a function of.

    Attributes:
        spikes: The inputs of all samples.
        labels: Their labels.
        loss: The loss of one sample, `loss(readout, label)`.
        readout: A function of a batched recording.
    """

    spikes: Spikes
    labels: Array
    loss: Callable[[Any, Any], Float[Array, ""]]
    readout: Callable[[Any], Any]

    @property
    def size(self) -> int:
        """The number of samples."""
        return self.labels.shape[0]


class Slice(NamedTuple):
    """Loss and gradient at some points.

    Attributes:
        values: The loss of every sample.
        slopes: Its derivatives along the coordinates.
        norms: The norm of the gradient of the mean loss by all parameters.
    """

    values: Float[np.ndarray, "points samples"]
    slopes: Float[np.ndarray, "points samples coordinates"]
    norms: Float[np.ndarray, " points"]


def sliced(
    plane: Plane, task: Task, points: Float[np.ndarray, "points coordinates"], capacities: Any, chunk: int
) -> tuple[Slice, Any]:
    """Compute loss and gradient, one point and at most `chunk` samples at a time; return the capacity needed, too."""
    values = np.empty((len(points), task.size))
    slopes = np.empty((*values.shape, len(plane.directions)))
    norms = np.empty(len(points))
    for number, point in enumerate(points):
        gradient: Any = None
        for start in range(0, task.size, chunk):
            chosen = slice(start, start + chunk)
            (value, slope, part), capacities = at_point(plane, task, chosen, point, capacities)
            values[number, chosen], slopes[number, chosen] = value, slope
            gradient = part if gradient is None else jax.tree.map(jnp.add, gradient, part)
        squared = sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(gradient))
        norms[number] = np.sqrt(squared) / task.size
    return Slice(values, slopes, norms), capacities


def roomy(
    plane: Plane, task: Task, points: Float[np.ndarray, "points coordinates"], capacities: Any, chunk: int
) -> Any:
    """Return capacity that is enough at these points: what is compiled later takes much longer than a simulation."""
    for point in points:
        for start in range(0, task.size, chunk):
            capacities = _roomy_at(plane, task.spikes[start : start + chunk], jnp.asarray(point), capacities)
    return capacities


def _roomy_at(plane: Plane, spikes: Spikes, point: Float[Array, " coordinates"], capacities: Capacities) -> Capacities:
    def run(given: Capacities) -> tuple[Any, Array]:
        return None, _needed(plane, spikes, point, given)

    def measure(given: Capacities) -> Capacities:
        network = plane.at(point)
        return enough(network, spikes, network.states(None), given)

    return with_capacity(run, capacities, measure=measure)[1]


@eqx.filter_jit
def _needed(plane: Plane, spikes: Spikes, point: Float[Array, " coordinates"], capacities: Capacities) -> Array:
    return simulate(plane.at(point), spikes, capacities)[1]


def at_point(plane: Plane, task: Task, chosen: slice, point: np.ndarray, capacities: Any) -> tuple[Any, Any]:
    """Return losses, slopes and the gradient of the sum of the losses of some samples at a point."""
    own = task._replace(spikes=task.spikes[chosen], labels=task.labels[chosen])
    if capacities is None:
        return _differentiated(plane, own, jnp.asarray(point), None)[0], None

    def run(given: Capacities) -> tuple[Any, Array]:
        return _differentiated(plane, own, jnp.asarray(point), given)

    result, capacities, _ = with_capacity(run, capacities)
    return result, capacities


@eqx.filter_jit
def _differentiated(plane: Plane, task: Task, point: Float[Array, " coordinates"], capacities: Any) -> tuple[Any, Any]:
    parameters, rest = eqx.partition(plane.at(point), eqx.is_inexact_array)

    def losses(parameters: Any) -> tuple[Array, Any]:
        return losses_of(eqx.combine(parameters, rest), task, capacities)

    if capacities is None:
        # a surrogate gradient is no derivative of the loss, so that it exists in reverse mode alone
        values, pull, needed = jax.vjp(losses, parameters, has_aux=True)
        (gradient,) = pull(jnp.ones_like(values))
        each = jax.vmap(lambda row: pull(row)[0])(jnp.eye(values.shape[0]))
        slopes = [
            sum(jax.tree.leaves(jax.tree.map(lambda g, d: jnp.sum(g * d, tuple(range(1, g.ndim))), each, direction)))
            for direction in plane.directions
        ]
    else:
        # one linear map for both modes: the trial is simulated, and compiled, once
        values, push, needed = jax.linearize(losses, parameters, has_aux=True)
        slopes = [push(direction) for direction in plane.directions]
        (gradient,) = jax.linear_transpose(push, parameters)(jnp.ones_like(values))
    return (values, jnp.stack(slopes, -1), gradient), needed


def losses_of(network: Any, task: Task, capacities: Any) -> tuple[Float[Array, " samples"], Any]:
    """Return the loss of every sample, and what capacity was needed; None for what is no network of this package."""
    if isinstance(network, Network) and capacities is not None:
        recording, needed = simulate(network, task.spikes, capacities)
    else:
        recording, needed = network(task.spikes), jnp.zeros(0)
    values = jax.vmap(task.loss)(task.readout(recording), task.labels)
    if jnp.shape(values) != task.labels.shape:
        raise ValueError(
            f"the loss of a sample has shape {jnp.shape(values)[1:]}, but must be one number; take its sum or mean"
        )
    return values, needed
