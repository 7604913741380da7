"""Signs and zeros of expressions in parameters, at the values that a model declares for all its neurons."""

from typing import Any

import sympy as sp

from ..algebra import nodes, sign
from ..declare import NeuronModel

_MAX_ROWS, _MOST_NODES = 8, 60
Row = dict[Any, Any]


def value_rows(model: NeuronModel) -> list[Row]:
    """Parameter values that decide signs: those of the first and the extreme neurons; 1 where open."""
    values = dict(model.parameters)
    single = {symbol: sp.Integer(1) if value is None else value for symbol, value in values.items()}
    several: dict[Any, tuple[Any, ...]] = {
        symbol: tuple(value) for symbol, value in values.items() if isinstance(value, sp.Tuple)
    }
    if not several:
        return [single]
    count = len(next(iter(several.values())))
    chosen = {0, 1 % count, *(column.index(pick(column)) for column in several.values() for pick in (min, max))}
    return [single | {s: column[row] for s, column in several.items()} for row in sorted(chosen)[:_MAX_ROWS]]


def all_rows(model: NeuronModel) -> list[Row]:
    """The values of the parameters that have one, for every neuron."""
    several = {symbol: value for symbol, value in model.values.items() if isinstance(value, sp.Tuple)}
    count = max((len(value) for value in several.values()), default=1)
    return [model.scalar_values | {symbol: value[row] for symbol, value in several.items()} for row in range(count)]


def declared_sign(model: NeuronModel, expression: Any) -> int | None:
    """The sign that an expression has for all neurons; None if they differ, or it hangs on what has no value.

    Example:
        >>> from symbolic import models
        >>> model = models.qif(tau_m=(1, 2))
        >>> tau_m, tau_s = model.parameters
        >>> declared_sign(model, tau_m - tau_s), declared_sign(model, tau_m - 1), declared_sign(model, model.variable)
        (1, None, None)
    """
    expression = sp.sympify(expression)
    if expression.free_symbols <= model.values.keys():
        signs = {sign(expression, row) for row in all_rows(model)}
        return signs.pop() if len(signs) == 1 else None
    if nodes(expression, _MOST_NODES) > _MOST_NODES:
        return None
    return 1 if expression.is_positive else -1 if expression.is_negative else 0 if expression.is_zero else None


def signed_symbols(model: NeuronModel) -> dict[Any, Any]:
    """Symbols that have the sign of the declared values: what SymPy needs to take roots."""
    rows, symbols = value_rows(model), {}
    for symbol in model.parameters:
        signs = {sign(row[symbol]) for row in rows}
        if signs == {1} and (model.parameters[symbol] is not None or symbol.is_positive):
            symbols[symbol] = sp.Symbol(symbol.name, positive=True)
        elif signs == {-1}:
            symbols[symbol] = -sp.Symbol(symbol.name, positive=True)
        else:
            symbols[symbol] = sp.Symbol(symbol.name, real=True)
    return symbols


def signed_rows(model: NeuronModel, symbols: dict[Any, Any]) -> list[Row]:
    """The values of `value_rows`, of the symbols that stand for the parameters."""
    return [
        {next(iter(inner.free_symbols)): row[symbol] if inner.is_Symbol else -row[symbol]
         for symbol, inner in symbols.items() if inner.free_symbols}
        for row in value_rows(model)
    ]  # fmt: skip


def unsigned(expression: Any, symbols: dict[Any, Any], others: dict[Any, Any]) -> Any:
    """Write an expression in the parameters again."""
    back = dict(others)
    for symbol, inner in symbols.items():
        if inner.free_symbols:
            (stand_in,) = inner.free_symbols
            back[stand_in] = symbol if inner == stand_in else -symbol
    return sp.sympify(expression).subs(back, simultaneous=True)
