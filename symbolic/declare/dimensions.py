"""Dimensional analysis of a declaration: what is known is checked, what is not is found from the equations."""

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from ..errors import ModelError
from .declaration import Declaration
from .rules import weight
from .units import MS, in_words

_ZERO = sp.Integer(0)


class _Mismatch(Exception):
    """A part of an expression that does not fit, and what it would have to be."""

    def __init__(self, part: Any, found: Any, wanted: Any) -> None:
        super().__init__()
        self.part, self.found, self.wanted = part, found, wanted


class Dimensions:
    """The dimensions of all symbols; those that are not known are symbols themselves.

    Args:
        known: What is known.
        unknown: The symbols whose dimension is to be found.
        plain: Symbols whose values are plain numbers, which an error names.
    """

    def __init__(self, known: Mapping[Any, Any], unknown: Any, plain: Iterable[Any] = ()) -> None:
        self._plain_ones = tuple(plain)
        self._of = dict(known) | {symbol: sp.Dummy(symbol.name) for symbol in unknown if symbol not in known}
        self._found: dict[Any, Any] = {}

    def __getitem__(self, symbol: Any) -> Any:
        return self._solved(self._of.get(symbol, _ZERO))

    def require(self, expression: Any, wanted: Any, where: str) -> None:
        """Check that an expression has a dimension.

        Raises:
            ModelError: if it has not; it names the term.
        """
        try:
            for term in sp.Add.make_args(expression):
                found = self._of_expression(term)
                if found is not None:
                    self._equate(term, found, wanted)
        except _Mismatch as wrong:
            found, wanted = (in_words(self._known(each)) for each in (wrong.found, wrong.wanted))
            raise ModelError(
                f"{where}: the term {wrong.part} has {_a(found)}, but must have {_a(wanted)}; "
                f"a number has no unit: give it a name, and a value such as '1 mV'{self._suspects}"
            ) from None

    @property
    def _suspects(self) -> str:
        if not self._plain_ones:
            return ""
        names = ", ".join(map(str, self._plain_ones))
        return f". Without a unit are now {names}: was one meant to have one?"

    def _of_expression(self, expression: Any) -> Any:
        """The dimension of an expression; None for 0, which has any."""
        if expression == 0:
            return None
        if expression.is_Symbol:
            return self[expression]
        if expression.is_number:
            return _ZERO
        if expression.is_Add:
            return self._same(expression.args)
        if expression.is_Mul:
            parts = [self._of_expression(part) for part in expression.args]
            return None if None in parts else sp.Add(*parts)
        if expression.is_Pow and not isinstance(expression, sp.exp):
            return self._of_power(*expression.as_base_exp())
        if isinstance(expression, sp.Abs):
            return self._of_expression(expression.args[0])
        if isinstance(expression, sp.Piecewise):
            pieces: Any = expression.args
            for _, condition in pieces:
                for relation in condition.atoms(Relational):
                    self._same(relation.args)
            return self._same([value for value, _ in pieces])
        for argument in expression.args:
            self._plain(argument)
        return _ZERO

    def _of_power(self, base: Any, exponent: Any) -> Any:
        self._plain(exponent)
        found = self._of_expression(base)
        if exponent.is_number or found is None:
            return None if found is None else exponent * found
        self._plain(base)
        return _ZERO

    def _plain(self, argument: Any) -> None:
        found = self._of_expression(argument)
        if found is not None:
            self._equate(argument, found, _ZERO)

    def _same(self, parts: Any) -> Any:
        wanted = None
        for part in sorted(parts, key=lambda part: bool(part.is_number)):
            found = self._of_expression(part)
            if found is not None and wanted is None:
                wanted = found
            elif found is not None:
                self._equate(part, found, wanted)
        return None if wanted is None else self._solved(wanted)

    def _equate(self, part: Any, found: Any, wanted: Any) -> None:
        found, wanted = self._solved(found), self._solved(wanted)
        difference = sp.expand(found - wanted)
        open_ones = sorted(difference.atoms(sp.Dummy), key=str)
        if open_ones:
            self._found[open_ones[0]] = sp.solve(difference, open_ones[0])[0]
        elif difference != 0:
            raise _Mismatch(part, found, wanted)

    def _solved(self, dimension: Any) -> Any:
        for _ in self._found:
            if not dimension.atoms(sp.Dummy) & self._found.keys():
                break
            dimension = sp.expand(dimension.xreplace(self._found))
        return dimension

    def _known(self, dimension: Any) -> Any:
        """A dimension without what is not known of it."""
        return self._solved(dimension).xreplace(dict.fromkeys(dimension.atoms(sp.Dummy), _ZERO))


def _a(unit: str) -> str:
    return unit if unit == "no unit" else f"the unit {unit}"


def resolved(model: Declaration, known: Mapping[Any, Any]) -> dict[Any, str]:
    """Check the dimensions of a declaration, and return the unit of every symbol that has one.

    Args:
        model: The declaration, in numbers.
        known: The dimensions of symbols that are declared with units; other parameters with values have none.

    Raises:
        ModelError: if something does not fit; it names the term.
    """
    plain = {symbol: _ZERO for symbol in model.values if symbol not in known}
    symbols = [*model.states, *model.parameters, *model.currents]
    found = Dimensions(plain | dict(known), symbols, plain)
    for state, rate in model.dynamics.items():
        found.require(rate, found[state] - MS, f"d{state}/dt")
    if not model.is_readout:
        _of_variable(found, model.spike.threshold, found[model.variable], f"the threshold of {model.variable}")
    for state, value in model.reset.items():
        _of_variable(found, value, found[state], f"the reset of {state}")
    for state, value in model.initial.items():
        _of_variable(found, value, found[state], f"the initial value of {state}")
    for state, ends in model.bounds.items():
        for end in ends:
            _of_variable(found, end, found[state], f"the bounds of {state}")
    for route in model.routes:
        found._of[weight] = sp.Dummy("weight")
        for state, value in route.jump.items():
            found.require(value, found[state], f"input route {route.name!r}")
    if model.refractory is not None:
        _of_variable(found, model.refractory, MS, "refractory")
    units = {symbol: found[symbol] for symbol in symbols}
    return {symbol: in_words(each) for symbol, each in units.items() if each != 0 and not each.atoms(sp.Dummy)}


def _of_variable(found: Dimensions, value: Any, wanted: Any, where: str) -> None:
    """Check a value; a plain number has been converted, or is in the unit of its state."""
    if not value.is_number:
        found.require(value, wanted, where)
