"""One population stepped through a trial: a scan over the instants of the grid, from 0 to the trial end."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from ..engine import Connections
from ..networks._layer import Layer
from .arrivals import Drive, along, lags, through, with_delays
from .derivatives import Derivative, emitted
from .schemes import stepper_of
from .stepper import AbstractStepper, States


class Settings(NamedTuple):
    """How a network is stepped; see `surrogate`.

    `longest` is the longest delay of the recurrent connections of each layer, in steps.
    """

    dt: float
    steps: int
    derivative: Derivative
    detach_reset: bool
    interpolate: bool
    record_states: bool
    segment: int | None
    longest: tuple[int, ...]


class Trace(NamedTuple):
    """What is recorded of a population, instants first.

    Attributes:
        raster: 1 for a spike, else 0; None of a readout.
        late: How long before its instant a spike came, where times are interpolated.
        states: The declared states, where they are recorded.
        is_lost: Whether a state is no number at the end, and whether a neuron spikes twice within a step.
    """

    raster: Float[Array, "instants neurons"] | None
    late: Float[Array, "instants neurons"] | None
    states: States | None
    is_lost: Bool[Array, "2"]


class _Carry(NamedTuple):
    states: States
    held: Array | None
    history: Array | None


def stepped(
    layer: Layer,
    longest: int,
    values: Mapping[str, Array],
    raster: Float[Array, "instants sources"],
    settings: Settings,
) -> Trace:
    """Step a population through a trial, driven by the spikes of its sources at the instants of the grid."""
    stepper = stepper_of(layer.neuron, layer.currents, settings.dt)
    drive = with_delays(layer.inputs, raster, layer.size, settings.dt)
    dtype = raster.dtype
    middles = (jnp.arange(settings.steps + 1) - 0.5) * settings.dt
    currents = {name: _per_neuron(each.at(middles), layer.size, dtype) for name, each in layer.currents.items()}
    values = dict(values) | {name: each[0] for name, each in currents.items()}
    start = jax.tree.map(lambda value: jnp.broadcast_to(value, (layer.size,)).astype(dtype), stepper.start(values))
    nothing = jnp.zeros(layer.size, dtype)
    carry = _Carry(
        start,
        None if stepper.holding is None else nothing,
        None if longest == 0 else jnp.zeros((longest, layer.size), dtype),
    )
    instant = _Instant(stepper, layer, settings)
    last, (spikes, late, states) = _scan(
        lambda carry, given: instant(carry, given),
        carry,
        (jnp.arange(settings.steps + 1), drive, currents),
        settings.segment,
    )
    finite = [jnp.isfinite(value).all() for value in jax.tree.leaves(last.states)]
    is_twice = jnp.array(False) if spikes is None else (spikes > 1).any()
    return Trace(spikes, late, states, jnp.stack([~jnp.stack(finite).all(), is_twice]))


class _Instant(NamedTuple):
    """What happens from one instant of the grid to the next."""

    stepper: AbstractStepper
    layer: Layer
    settings: Settings

    def __call__(self, carry: _Carry, given: tuple[Array, Drive, Any]) -> tuple[_Carry, Any]:
        (index, drive, currents), stepper, settings = given, self.stepper, self.settings
        before = carry.states | currents
        is_held = None if carry.held is None else carry.held > 0
        moved = stepper.step(before, is_held)
        # at the first instant, 0, there is no step before
        states = jax.tree.map(lambda new, old: jnp.where(index > 0, new, old), moved, before)
        held = None if carry.held is None else jnp.maximum(carry.held - jnp.where(index > 0, 1.0, 0.0), 0.0)
        is_held = None if held is None else held > 0
        drive = self._with_delayed(drive, carry.history)
        if not stepper.spikes:
            states = stepper.jump(states, drive, None)
            return _Carry(states, None, None), (None, None, stepper.declared(states))
        flowed = states
        if stepper.takes_inputs_first:
            states = stepper.jump(states, drive, is_held)
        spikes = self._spikes(stepper, states, is_held)
        late = self._late(stepper, before, flowed, spikes)
        resetting = stop_gradient(spikes) if settings.detach_reset else spikes
        states = stepper.reset(states, spikes, resetting)
        if held is not None:
            held = jnp.where(spikes > 0, jnp.asarray(stepper.holding), held)
            is_held = held > 0
        if not stepper.takes_inputs_first:
            states = stepper.jump(states, drive, is_held)
        if self.layer.recurrent is not None:
            states = stepper.jump(states, self._immediate(spikes), is_held)
        history = carry.history
        if history is not None:
            history = jnp.concatenate([spikes[None], history[:-1]])
        recorded = stepper.declared(states) if settings.record_states else None
        return _Carry(states, held, history), (spikes, late, recorded)

    def _spikes(self, stepper: AbstractStepper, states: States, is_held: Array | None) -> Array:
        """Return the spikes at an instant."""
        distance = stepper.distance(states)
        spikes = emitted(self.settings.derivative, distance, stop_gradient(stepper.count(states, distance)))
        return spikes if is_held is None else jnp.where(is_held, 0.0, spikes)

    def _late(self, stepper: AbstractStepper, before: States, flowed: States, spikes: Array) -> Array | None:
        """Return how long before their instant spikes came, by linear interpolation; 0 for those that inputs caused."""
        if not self.settings.interpolate:
            return None
        distance = stepper.distance(flowed)
        crossed = (spikes > 0) & (distance >= 0) & (stepper.distance(before) < 0)
        beyond = jnp.where(crossed, distance, 0.0)
        way = jnp.where(crossed, distance - stepper.distance(before), 1.0)
        return self.settings.dt * beyond / way

    def _with_delayed(self, drive: Drive, history: Array | None) -> Drive:
        """Add spikes of the population itself that arrive after a delay of a step at least."""
        recurrent = self.layer.recurrent
        if recurrent is None or history is None:
            return drive
        steps = lags(recurrent, self.settings.dt)
        own = along(recurrent, history, steps - 1, steps > 0, self.layer.size)
        return {route: value + own[route] for route, value in drive.items()}

    def _immediate(self, spikes: Array) -> Drive:
        """Return what arrives of spikes of the population itself at once."""
        recurrent = self.layer.recurrent
        assert recurrent is not None
        if recurrent.delays is None:
            return through(recurrent, spikes, self.layer.size)
        steps = lags(recurrent, self.settings.dt)
        return along(recurrent, spikes[None], jnp.zeros_like(steps), steps == 0, self.layer.size)


def _per_neuron(values: Array, size: int, dtype: Any) -> Array:
    values = values if values.ndim > 1 else values[:, None]
    return jnp.broadcast_to(values, (values.shape[0], size)).astype(dtype)


def longest_lag(connections: Connections | None, dt: float) -> int:
    """Return the longest delay of recurrent connections in steps, whose values must be known."""
    if connections is None or connections.delays is None:
        return 0
    try:
        return int(jnp.max(jnp.where(connections.exists, lags(connections, dt), 0), initial=0))
    except jax.errors.ConcretizationTypeError as error:
        raise ValueError(
            "surrogate: the recurrent delays must be known: call surrogate(network, dt) outside jit and grad"
        ) from error


def _scan(body: Callable, carry: Any, given: Any, segment: int | None) -> tuple[Any, Any]:
    """Scan; with segments, only what passes from one to the next is kept for the gradient."""
    if segment is None:
        return jax.lax.scan(body, carry, given)
    length = jax.tree.leaves(given)[0].shape[0]
    whole = length // segment * segment

    @jax.checkpoint
    def part(carry: Any, given: Any) -> tuple[Any, Any]:
        return jax.lax.scan(body, carry, given)

    parts = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, segment, *leaf.shape[1:]), given)
    carry, found = jax.lax.scan(part, carry, parts)
    found = jax.tree.map(lambda leaf: leaf.reshape(whole, *leaf.shape[2:]), found)
    if whole == length:
        return carry, found
    carry, rest = part(carry, jax.tree.map(lambda leaf: leaf[whole:], given))
    return carry, jax.tree.map(lambda *both: jnp.concatenate(both), found, rest)
