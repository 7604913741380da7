"""`FeedForward` and `Recurrent` networks: PyTrees whose every spike time is differentiable in every weight."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy.typing as npt
from jax.experimental.sparse import BCOO
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from ._checks import require_positive
from .capacity import FAILED, after, checked, is_known, with_room
from .initialisation import normal
from .neuron import Neuron
from .pseudospikes import Pseudospikes, Weights, continue_layer, continue_recurrent
from .recording import LayerRecord, Recording
from .simulation import Capacity, Connections, Drive, Population, simulate_layer, simulate_recurrent
from .spikes import Spikes

Initial = Mapping[str, ArrayLike]
States = tuple[dict[str, Float[Array, " neurons"]], ...]
#: One number, one for each layer, or what `capacity_for` returns.
CapacityLike = int | Sequence[int] | Sequence[Capacity]


@final
class FeedForward(eqx.Module):
    """Layers of neurons, each driven by the spikes of the one before.

    Args:
        neuron: The neuron of all layers, or one for each layer.
        sizes: Number of input channels, then of neurons in every layer.
        duration: The trial end.
        key: Draws the weights; see `initialisation.normal`. They start the network silent.
        scale: Spread of the weights, in units of what one spike-triggering input needs.
        mean: Their mean, in the same units.
        weights: Weights to use instead: for every layer a matrix (neurons, sources), or one for each route by name.
        capacity: How many spikes each layer has room for, one number or one per layer; grown automatically outside jit.

    Raises:
        ValueError: if sizes, duration, weights or neurons do not fit together.

    Example:
        >>> from symbolic import models
        >>> net = FeedForward(Neuron(models.qif()), sizes=(2, 3), duration=4.0, weights=[jnp.full((3, 2), 2.0)])
        >>> net.first_spike_times(Spikes([0.5, 1.0], [0, 1])).shape
        (3,)
    """

    neurons: tuple[Neuron, ...]
    weights: tuple[Weights, ...]
    sizes: tuple[int, ...] = eqx.field(static=True)
    duration: float = eqx.field(static=True)
    capacity: tuple[Capacity, ...] = eqx.field(static=True)

    def __init__(
        self,
        neuron: Neuron | Sequence[Neuron],
        sizes: Sequence[int],
        duration: float,
        *,
        key: PRNGKeyArray | None = None,
        scale: float = 0.5,
        mean: float = 0.0,
        weights: Sequence[npt.ArrayLike | Mapping[str, npt.ArrayLike]] | None = None,
        capacity: CapacityLike | None = None,
    ) -> None:
        self.sizes, self.duration = _sizes(sizes), _duration(duration)
        layers = len(self.sizes) - 1
        self.neurons = (neuron,) * layers if isinstance(neuron, Neuron) else tuple(neuron)
        if len(self.neurons) != layers:
            raise ValueError(f"{len(self.neurons)} neurons for {layers} layers; give one, or one for each layer")
        shapes = tuple(zip(self.sizes[1:], self.sizes[:-1], strict=True))
        for each, (size, _) in zip(self.neurons, shapes, strict=True):
            _check_size(each, size)
        if weights is not None:
            if len(weights) != layers:
                raise ValueError(f"{len(weights)} weight matrices for {layers} layers; give one for each layer")
            self.weights = tuple(
                _given(each, matrix, shape, f"layer {index}")
                for index, (each, matrix, shape) in enumerate(zip(self.neurons, weights, shapes, strict=True))
            )
        else:
            keys = jax.random.split(_required(key), layers)
            self.weights = tuple(
                normal(each, shape, self.duration, layer_key, scale=scale, mean=mean)
                for each, shape, layer_key in zip(self.neurons, shapes, keys, strict=True)
            )
        self.capacity = _capacities(capacity, self.sizes[1:], self.neurons)

    def __call__(
        self,
        spikes: Spikes,
        *,
        initial: Sequence[Initial | None] | None = None,
        capacity: CapacityLike | None = None,
    ) -> Recording:
        """Run one trial, or a batch of trials with leading axes.

        Args:
            spikes: The input. Inputs at or after the trial end do nothing.
            initial: For every layer, initial values of states by name, instead of the declared ones.
            capacity: How many spikes each layer has room for, instead of the network's own.

        Raises:
            ValueError: if sources are out of range, times negative or NaN, or initial values do not fit.
            RuntimeError: inside jit, for the same, or if a layer emits more spikes than it has room for.
        """
        given = (None,) * len(self.neurons) if initial is None else tuple(initial)
        if len(given) != len(self.neurons):
            raise ValueError(
                f"initial: {len(given)} entries for {len(self.neurons)} layers; give one for each, or None"
            )
        states = tuple(
            _initial(neuron, size, values)
            for neuron, size, values in zip(self.neurons, self.sizes[1:], given, strict=True)
        )
        names = [f"layer {index} ({size} neurons)" for index, size in enumerate(self.sizes[1:])]
        capacities = self.capacity if capacity is None else _capacities(capacity, self.sizes[1:])
        return _run(self, spikes, states, capacities, names)

    def first_spike_times(self, spikes: Spikes) -> Float[Array, "*batch neurons"]:
        """Return the first spike times of the last layer, pseudospikes included: always finite."""
        return self(spikes).first_spike_times()

    def capacity_for(self, spikes: Spikes) -> tuple[Capacity, ...]:
        """Return how much room these inputs need, to be passed as `capacity` inside jit."""
        return _capacity_for(self, spikes)

    def with_capacity(self, capacity: CapacityLike | Spikes) -> "FeedForward":
        """Return the network with room for more spikes: numbers, or as many as it emits on these inputs.

        The capacity is part of the network's static structure, so set it before making an optimiser's state.
        """
        return _with_capacity(self, capacity)

    def _trial(
        self, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]
    ) -> tuple[Recording, Int[Array, "layers 2"]]:
        duration = jnp.asarray(self.duration, spikes.times.dtype)
        rates = jnp.zeros(self.sizes[0], spikes.times.dtype)
        all_spikes, records, needed = [], [], []
        for neuron, weights, values, capacity in zip(self.neurons, self.weights, states, capacities, strict=True):
            dynamics = neuron.dynamics()
            start = dynamics.initial_state(values)
            drive = Drive(spikes, weights, duration, inside=bool(all_spikes))
            population = simulate_layer(dynamics, start, drive, duration, capacity)
            pseudospikes = continue_layer(dynamics, population.trajectory.end, weights, rates, duration)
            spikes, rates = population.spikes, pseudospikes.rates
            all_spikes.append(spikes)
            records.append(LayerRecord(pseudospikes, population.trajectory, dynamics))
            needed.append(_needed(population, pseudospikes))
        return Recording(tuple(all_spikes), tuple(records), self.duration), jnp.stack(needed)


@final
class Recurrent(eqx.Module):
    """A population of neurons that are connected to one another and to input channels.

    Args:
        neuron: The neuron.
        size: How many there are.
        inputs: How many input channels.
        duration: The trial end.
        key: Draws the weights; see `initialisation.normal`.
        scale: Spread of the weights, in units of what one spike-triggering input needs.
        mean: Their mean, in the same units.
        recurrent_weights: Weights to use instead, (size, size): row i holds what neuron i receives. As `Connections`,
            or a sparse matrix (`jax.experimental.sparse.BCOO`), an event costs as much as it has targets.
        input_weights: Weights to use instead, (size, inputs); of the same kinds.
        capacity: How many spikes there is room for; grown automatically outside jit.

    Raises:
        ValueError: if sizes, duration or weights do not fit together.

    Example:
        >>> from symbolic import models
        >>> net = Recurrent(Neuron(models.qif()), size=3, inputs=2, duration=4.0, key=jax.random.key(0))
        >>> net.first_spike_times(Spikes([0.5, 1.0], [0, 1])).shape
        (3,)
    """

    neuron: Neuron
    recurrent_weights: Weights | Connections
    input_weights: Weights | Connections
    size: int = eqx.field(static=True)
    inputs: int = eqx.field(static=True)
    duration: float = eqx.field(static=True)
    capacity: tuple[Capacity, ...] = eqx.field(static=True)

    def __init__(
        self,
        neuron: Neuron,
        size: int,
        inputs: int,
        duration: float,
        *,
        key: PRNGKeyArray | None = None,
        scale: float = 0.5,
        mean: float = 0.0,
        recurrent_weights: npt.ArrayLike | Mapping[str, npt.ArrayLike] | Connections | BCOO | None = None,
        input_weights: npt.ArrayLike | Mapping[str, npt.ArrayLike] | Connections | BCOO | None = None,
        capacity: CapacityLike | None = None,
    ) -> None:
        self.neuron, self.duration = neuron, _duration(duration)
        self.inputs, self.size = (int(number) for number in _sizes((inputs, size)))
        _check_size(neuron, size)
        missing = recurrent_weights is None or input_weights is None
        keys = jax.random.split(_required(key), 2) if missing else (None, None)

        def weights(given: Any, columns: int, layer_key: PRNGKeyArray | None, name: str) -> Weights | Connections:
            if isinstance(given, Connections | BCOO):
                return _connections(neuron, given, size, columns, name)
            if given is not None:
                return _given(neuron, given, (size, columns), name)
            return normal(neuron, (size, columns), self.duration, _required(layer_key), scale=scale, mean=mean)

        self.recurrent_weights = weights(recurrent_weights, size, keys[0], "recurrent_weights")
        self.input_weights = weights(input_weights, inputs, keys[1], "input_weights")
        self.capacity = _capacities(capacity, (size,))

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of input channels and of neurons."""
        return self.inputs, self.size

    def __call__(
        self, spikes: Spikes, *, initial: Initial | None = None, capacity: CapacityLike | None = None
    ) -> Recording:
        """Run one trial, or a batch of trials with leading axes; arguments and errors as for `FeedForward`.

        Simultaneous events are taken inputs first, then neurons by index.
        """
        states = (_initial(self.neuron, self.size, initial),)
        capacities = self.capacity if capacity is None else _capacities(capacity, (self.size,))
        return _run(self, spikes, states, capacities, [f"the recurrent layer ({self.size} neurons)"])

    def first_spike_times(self, spikes: Spikes) -> Float[Array, "*batch neurons"]:
        """Return the first spike times, pseudospikes included: always finite."""
        return self(spikes).first_spike_times()

    def capacity_for(self, spikes: Spikes) -> tuple[Capacity, ...]:
        """Return how much room these inputs need, to be passed as `capacity` inside jit."""
        return _capacity_for(self, spikes)

    def with_capacity(self, capacity: CapacityLike | Spikes) -> "Recurrent":
        """Return the network with room for more spikes: a number, or as many as it emits on these inputs.

        The capacity is part of the network's static structure, so set it before making an optimiser's state.
        """
        return _with_capacity(self, capacity)

    def _trial(
        self, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]
    ) -> tuple[Recording, Int[Array, "layers 2"]]:
        duration = jnp.asarray(self.duration, spikes.times.dtype)
        dynamics = self.neuron.dynamics()
        start = dynamics.initial_state(states[0])
        population = simulate_recurrent(
            dynamics, start, spikes, self.input_weights, self.recurrent_weights, duration, capacities[0].total
        )
        own = self.recurrent_weights
        matrices: Any = own.matrices(self.size) if isinstance(own, Connections) else own
        pseudospikes = continue_recurrent(dynamics, population.trajectory.end, matrices, duration)
        record = LayerRecord(pseudospikes, population.trajectory, dynamics)
        needed = _needed(population, pseudospikes)
        return Recording((population.spikes,), (record,), self.duration), needed[None]


