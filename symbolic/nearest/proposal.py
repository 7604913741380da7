"""`ContinuousProposal`: a model with its agreements with, and differences from, the original."""

from dataclasses import dataclass, fields
from typing import Any

import sympy as sp

from ..declare import NeuronModel

_READABLE = 14


@dataclass(frozen=True)
class Match:
    """A quantity that is the same in both models.

    Attributes:
        quantity: What it is.
        value: Its value, or one per neuron.
        unit: What it is measured in.
    """

    quantity: str
    value: sp.Expr | sp.Tuple
    unit: str

    def __str__(self) -> str:
        return f"{self.quantity} {shown(self.value)} ({self.unit})"


@dataclass(frozen=True, init=False, repr=False)
class ContinuousProposal(NeuronModel):
    """A model that is proposed in place of another one, with what was matched and what differs.

    It is declared, verified, derived and run like any model. With other parameter values (`with_parameters`) it becomes
    a plain `NeuronModel`, since what was matched need not be the same any more.

    Attributes:
        original: The model that it stands in for.
        matched: What is the same in both.
        differs: What is not, in sentences.
    """

    original: NeuronModel
    matched: tuple[Match, ...]
    differs: tuple[str, ...]

    def __init__(
        self, model: NeuronModel, original: NeuronModel, matched: tuple[Match, ...], differs: tuple[str, ...]
    ) -> None:
        declared = {field.name: getattr(model, field.name) for field in fields(NeuronModel)}
        for name, value in (declared | {"original": original, "matched": matched, "differs": differs}).items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        lines = [super().__repr__().partition("\n  parameters: ")[0]]
        lines += ["  parameters: " + ", ".join(f"{name} = {shown(value)}" for name, value in self.parameters.items())]
        lines += [f"  the same as in {self.original.name}:"]
        lines += [f"    {match}" for match in self.matched]
        lines += ["  different:", *(f"    {difference}" for difference in self.differs)]
        return "\n".join(lines)


def shown(value: Any) -> str:
    """Write a number so that it can be read; many numbers as the range that they span."""
    if value is None:
        return "open"
    if isinstance(value, sp.Tuple):
        numbers: Any = set(value)
        distinct = sorted(numbers, key=float)
        return shown(distinct[0]) if len(distinct) == 1 else f"{shown(distinct[0])} to {shown(distinct[-1])}"
    value = sp.sympify(value)
    words = str(value)
    if not value.is_number or (len(words) <= _READABLE and value.is_Rational) or value.is_infinite:
        return words
    return f"{float(value):.6g}"
