"""The order of all events of a trial as a number, and the quantities that vanish where that order changes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt64

from .history import LayerHistory
from .lines import Rows
from .watch import Watch

_ODD = np.uint64(0x9E3779B97F4A7C15)
_NOTHING = np.uint64(0)


class Signatures(NamedTuple):
    """Numbers that differ where the order of events does.

    Attributes:
        counting: Of the order that can make a jump or a kink.
        whole: Of this and of the order on which the numbering of intervals rests.
    """

    counting: UInt64[np.ndarray, " rows"]
    whole: UInt64[np.ndarray, " rows"]

    def __getitem__(self, chosen: object) -> "Signatures":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Those of some rows."""
        return Signatures(self.counting[chosen], self.whole[chosen])  # pyright: ignore[reportArgumentType, reportCallIssue]


def signatures(rows: Rows, watches: Sequence[Watch]) -> Signatures:
    """Number the order of events of every row."""
    counting = np.zeros(len(rows.place), np.uint64)
    whole = np.zeros_like(counting)
    for number, (own, watch) in enumerate(zip(rows.history, watches, strict=True)):
        if own is None:
            continue
        spikes = trimmed(own.spikes)
        exists = np.isfinite(spikes)
        counting += _numbered(exists.sum(-1).astype(np.uint64), 5 * number)
        if watch.orders:
            codes = _scattered(np.arange(own.arrivals.shape[-1]), 5 * number + 1)
            came = own.arrivals[:, :, None, :] <= spikes[..., None]
            sets = np.where(came, codes, _NOTHING).sum(-1, dtype=np.uint64)
            counting += _numbered(np.where(exists, sets, _NOTHING), 5 * number + 2)
        if watch.arrivals != "smooth":
            order = np.argsort(own.arrivals, -1, kind="stable")
            order[~np.isfinite(np.take_along_axis(own.arrivals, order, -1))] = -1
            part = _numbered((order + 1).astype(np.uint64), 5 * number + 3)
            counting, whole = (counting + part, whole) if watch.arrivals == "counts" else (counting, whole + part)
    return Signatures(counting, whole + counting * _ODD)


def trimmed(spikes: Float[np.ndarray, "rows neurons spikes"]) -> Float[np.ndarray, "rows neurons fewer"]:
    """Omit columns in which no neuron spikes, but for one."""
    most = int(np.isfinite(spikes).sum(-1).max(initial=0))
    return spikes[..., : max(1, most)]


def _scattered(values: np.ndarray, salt: int) -> np.ndarray:
    """Scatter numbers over 64 bits, by splitmix64."""
    x = values.astype(np.uint64) + np.uint64(int(_ODD) * (salt + 1) % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _numbered(values: UInt64[np.ndarray, "rows outer *inner"], salt: int) -> UInt64[np.ndarray, " rows"]:
    """Combine the numbers of a row, each with its place; zeros count for nothing, however many there are."""
    places = np.arange(values.shape[1]) << 32
    if values.ndim > 2:
        places = places[:, None] + np.arange(values.shape[2])
    parts = np.where(values == 0, _NOTHING, _scattered(values, salt) * (_scattered(places, salt + 1) | np.uint64(1)))
    return parts.reshape(len(values), -1).sum(-1, dtype=np.uint64)


class Quantity(NamedTuple):
    """A quantity that is positive, and vanishes where the order of events changes.

    Attributes:
        values: Infinite where it does not apply.
        slopes: Its derivative along the line.
        is_signed: Whether it turns negative where the order has changed, rather than to mean something else.
        is_numbered: Whether it is numbered by intervals between events.
    """

    values: Float[np.ndarray, "rows margins"]
    slopes: Float[np.ndarray, "rows margins"]
    is_signed: bool = False
    is_numbered: bool = False


def quantities(rows: Rows, reference: Rows, watches: Sequence[Watch], duration: float) -> list[Quantity]:
    """Return all such quantities; those with a sign are positive in the rows of reference."""
    found: list[Quantity] = []
    for own, change, base, watch in zip(rows.history, rows.change, reference.history, watches, strict=True):
        if own is None or change is None or base is None:
            continue
        found += _ends(own, change, duration)
        if watch.orders:
            found.append(_orders(own, change, base))
        if watch.arrivals == "counts":
            found.append(_arrivals(own, change, base))
        if watch.grazing == "margins":
            found.append(_plain(own.grazing.below, change.grazing.below)._replace(is_numbered=True))
            found.append(_plain(own.grazing.steepness, change.grazing.steepness))
    return found


def _plain(values: np.ndarray, slopes: np.ndarray) -> Quantity:
    return Quantity(values.reshape(len(values), -1), slopes.reshape(len(values), -1))


def _ends(own: LayerHistory, change: LayerHistory, duration: float) -> list[Quantity]:
    """How far the last spike of each neuron, and every arrival, is from the trial end, and the first pseudospike."""
    last = np.maximum(np.isfinite(own.spikes).sum(-1) - 1, 0)[..., None]
    times, slopes = (np.take_along_axis(each, last, -1) for each in (own.spikes, change.spikes))
    until = np.where(np.isfinite(times), duration - times, np.inf)
    arrive = np.where(np.isfinite(own.arrivals), duration - own.arrivals, np.inf)
    return [_plain(until, -slopes), _plain(own.first, change.first), _plain(arrive, -change.arrivals)]


def _orders(own: LayerHistory, change: LayerHistory, base: LayerHistory) -> Quantity:
    """How far spikes are from arrivals at their neurons, by absolute value in the rows of reference."""
    most, come = trimmed(base.spikes).shape[-1], np.isfinite(base.arrivals).any((0, 1))

    def gaps(of: LayerHistory) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return of.spikes[..., :most, None] - of.arrivals[:, :, None, come]

    gap, before = gaps(own), gaps(base)
    # a spike that an arrival causes at once keeps no distance, and changes its place with no other
    applies = np.isfinite(gap) & np.isfinite(before) & (before != 0)
    sign = np.where(before > 0, 1.0, -1.0)
    values, slopes = np.where(applies, sign * gap, np.inf), np.where(applies, sign * gaps(change), 0.0)
    return _plain(values, slopes)._replace(is_signed=True)


def _arrivals(own: LayerHistory, change: LayerHistory, base: LayerHistory) -> Quantity:
    """How far arrivals are from one another that follow one another in the rows of reference."""
    order = np.argsort(base.arrivals, -1, kind="stable")
    times, slopes, usual = (
        np.take_along_axis(each, order, -1) for each in (own.arrivals, change.arrivals, base.arrivals)
    )
    with np.errstate(invalid="ignore"):
        gap, before = np.diff(times, axis=-1), np.diff(usual, axis=-1)
    # inputs that come together stay together
    applies = np.isfinite(gap) & np.isfinite(before) & (before != 0)
    found = _plain(np.where(applies, gap, np.inf), np.where(applies, np.diff(slopes, axis=-1), 0.0))
    return found._replace(is_signed=True)