Network = FeedForward | Recurrent


@eqx.filter_jit
def _simulate(
    network: Network, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]
) -> tuple[Recording, Int[Array, "*batch layers 2"]]:
    """Run a network on a batch of any shape; report what capacity it needed."""

    def run(times, sources):
        return network._trial(Spikes(times, sources), states, capacities)

    for _ in range(spikes.times.ndim - 1):
        run = jax.vmap(run)
    return run(spikes.times, spikes.sources)


def simulate(
    network: Network, spikes: Spikes, capacities: tuple[Capacity, ...]
) -> tuple[Recording, Int[Array, "*batch layers 2"]]:
    """Run a network without raising where spikes do not fit; return how much room each layer needed, too.

    For loops such as `fit` that grow the capacity themselves. Where more was needed than given, the recording lacks
    spikes and must not be used.
    """
    return _simulate(network, spikes, _declared(network), capacities)


def _declared(network: Network) -> States:
    neurons = network.neurons if isinstance(network, FeedForward) else (network.neuron,)
    return tuple(_initial(neuron, size, None) for neuron, size in zip(neurons, network.sizes[1:], strict=True))


def _run(
    network: Network,
    spikes: Spikes,
    states: States,
    capacities: tuple[Capacity, ...],
    names: Sequence[str],
) -> Recording:
    spikes = _valid(spikes, network.sizes[0])
    if not is_known(network, spikes, states):
        recording, needed = _simulate(network, spikes, states, capacities)
        # checking the spikes alone leaves states that nobody asks for out of the computation
        spikes_out = checked(recording.spikes, capacities, needed.reshape(-1, len(capacities), 2), names)
        return eqx.tree_at(lambda each: each.spikes, recording, spikes_out)
    return with_room(lambda room: _simulate(network, spikes, states, room), capacities)[0]


