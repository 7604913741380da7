"""The interface between neuron dynamics and simulation."""

import functools
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..numerics.lift import AbstractLift, SquareplusLift

#: A PyTree of arrays with one entry per neuron, in coordinates in which nothing is ever infinite.
State = Any
Neurons = Float[Array, "*#neurons"]


_NO_SPIKES = "a readout emits no spikes"


class VoltageRange(NamedTuple):
    """The values between which the spiking variable runs from reset to spike.

    Attributes:
        variable: Its name.
        reset: Its value after a spike, `-inf` included.
        threshold: Its value at a spike, `inf` included.
        is_angle: Whether it lives on a circle, on which reset and threshold are the same point.
    """

    variable: str
    reset: Neurons
    threshold: Neurons
    is_angle: bool


class AbstractDynamics(eqx.Module):
    """How a population of neurons evolves between events, elementwise over neurons.

    Attributes:
        lift: What drives the neurons beyond the trial.
    """

    lift: AbstractLift = eqx.field(default_factory=SquareplusLift, kw_only=True)

    @property
    @abstractmethod
    def routes(self) -> tuple[str, ...]:
        """Names of the input routes."""

    @property
    @abstractmethod
    def voltage_range(self) -> VoltageRange:
        """The values between which the spiking variable runs from reset to spike."""

    @property
    @abstractmethod
    def resets_by_flow(self) -> bool:
        """Whether the flow itself continues through a spike, so that a reset needs no event."""

    @property
    def passes_spikes(self) -> bool:
        """Whether `advance` goes on through spikes and `time_to_spike` knows later ones, by the flow or by resets."""
        return self.resets_by_flow

    @property
    def searches_for_spikes(self) -> bool:
        """Whether a spike time takes a search, so that it is worthwhile to look for those alone that exist."""
        return not self.resets_by_flow

    @property
    def fusible(self) -> bool:
        """Whether `advance`, `jump` and what derivatives need can be traced inside a GPU kernel."""
        return False

    @property
    def in_kernels(self) -> "AbstractDynamics":
        """The same neurons with the same states, in the form in which kernels compute them."""
        return self

    @property
    def kept_every(self) -> int:
        """How many events lie between states that kernels keep; those between are computed again, all in registers."""
        return 4

    @abstractmethod
    def initial_state(self, values: Mapping[str, Neurons]) -> State:
        """Turn values of all declared states into a state."""

    @abstractmethod
    def readout(self, state: State) -> dict[str, Neurons]:
        """Return the declared states by name."""

    @abstractmethod
    def flow(self, state: State, duration: Neurons) -> State:
        """Evolve a state over an interval without events, at most up to its spike."""

    @abstractmethod
    def advance(self, state: State, duration: Neurons) -> tuple[State, Neurons]:
        """Evolve a state over an interval and through its spikes; return their number also, in the dtype of states.

        Raises:
            TypeError: unless `passes_spikes`.
        """

    def advance_block(self, state: State, duration: Neurons) -> tuple[State, Neurons]:
        """Do what `advance` does, for few neurons together: where none spikes, nothing need be searched for."""
        return self.advance(state, duration)

    @abstractmethod
    def time_to_spike(self, state: State, index: Neurons, within: Neurons) -> Neurons:
        """Return the time to the (`index` + 1)-th spike, `inf` if it does not come `within` that time.

        Unless `passes_spikes`, `index` must be 0.
        """

    @abstractmethod
    def reset(self, state: State) -> State:
        """Return the state just after a spike, from the state at it."""

    @abstractmethod
    def jump(self, state: State, weights: Mapping[str, Neurons]) -> State:
        """Return the state just after an input of these weights, one for each route."""

    @abstractmethod
    def pseudo_phase_and_period(self, state: State, duration: Neurons) -> tuple[Neurons, Neurons]:
        """Return time to the first spike and period in the suprathreshold dynamics after a trial of `duration`."""

    @abstractmethod
    def zero_synaptic_state(self, state: State) -> State:
        """Return the state with its synaptic drive removed."""


class AbstractOnePassDynamics(AbstractDynamics):
    """Dynamics that find the next spike and the state at it in one pass, for less than `time_to_spike` and `flow`."""

    @abstractmethod
    def until_spike(self, state: State, within: Neurons) -> tuple[Neurons, State]:
        """Implement the function `until_spike`."""


class AbstractReadoutDynamics(AbstractDynamics):
    """Dynamics without spikes, of which all intervals between inputs are propagated alike."""

    @abstractmethod
    def propagator(self, durations: Neurons) -> Any:
        """Return what propagates states over intervals of these durations."""

    @abstractmethod
    def propagated(self, propagator: Any, state: State) -> State:
        """Propagate a state."""

    @property
    def resets_by_flow(self) -> bool:
        """False: there are no spikes to pass through."""
        return False

    @property
    def voltage_range(self) -> VoltageRange:
        """There is none."""
        raise TypeError(_NO_SPIKES)

    def flow(self, state: State, duration: Neurons) -> State:
        """Evolve a state over an interval without events."""
        return self.propagated(self.propagator(duration), state)

    def advance(self, state: State, duration: Neurons) -> tuple[State, Neurons]:
        """Refuse to count spikes."""
        raise TypeError(_NO_SPIKES)

    def time_to_spike(self, state: State, index: Neurons, within: Neurons) -> Neurons:
        """Return that no spike comes."""
        return jnp.full_like(within, jnp.inf)

    def reset(self, state: State) -> State:
        """Refuse to reset."""
        raise TypeError(_NO_SPIKES)

    def pseudo_phase_and_period(self, state: State, duration: Neurons) -> tuple[Neurons, Neurons]:
        """Refuse to continue spikes."""
        raise TypeError(_NO_SPIKES)

    def zero_synaptic_state(self, state: State) -> State:
        """Refuse, as no pseudospikes need it."""
        raise TypeError(_NO_SPIKES)


def until_spike(dynamics: AbstractDynamics, state: State, within: Neurons) -> tuple[Neurons, State]:
    """Return the time to the next spike, `inf` if not `within` that time, and the state just before it, or then."""
    if isinstance(dynamics, AbstractOnePassDynamics):
        return dynamics.until_spike(state, within)
    wait = dynamics.time_to_spike(state, jnp.zeros_like(within), within)
    return wait, dynamics.flow(state, jnp.where(wait < within, wait, within))


def first_to_spike(
    dynamics: AbstractDynamics, state: State, within: Neurons
) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """Return the time to the next spike of a population, `inf` if not `within` that time, and its neuron.

    Among simultaneous spikes it is that of the lowest index.
    """
    # rounding may put a spike just before this instant: time never runs backwards
    wait = jnp.maximum(dynamics.time_to_spike(state, jnp.zeros_like(within), within), 0.0)
    first = jnp.argmin(wait)
    return wait[first], first


def solver_failed(state: State) -> Bool[Array, ""]:
    """Return whether a solver failed on the way to a state of a population: it contains NaN then."""
    return jnp.stack([jnp.isnan(leaf).any() for leaf in jax.tree.leaves(state)]).any()


@functools.singledispatch
def to_tangent_coordinates(state: State, change: Any) -> Any:
    """Return the tangent of a state in the fewest numbers; types of states whose gauge is free register their own."""
    return change


@functools.singledispatch
def from_tangent_coordinates(state: State, change: Any) -> Any:
    """Return a tangent of a state that `to_tangent_coordinates` turns into this one."""
    return change
