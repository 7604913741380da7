"""What a population goes through from input to input."""

from typing import NamedTuple

from jaxtyping import Array, Int

from ..neurons import State


class Passage(NamedTuple):
    """What a population went through.

    Attributes:
        states: At the start of every interval, or of every segment if not all are kept; None where they were not asked
            for.
        end: The states after the last input.
        at_spikes: The states at the starts of the intervals of the first spikes of every neuron.
        place: Which intervals these are.
        spiked: How many spikes every neuron has had.
        upto: The same at the end of every interval, where all states are kept in one segment.
    """

    states: State
    end: State
    at_spikes: State
    place: Int[Array, "most neurons *trials"]
    spiked: Int[Array, " neurons *trials"]
    upto: Int[Array, "inputs neurons *trials"] | None = None
