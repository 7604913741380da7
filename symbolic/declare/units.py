"""Quantities with units as text, such as "20 ms": numbers in one system of units, and dimensions to be checked.

Everything is converted when it is declared: time to ms, potentials to mV, currents to nA, and with them resistances to
MOhm, capacitances to nF, conductances to uS and charges to pC; lengths to um, amounts to amol (concentrations to mM),
temperatures to K. These fit together: no factors are left in equations.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy as sp

from ..errors import ModelError

_QUANTITY = re.compile(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*([A-Za-zµμΩ°].*?)\s*")
_UNIT = re.compile(r"[A-Za-z0-9_µμΩ°*/^() .\-]+")

#: Stand for the units of the system; a dimension is a sum of multiples of them.
MV, MS, NA, UM, AMOL, KELVIN = (sp.Symbol(name) for name in ("mV", "ms", "nA", "um", "amol", "K"))
#: The unit of every derived quantity that has a name of its own.
_NAMED = {MV - NA: "MOhm", NA + MS - MV: "nF", NA - MV: "uS", NA + MS: "pC", AMOL - 3 * UM: "mM", -MS: "1/ms"}
_NO_DIMENSION = sp.Integer(0)


def is_quantity(value: Any) -> bool:
    """Tell whether text is a number with a unit.

    Example:
        >>> is_quantity("20 ms"), is_quantity("1/3"), is_quantity("tau_m")
        (True, False, False)
    """
    return isinstance(value, str) and _QUANTITY.fullmatch(value) is not None


def quantity(text: str, where: str) -> tuple[sp.Rational, sp.Expr]:
    """Return the number that a quantity is in the system of units, and its dimension.

    Raises:
        ImportError: if pint, which knows the units, is not installed.
        ModelError: if the unit is unknown, or cannot be used.
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ModelError(f"{where}: expected a number and a unit, such as '20 ms', got {text!r}")
    factor, dimension = unit(found[2], where)
    return sp.Rational(found[1]) * factor, dimension


@lru_cache(maxsize=1024)
def unit(text: str, where: str) -> tuple[sp.Rational, sp.Expr]:
    """Return how many of the system's unit make a unit, and its dimension."""
    registry = _registry()
    if not _UNIT.fullmatch(text):
        raise ModelError(f"{where}: {text!r} is not a unit; write one such as 'ms', 'mV' or 'nS/um**2'")
    try:
        one = registry.Quantity(Fraction(1), registry.parse_units(text.replace("Ohm", "ohm")))
        base = one.to_base_units()
        powers = {name: Fraction(power) for name, power in base.dimensionality.items()}
        _ = 2 * one  # refuses a scale with an offset, such as degC
    except Exception as error:  # pint raises anything on text that is no unit
        raise ModelError(
            f"{where}: {text!r} is not a unit that can be used ({error}); write one such as 'ms'"
        ) from None
    known = {f"[{name}]" for name in ("mass", "length", "time", "current", "temperature", "substance")}
    if unknown := sorted(set(powers) - known):
        raise ModelError(f"{where}: the unit {text!r} has the dimension {unknown[0]}, of which no neuron is made")
    mass, length, time, current, temperature, substance = (
        sp.Rational(powers.get(f"[{name}]", 0))
        for name in ("mass", "length", "time", "current", "temperature", "substance")
    )
    # a potential is mass length^2 / (current time^3)
    dimension = (
        mass * MV + (time + 3 * mass) * MS + (current + mass) * NA + (length - 2 * mass) * UM + substance * AMOL
        + temperature * KELVIN
    )  # fmt: skip
    size: Any = sp.Rational(Fraction(base.magnitude)) / _size(dimension)
    return size, dimension


def _size(dimension: sp.Expr) -> sp.Expr:
    """The unit of a dimension in SI units."""
    ten = sp.Integer(10)
    sizes = {MV: ten**-3, MS: ten**-3, NA: ten**-9, UM: ten**-6, AMOL: ten**-18, KELVIN: sp.Integer(1)}
    return sp.Mul(*(size ** dimension.coeff(symbol) for symbol, size in sizes.items()))


@lru_cache(maxsize=1)
def _registry() -> Any:
    try:
        import pint
    except ImportError as error:
        raise ImportError('quantities such as "20 ms" need pint; run pip install "smoothspike[units]"') from error
    exactly: Any = Fraction
    registry = pint.UnitRegistry(non_int_type=exactly)
    registry.default_system = "SI"
    return registry


def in_words(dimension: Any) -> str:
    """Write a dimension as its unit."""
    if dimension == 0:
        return "no unit"
    if dimension in _NAMED:
        return _NAMED[dimension]
    powers = {symbol: dimension.coeff(symbol) for symbol in (MV, NA, UM, AMOL, KELVIN, MS)}
    above = "*".join(_power(symbol, power) for symbol, power in powers.items() if power > 0)
    below = "".join(f"/{_power(symbol, -power)}" for symbol, power in powers.items() if power < 0)
    return (above or "1") + below


def _power(symbol: sp.Symbol, power: Any) -> str:
    return symbol.name if power == 1 else f"{symbol.name}**{power if power.is_Integer else f'({power})'}"
