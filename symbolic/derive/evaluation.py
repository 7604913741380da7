"""Is a formula right, and does double precision keep its digits? Measured at points, against independent quadrature."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from ..errors import DerivationError

#: Relative error that counts as zero, of 25 digits asked for; that of quadrature; that of double precision.
EXACT, QUADRATURE, ACCURATE = mpmath.mpf(10) ** -25, mpmath.mpf(10) ** -9, 1e-12
_UNIT, _TINY, _HUGE = 2.3e-16, 1e-300, 1e300
#: Potentials are tried up to 1e8, and exponentials of them up to `exp(300)`.
_REACH, _EXPONENTIAL_REACH = 8.0, 300.0


def precise(arguments: Sequence[Any], expression: Any, digits: int) -> Callable[..., Any]:
    """Turn an expression into a function evaluated with many digits.

    The function raises `DerivationError` where the value is complex or undefined.
    """
    function = sp.lambdify(list(arguments), expression, "mpmath")

    def evaluate(*values: Any) -> Any:
        with mpmath.workdps(digits):
            try:
                value = mpmath.mpmathify(
                    function(*(mpmath.mpf(v) if not isinstance(v, mpmath.mpf) else v for v in values))
                )
            except (ZeroDivisionError, ValueError, OverflowError, TypeError, AttributeError, NameError) as error:
                raise DerivationError(f"{expression} has no value: {error}") from error
            if isinstance(value, mpmath.mpc):
                if abs(value.imag) > EXACT * (1 + abs(value.real)):
                    raise DerivationError(f"{expression} is complex")
                value = value.real
            if mpmath.isnan(value):
                raise DerivationError(f"{expression} is undefined")
            return value

    return evaluate


def digits_for(field: Any, potential: Any) -> int:
    """How many digits tell formulas apart at the largest potentials that are tried."""
    return 100 if field.is_algebraic_expr(potential) else 400


def samples(low: Any, high: Any, field: Any, potential: Any) -> list[float]:
    """Numbers between two places (numbers or infinite), close to both and far out, in ascending order."""
    low, high = float(low), float(high)
    reach = _reach(field, potential)
    far = [10**k * 1.37 for k in np.arange(-8, reach + 0.01, 0.4)]
    if np.isinf(low) and np.isinf(high):
        found = [*(-place for place in far), *far]
    elif np.isinf(high) or np.isinf(low):
        found = [low + place for place in far] if np.isinf(high) else [high - place for place in far]
    else:
        near = [10**k * 0.43 for k in np.arange(-8, 0.01, 0.5)]
        found = [low + (high - low) * part for part in near] + [high - (high - low) * part for part in near]
    return sorted({place for place in found if low < place < high})


def _reach(field: Any, potential: Any) -> float:
    unit = unit_of(field, potential)
    return _REACH if unit == 0 else float(np.log10(_EXPONENTIAL_REACH * unit))


def unit_of(field: Any, potential: Any) -> float:
    """The change of the potential that matters to the steepest exponential of a field; 0 if it has none."""
    if field.is_algebraic_expr(potential):
        return 0.0
    slopes = [sp.diff(e.exp, potential) for e in field.rewrite(sp.exp).atoms(sp.exp)]
    return 1 / max([abs(float(slope)) for slope in slopes if slope.is_number and slope != 0], default=1.0)


def some(places: Sequence[Any], count: int) -> list[Any]:
    """Return a few of many, spread evenly and without the ends."""
    step = max(len(places) // count, 1)
    return list(places[step // 2 :: step])


def double(arguments: Sequence[Any], expression: Any, places: Sequence[Sequence[float]]) -> np.ndarray | None:
    """Values of an expression in double precision; None if NumPy cannot evaluate it."""
    try:
        function = sp.lambdify(list(arguments), expression, "numpy")
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            columns = [np.array(column, float) for column in zip(*places, strict=True)]
            return np.broadcast_to(np.asarray(function(*columns), float), (len(places),))
    except (NameError, TypeError, AttributeError, ValueError, SyntaxError, KeyError):
        return None


def keeps_digits(values: np.ndarray, truths: Sequence[Any], allowances: Sequence[float]) -> np.ndarray:
    """Where values in double precision are right to 12 digits, or to what rounding their arguments allows."""
    right = []
    for value, truth, allowance in zip(values.tolist(), truths, allowances, strict=True):
        if abs(truth) > _HUGE:
            right.append(abs(value) >= _HUGE / 1e10)
        else:
            right.append(abs(value - float(truth)) <= ACCURATE * abs(float(truth)) + 8 * _UNIT * allowance + _TINY)
    return np.array(right, bool)


def quadrature(field: Callable[..., Any], start: Any, end: Any, knots: Sequence[Any] = ()) -> Any:
    """`integral of 1/field` from one place to another, numerically."""
    with mpmath.workdps(25):
        ends = [mpmath.mpf(start), *(mpmath.mpf(knot) for knot in knots if start < knot < end)]
        if end == mpmath.inf:
            ends += [mpmath.mpf(ends[-1]) + step for step in (1, 8)]
        return mpmath.quad(lambda place: 1 / field(place), [*ends, end])
