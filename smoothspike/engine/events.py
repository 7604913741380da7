"""Input events of a population, the record of a simulation, and the collection of its spikes."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int

from ..kernels.earliest import earliest
from ..neurons import AbstractDynamics, State
from ..numerics.elementwise import not_above
from ..spikes import Spikes
from .spike_places import SpikePlaces

#: Up to this many spikes of a neuron are compared with each other.
_FEW = 64


class Capacity(NamedTuple):
    """How many spikes a simulation holds: of a whole population, and of any one neuron of a layer."""

    total: int
    per_neuron: int


def not_after(times: Float[Array, "*shape"], limit: Float[Array, "*#shape"]) -> Float[Array, "*shape"]:
    """Undo what rounding carries beyond a limit; a time that is infinite is the limit itself."""
    return not_above(jnp.where(jnp.isfinite(times), times, limit), limit)


@final
class Drive(eqx.Module):
    """The inputs of a population in one trial or a batch of trials, ascending; those at or after its end do nothing.

    Attributes:
        times: When each input arrives, `duration` for padding.
        sources: Where it comes from, 0 for padding.
        is_input: Which entries are inputs rather than padding.
        columns: For every route, what an input of each source adds to each neuron.

    Spikes that another layer emitted inside the trial all count, one that rounding puts at its very end included.
    """

    times: Float[Array, "*batch events"]
    sources: Int[Array, "*batch events"]
    is_input: Bool[Array, "*batch events"]
    columns: dict[str, Float[Array, "sources neurons"]]

    def __init__(
        self,
        spikes: Spikes,
        weights: dict[str, Float[Array, "neurons sources"]],
        duration: Float[Array, ""],
        *,
        inside: bool = False,
    ) -> None:
        ordered = spikes if inside else spikes.sorted()
        self.is_input = ordered.is_spike if inside else ordered.times < duration
        self.times = jnp.where(self.is_input, not_after(ordered.times, duration), duration)
        self.sources = jnp.where(self.is_input, ordered.sources, 0)
        self.columns = {route: matrix.T for route, matrix in weights.items()}

    @property
    def axes(self) -> "Drive":
        """Where the trials of a batch are, for `jax.vmap`: all of them have the same columns."""
        axes: Any = jax.tree.map(lambda _: None, self)
        return eqx.tree_at(lambda each: (each.times, each.sources, each.is_input), axes, (0, 0, 0), is_leaf=_is_none)

    def jump(self, source: Int[Array, ""], is_input: Bool[Array, ""]) -> dict[str, Float[Array, " neurons"]]:
        """Return what an input adds to each neuron, for every route; zero for padding."""
        return {route: jnp.where(is_input, columns[source], 0.0) for route, columns in self.columns.items()}

    @property
    def weights(self) -> dict[str, Float[Array, "events neurons"]]:
        """For every route, what each input adds to each neuron; zero for padding."""
        return jax.vmap(self.jump)(self.sources, self.is_input)


def _is_none(leaf: Any) -> bool:
    return leaf is None


@final
class Trajectory(eqx.Module):
    """States at the starts of the intervals between events; each interval is solved in closed form.

    Attributes:
        starts: When each interval starts: of all neurons at once or of each on its own, or in one list.
        states: The states there.
        end: The state at the end of the trial.
        neurons: Of a list, whose interval each is, those of any neuron in their order; beyond the last for padding.
    """

    starts: Float[Array, " intervals *#neurons"]
    states: State
    end: State
    neurons: Int[Array, " intervals"] | None = None

    def at(
        self, dynamics: AbstractDynamics, ts: Float[Array, " samples"]
    ) -> dict[str, Float[Array, "samples neurons"]]:
        """Return the declared states at any times of the trial."""
        size = jax.tree.leaves(self.end)[0].shape[0]
        if self.neurons is None:
            count = self.starts.shape[0]
            order = jnp.arange(count) * size + jnp.arange(size)[:, None]
            starts = jnp.broadcast_to(self.starts, (count, size)).ravel()
            states = jax.tree.map(jnp.ravel, self.states)
            first = jnp.arange(size + 1) * count
        else:
            order, starts, states = jnp.argsort(self.neurons, stable=True), self.starts, self.states
            first = jnp.searchsorted(self.neurons[order], jnp.arange(size + 1))
        order = order.ravel()
        chosen = order[_last_begun(starts[order], first[:-1], first[1:], ts)]
        states, elapsed = jax.tree.map(lambda leaf: leaf[chosen], states), ts[:, None] - starts[chosen]
        if dynamics.passes_spikes:
            return dynamics.readout(dynamics.advance(states, elapsed)[0])
        return dynamics.readout(dynamics.flow(states, elapsed))


def _last_begun(
    starts: Float[Array, " intervals"],
    first: Int[Array, " neurons"],
    beyond: Int[Array, " neurons"],
    ts: Float[Array, " samples"],
) -> Int[Array, "samples neurons"]:
    """Return, by bisection, the last interval of every neuron that has begun at each time, or its first one."""

    def halve(_: Any, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = (low + high) // 2
        has_begun = starts[jnp.minimum(middle, starts.shape[0] - 1)] <= ts[:, None]
        return jnp.where(has_begun & (low < high), middle + 1, low), jnp.where(has_begun, high, middle)

    low, high = (jnp.broadcast_to(each, (ts.shape[0], first.shape[0])) for each in (first + 1, beyond))
    return jax.lax.fori_loop(0, starts.shape[0].bit_length() + 1, halve, (low, high))[0] - 1


@final
class Population(eqx.Module):
    """What the simulation of one population yields.

    Attributes:
        spikes: Its ordinary spikes, ascending.
        trajectory: Its states.
        total: How many spikes there were, whether or not they fitted.
        per_neuron: How many spikes the neuron with the most of them had.
        by_neuron: The first spike times of every neuron, `inf` where it has no more, where they are known apart.
    """

    spikes: Spikes
    trajectory: Trajectory
    total: Int[Array, "*trials"]
    per_neuron: Int[Array, "*trials"]
    by_neuron: Float[Array, "*trials most neurons"] | None = None


def spike_times(
    dynamics: AbstractDynamics,
    times: Float[Array, " events *trials"],
    states: State,
    place: Int[Array, "most neurons *trials"],
    spiked: Int[Array, " neurons *trials"],
    total: int,
) -> Float[Array, "most neurons *trials"]:
    """Solve for the times of the first spikes of every neuron, `inf` where it has no more.

    Args:
        dynamics: The neurons.
        times: Where intervals begin and end.
        states: For every spike of a neuron the state at the start of its interval.
        place: Which interval that is.
        spiked: How many spikes each neuron has.
        total: How many can be held.
    """
    number = jnp.arange(len(place)).reshape(-1, *(1,) * spiked.ndim)
    index = _index_in_interval(place, number)
    start, end = (
        jnp.take_along_axis(each[:, None], place, 0, mode="promise_in_bounds") for each in (times[:-1], times[1:])
    )
    given = states, index.astype(times.dtype), end - start
    if not dynamics.searches_for_spikes or total >= place.shape[0] * place.shape[1]:
        elapsed = dynamics.time_to_spike(*given)
    else:  # a search for every spike is dear: for those that exist only
        existing = SpikePlaces.of(spiked, len(place), total)
        elapsed = existing.spread(existing.of_neurons(dynamics).time_to_spike(*existing.gathered(given)))
    return jnp.where(number < spiked, start + not_after(elapsed, end - start), jnp.inf)


def _index_in_interval(place: Int[Array, "most neurons *trials"], number: Array) -> Int[Array, "most neurons *trials"]:
    """Return for each spike of a neuron how many come before it in the same interval."""
    if len(place) > _FEW:
        is_first = jnp.concatenate([place[:1] >= 0, place[1:] != place[:-1]])
        return number.astype(place.dtype) - jax.lax.cummax(jnp.where(is_first, number, 0).astype(place.dtype))
    index = jnp.zeros_like(place)
    for earlier in range(len(place)):
        index += (place[earlier] == place) & (earlier < number)
    return index


def ordered(times: Float[Array, "most neurons *trials"], capacity: int) -> Spikes:
    """Order the spikes of all neurons in each trial; unused places of the capacity are `inf`.

    Args:
        times: The spikes of every neuron, in one trial or in several along one more axis.
        capacity: How many spikes of a trial can be held.
    """
    size, found = times.shape[1], times.reshape(-1, *times.shape[2:])
    count = min(capacity, len(found))
    pick = jax.vmap(_earliest, (-1, None)) if found.ndim > 1 else _earliest
    chosen, order = pick(found, count)
    return Spikes(chosen, jnp.where(jnp.isfinite(chosen), order % size, 0)).padded(capacity)


def _earliest(times: Float[Array, " spikes"], count: int) -> tuple[Array, Int[Array, " {count}"]]:
    """Return the earliest times and where they are, of equal ones the first."""
    order = earliest(stop_gradient(times), count)
    return times.at[order].get(mode="promise_in_bounds"), order


def collect(
    dynamics: AbstractDynamics,
    times: Float[Array, " events"],
    states: State,
    upto: Int[Array, "steps neurons"],
    capacity: int,
) -> Spikes:
    """Solve for the times of all counted spikes and order them; unused places of the capacity are `inf`.

    Args:
        dynamics: The neurons.
        times: Where intervals begin and end.
        states: The states where each begins.
        upto: How many spikes each neuron has had when it ends.
        capacity: How many can be held.
    """
    steps, size = upto.shape
    of_neurons, slots = jnp.cumsum(upto[-1]), jnp.arange(capacity)
    exists = slots < of_neurons[-1]
    neuron = jnp.minimum(_first_above(of_neurons, slots), size - 1)
    number = jnp.where(exists, slots - (of_neurons - upto[-1])[neuron], 0)
    interval = jnp.minimum(_first_above(upto, number, neuron), steps - 1)
    index = number - jnp.where(interval > 0, upto[jnp.maximum(interval - 1, 0), neuron], 0)
    picked = jax.tree.map(lambda leaf: leaf[interval, neuron], states)
    start, length = times[interval], jnp.diff(times)[interval]
    chosen = jax.tree.map(lambda leaf: leaf[neuron] if jnp.ndim(leaf) else leaf, dynamics)
    # counted inside the interval, so rounding may not carry a spike out of it
    elapsed = not_after(chosen.time_to_spike(picked, index.astype(start.dtype), length), length)
    return Spikes(jnp.where(exists, start + elapsed, jnp.inf), jnp.where(exists, neuron, 0)).sorted()


def _first_above(ascending: Int[Array, " size *columns"], values: Int[Array, " slots"], *at: Array) -> Array:
    """Return where an ascending column is first above each value, by bisection; `at` says in which column."""
    low = jnp.zeros_like(values)
    high = jnp.full_like(values, ascending.shape[0])
    for _ in range(ascending.shape[0].bit_length()):
        middle = (low + high) // 2
        above = ascending[(jnp.minimum(middle, ascending.shape[0] - 1), *at)] > values
        low, high = jnp.where(above, low, jnp.minimum(middle + 1, high)), jnp.where(above, middle, high)
    return low


def gathered(spike_times: Float[Array, "steps neurons"], capacity: int) -> Spikes:
    """Order spike times, `inf` where there is none; unused places of the capacity are `inf`."""
    steps, size = spike_times.shape
    times, sources = spike_times.ravel(), jnp.tile(jnp.arange(size), steps)
    order = jnp.argsort(stop_gradient(times), stable=True)[:capacity]
    unused = capacity - order.shape[0]
    chosen = jnp.pad(times[order], (0, unused), constant_values=jnp.inf)
    return Spikes(chosen, jnp.pad(jnp.where(jnp.isfinite(times[order]), sources[order], 0), (0, unused)))
