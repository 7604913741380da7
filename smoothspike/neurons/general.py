"""Neurons of any class, integrated as they are declared, in coordinates in which a spike is a regular crossing."""

from collections.abc import Mapping
from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jax.core import Tracer
from jax.lax import stop_gradient
from jaxtyping import Array

from symbolic import Derivation, DerivationError
from symbolic.derive import NumericForm, SolutionForm

from ..numerics import adaptive_rk, closed_form_step
from ..numerics.adaptive_steps import Integration
from ..numerics.rheobase_field import field_minimum, time_to_top
from .compile.from_form import Values, from_form, row
from .compile.to_jax import Update
from .compile.vector_field import DeclaredField, DeclaredFormulas
from .interface import AbstractOnePassDynamics, Neurons, VoltageRange

_LOW = -24.0  # in asinh(V), where a field that only falls off towards minus infinity is taken to be at its lowest


class GeneralState(NamedTuple):
    """The spiking variable as x = asinh(V), and the other states."""

    x: Neurons
    others: dict[str, Neurons]


@final
class GeneralDynamics(AbstractOnePassDynamics):
    """Any neuron: integrated along the arc length of its path by a solver of diffrax, or run by a solution it carries.

    Attributes:
        field: The declared equations.
        formulas: Flow and time to spike where the model carries its own solution; nothing is integrated then.
        integration: The solver and its tolerances.
        parameters: The values of all parameters.
        resting: Where the synaptic states settle without input.
        top: Where the spike is, in asinh(V).
        bottom: Where minus infinity is, likewise, or the end of what is looked at.
        update: New values of states after a spike, but for a potential that goes to minus infinity.
        jumps: New values after an input, for every route.
    """

    field: DeclaredField = eqx.field(static=True)
    formulas: DeclaredFormulas | None = eqx.field(static=True)
    integration: Integration = eqx.field(static=True)
    parameters: dict[str, Neurons]
    resting: dict[str, Neurons]
    top: Neurons
    bottom: Neurons
    update: Update
    jumps: dict[str, Update]

    @property
    def resets_by_flow(self) -> bool:
        return False

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(self.jumps)

    @property
    def _variable(self) -> str:
        return self.field.variable

    @property
    def _names(self) -> tuple[str, ...]:
        return self.field.others

    @property
    def _values(self) -> tuple[Neurons, ...]:
        return tuple(self.parameters[name] for name in self.field.parameters)

    @property
    def voltage_range(self) -> VoltageRange:
        nothing = dict.fromkeys((self._variable, *self._names), jnp.zeros_like(self.top))
        reset = self.update(nothing).get(self._variable, jnp.array(-jnp.inf))
        threshold = jnp.array(jnp.inf) if self.field.is_at_infinity else jnp.sinh(self.top)
        return VoltageRange(self._variable, reset, threshold, self.field.is_circle)

    def initial_state(self, values: Mapping[str, Neurons]) -> GeneralState:
        return GeneralState(jnp.arcsinh(values[self._variable]), {name: values[name] for name in self._names})

    def flow(self, state: GeneralState, duration: Neurons) -> GeneralState:
        wait, after = self.until_spike(state, duration)
        if self.formulas is not None:
            return after
        # where rounding puts a spike just before the end, the state still moves with the duration
        is_late = wait < duration
        late = jnp.where(is_late, duration - wait, 0.0)
        others = tuple(after.others[name] for name in self._names)
        rate = self.field.rate(jnp.sinh(after.x), others, self._values) / jnp.cosh(after.x)
        rate = jnp.where(is_late, stop_gradient(rate), 0.0)
        return after._replace(x=after.x + rate * (late - stop_gradient(late)))

    def advance(self, state: GeneralState, duration: Neurons) -> tuple[GeneralState, Neurons]:
        raise TypeError("the flow of a neuron that is integrated numerically ends at its spike: use flow and reset")

    def time_to_spike(self, state: GeneralState, index: Neurons, within: Neurons) -> Neurons:
        return self.until_spike(state, within)[0]

    def until_spike(self, state: GeneralState, within: Neurons) -> tuple[Neurons, GeneralState]:
        others = [state.others[name] for name in self._names]
        arguments = (state.x, *others, *self._values)
        if self.formulas is None:
            problem = adaptive_rk.Problem(self.field, self.integration)
            wait, x, *moved = adaptive_rk.until_spike(problem, within, self.top, self.bottom, *arguments)
        else:
            wait, x, *moved = closed_form_step.until_spike(self.formulas, within, self.top, *arguments)
        return wait, GeneralState(x, dict(zip(self._names, moved, strict=True)))

    def reset(self, state: GeneralState) -> GeneralState:
        updated = self.update(self.readout(state))
        x = jnp.arcsinh(updated[self._variable]) if self._variable in updated else self.bottom
        others = {name: jnp.broadcast_to(updated.get(name, value), value.shape) for name, value in state.others.items()}
        return GeneralState(jnp.broadcast_to(x, state.x.shape), others)

    def jump(self, state: GeneralState, weights: Mapping[str, Neurons]) -> GeneralState:
        for route, change in self.jumps.items():
            before = self.readout(state)
            changed = change(
                before
                | {
                    self._variable: self.field.inside(before[self._variable], self._values),
                    self.field.weight_name: weights[route],
                }
            )
            x, others = state
            if self._variable in changed:
                after = changed[self._variable]
                # where nothing changes x keeps the digits that V has not
                x = jnp.where(after == before[self._variable], x, jnp.arcsinh(after))
            others = {name: jnp.broadcast_to(changed.get(name, value), value.shape) for name, value in others.items()}
            state = GeneralState(x, others)
        return state

    def pseudo_phase_and_period(self, state: GeneralState, duration: Neurons) -> tuple[Neurons, Neurons]:
        after = self.reset(state).x
        floor = self.bottom if self.field.is_at_infinity else jnp.minimum(after, self.top)
        low = floor if self.field.goes_through or not self.field.is_at_infinity else jnp.full_like(after, _LOW)
        at_rest = state.others | self.resting
        now, _ = field_minimum(self.field, duration, low, self.top, *self._held(state.others))
        least, slow = field_minimum(self.field, duration, low, self.top, *self._held(at_rest))
        offset = self.lift(now - least, least, slow) - now
        problem, held = (self.field, self.integration), self._held(state.others)
        first, period = (
            time_to_top(problem, x, self.top, floor, offset, *held)[0] for x in (jnp.minimum(state.x, self.top), after)
        )
        return first, period

    def zero_synaptic_state(self, state: GeneralState) -> GeneralState:
        resting = {name: jnp.broadcast_to(value, state.x.shape) for name, value in self.resting.items()}
        return state._replace(others=state.others | resting)

    def readout(self, state: GeneralState) -> dict[str, Neurons]:
        return {self._variable: jnp.sinh(state.x)} | state.others

    def _held(self, others: Mapping[str, Neurons]) -> tuple[Neurons, ...]:
        return (*(others[name] for name in self._names), *self._values)


