"""`Event`: a jump or kink of the loss of one sample along a line, and what causes it."""

from dataclasses import dataclass
from typing import Literal

#: What happens at an event along the line, in the direction of growing coordinates.
Kind = Literal["appearance", "disappearance", "order", "trial end", "unexplained"]


@dataclass(frozen=True)
class Event:
    """A jump or kink of the loss of one sample along a line.

    Attributes:
        place: The coordinate on the line.
        kind: `"appearance"` or `"disappearance"` of a spike in the middle of the trial, where the potential grazes the
            threshold; `"order"`, where a spike and an arrival at its neuron change places, which may make a spike
            appear or vanish, too; `"trial end"`, where a spike crosses the end of the trial; `"unexplained"`, where
            the pattern of spikes changes in another way.
        sample: The sample.
        values: The limits of its loss from below and above.
        gradients: The limits of the derivative of its loss along the line; infinite where a spike grazes.
        layer: The layer of the neuron.
        neuron: The neuron.
        spike: The number of its spike, from 0.
        source: The input channel or neuron whose spike arrives, None unless the order changes.
        time: When it happens in the trial.
    """

    place: float
    kind: Kind
    sample: int
    values: tuple[float, float]
    gradients: tuple[float, float]
    layer: int
    neuron: int
    spike: int
    source: int | None
    time: float
    is_jump: bool

    @property
    def size(self) -> float:
        """By how much the loss of the sample jumps; at a kink, by how much its derivative does."""
        low, high = self.values if self.is_jump else self.gradients
        return high - low
