"""What steps a population in time: one step of the declared equations, its threshold and its reset."""

from abc import abstractmethod
from collections.abc import Mapping

import equinox as eqx
from jaxtyping import Array, Float

Neurons = Float[Array, "..."]
States = dict[str, Neurons]


class AbstractStepper(eqx.Module):
    """A population between two instants of a grid, in coordinates of its own by the names of states.

    Attributes:
        takes_inputs_first: Whether an input can make a neuron spike at its own instant, so that the threshold is
            looked at after inputs, not before.
        spikes: Whether it spikes; a readout does not.
        holding: For how many steps the spiking variable is held after a spike; None for no refractory time.
    """

    takes_inputs_first: eqx.AbstractVar[bool]
    spikes: eqx.AbstractVar[bool]
    holding: eqx.AbstractVar[Neurons | None]

    @abstractmethod
    def start(self, values: Mapping[str, Neurons]) -> States:
        """Turn values of all declared states into coordinates."""

    @abstractmethod
    def step(self, states: States, is_held: Array | None) -> States:
        """Move by one step, the spiking variable of those that are held excepted."""

    @abstractmethod
    def jump(self, states: States, weights: Mapping[str, Neurons], is_held: Array | None) -> States:
        """Return the states after inputs of these weights, one sum for each route."""

    @abstractmethod
    def distance(self, states: States) -> Neurons:
        """Return the distance from the threshold, in units of that from reset to threshold; positive above it."""

    @abstractmethod
    def count(self, states: States, distance: Neurons) -> Neurons:
        """Return how many spikes a neuron has emitted in the step before."""

    @abstractmethod
    def reset(self, states: States, spikes: Neurons, resetting: Neurons) -> States:
        """Return the states after spikes; their derivative by the spikes is that by `resetting`."""

    @abstractmethod
    def declared(self, states: States) -> States:
        """Return the declared states by name."""