def _capacity_for(network: Any, spikes: Spikes) -> tuple[Capacity, ...]:
    spikes = _valid(spikes, network.sizes[0])
    return with_room(lambda room: simulate(network, spikes, room), network.capacity)[1]


def _with_capacity(network: Any, capacity: CapacityLike | Spikes) -> Any:
    chosen = _capacity_for(network, capacity) if isinstance(capacity, Spikes) else capacity
    copy = object.__new__(type(network))
    for field in dataclasses.fields(network):
        object.__setattr__(copy, field.name, getattr(network, field.name))
    object.__setattr__(copy, "capacity", _capacities(chosen, network.sizes[1:]))
    return copy


def _needed(population: Population, pseudospikes: Pseudospikes) -> Int[Array, "2"]:
    """How much room a population needs, or FAILED where a solver gave up."""
    needed = jnp.stack([population.total, population.busiest]).astype(jnp.int32)
    lost = jnp.isnan(pseudospikes.first).any() | jnp.isnan(pseudospikes.period).any()
    return jnp.where(population.went_wrong | lost, FAILED, needed)


def _valid(spikes: Any, num_sources: int) -> Spikes:
    if not isinstance(spikes, Spikes):
        raise ValueError(f"the input must be Spikes(times, sources), not {type(spikes).__name__}")
    if is_known(spikes):
        Spikes(spikes.times, spikes.sources).check_sources(num_sources)
        return spikes
    beyond = spikes.is_spike & ((spikes.sources >= num_sources) | (spikes.sources < 0))
    passed = jnp.zeros((), jnp.int32)
    passed = eqx.error_if(passed, beyond, f"an input spike comes from a source outside 0 to {num_sources - 1}")
    wrong = ~(spikes.times >= 0)
    passed = eqx.error_if(passed, wrong, "an input spike time is negative or NaN; pad with inf")
    return after(passed, spikes)


