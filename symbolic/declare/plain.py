"""The values of a declaration as plain numbers, where they are text with units."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from ..errors import ModelError
from .rules import SpikeRule
from .units import in_words, is_quantity, quantity, unit


class Plain:
    """Turns quantities into numbers, and remembers the dimensions of symbols.

    Args:
        units: Units of symbols whose values are plain numbers.

    Attributes:
        dimensions: Of symbols with units.
        is_used: Whether anything had a unit.
    """

    def __init__(self, units: Mapping[Any, Any]) -> None:
        if not isinstance(units, Mapping):
            raise ModelError(f"units: expected a dictionary from symbols to units such as 'mV', got {units!r}")
        self._factors: dict[Any, Any] = {}
        self.dimensions: dict[Any, Any] = {}
        for symbol, text in units.items():
            if not isinstance(text, str):
                raise ModelError(f"units of {symbol}: write text such as 'mV', not {text!r}")
            self._factors[symbol], self.dimensions[symbol] = unit(text, f"units of {symbol}")
        self.is_used = bool(units)

    def value(self, value: Any, where: str, dimension: Any = None, symbol: Any = None) -> Any:
        """Return a value as a number, if it is a quantity or that of a symbol with a unit."""
        if is_quantity(value):
            self.is_used = True
            number, found = quantity(value, where)
            known = self.dimensions.setdefault(symbol, found) if symbol is not None else dimension
            if known is not None and known != found:
                raise ModelError(f"{where}: {value!r} is in another unit than {in_words(known)}")
            return number
        if isinstance(value, (list, tuple)) and any(map(is_quantity, value)):
            return tuple(self.value(each, where, dimension, symbol) for each in value)
        factor = self._factors.get(symbol)
        return value if factor in (None, 1) or value is None else _scaled(value, factor)

    def mapping(self, given: Any, what: str) -> Any:
        """Return values by symbol as numbers; what is no dictionary is left as it is."""
        if not isinstance(given, Mapping):
            return given
        return {symbol: self.value(value, f"{what} {symbol}", symbol=symbol) for symbol, value in given.items()}

    def ranges(self, given: Any) -> Any:
        """Return ranges by symbol in numbers."""
        if not isinstance(given, Mapping):
            return given
        return {
            symbol: tuple(self.value(end, f"bounds {symbol}", symbol=symbol) for end in ends)
            if isinstance(ends, (list, tuple))
            else ends
            for symbol, ends in given.items()
        }

    def spike(self, rule: Any) -> Any:
        """Return a spike rule whose threshold is a number."""
        if not isinstance(rule, SpikeRule):
            return rule
        threshold = self.value(rule.threshold, "the spike threshold", symbol=rule.variable)
        return rule if threshold is rule.threshold else replace(rule, threshold=threshold)


def _scaled(value: Any, factor: Any) -> Any:
    """A number in another unit, as exact as it is written."""
    if isinstance(value, (list, tuple, sp.Tuple)):
        return tuple(_scaled(each, factor) for each in value)
    if hasattr(value, "tolist"):
        return _scaled(value.tolist(), factor)
    return (sp.Rational(repr(value)) if isinstance(value, float) else sp.sympify(value)) * factor