@from_form.register
def _from_numeric_form(form: NumericForm, derivation: Derivation, values: Values, integration: Integration) -> Any:
    return _as_declared(derivation, form, None, values, integration)


@from_form.register
def _from_solution_form(form: SolutionForm, derivation: Derivation, values: Values, integration: Integration) -> Any:
    return _as_declared(derivation, form, (form.flow, form.time_to_spike), values, integration)


def _as_declared(
    derivation: Derivation,
    form: NumericForm | SolutionForm,
    solution: tuple[Any, Any] | None,
    values: Values,
    integration: Integration,
) -> GeneralDynamics:
    """Use the solution that a model carries, flow and time to spike, else integrate the declared equations."""
    field = DeclaredField(derivation.model, form.may_graze, form.is_circle)
    named = field.named(values)
    parameters, at = tuple(named.values()), tuple(jnp.asarray(0.0) for _ in field.others)
    if field.is_at_infinity:
        top, reaches = adaptive_rk.edge(field, 1, at, parameters)
        bottom, returns = adaptive_rk.edge(field, -1, at, parameters)
        bottom = jnp.where(returns, bottom, -adaptive_rk.farthest(top.dtype))
        _require(derivation, reaches, "the potential does not get close enough to its spike at infinity")
        if field.goes_through:
            _require(derivation, returns, "the potential does not come back from minus infinity")
    else:
        top = jnp.arcsinh(field.threshold(parameters))
        bottom = jnp.full_like(top, -adaptive_rk.farthest(top.dtype))
    formulas = None if solution is None else DeclaredFormulas(field, *solution)
    resting, update, jumps = row(form.resting, values), field.update(values), field.jumps(values)
    return GeneralDynamics(field, formulas, integration, named, resting, top, bottom, update, jumps)


def _require(derivation: Derivation, condition: Array, complaint: str) -> None:
    if not isinstance(condition, Tracer) and not bool(condition.all()):
        raise DerivationError(
            f"{derivation.model.name}: {complaint} in floating point; its field must outgrow the potential at least by "
            f"a power: d{derivation.model.variable}/dt = {derivation.model.field}"
        )
