"""A declared model as functions of arrays, for solvers that take its equations as they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import sympy as sp
from jax.lax import stop_gradient
from jaxtyping import Array

from symbolic import NeuronModel, time
from symbolic import weight as weight_symbol
from symbolic.declare import FrozenMapping

from ...numerics.trajectory import Equations
from .to_jax import Update, Values, compiled, lower, natural_time_scale


@dataclass(frozen=True)
class DeclaredField:
    """The equations of a model as functions of its states, the spiking variable first, and of its parameters.

    Attributes:
        model: The declared neuron.
        may_graze: Whether the spiking variable may touch a finite threshold without crossing it.
        is_circle: Whether the spiking variable is an angle.
    """

    model: NeuronModel
    may_graze: bool
    is_circle: bool

    @property
    def time_scale(self) -> float:
        """A natural unit of time."""
        return natural_time_scale(self.model)

    @property
    def variable(self) -> str:
        """The name of the spiking variable."""
        return self.model.variable.name

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The names of the other states."""
        return tuple(state.name for state in self.model.other_states)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(symbol.name for symbol in self.model.parameters)

    @property
    def states(self) -> int:
        """How many states there are."""
        return 1 + len(self.others)

    @property
    def is_at_infinity(self) -> bool:
        """Whether the spike is at infinity."""
        return self.model.spike.is_at_infinity

    @property
    def goes_through(self) -> bool:
        """Whether the reset is at minus infinity."""
        return self.model.reset_value == -sp.oo

    def rates(self, states: Array, parameters: Any) -> Array:
        """Return the rates of change of all states."""
        order = (self.model.variable, *self.model.other_states)
        rates = [compiled(self.model.dynamics[state], self.symbols)(*states, *parameters) for state in order]
        return jnp.stack([jnp.asarray(rate, states.dtype) for rate in rates])

    def rate(self, variable: Array, others: Any, parameters: Any) -> Array:
        """Return the rate of change of the spiking variable."""
        value = compiled(self.model.field, self.symbols)(variable, *others, *parameters)
        return jnp.asarray(value, variable.dtype)

    def weight(self, variable: Array, parameters: Array) -> Array:
        """Return the rate of a circle variable where its potential tan(angle / 2) has the rate 1; 1 on the line."""
        if not self.is_circle:
            return jnp.ones_like(variable)
        low, high = self.model.reset_value, self.model.spike.threshold
        stretch = sp.sin(sp.pi * (self.model.variable - low) / (high - low)) ** 2 * (high - low) / sp.pi
        nothing = [jnp.zeros_like(variable)] * (self.states - 1)
        return jnp.asarray(compiled(stretch, self.symbols)(variable, *nothing, *parameters), variable.dtype)

    def ends(self, parameters: tuple[Array, ...]) -> tuple[Array, Array]:
        """Return reset and threshold of a spiking variable that has finite ones."""
        symbols = tuple(self.model.parameters)
        low, high = (
            compiled(sp.sympify(end), symbols)(*parameters)
            for end in (self.model.reset_value, self.model.spike.threshold)
        )
        return jnp.asarray(low), jnp.asarray(high)

    def inside(self, variable: Array, parameters: tuple[Array, ...]) -> Array:
        """Keep a circle variable just inside its ends, so that rounding never takes it across to the other one."""
        if not self.is_circle:
            return variable
        low, high = self.ends(parameters)
        margin = jnp.finfo(variable.dtype).eps * 4 * (high - low)
        inside = jnp.clip(variable, low + margin, high - margin)
        return variable + stop_gradient(inside - variable)

    def threshold(self, parameters: tuple[Array, ...]) -> Array:
        """Return a finite threshold."""
        return jnp.asarray(compiled(self.model.spike.threshold, tuple(self.model.parameters))(*parameters))

    def equations(self, values: Values) -> Equations:
        """Return what one neuron does, as functions of its states."""
        parameters = tuple(values[symbol] for symbol in self.model.parameters)
        names, reset, jumps = (self.variable, *self.others), self.update(values), self.jumps(values)

        def updated(update: Update, states: Array, **weight: Array) -> Array:
            new = update(dict(zip(names, states, strict=True)) | weight)
            values = [new.get(name, old) for name, old in zip(names, states, strict=True)]
            return jnp.stack([jnp.asarray(value, states.dtype) for value in values])

        def after_input(route: Array, weight: Array, states: Array) -> Array:
            inside, after = states.at[0].set(self.inside(states[0], parameters)), states
            for number, jump in enumerate(jumps.values()):
                after = jnp.where(route == number, updated(jump, inside, **{self.weight_name: weight}), after)
            return after

        def after_spike(states: Array) -> Array:
            after = updated(reset, states)
            return after.at[0].set(-jnp.inf) if self.goes_through else after

        period = None if self.model.refractory is None else lower(self.model.refractory, values)
        return Equations(lambda states: self.rates(states, parameters), after_input, after_spike, period)

    def update(self, values: Values) -> Update:
        """Return the reset, without a potential that goes to minus infinity."""
        reset = {state: value for state, value in self.model.reset.items() if value != state and value != -sp.oo}
        return Update.of(reset, values)

    def jumps(self, values: Values) -> dict[str, Update]:
        """Return what an input does, for every route; it takes the weight by the name `weight_name`."""
        return {route.name: Update.of(route.jump, values) for route in self.model.routes}

    @property
    def weight_name(self) -> str:
        """The name of the weight in jumps."""
        return weight_symbol.name

    def named(self, values: Mapping[Any, Array]) -> dict[str, Array]:
        """Return the values of the parameters by name."""
        return {symbol.name: jnp.asarray(values[symbol]) for symbol in self.model.parameters}

    @property
    def symbols(self) -> tuple[Any, ...]:
        """States, the spiking variable first, and parameters: the order of arguments."""
        return (self.model.variable, *self.model.other_states, *self.model.parameters)


@dataclass(frozen=True)
class DeclaredFormulas:
    """Flow and time to spike of a model as functions of its states, the spiking variable first, and its parameters.

    Attributes:
        field: The declared equations.
        formulas: The flow of every state.
        spike: The time to the next spike.
    """

    field: DeclaredField
    formulas: FrozenMapping[sp.Symbol, sp.Expr]
    spike: sp.Expr

    def flow(self, states: tuple[Array, ...], parameters: tuple[Array, ...], t: Array) -> tuple[Array, ...]:
        """Return all states a time later."""
        model, values = self.field.model, self._values(states, parameters)
        order = (model.variable, *model.other_states)
        found = [compiled(self.formulas[state], (*self.field.symbols, time))(*values, t) for state in order]
        return tuple(jnp.broadcast_to(jnp.asarray(value, t.dtype), t.shape) for value in found)

    def time_to_spike(self, states: tuple[Array, ...], parameters: tuple[Array, ...]) -> Array:
        """Return the time to the spike, inf for never."""
        like = states[0]
        value = compiled(self.spike, self.field.symbols)(*self._values(states, parameters))
        return jnp.broadcast_to(jnp.asarray(value, like.dtype), like.shape)

    def _values(self, states: tuple[Array, ...], parameters: tuple[Array, ...]) -> tuple[Array, ...]:
        return (self.field.inside(states[0], parameters), *states[1:], *parameters)
