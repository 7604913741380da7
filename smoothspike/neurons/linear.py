"""Neurons whose equations are all affine, with a finite threshold (see `symbolic.derive.linear`)."""

from collections.abc import Mapping
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from symbolic import Derivation
from symbolic.derive import AffineForm

from ..kernels.in_kernel import some
from ..numerics.adaptive_steps import Integration
from ..numerics.affine import Shape, carry, until_level
from ..numerics.affine_passage import Setting, pass_crossings, passage
from ..numerics.affine_transfer import Transfer, bend, combined, is_star, rates_matrix, transfer
from ..numerics.elementwise import not_above
from ..numerics.special_functions import exponential
from .compile.from_form import Values, from_form, row, rows
from .compile.to_jax import Update, lower
from .interface import AbstractOnePassDynamics, Neurons, VoltageRange
from .reset_scan import Passing, scan_inputs
from .vectorised import (
    AbstractVectorisedDynamics,
    EventJacobian,
    Inputs,
    InterEventInterval,
    ScanResult,
    SpikeCounter,
)  # fmt: skip

LinearState = dict[str, Neurons]


class _Reset(NamedTuple):
    """The reset as a function of the states in their order and of the parameters in it."""

    structure: Any
    order: tuple[str, ...]

    def __call__(self, values: tuple[Neurons, ...], parameters: tuple[Neurons, ...]) -> tuple[Neurons, ...]:
        update = jax.tree.unflatten(self.structure, parameters)
        updated = update(dict(zip(self.order, values, strict=True)))
        return tuple(
            jnp.broadcast_to(updated.get(name, value), value.shape)
            for name, value in zip(self.order, values, strict=True)
        )


