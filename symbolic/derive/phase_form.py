"""The normal form of a neuron whose only state is its potential: time to spike, flow and what they rest on."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..declare import FrozenMapping

#: Time until the spike, in formulas that give the potential as a function of it.
until_spike = sp.Symbol("u", positive=True)

#: What was tried, and why it was refused.
Attempt = tuple[str, str]


@dataclass(frozen=True)
class PhaseForm:
    """A neuron that is described by one number, the time to its next spike without further input.

    Attributes:
        potential: The membrane potential `V`.
        field: Its time derivative.
        end: Where it spikes: a threshold, or `oo`.
        reset: Where it starts again: a potential, or `-oo`.
        circle: For a circle variable its reset and its threshold; `V` is the tangent of half its angle.
        jumps: For every input route, what it adds to `V`, an expression in `weight`.
        zeros: Where the field vanishes below the spike, in ascending order; None if they were not found.
        time_to_spike: Time to the spike as a function of `V`, `oo` where it never comes; None without a closed form.
        flow: The potential a time `t` later, as a function of `V`; valid until the spike. None without a closed form.
        phase_to_potential: The potential a time `u` before the spike; None without a closed form.
        period: Time from the reset to the spike, `oo` for never; None without a closed form.
        rheobase: The constant that must be added to the field for spikes without end; None if it was not found.
        is_global: Whether the field is positive everywhere below the spike, so that every state spikes; None if that
            is not known.
        is_accurate: Whether the formulas, evaluated in double precision, keep 12 digits (or as many as the potential
            itself determines) wherever they were tried. Where they do not, integrate numerically.
        fixed: Parameters whose values have been put in, because there is no formula for others.
        attempts: What was tried and why it was refused.
    """

    potential: sp.Symbol
    field: sp.Expr
    end: sp.Expr
    reset: sp.Expr
    circle: tuple[sp.Expr, sp.Expr] | None
    jumps: FrozenMapping[str, sp.Expr]
    zeros: tuple[sp.Expr, ...] | None = None
    time_to_spike: sp.Expr | None = None
    flow: sp.Expr | None = None
    phase_to_potential: sp.Expr | None = None
    period: sp.Expr | None = None
    rheobase: sp.Expr | None = None
    is_global: bool | None = None
    is_accurate: bool = False
    fixed: FrozenMapping[sp.Symbol, sp.Expr] = dataclasses.field(default_factory=lambda: FrozenMapping({}))
    attempts: tuple[Attempt, ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether time to spike and flow are closed forms."""
        return self.time_to_spike is not None and self.flow is not None

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """Every expression in the parameters alone."""
        own = (self.end, self.reset, *(self.circle or ()), *(self.zeros or ()))
        return tuple(e for e in (*own, self.period, self.rheobase) if e is not None)


@dataclass(frozen=True)
class Refusal:
    """There is no closed form for the time to spike.

    Attributes:
        reason: Why, in words.
        form: What is known nevertheless; a solver can integrate its field.
        attempts: What was tried and why it was refused.
    """

    reason: str
    form: PhaseForm
    attempts: tuple[Attempt, ...]

    def __str__(self) -> str:
        return self.reason


def described(attempts: tuple[Any, ...]) -> str:
    """Write attempts as a sentence.

    Example:
        >>> described((("the integral", "implicit"), ("numbers", "too slow")))
        'the integral: implicit; numbers: too slow'
    """
    return "; ".join(f"{what}: {why}" for what, why in attempts)
