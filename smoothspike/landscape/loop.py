"""`loop_integral`: the integral of a gradient around a closed polygon, which is 0 for the gradient of a smooth loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from .._checks import is_whole
from .._typing import PRNGKeyArray
from ..datasets import AbstractDataset
from ..networks._arguments import CapacityLike
from .event import Event
from .events import events_on
from .lines import CapacityGrown, Evaluator, Line
from .plane import DirectionsLike, Plane
from .scape import prepared
from .slices import Task, roomy, sliced

#: Nodes of a Gauss rule on each piece, and how often a piece is halved at most.
_NODES, _HALVINGS = 10, 30


@dataclass(frozen=True, eq=False)
class LoopIntegral:
    r"""The integral of the gradient of the mean loss around a closed polygon.

    Attributes:
        integral: $\oint \nabla L \cdot d\theta$, of the gradient where it exists.
        jumps: The sum of all jumps of the mean loss on the way. With an exact gradient it cancels the integral.
        error: An estimate of the error of the integral.
        length: The length of the polygon, in units of the directions.
        events: The jumps and kinks on every edge, at places counted from the corner where it starts.
        evaluations: How many losses of one sample were computed.
    """

    integral: float
    jumps: float
    error: float
    length: float
    events: tuple[tuple[Event, ...], ...]
    evaluations: int

    @property
    def remainder(self) -> float:
        """The integral and the jumps together: 0 to rounding unless the gradient is not that of the loss."""
        return self.integral + self.jumps


def loop_integral(
    network: Any,
    dataset: AbstractDataset,
    loss: Callable[[Any, Any], Any],
    *,
    directions: DirectionsLike = 2,
    centre: Sequence[float] = (0.0, 0.0),
    radius: float = 1.0,
    corners: int = 4,
    key: PRNGKeyArray | None = None,
    readout: Callable[[Any], Any] | None = None,
    tolerance: float = 1e-10,
    points: int = 256,
    chunk: int = 256,
    capacity: CapacityLike | None = None,
) -> LoopIntegral:
    """Integrate the gradient of the mean loss around a regular polygon in a plane of networks.

    The integral is 0 if spikes change continuously. Else it is minus the sum of the jumps on the way: the gradient does
    not know of them. Between jumps and kinks, whose places are exact, it is computed by Gauss rules, in pieces that are
    halved until both rules agree.

    Args:
        network: The network, at the origin of the plane; or anything else that has a gradient, such as a network with
            surrogate gradients. Its events are not known, so that the rule is of fixed order; the integral need not
            vanish then, as a surrogate gradient is that of no loss.
        dataset: The samples.
        loss: The loss of one sample: `loss(readout, label)`.
        directions: Two directions, see `landscape`.
        centre: The centre of the polygon.
        radius: The distance of its corners from there.
        corners: How many it has.
        key: Draws random directions.
        readout: A function of a batched recording, as in `fit`.
        tolerance: How much the rules on a piece may differ, in units of the loss; each piece gets its share.
        points: Gauss points on an edge where there are no events.
        chunk: How many samples to simulate at a time.
        capacity: The capacity of each population at the start; it grows automatically.

    Raises:
        ValueError: if there are not two directions, or numbers are out of range.

    Source of the question for surrogate gradients: Gygax & Zenke, arXiv:2404.14964.

    Example:
        >>> import smoothspike as ss
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif()), (2, 1), 4.0, weights=[[[3.0, 2.0]]])
        >>> data = ss.datasets.Dataset(ss.Spikes([[0.5, 1.0]], [[0, 1]]), [0], num_classes=1, num_sources=2)
        >>> time = lambda times, label: times[label]
        >>> found = ss.loop_integral(net, data, time, directions=["weights.0.I[0, 0]", "weights.0.I[0, 1]"])
        >>> abs(found.integral) < 1e-9, found.jumps
        (True, 0.0)
    """
    if not is_whole(corners) or corners < 3 or not is_whole(points) or points < 1:
        raise ValueError(f"corners is {corners} and points {points}; give whole numbers of at least 3 and 1")
    if not (np.isfinite(radius) and radius > 0 and np.shape(centre) == (2,) and tolerance > 0):
        raise ValueError(f"radius is {radius}, centre {centre} and tolerance {tolerance}; give 2 coordinates of a "
                         "centre, and a positive radius and tolerance")  # fmt: skip
    with jax.enable_x64(True):
        plane, task, capacities = prepared(network, dataset, loss, directions, key, readout, capacity, chunk)
        if len(plane.directions) != 2:
            raise ValueError(f"directions: a loop needs two, but {len(plane.directions)} was given")
        angles = 2 * np.pi * (np.arange(corners + 1) + 0.5) / corners
        places = np.asarray(centre, float) + radius * np.stack([np.cos(angles), np.sin(angles)], -1)
        lines = [_edge(plane, start, end) for start, end in pairwise(places)]
        if capacities is not None:
            capacities = roomy(plane, task, places[:-1], capacities, chunk)
        if capacities is None:
            parts = [_by_points(line, task, points, chunk) for line in lines]
        else:
            parts = [_between_events(line, task, capacities, tolerance / corners) for line in lines]
    integrals, errors, events, counts = zip(*parts, strict=True)
    jumps = sum(event.size for each in events for event in each if event.is_jump) / task.size
    length = float(sum(line.span for line in lines))
    return LoopIntegral(float(sum(integrals)), float(jumps), float(sum(errors)), length, tuple(events), sum(counts))


def _edge(plane: Plane, start: np.ndarray, end: np.ndarray) -> Line:
    length = float(np.linalg.norm(end - start))
    return Line(plane, tuple(start.tolist()), tuple(((end - start) / length).tolist()), 0.0, length)


def _by_points(line: Line, task: Task, points: int, chunk: int) -> tuple[float, float, tuple[Event, ...], int]:
    """Integrate by two points of Gauss in each of many pieces; the error is the difference to half as many pieces."""
    pieces = max(1, points // 2)
    found = []
    for number in (pieces, max(1, pieces // 2)):
        nodes, weights = _gauss(np.linspace(0, line.span, number + 1), 2)
        places = np.asarray(line.origin) + nodes.ravel()[:, None] * np.asarray(line.tangent)
        slopes = sliced(line.plane, task, places, None, chunk)[0].slopes.mean(1) @ np.asarray(line.tangent)
        found.append(float(weights.ravel() @ slopes))
    return found[0], abs(found[0] - found[1]), (), 2 * (pieces + pieces // 2) * task.size


def _gauss(edges: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(order)
    half = np.diff(edges)[:, None] / 2
    return edges[:-1, None] + half * (1 + nodes), half * weights


def _between_events(
    line: Line, task: Task, capacities: Any, tolerance: float
) -> tuple[float, float, tuple[Event, ...], int]:
    """Integrate the slope of every sample between its own events."""
    events, count, capacities = events_on(line, task, capacities)
    start, end, sample = [], [], []
    for number in range(task.size):
        own = [0.0, *(event.place for event in events if event.sample == number), line.span]
        start, end, sample = start + own[:-1], end + own[1:], sample + [number] * (len(own) - 1)
    pieces = np.array(start), np.array(end), np.array(sample)
    evaluator = Evaluator(line, task, capacities)
    while True:
        try:
            integral, error = _integrated(evaluator, *pieces, tolerance * task.size / line.span)
            return integral / task.size, error / task.size, events, count + evaluator.count
        except CapacityGrown:
            pass


def _integrated(
    evaluator: Evaluator, start: np.ndarray, end: np.ndarray, sample: np.ndarray, tolerance: float
) -> tuple[float, float]:
    """Sum the integrals over pieces, halved until the rule on a piece agrees with that on its halves."""
    whole = _rule(evaluator, start, end, sample)
    total = error = 0.0
    for halving in range(_HALVINGS):
        middle = (start + end) / 2
        first, second = np.split(
            _rule(evaluator, np.append(start, middle), np.append(middle, end), np.tile(sample, 2)), 2
        )
        difference = np.abs(first + second - whole)
        done = (difference <= tolerance * (end - start)) | (end - start < 1e-9) | (halving == _HALVINGS - 1)
        total += float((first + second)[done].sum())
        error += float(difference[done].sum())
        if done.all():
            break
        rest = ~done
        start, end = np.append(start[rest], middle[rest]), np.append(middle[rest], end[rest])
        sample, whole = np.tile(sample[rest], 2), np.append(first[rest], second[rest])
    return total, error


def _rule(evaluator: Evaluator, start: np.ndarray, end: np.ndarray, sample: np.ndarray) -> Float[np.ndarray, " pieces"]:
    """Integrate slopes over pieces, at whose ends they may diverge like the inverse of a root.

    With x = 3 s^2 - 2 s^3 from 0 to 1 they are smooth in s.
    """
    nodes, weights = _gauss(np.array([0.0, 1.0]), _NODES)
    s, width = nodes[0], (end - start)[:, None]
    places = start[:, None] + width * s**2 * (3 - 2 * s)
    slopes = evaluator.rows(places.ravel(), np.repeat(sample, _NODES)).slope.reshape(places.shape)
    return (slopes * width * weights[0] * 6 * s * (1 - s)).sum(-1)