@final
class LinearDynamics(AbstractOnePassDynamics, AbstractVectorisedDynamics):
    """`y' = couplings y + sources`; a spike where the first state reaches the threshold from below.

    Attributes:
        couplings: For every state, what the states that drive it are multiplied by; the spiking variable first.
        sources: The constant parts of their equations.
        resting: Where the synaptic states settle without input.
        threshold: Where a spike is.
        jumps: What an input of weight 1 adds to which state, for every route.
        update: New values of states after a spike.
    """

    couplings: dict[str, dict[str, Neurons]]
    sources: dict[str, Neurons]
    resting: dict[str, Neurons]
    threshold: Neurons
    jumps: dict[str, dict[str, Neurons]]
    update: Update
    order: tuple[str, ...] = eqx.field(static=True)

    @property
    def resets_by_flow(self) -> bool:
        return False

    @property
    def passes_spikes(self) -> bool:
        return True

    @property
    def fusible(self) -> bool:
        return is_star(self._shape)

    @property
    def kept_every(self) -> int:
        return 1

    @property
    def vectorises_over_inputs(self) -> bool:
        return True

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(self.jumps)

    @property
    def voltage_range(self) -> VoltageRange:
        reset = self.update(dict.fromkeys(self.order, jnp.zeros_like(self.threshold)))[self.order[0]]
        return VoltageRange(self.order[0], reset, self.threshold, False)

    def initial_state(self, values: Mapping[str, Neurons]) -> LinearState:
        return {name: values[name] for name in self.order}

    def flow(self, state: LinearState, duration: Neurons) -> LinearState:
        v, *others = carry(self._shape, duration, *self._arguments(state))
        # a flow ends before its spike
        return self._state((not_above(v, jnp.maximum(state[self.order[0]], self.threshold)), *others))

    def advance(self, state: LinearState, duration: Neurons) -> tuple[LinearState, Neurons]:
        setting, arguments = self._passing(state)
        _, *values, count = passage(setting, duration, jnp.inf, self.threshold, *arguments)
        return self._state(tuple(values)), count

    def advance_block(self, state: LinearState, duration: Neurons) -> tuple[LinearState, Neurons]:
        end, may_spike = self._without_spikes(state, self._transfer(duration), bend(self._shape, duration, self._rates))
        silent = end, jnp.zeros_like(end[self.order[0]])
        return jax.lax.cond(some(may_spike), lambda: self.advance(state, duration), lambda: silent)

    def flow_without_spikes(self, state: LinearState, duration: Neurons) -> LinearState:
        return self._state(self._transfer(duration)(tuple(state[name] for name in self.order)))

    def time_to_spike(self, state: LinearState, index: Neurons, within: Neurons) -> Neurons:
        setting, arguments = self._passing(state)
        return passage(setting, within, index, self.threshold, *arguments)[0]

    def until_spike(self, state: LinearState, within: Neurons) -> tuple[Neurons, LinearState]:
        wait, *values = until_level(self._shape, within, self.threshold, *self._arguments(state))
        return wait, self._state(tuple(values))

    def scan_inputs(self, state: LinearState, inputs: Inputs, counter: SpikeCounter) -> ScanResult:
        lengths = inputs.lengths[:, None]

        def without_spikes(state: LinearState, known: tuple) -> tuple[LinearState, Array]:
            return self._without_spikes(state, *known)

        def through(state: LinearState, length: Neurons) -> tuple[LinearState, Neurons]:
            setting, arguments = self._passing(state)
            never = jnp.full_like(length, jnp.inf)
            _, *values, count = pass_crossings(setting, length, never, self.threshold, *arguments)
            return self._state(tuple(values)), count

        known = self._transfer(lengths), bend(self._shape, lengths, self._rates)
        return scan_inputs(Passing(without_spikes, through, self.jump), state, inputs, known, counter)

    def _without_spikes(
        self, state: LinearState, flow: Transfer, bends: tuple[Neurons, ...]
    ) -> tuple[LinearState, Bool[Array, "*shape"]]:
        """The state at the end of an interval as if there were no spikes in it, and whether there may be one."""
        values = tuple(state[name] for name in self.order)
        end, forces = flow(values), dict(zip(self._shape.sources, self._sources, strict=True))
        matrix = rates_matrix(self._shape, self._rates)
        speeds = [combined(row, values, forces.get(place)) for place, row in enumerate(matrix)]
        rises = sum(by * jnp.abs(speed) for by, speed in zip(bends, speeds, strict=True))
        return self._state(end), ~(jnp.maximum(values[0], end[0]) + rises < self.threshold)

    def normalised(self, state: LinearState) -> LinearState:
        return state

    def event_jacobian(
        self,
        state: LinearState,
        interval: InterEventInterval,
        jump: Mapping[str, Neurons],
        jump_tangents: Mapping[str, Neurons | None],
    ) -> EventJacobian:
        flow, names = self._transfer(interval.length), sorted(self.order)
        place = {name: index for index, name in enumerate(self.order)}
        values = flow(tuple(state[name] for name in self.order))
        shape, forces = self._shape, dict(zip(self._shape.sources, self._sources, strict=True))
        speeds = [combined(row, values, forces.get(i)) for i, row in enumerate(rates_matrix(shape, self._rates))]
        added: dict[str, Neurons | None] = dict.fromkeys(names)
        for route, changes in self.jumps.items():
            for name, slope in changes.items():
                if (move := jump_tangents[route]) is not None:
                    total, change = added[name], slope * move
                    added[name] = change if total is None else total + change
        return EventJacobian(
            [[flow.matrix[place[name]][place[other]] for other in names] for name in names],
            [speeds[place[name]] for name in names],
            [added[name] for name in names],
        )

    def reset(self, state: LinearState) -> LinearState:
        updated = self.update(state)
        return {name: jnp.broadcast_to(updated.get(name, value), value.shape) for name, value in state.items()}

    def jump(self, state: LinearState, weights: Mapping[str, Neurons]) -> LinearState:
        moved = dict(state)
        for route, changes in self.jumps.items():
            for name, slope in changes.items():
                moved[name] = moved[name] + slope * weights[route]
        return moved

    def pseudo_phase_and_period(self, state: LinearState, duration: Neurons) -> tuple[Neurons, Neurons]:
        variable = self.order[0]
        v, after = state[variable], self.reset(state)[variable]
        leak = -self.couplings[variable].get(variable, jnp.zeros_like(self.threshold))
        # other states held; the field at its smallest between reset and threshold, and how much of it is synaptic
        at_rest = state | self.resting
        place = jnp.where(leak > 0, self.threshold, after)
        synaptic = self._pull(state) - self._pull(at_rest)
        way = self.threshold - after
        least = self._pull(at_rest) + self.sources.get(variable, 0.0) - leak * place
        slowest = self.lift(synaptic, way * leak, way / jnp.asarray(duration, v.dtype), least)

        def time_from(start: Neurons) -> Neurons:
            # v' = slowest + leak (place - v), for places below the reset as at it where that falls off
            below = jnp.where(leak > 0, 0.0, jnp.maximum(after - start, 0.0))
            way = self.threshold - (start + below)
            speed = slowest + leak * (place - (start + below))
            # integral of dv / (speed - leak v) without cancellation where the leak vanishes
            part = way * leak / speed
            return below / slowest + way / speed * _logarithmic(part)

        return time_from(v), time_from(after)

    def zero_synaptic_state(self, state: LinearState) -> LinearState:
        resting = {name: jnp.broadcast_to(value, state[name].shape) for name, value in self.resting.items()}
        return state | resting

    def readout(self, state: LinearState) -> dict[str, Neurons]:
        return dict(state)

    def _pull(self, state: LinearState) -> Neurons:
        """What the other states contribute to the field of the spiking variable."""
        variable, total = self.order[0], jnp.zeros_like(state[self.order[0]])
        for name, gain in self.couplings[variable].items():
            if name != variable:
                total = total + gain * state[name]
        return total

    @property
    def _shape(self) -> Shape:
        place = {name: index for index, name in enumerate(self.order)}
        couplings = tuple((place[name], place[other]) for name in self.order for other in self.couplings[name])
        return Shape(len(place), couplings, tuple(place[name] for name in self.order if name in self.sources))

    @property
    def _rates(self) -> tuple[Neurons, ...]:
        return tuple(value for name in self.order for value in self.couplings[name].values())

    @property
    def _sources(self) -> tuple[Neurons, ...]:
        return tuple(self.sources[name] for name in self.order if name in self.sources)

    def _arguments(self, state: LinearState) -> tuple[Neurons, ...]:
        """States and coefficients in the order of `numerics.affine`."""
        return (*(state[name] for name in self.order), *self._rates, *self._sources)

    def _passing(self, state: LinearState) -> tuple[Setting, tuple[Neurons, ...]]:
        """The same with the reset, for `numerics.affine_passage`."""
        parameters, structure = jax.tree.flatten(self.update)
        return Setting(self._shape, _Reset(structure, self.order)), (*self._arguments(state), *parameters)

    def _transfer(self, duration: Neurons) -> Transfer:
        return transfer(self._shape, duration, self._rates, self._sources)

    def _state(self, values: tuple[Neurons, ...]) -> LinearState:
        return dict(zip(self.order, values, strict=True))


def _logarithmic(x: Neurons) -> Neurons:
    r"""Return $-\log(1 - x) / x$, 1 at zero."""
    y = -jnp.log1p(-x)
    return 1 / exponential(0, y)


@from_form.register
def _from_affine_form(form: AffineForm, derivation: Derivation, values: Values, _: Integration) -> Any:
    return LinearDynamics(
        couplings=rows(form.couplings, values),
        sources=row(form.sources, values),
        resting=row(form.resting, values),
        threshold=lower(form.threshold, values),
        jumps=rows(form.routes, values),
        update=Update.of(form.reset, values),
        order=tuple(state.name for state in form.states),
    )