def _initial(neuron: Neuron, size: int, given: Initial | None) -> dict[str, Float[Array, " neurons"]]:
    values = neuron.initial(size)
    for name, value in (given or {}).items():
        if name not in values:
            raise ValueError(f"initial: {neuron.model.name} has no state {name!r}; its states are {', '.join(values)}")
        if jnp.shape(value) not in ((), (size,)):
            raise ValueError(f"initial {name} has shape {jnp.shape(value)}; give one value, or {size}")
        values[name] = jnp.broadcast_to(jnp.asarray(value, values[name].dtype), (size,))
    return values


def _sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    if len(sizes) < 2 or any(int(size) != size or size < 1 for size in sizes):
        raise ValueError(f"sizes {tuple(sizes)}: give the number of inputs and of neurons per layer, each at least 1")
    return tuple(int(size) for size in sizes)


def _duration(duration: float) -> float:
    require_positive("duration", duration)
    return float(duration)


def _required(key: PRNGKeyArray | None) -> PRNGKeyArray:
    if key is None:
        raise ValueError("give a key to draw the weights with, such as key=jax.random.key(0), or the weights")
    return key


def _check_size(neuron: Neuron, size: int) -> None:
    described = neuron.per_neuron_size()
    if described not in (None, size):
        raise ValueError(f"{neuron.model.name} has parameters for {described} neurons, but the layer has {size}")


