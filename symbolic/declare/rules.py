"""Spike rules and input rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..errors import ModelError
from .frozen import FrozenMapping
from .sizes import require_size
from .units import is_quantity

#: Stands for the weight of an input spike inside `jump`.
weight = sp.Symbol("weight", real=True)


@dataclass(frozen=True)
class SpikeRule:
    """A spike is emitted when `variable` reaches `threshold` from below (`oo` for a spike at infinity)."""

    variable: sp.Symbol
    threshold: sp.Expr

    def __post_init__(self) -> None:
        _symbol(self.variable, "SpikeRule")
        if not is_quantity(self.threshold):  # which the model converts
            object.__setattr__(self, "threshold", exact(self.threshold, "the spike threshold"))

    @property
    def is_at_infinity(self) -> bool:
        """Whether the threshold lies at infinity."""
        return self.threshold is sp.oo

    def __str__(self) -> str:
        return f"{self.variable} = {self.threshold}"


@dataclass(frozen=True)
class InputRoute:
    """What an input spike on this route does: the new value of every state it changes, as functions of the old ones."""

    name: str
    jump: FrozenMapping[sp.Symbol, sp.Expr]

    @property
    def additive_target(self) -> sp.Symbol | None:
        """The one state to which the weight is simply added, or None for any other jump."""
        if len(self.jump) != 1:
            return None
        ((state, new_value),) = self.jump.items()
        return state if sp.expand(new_value - state - weight) == 0 else None

    @property
    def adds_up(self) -> bool:
        """Whether two inputs at one instant do the same as one input with the sum of their weights, as far as known."""
        if self.additive_target is not None:
            return True
        first, second = sp.symbols("first second", real=True)
        values: list[Any] = list(self.jump.values())
        after_first: Any = {state: value.subs(weight, first) for state, value in self.jump.items()}
        return all(
            sp.expand(
                value.subs(weight, second).subs(after_first, simultaneous=True) - value.subs(weight, first + second)
            ) == 0
            for value in values
        )  # fmt: skip

    def __str__(self) -> str:
        changes = ", ".join(f"{state} -> {new_value}" for state, new_value in self.jump.items())
        return f"{self.name}: {changes}"


@dataclass(frozen=True)
class Jump:
    """An input rule that is not a plain addition; made by `jump`."""

    changes: FrozenMapping[sp.Symbol, sp.Expr]


def at_infinity(variable: sp.Symbol) -> SpikeRule:
    """Declare that a neuron spikes when `variable` diverges to plus infinity.

    Raises:
        ModelError: if `variable` is not a SymPy symbol.

    Example:
        >>> at_infinity(sp.Symbol("V", real=True)).threshold
        oo
    """
    return SpikeRule(_symbol(variable, "at_infinity"), sp.oo)


def crosses(variable: sp.Symbol, threshold: Any) -> SpikeRule:
    """Declare that a neuron spikes when `variable` crosses `threshold` upwards.

    `threshold` is a number or an expression in parameters; for a circle variable it is the angle of the spike. It may
    depend on other states, too: a threshold that moves, such as one that each spike raises. It may be text with a unit.

    Raises:
        ModelError: if `variable` is not a SymPy symbol or `threshold` is infinite or not real.

    Example:
        >>> crosses(sp.Symbol("V", real=True), 1).threshold
        1
    """
    if is_quantity(threshold):
        return SpikeRule(_symbol(variable, "crosses"), threshold)
    level = exact(threshold, f"crosses({variable}, ...)")
    if level is sp.oo:
        raise ModelError(f"crosses({variable}, oo): write at_infinity({variable}) for a spike at infinity")
    if level.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I) or (level.is_number and level.is_real is False):
        raise ModelError(f"crosses({variable}, {level}): the threshold must be a finite real number or expression")
    return SpikeRule(_symbol(variable, "crosses"), level)


def jump(changes: Mapping[sp.Symbol, Any]) -> Jump:
    """Declare what an input spike does when it is not a plain addition: new state values as functions of the old.

    The weight of the input spike is written `smoothspike.weight`.

    Example:
        The theta neuron's input adds to `tan(theta/2)`, not to `theta`:

        >>> theta = sp.Symbol("theta", real=True)
        >>> jump({theta: 2 * sp.atan(sp.tan(theta / 2) + weight)}).changes
        {theta: 2*atan(weight + tan(theta/2))}
    """
    if not isinstance(changes, Mapping):
        raise ModelError(f"jump: expected a dictionary from states to new values, got {changes!r}")
    return Jump(
        FrozenMapping({_symbol(state, "jump"): exact(value, f"jump of {state}") for state, value in changes.items()})
    )


def exact(value: Any, where: str = "a declaration") -> sp.Expr:
    """Turn a number or expression into SymPy, decimal numbers into the fractions that they are written as."""
    try:
        expression = sp.sympify(value, strict=True)
    except (sp.SympifyError, TypeError, ValueError) as error:
        raise ModelError(_not_an_expression(value, where)) from error
    if not isinstance(expression, sp.Expr):
        raise ModelError(_not_an_expression(value, where))
    require_size(expression, where)
    # repr is the shortest decimal that gives the same double back, so no digit of the user's is lost
    finite: Any = {
        number: sp.Rational(repr(float(number))) for number in expression.atoms(sp.Float) if number.is_finite
    }
    rational: Any = expression.xreplace(finite)
    return rational


def _not_an_expression(value: Any, where: str) -> str:
    advice = "declare in text with NeuronModel.from_equations" if isinstance(value, str) else "write one"
    return f"{where}: {value!r} is not a number or SymPy expression; {advice}"


def _symbol(value: Any, where: str) -> sp.Symbol:
    if not isinstance(value, sp.Symbol):
        raise ModelError(f"{where}: expected a SymPy symbol, got {value!r}; write sp.Symbol('V', real=True)")
    return value
