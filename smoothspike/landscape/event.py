"""`Event`: a jump or kink of the loss of one sample along a line, and what causes it."""

from dataclasses import dataclass
from typing import Literal

#: What happens at an event along the line, in the direction of growing coordinates.
Kind = Literal["appearance", "disappearance", "order", "trial end"]


@dataclass(frozen=True)
class Event:
    """A jump or kink of the loss of one sample along a line.

    Attributes:
        place: The coordinate on the line.
        kind: `"appearance"` or `"disappearance"` of a spike in the middle of the trial, where the potential grazes the
            threshold; `"order"`, where a spike and an arrival at its neuron change places, which may make a spike
            appear or vanish, too; `"trial end"`, where a spike crosses the end of the trial.
        sample: The sample.
        values: The limits of its loss from below and above.
        gradients: The limits of the derivative of its loss along the line; infinite where a spike grazes.
        layer: The layer of the neuron.
        neuron: The neuron.
        spike: The number of its spike, from 0.
        source: What arrives, where the order changes, else None: an input channel or a neuron of the layer before; in a
            recurrent population, counted on from these, a neuron of its own. Where two arrivals change places, neuron
            and spike say nothing.
        time: When it happens in the trial.
        is_jump: Whether the loss jumps; else its derivative does.
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