def _given(neuron: Neuron, weights: Any, shape: tuple[int, int], name: str) -> Weights:
    named = weights if isinstance(weights, Mapping) else dict.fromkeys(neuron.routes, weights)
    if len(neuron.routes) > 1 and named is not weights:
        raise ValueError(f"{name}: give weights for the routes {', '.join(neuron.routes)} by name")
    if set(named) != set(neuron.routes):
        raise ValueError(f"{name}: weights for routes {sorted(named)}, but the routes are {sorted(neuron.routes)}")
    arrays = {route: jnp.asarray(matrix) for route, matrix in named.items()}
    for route, matrix in arrays.items():
        if matrix.shape != shape:
            raise ValueError(
                f"{name}: weights for {route} have shape {matrix.shape}, but (neurons, sources) is {shape}"
            )
    return {
        route: matrix if jnp.issubdtype(matrix.dtype, jnp.floating) else matrix.astype(float)
        for route, matrix in arrays.items()
    }


def _connections(neuron: Neuron, given: Connections | BCOO, size: int, sources: int, name: str) -> Connections:
    """Check sparse weights, and name their routes."""
    if isinstance(given, BCOO):
        if given.shape != (size, sources):
            raise ValueError(f"{name}: a matrix of shape {given.shape}, but (neurons, sources) is {(size, sources)}")
        given = Connections.from_bcoo(given)
    if given.sources != sources:
        raise ValueError(f"{name}: lists for {given.sources} sources, but there are {sources}")
    if not isinstance(given.weights, Mapping):
        if len(neuron.routes) > 1:
            raise ValueError(f"{name}: give weights for the routes {', '.join(neuron.routes)} by name")
        given = Connections(given.targets, {route: given.weights for route in neuron.routes})
    if set(given.weights) != set(neuron.routes):
        raise ValueError(
            f"{name}: weights for routes {sorted(given.weights)}, but the routes are {sorted(neuron.routes)}"
        )
    if is_known(given.targets) and (given.targets >= size).any():
        raise ValueError(f"{name}: a target is {int(given.targets.max())}, but there are only {size} neurons")
    return given


def _capacities(
    given: CapacityLike | None, sizes: Sequence[int], neurons: Sequence[Neuron] = ()
) -> tuple[Capacity, ...]:
    if given is None:
        # room for one more spike of a neuron costs little where it stops at them, but something where it passes them
        busiest = [2 if neuron.dynamics().passes_spikes else 8 for neuron in neurons] or [8] * len(sizes)
        return tuple(Capacity(max(16, 2 * size), most) for size, most in zip(sizes, busiest, strict=True))
    each = [given] * len(sizes) if isinstance(given, int) else list(given)
    each = [number if isinstance(number, Capacity) else Capacity(int(number), int(number)) for number in each]
    if len(each) != len(sizes) or any(number.total < 1 or number.busiest < 1 for number in each):
        raise ValueError(f"capacity {given}: give one positive number, or one for each of {len(sizes)} layers")
    return tuple(each)
