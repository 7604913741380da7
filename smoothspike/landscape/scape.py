"""`landscape`: loss and gradient on a line or a plane through a network, with the exact places of jumps and kinks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._typing import PRNGKeyArray
from ..datasets import AbstractDataset
from ..networks import FeedForward, Network, Recurrent, Sequential
from ..networks._arguments import CapacityLike, given_capacities
from ..spikes import Spikes
from ..training.checks import require_count, require_functions, require_key
from ..training.evaluate import default_readout
from .curve import interpolated
from .event import Event
from .events import events_on
from .lines import Line
from .plane import DirectionsLike, Plane, checked_points, checked_span, chosen_directions
from .slices import Task, at_point, roomy, sliced


@dataclass(frozen=True, eq=False)
class Landscape:
    """Loss and gradient on a line or a plane.

    Attributes:
        coordinates: The points along each direction; the network itself is at 0.
        values: The mean loss.
        gradients: Its derivatives along the directions, in the last axis.
        gradient_norms: The norm of its gradient by all parameters.
        sample_values: The loss of every sample.
        sample_gradients: Its derivatives along the directions, in the last axis.
        events: Jumps and kinks of the losses of samples, in the order of their places; empty on a plane.
        directions: What the network changes by, one tree of parameters for each coordinate.
        evaluations: How many losses of one sample were computed to find the events.
    """

    coordinates: tuple[Float[np.ndarray, " points"], ...]
    values: Float[np.ndarray, "*points"]
    gradients: Float[np.ndarray, "*points coordinates"]
    gradient_norms: Float[np.ndarray, "*points"]
    sample_values: Float[np.ndarray, "samples ..."]
    sample_gradients: Float[np.ndarray, "samples ... coordinates"]
    events: tuple[Event, ...]
    directions: tuple[Any, ...]
    evaluations: int

    def __repr__(self) -> str:
        shape = " x ".join(str(len(each)) for each in self.coordinates)
        return (
            f"Landscape({shape} points, {len(self.sample_values)} samples, {len(self.jumps)} jumps, "
            f"{len(self.kinks)} kinks)"
        )

    def curve(
        self, sample: int | None = None, between: int = 16
    ) -> tuple[Float[np.ndarray, " places"], Float[np.ndarray, " places"]]:
        """Return the loss on a line, of one sample or its mean, at more places: cubics between points and events.

        Args:
            sample: The sample; None for the mean loss.
            between: How many places between two points.

        Returns:
            Places and losses. Where the loss jumps, the place is there twice, with both limits.
        """
        if len(self.coordinates) != 1:
            raise ValueError("a curve has one coordinate; a landscape of two is a surface: see values")
        grid = self.coordinates[0]
        samples = range(len(self.sample_values)) if sample is None else [sample]
        own = [event for event in self.events if sample is None or event.sample == sample]
        jumps = np.array([event.place for event in own if event.is_jump])
        places = np.linspace(grid[0], grid[-1], between * (len(grid) - 1) + 1)
        places = np.sort(np.concatenate([places, jumps, jumps]))
        is_second = np.append(False, np.diff(places) == 0)
        total = sum(interpolated(self, each, places, is_second) for each in samples)
        return places, np.asarray(total) / len(samples)

    @property
    def jumps(self) -> tuple[Event, ...]:
        """The events at which the loss jumps."""
        return tuple(event for event in self.events if event.is_jump)

    @property
    def kinks(self) -> tuple[Event, ...]:
        """The events at which the gradient alone does."""
        return tuple(event for event in self.events if not event.is_jump)


def landscape(
    network: Any,
    dataset: AbstractDataset,
    loss: Callable[[Any, Any], Any],
    *,
    directions: DirectionsLike = 1,
    span: float | Sequence[float] | Sequence[Sequence[float]] = 1.0,
    points: int | Sequence[int] | None = None,
    key: PRNGKeyArray | None = None,
    readout: Callable[[Any], Any] | None = None,
    events: bool | None = None,
    chunk: int = 256,
    capacity: CapacityLike | None = None,
) -> Landscape:
    """Compute loss and gradient on a line or a plane through a network, and where exactly they jump on a line.

    Everything is computed in double precision, by exact gradients.

    Args:
        network: The network, at the origin. Anything else that turns a batch of spikes into a recording can be given
            with its `readout`; it has no events.
        dataset: The samples. For a landscape of single samples see `sample_values`, or pass `dataset[3:4]`.
        loss: The loss of one sample: `loss(readout, label)`.
        directions: 1 or 2 for as many random directions, normalised for every neuron (Li et al. 2018; a neuron's part
            is its row of incoming weights). Or directions, one or a sequence of two: `"random"`; `"gradient"`, along
            the gradient, with the norm of the parameters; the name of a parameter (see `named_parameters`) for a random
            direction of it alone, or of an entry, such as `"weights.0.I[2, 3]"`; a tree like the network.
        span: How far to go: a number s for -s to s, (low, high), or such a pair for each direction.
        points: How many points along each direction; by default 101 on a line, 31 along each side of a plane.
        key: Draws random directions.
        readout: A function of a batched recording, as in `fit`.
        events: Whether to find jumps and kinks. By default on lines through a network of this package.
        chunk: How many samples to simulate at a time.
        capacity: The capacity of each population at the start; it grows automatically.

    What is found on a line, and how certain that is: see `Event` and the documentation of loss landscapes.

    Raises:
        ValueError: if directions, span or points do not fit together, or events are asked for where there are none.
        TypeError: if an argument is of the wrong type.

    Source of the normalisation: Li et al., NeurIPS 2018, arXiv:1712.09913. Source of the question: Wenig, Memmesheimer
    & Klos, arXiv:2606.03935.

    Example:
        A leaky neuron spikes inside the trial once its weight is 4, and then at the time log 2 after its input.

        >>> import smoothspike as ss
        >>> neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
        >>> net = ss.FeedForward(neuron, (1, 1), 3.0, weights=[[[4.0]]])
        >>> data = ss.datasets.Dataset(ss.Spikes([[0.5]], [[0]]), [0], num_classes=1, num_sources=1)
        >>> time = lambda times, label: times[label]
        >>> scape = ss.landscape(net, data, time, directions="weights.0.I[0, 0]", span=0.9, points=5)
        >>> [event] = scape.events
        >>> event.kind, round(event.values[1], 9)
        ('appearance', 1.193147181)
        >>> abs(event.place) < 1e-12
        True
    """
    if not isinstance(dataset, AbstractDataset):
        raise TypeError("landscape: the data must be a data set, such as ss.datasets.Dataset(spikes, labels, ...)")
    with jax.enable_x64(True):
        plane, task, capacities = prepared(network, dataset, loss, directions, key, readout, capacity, chunk)
        count = len(plane.directions)
        ends = checked_span(span, count)
        numbers = checked_points((101 if count == 1 else 31) if points is None else points, count)
        axes = tuple(np.linspace(*end, number) for end, number in zip(ends, numbers, strict=True))
        wanted = count == 1 and capacities is not None if events is None else events
        if wanted and (count == 2 or capacities is None):
            raise ValueError("events are found on a line through a network of smoothspike: give one direction")
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, count)
        if capacities is not None:
            capacities = roomy(plane, task, grid[:: max(1, len(grid) // 4)], capacities, chunk)
        found, capacities = sliced(plane, task, grid, capacities, chunk)
        line = Line(plane, (0.0,), (1.0,), *ends[0])
        events_found, evaluations, _ = events_on(line, task, capacities) if wanted else ((), 0, capacities)
    shape = tuple(numbers)
    return Landscape(
        axes,
        found.values.mean(1).reshape(shape),
        found.slopes.mean(1).reshape(*shape, count),
        found.norms.reshape(shape),
        found.values.T.reshape(-1, *shape),
        found.slopes.swapaxes(0, 1).reshape(-1, *shape, count),
        events_found,
        plane.directions,
        evaluations,
    )


def prepared(
    network: Any,
    dataset: AbstractDataset,
    loss: Callable[[Any, Any], Any],
    directions: DirectionsLike,
    key: PRNGKeyArray | None,
    readout: Callable[[Any], Any] | None,
    capacity: CapacityLike | None,
    chunk: int,
    most: int = 2,
) -> tuple[Plane, Task, Any]:
    """Check arguments and bring them to double precision; the capacity is None for what is no network of ours."""
    # others may be networks, too, whose spikes are not exact
    is_ours = isinstance(network, FeedForward | Recurrent | Sequential)
    if not isinstance(network, Network) and readout is None:
        raise TypeError(
            "landscape: network is no FeedForward, Recurrent or Sequential; give its readout=..., a function of what "
            "it returns for a batch of spikes, or a network"
        )
    readout = default_readout(network) if readout is None else readout
    require_functions(loss=loss, readout=readout)
    require_count("chunk", chunk, 1)
    if key is not None:
        require_key(key)
    network = jax.tree.map(_double, network)
    spikes, labels = _all(dataset)
    task = Task(spikes, labels, loss, readout)
    capacities = given_capacities(network, capacity) if is_ours else None

    def gradient() -> Any:
        total: Any = None
        for start in range(0, task.size, chunk):
            (_, _, part), _ = at_point(Plane(network, ()), task, slice(start, start + chunk), np.zeros(0), capacities)
            total = part if total is None else jax.tree.map(jnp.add, total, part)
        return total

    return Plane(network, chosen_directions(network, directions, key, gradient, most)), task, capacities


def _all(dataset: AbstractDataset) -> tuple[Spikes, Array]:
    """Return all samples of a data set at once, in double precision."""
    ((spikes, labels),) = dataset.batches(len(dataset), drop_last=False)
    double = Spikes(np.asarray(spikes.times, np.float64), np.asarray(spikes.sources))
    return double.grouped(), jnp.asarray(labels)


def _double(leaf: Any) -> Any:
    return jnp.asarray(np.asarray(leaf), jnp.float64) if eqx.is_inexact_array(leaf) else leaf
