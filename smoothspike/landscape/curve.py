"""The loss of a sample between the points of a line and its events, by cubics."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float


def interpolated(
    scape: Any, sample: int, places: Float[np.ndarray, " places"], after: Bool[np.ndarray, " places"]
) -> Float[np.ndarray, " places"]:
    """Return the loss of a sample at ascending places; at an event from below, or from above where `after` says so.

    Between two points or events it is the cubic through both values and derivatives, and where one of these is
    infinite, at a grazing, the root through both values.
    """
    events = [event for event in scape.events if event.sample == sample]
    at = np.array([event.place for event in events])
    grid = scape.coordinates[0]
    nodes = np.concatenate([grid, at])
    order = np.argsort(nodes, kind="stable")
    values, slopes = scape.sample_values[sample], scape.sample_gradients[sample, ..., 0]
    low, high, rise, fall = (
        np.concatenate([points, np.array(limits)])[order]
        for points, limits in (
            (values, [event.values[0] for event in events]),
            (values, [event.values[1] for event in events]),
            (slopes, [event.gradients[0] for event in events]),
            (slopes, [event.gradients[1] for event in events]),
        )
    )
    nodes = nodes[order]
    piece = np.where(after, np.searchsorted(nodes, places, "right"), np.searchsorted(nodes, places, "left")) - 1
    piece = np.clip(piece, 0, len(nodes) - 2)
    width = nodes[piece + 1] - nodes[piece]
    s = np.clip((places - nodes[piece]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    start, end, first, last = high[piece], low[piece + 1], fall[piece] * width, rise[piece + 1] * width
    with np.errstate(invalid="ignore"):
        cubic = _cubic(s, start, end, first, last)
    root = np.where(
        np.isfinite(first), start + (end - start) * (1 - np.sqrt(1 - s)), start + (end - start) * np.sqrt(s)
    )
    return np.where(np.isfinite(first) & np.isfinite(last), cubic, root)


def _cubic(s: np.ndarray, start: np.ndarray, end: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    rest = 1 - s
    return rest**2 * ((1 + 2 * s) * start + s * first) + s**2 * ((3 - 2 * s) * end - rest * last)
