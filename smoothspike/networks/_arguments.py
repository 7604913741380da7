"""Arguments of networks: checked on entry and converted to one form."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symbolic import NeuronModel

from .._checks import DELAYS, floating, is_whole, known, require_delays, require_positive, wrong_delays
from .._spike_checks import is_misgrouped
from .._tracing import revealed
from .._typing import ArrayLike, PRNGKeyArray
from ..engine import Capacity
from ..neurons.neuron import Neuron
from ..spikes import Spikes
from ._capacity import after, is_known, rounded_finely

Initial = Mapping[str, ArrayLike]
States = tuple[dict[str, Float[Array, " _neurons"]], ...]
#: One number, one for each layer, or what `capacity_for` returns.
CapacityLike = int | Sequence[int] | Sequence[Capacity]
DelaysLike = ArrayLike | None


def valid(network: Any, spikes: Any) -> Spikes:
    """Refuse what are no spikes for a network, inside jit too, and bring them to its precision."""
    num_sources = network.sizes[0]
    if not isinstance(spikes, Spikes):
        raise ValueError(f"the input must be Spikes(times, sources), not {type(spikes).__name__}")
    if 0 in spikes.times.shape[:-1]:
        raise ValueError(f"the batch is empty: its times have shape {spikes.times.shape}; give at least one trial")
    spikes = _in_precision(spikes, network)
    require_ordinary_duration(network.duration, spikes.times.dtype)
    if is_known(spikes):
        spikes.check_sources(num_sources)
        return spikes if spikes.distinct_times is not None else grouped(spikes)
    beyond = spikes.is_spike & ((spikes.sources >= num_sources) | (spikes.sources < 0))
    passed = jnp.zeros((), jnp.int32)
    passed = eqx.error_if(passed, beyond, f"an input spike comes from a source outside 0 to {num_sources - 1}")
    wrong = ~(spikes.times >= 0)
    passed = eqx.error_if(passed, wrong, "an input spike time is negative or NaN; pad with inf")
    if spikes.distinct_times is not None:
        wrong = is_misgrouped(spikes.times, spikes.distinct_times)
        passed = eqx.error_if(passed, wrong, "the input times are not ascending, or more differ than distinct_times")
    return after(passed, spikes)


def grouped(spikes: Spikes) -> Spikes:
    """Put known spikes in order, in NumPy; a rounded number of different times compiles few programs."""
    spikes = spikes.grouped()
    needed = spikes.distinct_times or 0
    return Spikes(spikes.times, spikes.sources, distinct_times=min(rounded_finely(needed), spikes.capacity))


def _in_precision(spikes: Spikes, network: Any) -> Spikes:
    """Bring spike times to the precision of the network, whose parameters have JAX's default precision at least."""
    held = [leaf.dtype for leaf in jax.tree.leaves(network) if eqx.is_inexact_array(leaf)]
    dtype = jnp.result_type(float, spikes.times.dtype, *held)
    return (
        spikes
        if spikes.times.dtype == dtype
        else Spikes(spikes.times.astype(dtype), spikes.sources, distinct_times=spikes.distinct_times)
    )


def valid_delays(network: Any, spikes: Spikes) -> Spikes:
    """Refuse delays that are negative, infinite or not numbers, inside jit too, where the spikes depend on it."""
    for connections, _, name in (each for layer in network.layers for each in layer.connections):
        if connections.delays is None:
            continue
        values, exists = connections.delays, connections.exists
        if is_known(values, exists):
            require_delays(name, values, known(exists))
        else:
            is_wrong = wrong_delays(values) & exists
            message = f"{name}: an entry is negative, infinite or not a number; {DELAYS}"
            spikes = after(eqx.error_if(jnp.zeros((), jnp.int32), is_wrong, message), spikes)
    return spikes


def initial_states(neuron: Neuron, size: int, given: Initial | None) -> dict[str, Float[Array, " neurons"]]:
    """Return the declared initial values, or those given instead."""
    values = neuron.initial(size)
    for name, value in (given or {}).items():
        if name not in values:
            raise ValueError(f"initial: {neuron.model.name} has no state {name!r}; its states are {', '.join(values)}")
        if np.shape(value) not in ((), (size,)):
            raise ValueError(f"initial {name} has shape {np.shape(value)}; give one value, or {size}")
        values[name] = _within_range(neuron, name, jnp.broadcast_to(jnp.asarray(value, values[name].dtype), (size,)))
    return values


def _within_range(neuron: Neuron, state: str, value: Float[Array, " neurons"]) -> Float[Array, " neurons"]:
    """Refuse initial values that are not numbers, or outside the range of their state; inside jit, too."""
    low, high = neuron.range_of(state)
    is_wrong = ~((value >= low) & (value <= high))
    message = (
        f"initial {state}: a value is not a number, or not in the range of {state}, {low} to {high}, that is declared "
        "or on which the certificate rests; declare the model with this initial value or with other bounds"
    )
    wrong = revealed(is_wrong)
    if wrong is None:
        return eqx.error_if(value, is_wrong, message)
    if wrong.any():
        raise ValueError(message)
    return value


