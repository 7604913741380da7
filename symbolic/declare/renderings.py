"""A declaration as text and as LaTeX."""

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from ..typesetting import latex
from .declaration import Bounds, Declaration


def as_text(model: Declaration) -> str:
    """Return a declaration as lines of text."""
    lines = [f"{model.name}"]
    lines += [f"  d{state}/dt = {rate}" for state, rate in model.dynamics.items()]
    if model.is_readout:
        lines += [f"  no spikes: a readout of {model.variable}"]
    else:
        lines += [f"  spike: {model.spike}"]
        lines += ["  reset: " + ", ".join(f"{state} -> {value}" for state, value in model.reset.items())]
    if model.refractory is not None:
        lines += [f"  refractory: {model.variable} is held for a time {model.refractory} after a spike"]
    lines += [f"  input {route}" for route in model.routes]
    lines += [f"  current {symbol}: given at run time" for symbol in model.currents]
    if model.parameters:
        values = {symbol: "?" if value is None else value for symbol, value in model.parameters.items()}
        lines += ["  parameters: " + ", ".join(f"{symbol} = {value}" for symbol, value in values.items())]
    lines += ["  initial: " + ", ".join(f"{state} = {value}" for state, value in model.initial.items())]
    if model.bounds:
        lines += ["  bounds: " + ", ".join(_between(ends, str(s), "<=", str) for s, ends in model.bounds.items())]
    if model.units:
        lines += [
            "  units: " + ", ".join(f"{symbol} in {unit}" for symbol, unit in model.units.items()) + "; time in ms"
        ]
    return "\n".join(lines)


def as_latex(model: Declaration) -> str:
    """Return a declaration as LaTeX, for notebooks."""
    rows = [rf"\dot{{{latex(state)}}} &= {latex(rate)}" for state, rate in model.dynamics.items()]
    if not model.is_readout:
        changes = ", ".join(rf"{latex(state)} \to {latex(value)}" for state, value in model.reset.items())
        rows += [rf"\text{{spike}} &: {latex(model.variable)} = {latex(model.spike.threshold)}"]
        rows += [rf"\text{{reset}} &: {changes}"]
    if model.refractory is not None:
        rows += [rf"\text{{refractory}} &: {latex(model.refractory)}"]
    for route in model.routes:
        changes = ", ".join(rf"{latex(state)} \to {latex(value)}" for state, value in route.jump.items())
        # the name stands as a symbol, whatever letters it has
        name = "" if len(model.routes) == 1 else rf"\ {latex(sp.Symbol(route.name))}"
        rows += [rf"\text{{input}}{name} &: {changes}"]
    if model.currents:
        given = ", ".join(rf"{latex(symbol)} = {latex(symbol)}(t)" for symbol in model.currents)
        rows += [rf"\text{{currents}} &: {given}"]
    if model.parameters:
        rows += [r"\text{parameters} &: " + ", ".join(_equal(model.parameters))]
    rows += [r"\text{initial} &: " + ", ".join(_equal(model.initial))]
    if model.bounds:
        ranges = (_between(ends, latex(s), r"\le", latex) for s, ends in model.bounds.items())
        rows += [r"\text{bounds} &: " + ", ".join(ranges)]
    return "$\\begin{aligned}" + r"\\".join(rows) + "\\end{aligned}$"


def _equal(values: Mapping[Any, Any]) -> list[str]:
    return [latex(symbol) if value is None else latex(sp.Eq(symbol, value, evaluate=False))
            for symbol, value in values.items()]  # fmt: skip


def _between(ends: Bounds, what: str, sign: str, written: Callable[[Any], str]) -> str:
    low, high = (None if end.is_infinite else written(end) for end in ends)
    return f" {sign} ".join(part for part in (low, what, high) if part is not None)
