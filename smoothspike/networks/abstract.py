"""`AbstractNetwork`: a chain of populations, run on batches of trials with as much capacity as their spikes need."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int

from .._checks import require_finite
from ..engine import Capacity
from ..spikes import Spikes
from . import _execute
from ._arguments import CapacityLike, Initial, States, given_capacities, initial_states, valid, valid_delays
from ._capacity import Capacities
from ._currents import Currents
from ._driven import driven_by_currents
from ._layer import Layer
from .recording import Recording


class AbstractNetwork(eqx.Module):
    """A chain of populations, each driven by the spikes of the one before.

    A network is a PyTree whose leaves are its parameters. It is run on one trial, or a batch of trials with leading
    axes, under `jax.jit`, `jax.grad` and `jax.vmap` as well as outside.
    """

    # the trial end; number of input channels, then of neurons in every population
    duration: eqx.AbstractVar[float]
    sizes: eqx.AbstractVar[tuple[int, ...]]

    #: What a call returns.
    records: ClassVar[type] = Recording

    @property
    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """Its populations, in their order."""

    def __call__(
        self,
        spikes: Spikes,
        *,
        initial: Initial | Sequence[Initial | None] | None = None,
        capacity: CapacityLike | None = None,
        currents: Currents | Sequence[Currents | None] | None = None,
    ) -> Recording:
        """Run one trial, or a batch of trials with leading axes.

        Args:
            spikes: The input. Inputs at or after the trial end do nothing.
            initial: Initial values of states by name, instead of the declared ones: for every population, or for the
                only one.
            capacity: The capacity of each population: one number, one for each, or what `capacity_for`
                returns. Static under `jax.jit`, where the default is the larger of 16 and twice the number of neurons,
                and 2 to 8 for each neuron of a layer without recurrent connections. Elsewhere it grows by itself.
            currents: `PiecewiseConstant` or `PiecewiseLinear` by the names of declared currents, for the only
                population that declares such a current, or a mapping (or None) for every population. One that is not
                given is 0. Leading axes are those of the spikes.

        Raises:
            ValueError: if sources are out of range, times negative or NaN, or initial values or currents do not fit; if
                a delay has become negative or infinite.
            RuntimeError: under `jax.jit`, for the same, or if a population emits more spikes than its capacity.
        """
        if is_constant(self, spikes):
            return self  # pyright: ignore[reportReturnType]
        states = self.states(initial)
        spikes = valid_delays(self, valid(self, spikes))
        for layer in self.layers:
            for name, values in layer.weights.items():
                require_finite(name, values)
        network, spikes, batch = driven_by_currents(self, currents, spikes)
        recording = _execute.run(network, spikes, states, given_capacities(network, capacity))
        return (
            recording if batch is None else jax.tree.map(lambda leaf: leaf.reshape(*batch, *leaf.shape[1:]), recording)
        )

    def first_spike_times(
        self, spikes: Spikes, *, currents: Currents | Sequence[Currents | None] | None = None
    ) -> Float[Array, "*batch neurons"]:
        """Return the first spike times of the last population, pseudospikes included: always finite."""
        return self(spikes, currents=currents).first_spike_times()

    def capacity_for(
        self, spikes: Spikes, *, currents: Currents | Sequence[Currents | None] | None = None
    ) -> tuple[Capacity, ...]:
        """Return the capacity that these inputs need and a quarter more, to be passed as `capacity` under `jax.jit`.

        All capacity takes time, whether or not spikes fill it.
        """
        network, spikes, _ = driven_by_currents(self, currents, valid_delays(self, valid(self, spikes)))
        return _execute.capacity_for(network, spikes, self.states(None))

    def simulated(
        self, spikes: Spikes, capacities: Capacities, currents: Any = None
    ) -> tuple[Any, Int[Array, "*batch layers 2"]]:
        """Run without raising where spikes do not fit; see `simulate`."""
        return _execute.simulated(self, spikes, capacities, currents)

    def states(self, initial: Initial | Sequence[Initial | None] | None) -> States:
        """Return initial values of all states of every population."""
        layers = self.layers
        given = (None,) * len(layers) if initial is None else initial
        given = (given,) if isinstance(given, Mapping) else tuple(given)
        if len(given) != len(layers):
            raise ValueError(f"initial: {len(given)} entries for {len(layers)} layers; pass one for each, or None")
        return tuple(
            initial_states(layer.neuron, layer.size, values) for layer, values in zip(layers, given, strict=True)
        )


def require_exact(network: Any, what: str) -> None:
    """Refuse a network that is stepped in time where an exact one is asked for."""
    if isinstance(network, AbstractNetwork) and network.records is not Recording:
        raise TypeError(f"{what} takes an exact network, not a {type(network).__name__}: pass its attribute network")


def is_constant(labels: Any, parameters: Any) -> bool:
    """Whether a network is a tree of labels or masks, called with the parameters that it labels.

    optax takes whatever can be called for a function from parameters to labels; a network that holds labels in place of
    numbers is then a function that always returns itself.
    """
    return isinstance(parameters, type(labels)) and any(
        isinstance(leaf, str | bool | int) for leaf in jax.tree.leaves(labels)
    )
