"""What a search may choose from, in plain Python: ranges, logarithmic ranges, steps, choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FORMS = (
    "(low, high), (low, high, 'log') or (low, high, step) for a range, of whole numbers if both ends are; a list for "
    "choices; or a single value"
)
_KEYS = ("low", "high", "log", "step", "choices")
_PLAIN = bool | int | float | str | None


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included; whole ones if both ends are."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Space:
    """What a search chooses, and what is fixed.

    Attributes:
        free: Ranges and choices by name.
        fixed: Values by name.
    """

    free: dict[str, Range | Choices]
    fixed: dict[str, Any]

    def described(self) -> dict[str, str]:
        """Return a line for each name, by which the spaces of two calls are compared."""
        return {name: repr(part) for name, part in sorted((self.free | self.fixed).items())}

    def distributions(self) -> dict[str, Any]:
        """Return Optuna's distributions."""
        import optuna

        found: dict[str, Any] = {}
        for name, part in self.free.items():
            if isinstance(part, Choices):
                found[name] = optuna.distributions.CategoricalDistribution(part.values)
            elif part.is_whole:
                step = 1 if part.step is None else int(part.step)
                found[name] = optuna.distributions.IntDistribution(int(part.low), int(part.high), part.log, step)
            else:
                found[name] = optuna.distributions.FloatDistribution(part.low, part.high, part.log, part.step)
        return found


def as_space(space: Mapping[str, Any]) -> Space:
    """Read a space.

    Args:
        space: For each name `(low, high)`, `(low, high, "log")`, `(low, high, step)`, a list of choices, a single
            value, or a mapping with `low`, `high` and possibly `log` or `step`, or with `choices`.

    Raises:
        TypeError: if it is no mapping from names, or an entry is of another form.
        ValueError: if a range is empty, or logarithmic with an end that is not positive.

    Example:
        >>> found = as_space({"rate": (1e-4, 0.1, "log"), "size": (20, 200), "model": ["qif", "lif"], "tau": 0.5})
        >>> found.free["rate"], found.free["size"].is_whole, found.fixed
        (Range(low=0.0001, high=0.1, log=True, step=None), True, {'tau': 0.5})
    """
    if not isinstance(space, Mapping):
        raise TypeError(f"space is of type {type(space).__name__}, but must be a dict from names to {_FORMS}")
    free: dict[str, Range | Choices] = {}
    fixed: dict[str, Any] = {}
    for name, given in space.items():
        if not isinstance(name, str):
            raise TypeError(f"space has the name {name!r}, but names must be text")
        part = _part(name, given)
        if isinstance(part, Range | Choices):
            free[name] = part
        else:
            fixed[name] = part
    return Space(free, fixed)


def _part(name: str, given: Any) -> Any:
    if isinstance(given, Range | Choices | _PLAIN):
        return given
    if isinstance(given, Mapping):
        return _from_keys(name, given)
    if isinstance(given, list):
        return _choices(name, given)
    if isinstance(given, tuple) and 2 <= len(given) <= 3:
        low, high, *more = given
        if not more:
            return _range(name, low, high)
        return _range(name, low, high, log=True) if more[0] == "log" else _range(name, low, high, step=more[0])
    raise TypeError(f"space[{name!r}] is {given!r}, but must be {_FORMS}")


def _from_keys(name: str, given: Mapping[str, Any]) -> Range | Choices:
    unknown = [key for key in given if key not in _KEYS]
    is_choice = set(given) == {"choices"}
    if unknown or not (is_choice or {"low", "high"} <= set(given)) or ("choices" in given and not is_choice):
        raise TypeError(
            f"space[{name!r}] is {dict(given)!r}, but must have low and high, with log or step; or choices alone"
        )
    if is_choice:
        return _choices(name, given["choices"])
    return _range(name, given["low"], given["high"], log=given.get("log", False), step=given.get("step"))


def _choices(name: str, values: Any) -> Choices:
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise TypeError(f"space[{name!r}]: choices are {values!r}, but must be a list of at least one value")
    for value in values:
        if not isinstance(value, _PLAIN):
            raise TypeError(
                f"space[{name!r}] has the choice {value!r}, but choices must be numbers, text, True, False or None; "
                "use names, and look up what they stand for"
            )
    return Choices(tuple(values))


def _range(name: str, low: Any, high: Any, *, log: Any = False, step: Any = None) -> Range:
    for end in (low, high, *(() if step is None else (step,))):
        if not isinstance(end, int | float) or isinstance(end, bool) or not abs(end) < float("inf"):
            raise TypeError(f"space[{name!r}] is a range of {end!r}, but must be of finite numbers: {_FORMS}")
    if not isinstance(log, bool):
        raise TypeError(f"space[{name!r}]: log is {log!r}, but must be True or False")
    found = Range(low, high, log, step) if isinstance(low, int) == isinstance(high, int) else None
    if found is None:
        found = Range(float(low), float(high), log, step)
    if not low < high:
        raise ValueError(f"space[{name!r}] is the range from {low} to {high}; the first must be less than the second")
    if log and (low <= 0 or step is not None):
        raise ValueError(f"space[{name!r}] is logarithmic: it must begin above 0, not at {low}, and have no step")
    if step is not None and (step <= 0 or (found.is_whole and not isinstance(step, int))):
        kind = "a positive whole number" if found.is_whole else "positive"
        raise ValueError(f"space[{name!r}] has steps of {step}, but they must be {kind}")
    return found
