"""Units of time: how many of one unit make one of another."""

import re
from fractions import Fraction

#: Seconds in a unit, exactly.
_SECONDS = {
    "s": Fraction(1), "ms": Fraction(1, 10**3), "us": Fraction(1, 10**6), "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6), "ns": Fraction(1, 10**9), "min": Fraction(60), "h": Fraction(3600),
}  # fmt: skip
#: The usual unit of time constants in neuroscience.
MILLISECONDS = "ms"


def time_factor(unit: str | float | None, to: str | float) -> float:
    """Return the factor that converts times from one unit to another; 1 if no unit is given.

    Args:
        unit: The unit of the numbers: text such as `"us"` or `"0.5 ms"`, or a number of units of the result.
        to: The unit of the result, text as well.

    Raises:
        ValueError: if a unit is unknown or not positive, or only `to` is given.

    Example:
        >>> time_factor("s", "ms"), time_factor("ms", "20 ms"), time_factor(1000, "ms"), time_factor(None, "ms")
        (1000.0, 0.05, 1000.0, 1.0)
    """
    if not isinstance(unit, str) and to != MILLISECONDS:
        raise ValueError(
            f"to is {to!r}, but has a meaning only with the unit of the given times as text, as in unit='s'"
        )
    if unit is None:
        return 1.0
    if isinstance(unit, str):
        return float(_seconds("unit", unit) / _seconds("to", to))
    if isinstance(unit, bool) or not 0 < unit < float("inf"):
        raise ValueError(f"unit is {unit!r}, but must be a unit of time such as 'ms', or a positive number")
    return float(unit)


def _seconds(name: str, text: str | float) -> Fraction:
    """Return a duration such as `"ms"` or `"20 ms"` in seconds."""
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)?\s*(\S+)\s*", text) if isinstance(text, str) else None
    if found is None or found[2] not in _SECONDS or (number := Fraction(found[1] or 1)) == 0:
        raise ValueError(
            f"{name} is {text!r}, but must be one of {', '.join(map(repr, _SECONDS))}, with or without a positive "
            "number before it, as in '20 ms'"
        )
    return number * _SECONDS[found[2]]
