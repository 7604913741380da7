"""Scan over input events for neurons whose flow continues through a spike, with its derivative rule.

The derivative is a linear recursion over the inputs, and a light one: in tangent coordinates a ray is one number per
neuron (its Wronskian with its tangent, over the ray's squared length, which no gauge changes). Only a state every so
often is kept for it: memory does not grow with inputs times neurons. The states between are recomputed, a segment at a
time. Reverse mode is the transpose of the recursion, which carries one number per neuron backwards, as EventProp does
its adjoint states.

Source: Abel's identity for the Wronskian; for EventProp, Wunderlich & Pehle, Scientific Reports 11 (2021).
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Int

from ..neurons import AbstractDynamics, State
from ..neurons.event import event_jacobian, reset_jacobian, tangent_coordinates
from ..neurons.interface import from_tangent_coordinates
from ..neurons.vectorised import (
    AbstractVectorisedDynamics,
    EventJacobian,
    Inputs,
    InterEventInterval,
    ScanResult,
    SpikeCounter,
    input_jump,
)  # fmt: skip
from ..numerics.elementwise import once_only
from .events import Capacity
from .fused import MOST_NOTED, by_platform, fits, fused_passage, kernels_expected
from .passage import Passage
from .rematerialisation import MOST_KEPT, Segments, joined
from .spike_places import SpikePlaces

# JAX drops derivative rules where it transposes what is recomputed, and some are needed there
_FIRST_ORDER = f"a layer with more than {MOST_KEPT} inputs has no second derivatives: it does not keep all states"

#: Recompute where reverse mode needs it, instead of keeping it.
_checkpointed = partial(jax.checkpoint, prevent_cse=False)


def scan_inputs(
    dynamics: AbstractDynamics,
    initial: State,
    inputs: Inputs,
    capacity: Capacity,
    segments: Segments,
    *,
    keep: bool = False,
) -> Passage:
    """Evolve a population from input to input, and note the states before the first spikes of every neuron.

    Args:
        dynamics: The neurons.
        initial: Their states at the start.
        inputs: As many as the segments have.
        capacity: How many spikes of a neuron are noted, and how many of all there can be.
        segments: How the inputs are divided.
        keep: Whether to return states.

    Differentiation:
        Both modes, by the recursion of this module; second derivatives where all states are kept.
    """
    plain = partial(_scan_inputs, capacity, segments, keep)
    if keep or not is_fused(dynamics, capacity) or not fits(capacity.per_neuron, dynamics, initial, inputs):
        return plain(dynamics, initial, inputs)
    fused = partial(fused_passage, plain, capacity.per_neuron)
    return by_platform(fused, plain, dynamics, initial, inputs)


def is_fused(dynamics: AbstractDynamics, capacity: Capacity) -> bool:
    """Whether a scan that keeps no states is one kernel on a GPU, and there may be one."""
    return dynamics.fusible and dynamics.passes_spikes and capacity.per_neuron <= MOST_NOTED and kernels_expected()


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _scan_inputs(
    capacity: Capacity, segments: Segments, keep: bool, dynamics: AbstractDynamics, initial: State, inputs: Inputs
) -> Passage:
    most = capacity.per_neuron
    if not keep:  # no derivative needs states then: segments so short that those of one at a time can be kept
        segments = segments.without_states
        inputs = segments.filled(inputs)
    nobody = jnp.zeros(jax.tree.leaves(initial)[0].shape, jnp.int32)
    if segments.number == 1 and segments.keeps_all:
        found = _segment(most, dynamics, inputs, initial, nobody)
        return found._replace(states=normalised(dynamics, found.states))
    number = jnp.arange(most, dtype=jnp.int32).reshape(-1, *(1,) * nobody.ndim)

    def segment(carry: tuple, part: tuple) -> tuple:
        (state, before, noted), (first, lengths, sources) = carry, part
        found = _segment(most, dynamics, inputs._replace(lengths=lengths, sources=sources), state, before)
        now = (before <= number) & (number < found.spiked)
        new = found.at_spikes, first + found.place
        noted = jax.tree.map(lambda old, new: jnp.where(now, new, old), noted, new)
        return (found.end, found.spiked, noted), found.states if segments.keeps_all else state

    nothing = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (most, *leaf.shape)), (initial, nobody))
    parts = segments.starts, *segments.cut((inputs.lengths, inputs.sources))
    (end, spiked, (at_spikes, place)), states = jax.lax.scan(segment, (initial, nobody, nothing), parts)
    states = joined(states) if segments.keeps_all else states
    return Passage(normalised(dynamics, states) if keep else None, end, at_spikes, place, spiked)


def _segment(most: int, dynamics: AbstractDynamics, inputs: Inputs, state: State, spiked: Array) -> Passage:
    """Evolve a population that has spiked so often; spikes outside these inputs get any interval and its state."""
    counter = SpikeCounter.starting(spiked, most, inputs.lengths.dtype)
    states, end, (spiked, before), upto = scan_result(dynamics, state, inputs, counter)
    # as many intervals as end before a spike come before its own; if there is no such spike, all do
    place = jnp.minimum(before.astype(jnp.int32), len(inputs.lengths) - 1)
    at_spikes = jax.tree.map(lambda leaf: jnp.take_along_axis(leaf, place, 0, mode="promise_in_bounds"), states)
    at_spikes, end = normalised(dynamics, at_spikes), normalised(dynamics, end)
    return Passage(states, end, at_spikes, place, spiked.astype(jnp.int32), upto.astype(jnp.int32))


def normalised(dynamics: AbstractDynamics, state: State) -> State:
    """Return a state of a `ScanResult` as the methods of its dynamics do."""
    return dynamics.normalised(state) if isinstance(dynamics, AbstractVectorisedDynamics) else state


def scan_result(dynamics: AbstractDynamics, state: State, inputs: Inputs, counter: SpikeCounter) -> ScanResult:
    """Evolve a population from input to input, all intervals at once where the dynamics can do so."""
    if isinstance(dynamics, AbstractVectorisedDynamics):
        return dynamics.scan_inputs(state, inputs, counter)
    return one_after_the_other(dynamics, state, inputs, counter)


def one_after_the_other(dynamics: AbstractDynamics, state: State, inputs: Inputs, counter: SpikeCounter) -> ScanResult:
    """Implement `AbstractVectorisedDynamics.scan_inputs` for any dynamics with `resets_by_flow`."""

    def step(carry: tuple, interval: tuple) -> tuple:
        (state, counter), (length, source) = carry, interval
        after, count = dynamics.advance(state, length)
        counter = counter.after(count)
        return (dynamics.jump(after, input_jump(inputs.columns, source)), counter), (state, counter.spiked)

    intervals = inputs.lengths[:, None], inputs.sources
    (end, counter), (states, upto) = jax.lax.scan(step, (state, counter), intervals)
    return ScanResult(states, end, counter, upto)


@partial(_scan_inputs.defjvp, symbolic_zeros=True)
def _scan_inputs_jvp(
    capacity: Capacity, segments: Segments, keep: bool, primals: tuple, tangents: tuple
) -> tuple[Passage, Passage]:
    dynamics, initial, inputs = primals
    passage = _scan_inputs(capacity, segments, True, *primals)
    given = jax.tree.map(_none_if_zero, tangents)
    first = tangent_coordinates(initial, given[1])
    noted = jax.tree.map(lambda leaf: jnp.zeros_like(leaf, shape=passage.place.shape), first)
    resets = None if dynamics.resets_by_flow else _resets(dynamics, given[0], inputs, passage, capacity.total)

    @_checkpointed
    def segment(carry: tuple, part: tuple) -> tuple:
        states, start, lengths, sources, length_tangents = part
        of_segment = inputs._replace(lengths=lengths, sources=sources)
        if not segments.keeps_all:
            counter = SpikeCounter.starting(passage.spiked, 0, lengths.dtype)
            states = scan_result(dynamics, states, of_segment, counter).states
        here = passage.place - start, None if resets is None else resets._replace(place=resets.place - start)
        after, changes = _propagated(dynamics, of_segment, given, length_tangents, *here, carry, states)
        return after, changes if segments.keeps_all else carry[0]

    states = passage.states
    if segments.number == 1 and segments.keeps_all:
        part = passage.place, resets, (first, noted), states
        (change, noted), changes = _propagated(dynamics, inputs, given, given[2].lengths, *part)
    else:
        states = segments.cut(states) if segments.keeps_all else _first_order(states)
        parts = states, segments.starts, *segments.cut((inputs.lengths, inputs.sources, given[2].lengths))
        (change, noted), changes = jax.lax.scan(segment, (first, noted), parts)
        changes = joined(changes) if segments.keeps_all else changes
    moved = Passage(
        from_tangent_coordinates(passage.states, changes),
        from_tangent_coordinates(passage.end, change),
        from_tangent_coordinates(passage.at_spikes, noted),
        *jax.tree.map(lambda whole: np.zeros(whole.shape, jax.dtypes.float0), passage[3:]),
    )
    if not keep:
        passage, moved = (each._replace(states=None, upto=None) for each in (passage, moved))
    return passage, moved  # pyright: ignore[reportReturnType]


def _propagated(
    dynamics: AbstractDynamics,
    inputs: Inputs,
    tangents: Any,
    length_tangents: Array | None,
    place: Int[Array, "most neurons *trials"],
    resets: "_Resets | None",
    start: tuple,
    states: State,
) -> tuple[tuple, Any]:
    """Propagate a tangent through intervals whose states are known, and note it where those of spikes start.

    `place` are the intervals of the spikes, `resets` what becomes of them in neurons that are reset; `start` is the
    tangent at the start of the first interval and those noted before. Returned are the tangent after the intervals with
    all noted, and the tangents at their starts.
    """
    lengths = inputs.lengths[:, None]
    at_once = isinstance(dynamics, AbstractVectorisedDynamics) and dynamics.vectorises_over_inputs
    # for every neuron by itself: in reverse mode their sum is then taken once, after the loop
    weight_tangents = input_jump(tangents[2].columns, inputs.sources, 1)
    size = jax.tree.leaves(states)[0].shape
    spread = None if length_tangents is None else jnp.broadcast_to(length_tangents[:, None], size)

    def jacobian(state: State, length: Array, source: Array, weight_tangents: Any) -> Any:
        weights = input_jump(inputs.columns, source, int(at_once))
        return event_jacobian(dynamics, tangents[0], state, InterEventInterval(length, None), weights, weight_tangents)

    # even where the Jacobian is known: else XLA finds in a loop of its own which spikes lie in which interval
    @_checkpointed
    def step(carry: tuple, interval: tuple) -> tuple:
        (change, noted), (number, length_tangent, of_event) = carry, interval
        by = of_event if at_once else jacobian(*of_event)
        by = by if resets is None else resets.applied(number, by)
        leaves, structure = jax.tree.flatten(change)
        after = jax.tree.unflatten(structure, by.moved(leaves, length_tangent))
        # a sum, as every spike lies in one interval: in reverse mode its cotangent passes unchanged
        noted = jax.tree.map(lambda old, new: old + jnp.where(number == place, new, 0.0), noted, change)
        return (after, noted), change

    events: Any = states, lengths, inputs.sources, weight_tangents
    events = jacobian(*events) if at_once else events
    return jax.lax.scan(step, start, (jnp.arange(len(lengths), dtype=jnp.int32), spread, events))


class _Resets(NamedTuple):
    """The intervals in which neurons spike that are reset then.

    Attributes:
        place: Which they are, of every neuron; -1 for none.
        jacobian: What takes the place of the Jacobian there; its part from parameters is added.
    """

    place: Int[Array, "most neurons *trials"]
    jacobian: EventJacobian

    def applied(self, number: Array, by: EventJacobian) -> EventJacobian:
        """Return the Jacobian of an interval, given that without spikes."""
        # in one interval a neuron has one at most
        is_here = self.place == number
        any_here = is_here.any(0)

        def there(entry: Array) -> Array:
            return jnp.where(is_here, entry, 0.0).sum(0)

        def replaced(entry: Array | None, by: Array | None) -> Array | None:
            return by if entry is None else jnp.where(any_here, there(entry), 0.0 if by is None else by)

        def added(entry: Array | None, by: Array | None) -> Array | None:
            return by if entry is None else there(entry) + (0.0 if by is None else by)

        jacobian, rows = self.jacobian, zip(self.jacobian.d_state, by.d_state, strict=True)
        return EventJacobian(
            [[replaced(a, b) for a, b in zip(*row, strict=True)] for row in rows],
            [replaced(a, b) for a, b in zip(jacobian.d_interval, by.d_interval, strict=True)],
            [added(a, b) for a, b in zip(jacobian.d_parameters, by.d_parameters, strict=True)],
        )


def _resets(dynamics: AbstractDynamics, tangents: Any, inputs: Inputs, passage: Passage, total: int) -> _Resets:
    """Linearise all intervals in which neurons spike, each once."""
    place, most = passage.place, len(passage.place)
    number = jnp.arange(most, dtype=jnp.int32).reshape(-1, *(1,) * passage.spiked.ndim)
    is_first = (number < passage.spiked) & jnp.concatenate([place[:1] >= 0, place[1:] != place[:-1]])
    length = jnp.take_along_axis(inputs.lengths[:, None], place, 0, mode="promise_in_bounds")
    assert isinstance(dynamics, AbstractVectorisedDynamics)  # all that pass their spikes by a reset are
    existing = SpikePlaces.of(passage.spiked, most, min(total, most * place.shape[1]))
    states, length = existing.gathered((passage.at_spikes, jnp.where(is_first, length, 0.0)))
    neurons, tangents = existing.of_neurons((dynamics, tangents))
    jacobian = existing.spread(reset_jacobian(neurons, tangents, states, length))
    return _Resets(jnp.where(is_first, place, -1), jacobian)


def _first_order(states: State) -> State:
    return jax.tree.map(partial(once_only, _FIRST_ORDER), states)


def _none_if_zero(tangent: Any) -> Any:
    return None if isinstance(tangent, SymbolicZero) else tangent
