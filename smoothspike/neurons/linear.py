"""Neurons whose equations are all affine, with a finite threshold (see `symbolic.derive.linear`)."""

from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp

from symbolic import Derivation
from symbolic.derive import AffineForm

from ..numerics.adaptive_steps import Integration
from ..numerics.affine import Shape, carry, until_level
from ..numerics.elementwise import not_above
from ..numerics.special_functions import exponential
from .compile.from_form import Values, from_form, row, rows
from .compile.to_jax import Update, lower
from .interface import AbstractOnePassDynamics, Neurons, VoltageRange

LinearState = dict[str, Neurons]


@final
class LinearDynamics(AbstractOnePassDynamics):
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
        raise TypeError("the flow of a neuron with a finite threshold ends at its spike: use flow and reset")

    def time_to_spike(self, state: LinearState, index: Neurons, within: Neurons) -> Neurons:
        return self.until_spike(state, within)[0]

    def until_spike(self, state: LinearState, within: Neurons) -> tuple[Neurons, LinearState]:
        wait, *values = until_level(self._shape, within, self.threshold, *self._arguments(state))
        return wait, self._state(tuple(values))

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

    def _arguments(self, state: LinearState) -> tuple[Neurons, ...]:
        """States and coefficients in the order of `numerics.affine`."""
        couplings = [value for name in self.order for value in self.couplings[name].values()]
        sources = [self.sources[name] for name in self.order if name in self.sources]
        return (*(state[name] for name in self.order), *couplings, *sources)

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
