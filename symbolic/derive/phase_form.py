"""What is known of a neuron whose only state is its potential: formulas to read, beside the equation that is run."""

import dataclasses
from dataclasses import dataclass

import sympy as sp

from ..declare import FrozenMapping
from .forms import NumericForm


@dataclass(frozen=True)
class PhaseForm(NumericForm):
    """A neuron that is described by one number, the time to its next spike without further input.

    A network integrates the declared equation; the formulas of the derivation are to be read.

    Attributes:
        zeros: Where the field vanishes below the spike, in ascending order.
        is_global: Whether the field is positive everywhere below the spike, so that every state spikes.
        fixed: Parameters whose values have been put in, because there is no formula for others.
    """

    zeros: tuple[sp.Expr, ...] = ()
    is_global: bool = False
    fixed: FrozenMapping[sp.Symbol, sp.Expr] = dataclasses.field(default_factory=lambda: FrozenMapping({}))
