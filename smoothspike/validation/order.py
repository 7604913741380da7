"""The order of a bend: which power of a delay, on either side of a meeting, no smooth function of the delay has."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

#: Delays on either side, in units of the natural time: each is half the one before.
DELAYS = 2.0 ** -np.arange(6.0, 21.0)
_ROUNDING = 5e-14  # of a spike time
_VISIBLE = 1e5  # times rounding: smaller effects have too few digits to see a bend in them
_WINDOW, _STEADY = 4, 0.1
_WHOLE = 0.06


class Order(NamedTuple):
    """What two sides of a meeting have in common.

    Attributes:
        power: The least power of the delay that no smooth function has: 1 for a kink, 2 where the second derivative
            jumps, 4/3 or 1/2 for roots; `inf` if none was seen, NaN if nothing could be measured.
        resolved: Up to which power it was looked for: 2, 3 or 4; 0 if nothing could be measured.
    """

    power: float
    resolved: float


def order(after: Float[np.ndarray, " delays"], before: Float[np.ndarray, " delays"]) -> Order:
    """Compare what happens at delays after a meeting and as long before it, the longest first, as in `DELAYS`.

    A smooth function is a series of whole powers, odd ones in the difference of both sides and even ones in their sum.
    Combinations of neighbouring delays remove the constant, the linear and the quadratic term: what is left of a smooth
    function falls like the third power in the difference and like the fourth in the sum.

    Example:
        >>> order(DELAYS + DELAYS**2, -DELAYS + 2 * DELAYS**2).power.__round__(3)
        2.0
        >>> order(np.sin(DELAYS), np.sin(-DELAYS)).power, order(np.exp(DELAYS), np.exp(-DELAYS)).resolved >= 3
        (inf, True)
    """
    both, difference = after + before, after - before
    if not np.isfinite(both).all():
        return Order(np.nan, 0)
    rounding = _ROUNDING * np.abs([after, before]).max()
    if max(np.ptp(after), np.ptp(before), np.abs(difference).max()) <= _VISIBLE * rounding:
        return Order(np.nan, 0)
    even = both[:-1] - both[1:]
    odd = difference[:-1] - 2 * difference[1:]
    higher = even[:-1] - 4 * even[1:]
    powers = [_power(part, rounding) for part in (even, odd, higher)]
    singular = [power for power, parity in zip(powers, (0, 1, 0), strict=True) if not _is_smooth(power, parity)]
    known = [power for power in singular if not np.isnan(power)]
    if known:
        return Order(min(known), min(known))
    missing = [bool(np.isnan(power)) for power in powers]
    if missing[0]:
        return Order(np.nan, 0)
    return Order(np.inf, 2 if missing[1] else 3 if missing[2] else 4)


def _is_smooth(power: float, parity: int) -> bool:
    """Whether a power is one that a smooth function has in its even (0) or odd (1) part; `inf` stands for nothing."""
    whole = round(power) if np.isfinite(power) else power
    return power == np.inf or bool(abs(power - whole) < _WHOLE and whole % 2 == parity and whole >= 2)


def _power(part: np.ndarray, rounding: float) -> float:
    """The power at the smallest delays at which it is steady; `inf` for nothing but rounding, NaN if there is none."""
    size = np.abs(part)
    if size.max() <= 10 * rounding:
        return np.inf
    lost = np.flatnonzero(size <= rounding)
    size = size[: lost[0]] if len(lost) else size
    slopes = np.log2(size[:-1] / size[1:])
    for end in range(len(slopes), _WINDOW - 1, -1):
        window = slopes[end - _WINDOW : end]
        if np.ptp(window) < _STEADY:
            return float(np.median(window))
    return np.nan
