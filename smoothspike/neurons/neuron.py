"""`Neuron`: a declared model, verified, derived, and ready to run."""

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, final

import diffrax
import equinox as eqx
import jax.numpy as jnp
import sympy as sp
from jaxtyping import Array, Float

from symbolic import Derivation, ModelError, NeuronModel, derive
from symbolic.declare import FrozenMapping, driven_by, without_currents
from symbolic.derive import NumericForm

from .._describe import described_neuron
from ..numerics.adaptive_steps import Integration
from . import AbstractDynamics
from ._certified import certificate_of, require_continuous
from ._trained import chosen_names, initial_unconstrained, initial_value
from ._weight_signs import weight_sign
from .beyond import Beyond, lift_of, require_beyond
from .compile.from_form import from_form
from .compile.to_jax import lower
from .moving_threshold import with_declared_states
from .refractory import with_refractory_time


@final
class Neuron(eqx.Module):
    """A neuron model with values for its parameters, some of which may be trained.

    Args:
        model: The declared neuron, or a readout, which is not verified as it has no spikes.
        trainable: Names of the parameters that an optimiser may change, and of the states whose initial value it may.
            Parameters declared positive stay positive: what is trained is their logarithm. Initial values stay in the
            range of their state, and below the threshold. One value serves all neurons of a layer; a parameter that is
            declared with one value per neuron is trained per neuron.
        per_neuron: Names of those in `trainable` of which each neuron of a layer gets a value of its own, which
            starts at the declared one.
        allow_discontinuous: Build the neuron even where its spikes do not provably change continuously.
        method: "projective", "linear", "phase" or "numeric" to insist on a method; by default the best that applies.
        solver: For a neuron that is integrated, an explicit Runge-Kutta method of diffrax; by default `Dopri8()`.
        rtol: Relative error of a step of that solver; by default 1e-12 in double precision and 1e-6 in single.
        atol: Absolute error, of x = asinh(V) and the other states; by default a hundredth of `rtol`.
        beyond: What the neuron does beyond the trial, where its pseudospikes are. "lifted", the default, drives every
            neuron above its rheobase. "own" lets a neuron go on by its own dynamics, if it certainly fires by itself:
            its drive is above the rheobase, and inputs act on its potential alone. `ss.Softplus(alpha)` is the drive
            of the papers.

    Raises:
        ContinuityError: if the certificate does not hold and `allow_discontinuous` is False.
        DerivationError: if no solver exists, or not by that method.
        ModelError: if a parameter is open, a name in `trainable` is neither a parameter nor a state, or an initial
            value to be trained lies at an end of its range; if the neuron does not admit the choice of `beyond`.
        TypeError: if the model is no NeuronModel, or the solver not an explicit Runge-Kutta method of diffrax.
        ValueError: if a tolerance is not a small positive number, or the neuron is not integrated.

    Where a closed form rests on a relation between parameters (such as `tau_s = tau_m / 2`), it is used as long as none
    of them is trained; otherwise a solver that holds for all values. `derivation` says which one it is, and why.

    Example:
        >>> from symbolic import models
        >>> Neuron(models.qif()).derivation.closed_form
        True
        >>> neuron = Neuron(models.qif(), trainable=("tau_m",))
        >>> float(neuron.parameter("tau_m")), neuron.derivation.closed_form, neuron.derivation.method
        (1.0, False, 'projective')
        >>> Neuron(models.qif(), trainable=("tau_m", "V"), per_neuron="V").trainable
        ('V', 'tau_m')

        Models without a closed form are integrated by diffrax. Every other model can be, by `method="numeric"`.

        >>> import diffrax
        >>> Neuron(models.eif(), solver=diffrax.Tsit5(), rtol=1e-8)
        Neuron(EIF, numeric by Tsit5)
    """

    unconstrained: dict[str, Float[Array, "..."]]
    model: NeuronModel = eqx.field(static=True)
    derivation: Derivation = eqx.field(static=True)
    fixed: FrozenMapping[sp.Symbol, sp.Expr] = eqx.field(static=True)
    integration: Integration = eqx.field(static=True)
    per_neuron: tuple[str, ...] = eqx.field(static=True, default=())
    beyond: Beyond = eqx.field(static=True, default="lifted")

    def __init__(
        self,
        model: NeuronModel,
        *,
        trainable: str | tuple[str, ...] = (),
        per_neuron: str | tuple[str, ...] = (),
        allow_discontinuous: bool = False,
        method: str | None = None,
        solver: diffrax.AbstractERK | None = None,
        rtol: float | None = None,
        atol: float | None = None,
        beyond: Beyond = "lifted",
    ) -> None:
        if not isinstance(model, NeuronModel):
            raise TypeError(f"model is of type {type(model).__name__}; pass a NeuronModel, such as ss.models.qif()")
        if not (model.is_readout or allow_discontinuous):  # a readout has no spikes whose continuity could be proven
            require_continuous(model)
        self.model = model
        symbols = {symbol.name: symbol for symbol in model.parameters}
        names, self.per_neuron = chosen_names(model, trainable, per_neuron)
        trainable = tuple(name for name in names if name in symbols)
        open_ones = [symbol.name for symbol in model.parameters if symbol not in model.values]
        if open_ones:
            raise ModelError(
                f"{model.name}: {', '.join(open_ones)} has no value, so that nothing can be run; give it one, as in "
                f"model.with_parameters({open_ones[0]}=1.0)"
            )
        chosen = {symbols[name] for name in trainable}
        self.derivation = derive(without_currents(model), method, trainable=trainable)
        self.integration = self._integration(solver, rtol, atol)
        self.fixed = FrozenMapping({symbol: value for symbol, value in model.values.items() if symbol not in chosen})
        self.unconstrained = {
            symbol.name: jnp.log(_array(model.values[symbol])) if symbol.is_positive else _array(model.values[symbol])
            for symbol in sorted(chosen, key=lambda symbol: symbol.name)
        }
        starts = {
            state.name: initial_unconstrained(self._range(state.name), model, state, self._values())
            for state in model.states
            if state.name in names
        }
        self.unconstrained = dict(sorted((self.unconstrained | starts).items()))
        self.beyond = beyond
        self._require_beyond()

    def _require_beyond(self) -> None:
        require_beyond(self.beyond, self.model, self.derivation, self._values())
        if self.beyond == "own":
            dynamics = self.dynamics()
            try:
                start = dynamics.initial_state(self.initial(self.per_neuron_size() or 1))
                dynamics.pseudo_phase_and_period(start, jnp.asarray(1.0))
            except ValueError as error:
                raise ModelError(f"{self.model.name}: {error}") from None

    def _integration(self, solver: diffrax.AbstractERK | None, rtol: float | None, atol: float | None) -> Integration:
        given = [name for name, value in (("solver", solver), ("rtol", rtol), ("atol", atol)) if value is not None]
        if given and not isinstance(self.derivation.form, NumericForm):
            raise ValueError(
                f"{self.model.name} is solved by the method {self.derivation.method!r}, which needs no "
                f'{" and no ".join(given)}; pass method="numeric" to integrate it, or leave them out'
            )
        return Integration(diffrax.Dopri8() if solver is None else solver, rtol, atol)

    def __repr__(self) -> str:
        return described_neuron(self)

    @property
    def trainable(self) -> tuple[str, ...]:
        """Names of the trained parameters, and of the states whose initial values are trained."""
        return tuple(self.unconstrained)

    @property
    def routes(self) -> tuple[str, ...]:
        """Names of the input routes."""
        return tuple(route.name for route in self.model.routes)

    @property
    def sums_inputs(self) -> bool:
        """Whether inputs that arrive together do the same as one input with the sums of their weights."""
        return _sums_inputs(self.model)

    def weight_sign(self, route: str) -> int:
        """Return the only sign that weights of a route may have: 1 or -1, or 0 for both.

        A declared range of a state, such as `bounds={g: (0, oo)}`, must hold after every input, too.

        Raises:
            ModelError: if weights of neither sign keep the states in their ranges.

        Example:
            >>> from symbolic import models
            >>> Neuron(models.qif_conductance()).weight_sign("g"), Neuron(models.qif()).weight_sign("I")
            (1, 0)
        """
        return weight_sign(self.model, route)

    def range_of(self, state: str) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Return the ends of the range of a state or current, declared or needed by the certificate; else infinite."""
        low, high = (_array(end) if end.is_infinite else lower(end, self._values()) for end in self._range(state))
        return low, high

    def _range(self, state: str) -> Any:
        symbol = next(symbol for symbol in (*self.model.states, *self.model.currents) if symbol.name == state)
        certificate = None if self.model.is_readout else certificate_of(self.model)
        needed = {} if certificate is None or not certificate.holds else dict(certificate.derived_ranges)
        return self.model.bounds.get(symbol, needed.get(symbol, (-sp.oo, sp.oo)))

    def parameter(self, name: str) -> Float[Array, "..."]:
        """Return the present value of a parameter by its name.

        Raises:
            ModelError: if there is no such parameter, or it has no value.
        """
        for symbol, value in self._values().items():
            if symbol.name == name:
                return value
        raise ModelError(f"{self.model.name} has no parameter {name!r} with a value")

    def per_neuron_size(self) -> int | None:
        """How many neurons the parameters describe; None where one value serves any number."""
        sizes = {len(value) for value in self.model.values.values() if isinstance(value, sp.Tuple)}
        sizes |= {raw.shape[0] for raw in self.unconstrained.values() if raw.ndim}
        if len(sizes) > 1:
            raise ModelError(f"{self.model.name}: parameters have different numbers of values: {sorted(sizes)}")
        return sizes.pop() if sizes else None

    def for_layer(self, size: int) -> "Neuron":
        """Return the neuron of a layer, in which what is trained per neuron has as many values."""
        if not self.per_neuron:
            return self
        raw = {
            name: jnp.broadcast_to(value, (size,)) if name in self.per_neuron else value
            for name, value in self.unconstrained.items()
        }
        return eqx.tree_at(lambda neuron: neuron.unconstrained, self, raw)

    def initial(self, size: int) -> dict[str, Float[Array, " neurons"]]:
        """Return the initial value of every state, declared or trained, for `size` neurons."""
        values = self._values()
        found = {}
        for state, declared in self.model.initial.items():
            if state.name in self.unconstrained:
                value = initial_value(
                    self.unconstrained[state.name], self._range(state.name), self.model, state, values
                )
            else:
                value = lower(declared, values)
            found[state.name] = jnp.broadcast_to(value, (size,))
        return found

    def dynamics(self, currents: Mapping[str, bool] = MappingProxyType({})) -> AbstractDynamics:
        """Build the solver at the present parameter values.

        Args:
            currents: The names of the currents that are given, as states of their own, and whether each has a slope.
        """
        derivation, values = self.derivation_under(currents), self._values()
        own = from_form(derivation.form, derivation, values, self.integration)
        own = dataclasses.replace(own, lift=lift_of(self.beyond, self.derivation, values))
        return with_declared_states(with_refractory_time(own, derivation, values, self.integration), self.model, values)

    def derivation_under(self, currents: Mapping[str, bool]) -> Derivation:
        """Return how the neuron is solved where these currents are given, and whether each has a slope.

        Where none is given, all are 0, and it is `derivation`.
        """
        if not currents:
            return self.derivation
        if self.beyond != "lifted":
            raise ModelError(f'{self.model.name}: currents can be given only to neurons with beyond="lifted"')
        method = "numeric" if isinstance(self.derivation.form, NumericForm) else None
        return derive(driven_by(self.model, currents), method, trainable=self.trainable)

    def _values(self) -> dict[sp.Symbol, Float[Array, "..."]]:
        symbols = {symbol.name: symbol for symbol in self.model.parameters}
        values = {symbol: _array(value) for symbol, value in self.fixed.items()}
        for name, raw in self.unconstrained.items():
            if name not in symbols:  # an initial value
                continue
            values[symbols[name]] = jnp.exp(raw) if symbols[name].is_positive else raw
        return values


@lru_cache(maxsize=256)
def _sums_inputs(model: NeuronModel) -> bool:
    changed = [state for route in model.routes for state in route.jump]
    # no input changes or reads what another one changes
    is_apart = len(changed) == len(set(changed)) and not any(
        value.has(state)
        for route in model.routes
        for value in route.jump.values()
        for state in set(changed) - set(route.jump)
    )
    return is_apart and all(route.adds_up for route in model.routes)


def _array(value: Any) -> Float[Array, "..."]:
    dtype = jnp.result_type(float)
    if isinstance(value, sp.Tuple):
        parts: list[Any] = list(value)
        return jnp.asarray([float(part) for part in parts], dtype)
    return jnp.asarray(float(value), dtype)