def as_neuron(given: Any) -> Neuron:
    """Ask for a Neuron where a model, or anything else, is given."""
    if isinstance(given, Neuron):
        return given
    if isinstance(given, NeuronModel):
        raise TypeError(f"{given.name} is a model, but networks are built of neurons: give ss.Neuron(model)")
    raise TypeError(f"neuron is of type {type(given).__name__}: give ss.Neuron(model), or one for each layer")


def require_readouts_last(neurons: Sequence[Neuron]) -> None:
    """Refuse readouts in all layers but the last."""
    for layer, neuron in enumerate(neurons[:-1]):
        if neuron.model.is_readout:
            raise ValueError(
                f"layer {layer} is the readout {neuron.model.name}, which emits no spikes to the layer after it: a "
                "readout can only be the last layer. Give the layers before it neurons with a spike rule"
            )


def checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Check numbers of channels and neurons."""
    advice = f"sizes {sizes}: give the number of inputs and of neurons per layer, each a whole number and at least 1"
    if np.ndim(sizes) != 1 or len(sizes) < 2 or any(not is_whole(size) or size < 1 for size in sizes):
        raise ValueError(advice)
    return tuple(int(size) for size in sizes)


def checked_duration(duration: float) -> float:
    """Check the trial end."""
    if not isinstance(duration, numbers.Real) and np.ndim(duration) > 0:
        raise ValueError(f"duration is {duration}, but all layers share one trial end: give one number")
    require_positive("duration", duration)
    require_ordinary_duration(float(duration), jnp.result_type(float))
    return float(duration)


def require_ordinary_duration(duration: float, dtype: Any) -> None:
    """Refuse a trial end that is 0 or infinite in the precision in which it is simulated."""
    limits = jnp.finfo(dtype)
    if not float(limits.tiny) <= duration <= float(limits.max):
        raise ValueError(
            f"duration is {duration}, which {jnp.dtype(dtype).name} does not hold ({limits.tiny:.0e} to "
            f"{limits.max:.0e}): choose a unit of time in which the trial is of ordinary length"
        )


def required_key(key: PRNGKeyArray | None) -> PRNGKeyArray:
    """Ask for a key where weights are to be drawn."""
    if key is None:
        raise ValueError("give a key to draw the weights with, such as key=jax.random.key(0), or the weights")
    if not isinstance(key, jax.Array):
        raise TypeError(f"key is {key!r}: give jax.random.key({key if is_whole(key) else 0})")
    return key


def check_size(neuron: Neuron, size: int) -> None:
    """Check that parameters with one value per neuron fit a layer."""
    described = neuron.per_neuron_size()
    if described not in (None, size):
        raise ValueError(f"{neuron.model.name} has parameters for {described} neurons, but the layer has {size}")


def given_delays(given: DelaysLike, shape: tuple[int, int], name: str) -> Float[Array, "*shape"] | None:
    """Check delays for a matrix of weights; they keep their shape, so that one for many is one to train."""
    if given is None:
        return None
    delays = floating(name, given)
    if delays.ndim > 2 or any(
        own not in (1, whole) for own, whole in zip(delays.shape[::-1], shape[::-1], strict=False)
    ):
        raise ValueError(f"{name} have shape {delays.shape}, which does not broadcast to (neurons, sources) {shape}")
    require_delays(name, delays)
    return delays


def given_capacities(network: Any, given: CapacityLike | None) -> tuple[Capacity, ...]:
    """Return the capacity of every population: what is given, or what to start with."""
    layers = network.layers
    if given is None:
        # capacity for one more spike of a neuron costs little where it stops at them, but something where it passes
        each = [2 if layer.is_readout or layer.dynamics().resets_by_flow else 8 for layer in layers]
        return tuple(Capacity(max(16, 2 * layer.size), most) for layer, most in zip(layers, each, strict=True))
    advice = f"capacity {given}: pass one positive whole number, or one for each of {len(layers)} layers"
    is_one = isinstance(given, Capacity) or np.ndim(given) == 0  # pyright: ignore[reportArgumentType]
    each: list[Any] = [given] * len(layers) if is_one else list(given)  # pyright: ignore[reportArgumentType]
    if len(each) != len(layers) or not all(isinstance(number, Capacity) or is_whole(number) for number in each):
        raise ValueError(advice)
    each = [number if isinstance(number, Capacity) else Capacity(int(number), int(number)) for number in each]
    if any(number.total < 1 or number.per_neuron < 1 for number in each):
        raise ValueError(advice)
    return tuple(each)
