"""What networks accept: each argument is checked where it enters, and brought to one form."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.experimental.sparse import BCOO
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ._checks import DELAYS, known, require_delays, require_positive, wrong_delays
from .capacity import after, is_known
from .neuron import Neuron
from .pseudospikes import Weights
from .simulation import Capacity, Connections
from .spikes import Spikes

Initial = Mapping[str, ArrayLike]
States = tuple[dict[str, Float[Array, " neurons"]], ...]
#: One number, one for each layer, or what `capacity_for` returns.
CapacityLike = int | Sequence[int] | Sequence[Capacity]
DelaysLike = npt.ArrayLike | None
#: The delays of a network, each with its name in messages and where it counts.
NamedDelays = list[tuple[str, Float[Array, "*shape"], Any]]


def valid(spikes: Any, num_sources: int) -> Spikes:
    """Refuse what are no spikes of these sources, inside jit too."""
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


def valid_delays(delays: NamedDelays, spikes: Spikes) -> Spikes:
    """Refuse delays that are negative, infinite or not numbers, inside jit too, where the spikes depend on it."""
    for name, values, counts in delays:
        if is_known(values, counts):
            require_delays(name, values, known(counts))
        else:
            is_wrong = wrong_delays(values) & counts
            message = f"{name}: an entry is negative, infinite or not a number; {DELAYS}"
            spikes = after(eqx.error_if(jnp.zeros((), jnp.int32), is_wrong, message), spikes)
    return spikes


def initial_states(neuron: Neuron, size: int, given: Initial | None) -> dict[str, Float[Array, " neurons"]]:
    """Return the declared initial values, or those given instead."""
    values = neuron.initial(size)
    for name, value in (given or {}).items():
        if name not in values:
            raise ValueError(f"initial: {neuron.model.name} has no state {name!r}; its states are {', '.join(values)}")
        if jnp.shape(value) not in ((), (size,)):
            raise ValueError(f"initial {name} has shape {jnp.shape(value)}; give one value, or {size}")
        values[name] = jnp.broadcast_to(jnp.asarray(value, values[name].dtype), (size,))
    return values


def checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Check numbers of channels and neurons."""
    if len(sizes) < 2 or any(int(size) != size or size < 1 for size in sizes):
        raise ValueError(f"sizes {tuple(sizes)}: give the number of inputs and of neurons per layer, each at least 1")
    return tuple(int(size) for size in sizes)


def checked_duration(duration: float) -> float:
    """Check the trial end."""
    require_positive("duration", duration)
    return float(duration)


def required_key(key: PRNGKeyArray | None) -> PRNGKeyArray:
    """Ask for a key where weights are to be drawn."""
    if key is None:
        raise ValueError("give a key to draw the weights with, such as key=jax.random.key(0), or the weights")
    return key


def check_size(neuron: Neuron, size: int) -> None:
    """Check that parameters with one value per neuron fit a layer."""
    described = neuron.per_neuron_size()
    if described not in (None, size):
        raise ValueError(f"{neuron.model.name} has parameters for {described} neurons, but the layer has {size}")


def given_weights(neuron: Neuron, weights: Any, shape: tuple[int, int], name: str) -> Weights:
    """Check weights in matrices, and name their routes."""
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


def given_delays(given: DelaysLike, shape: tuple[int, int], name: str) -> Float[Array, "*shape"] | None:
    """Check delays for a matrix of weights; they keep their shape, so that one for many is one to train."""
    if given is None:
        return None
    delays = jnp.asarray(given)
    if delays.ndim > 2 or any(
        own not in (1, whole) for own, whole in zip(delays.shape[::-1], shape[::-1], strict=False)
    ):
        raise ValueError(f"{name} have shape {delays.shape}, which does not broadcast to (neurons, sources) {shape}")
    require_delays(name, delays)
    return delays if jnp.issubdtype(delays.dtype, jnp.floating) else delays.astype(float)


def named_delays(name: str, delays: Any, weights: Any = None) -> NamedDelays:
    """Name the delays of a matrix, or of lists; none where there are none."""
    if isinstance(weights, Connections):
        return [] if weights.delays is None else [(f"{name} of connections", weights.delays, weights.targets >= 0)]
    return [] if delays is None else [(name, delays, True)]


def given_connections(neuron: Neuron, given: Connections | BCOO, size: int, sources: int, name: str) -> Connections:
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
        given = Connections(given.targets, {route: given.weights for route in neuron.routes}, given.delays)
    if set(given.weights) != set(neuron.routes):
        raise ValueError(
            f"{name}: weights for routes {sorted(given.weights)}, but the routes are {sorted(neuron.routes)}"
        )
    # numpy, since inside jit JAX would not tell
    last = np.asarray(given.targets).max(initial=-1) if is_known(given.targets) else -1
    if last >= size:
        raise ValueError(f"{name}: a target is {last}, but there are only {size} neurons")
    return given


def given_capacities(
    given: CapacityLike | None, sizes: Sequence[int], neurons: Sequence[Neuron] = ()
) -> tuple[Capacity, ...]:
    """Return room for spikes: what is given, or what to start with."""
    if given is None:
        # room for one more spike of a neuron costs little where it stops at them, but something where it passes them
        busiest = [2 if neuron.dynamics().passes_spikes else 8 for neuron in neurons] or [8] * len(sizes)
        return tuple(Capacity(max(16, 2 * size), most) for size, most in zip(sizes, busiest, strict=True))
    each = [given] * len(sizes) if isinstance(given, int) else list(given)
    each = [number if isinstance(number, Capacity) else Capacity(int(number), int(number)) for number in each]
    if len(each) != len(sizes) or any(number.total < 1 or number.busiest < 1 for number in each):
        raise ValueError(f"capacity {given}: give one positive number, or one for each of {len(sizes)} layers")
    return tuple(each)
