"""What happens where the order of events changes: the first difference between the trials on both sides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .event import Kind
from .history import History, LayerHistory
from .watch import Watch

#: Spikes whose times differ by less, relative to the trial, are the same.
_SAME = 1e-5


class Cause(NamedTuple):
    """What happens.

    Attributes:
        kind: See `Event`.
        layer: The layer.
        neuron: The neuron.
        spike: The number of its spike.
        source: Which arrival it is that changes places, if any.
        time: When.
        grazes: Whether a spike grazes the threshold there, so that derivatives diverge on its side.
    """

    kind: Kind
    layer: int
    neuron: int
    spike: int
    source: int | None
    time: float
    grazes: bool = False


def cause_of(left: History, right: History, watches: Sequence[Watch], duration: float) -> Cause | None:
    """Return the cause in the first layer that differs, of differences there the earliest one; None if there is none.

    Args:
        left: The history of a trial just before.
        right: Just after.
        watches: What was watched.
        duration: The trial end.
    """
    for layer, (a, b, watch) in enumerate(zip(left, right, watches, strict=True)):
        if a is None or b is None:
            continue
        spikes = _changed_spikes(layer, a, b, duration)
        orders = _changed_orders(layer, a, b, duration) if watch.orders else []
        found = [min(each, key=lambda cause: cause.time) for each in (spikes, orders) if each]
        if found:
            # what takes a spike away or lets it come is an order, too, at the same time up to rounding
            return found[0] if found[0].time <= found[-1].time + _SAME**2 * duration else found[-1]
        if watch.arrivals == "counts":
            order = [np.argsort(each.arrivals, -1, kind="stable") for each in (a, b)]
            rows, places = np.nonzero(order[0] != order[1])
            if rows.size:
                arrival = order[0][rows[0], places[0]]
                time = float(a.arrivals[rows[0], arrival])
                return Cause("order", layer, int(rows[0]), 0, int(a.sources[arrival]), time)
    return None


def _changed_spikes(layer: int, a: LayerHistory, b: LayerHistory, duration: float) -> list[Cause]:
    """The first spike of each neuron that is there on one side alone."""
    found: list[Cause] = []
    with np.errstate(invalid="ignore"):
        differs = ~((np.abs(a.spikes - b.spikes) <= _SAME * duration) | (a.spikes == b.spikes))
    for neuron in np.flatnonzero(differs.any(-1)):
        one, other = a.spikes[neuron], b.spikes[neuron]
        spike = int(np.argmax(differs[neuron]))
        appears = bool(other[spike] < one[spike])
        time = float(min(one[spike], other[spike]))
        if duration - time <= _SAME * duration:
            found.append(Cause("trial end", layer, int(neuron), spike, None, duration))
            continue
        source = _arriving_at(a if appears else b, int(neuron), time, duration)
        if source is not None:
            found.append(Cause("order", layer, int(neuron), spike, source, time))
        else:
            kind: Kind = "appearance" if appears else "disappearance"
            found.append(Cause(kind, layer, int(neuron), spike, None, time, grazes=True))
    return found


def _arriving_at(of: LayerHistory, neuron: int, time: float, duration: float) -> int | None:
    """What arrives when a spike would come that does not, to end the rise that leads to it."""
    row = of.arrivals[min(neuron, len(of.arrivals) - 1)]
    with np.errstate(invalid="ignore"):
        distance = np.abs(row - time)
    nearest = int(np.argmin(distance)) if distance.size else 0
    if distance.size == 0 or not distance[nearest] <= _SAME**2 * duration:
        return None
    return int(of.sources[nearest])


def _changed_orders(layer: int, a: LayerHistory, b: LayerHistory, duration: float) -> list[Cause]:
    """Spikes that are on different sides of an arrival."""
    with np.errstate(invalid="ignore"):
        before, after = (each.spikes[:, :, None] - each.arrivals[:, None, :] for each in (a, b))
        near = np.minimum(np.abs(before), np.abs(after)) <= _SAME * duration
        changed = near & ((before >= 0) != (after >= 0)) & np.isfinite(before) & np.isfinite(after)
    return [
        Cause("order", layer, int(neuron), int(spike), int(a.sources[arrival]), float(a.spikes[neuron, spike]))
        for neuron, spike, arrival in np.argwhere(changed)
    ]
