"""Which steps a declared model takes: on the projective line where its field is nonlinear, else exponential ones."""

from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy as sp

from symbolic import NeuronModel
from symbolic.declare import driven_by, has_moving_threshold, without_currents
from symbolic.structure import Structure, StructureClass, is_on_circle, recognise

from ..neurons.compile.to_jax import Values, lower
from ..neurons.neuron import Neuron
from .equations import conditional_parts, linear_states
from .exponential import ExponentialStepper, amplitude_of, linear_part
from .projective import ProjectiveStepper, centre_and_width
from .resolvable import ceiling_of, floor_of
from .stepper import AbstractStepper


def stepper_of(neuron: Neuron, currents: Any, dt: float) -> AbstractStepper:
    """Return what steps a population of a neuron, at the present values of its parameters.

    Args:
        neuron: The neuron.
        currents: The names of the currents that are given, which are held over every step.
        dt: The step.
    """
    declared = neuron.model
    model = driven_by(declared, dict.fromkeys(currents, False)) if currents else without_currents(declared)
    require_sums(declared)
    values: Any = {symbol: neuron.parameter(symbol.name) for symbol in model.parameters}
    structure = None if model.is_readout else on_the_projective_line(model)
    return _exponential(model, values, dt) if structure is None else _projective(model, structure, values, dt)


def require_sums(model: NeuronModel) -> None:
    """Refuse inputs that do not add up, as those that arrive within a step do."""
    for route in model.routes:
        if not route.adds_up:
            raise ValueError(
                f"{model.name}: inputs of the route {route.name!r} that arrive in one step cannot be taken as one, as "
                f"their effects do not add up: {route}. Declare an input that adds its weight to a state"
            )


def on_the_projective_line(model: NeuronModel) -> Structure | None:
    """Return the structure of a model that is stepped in the angle of its potential, or None.

    It is one that spikes at infinity, or has a field that is not affine in its potential; but for an angle with a field
    that is not quadratic in its tangent: it is bounded as it is declared.

    Example:
        >>> from symbolic import models
        >>> [on_the_projective_line(each()) is not None for each in (models.qif, models.adex, models.lif)]
        [True, True, False]
    """
    return _on_the_projective_line(model, model.order)


@lru_cache(maxsize=256)
def _on_the_projective_line(model: NeuronModel, order: Any) -> Structure | None:
    """`order` tells models apart that differ in the order of their states and parameters alone."""
    structure = recognise(model)
    if has_moving_threshold(model) or (structure.is_circle and structure.kind is not StructureClass.RICCATI):
        return None
    states: set[Any] = {structure.potential, *model.states}
    changes = (change for jump in structure.jumps.values() for change in jump.values())
    if any(change.free_symbols & states for change in changes):
        _require_finite_threshold(model)
        return None
    if model.spike.is_at_infinity or structure.kind is StructureClass.RICCATI:
        return structure
    return None if conditional_parts(model.field, model.variable)[2] == 0 else structure


def _require_finite_threshold(model: NeuronModel) -> None:
    if model.spike.is_at_infinity:
        raise ValueError(
            f"{model.name}: it spikes at infinity and has an input whose effect depends on its states, which steps do "
            "not follow there; declare an input that adds its weight to a state, or a finite threshold"
        )


def _projective(model: NeuronModel, structure: Structure, values: Values, dt: float) -> ProjectiveStepper:
    is_quadratic = structure.kind is StructureClass.RICCATI and not (
        structure.coefficients[2].free_symbols & set(model.states)
    )
    others = tuple(state for state in linear_states(model) if state != model.variable)
    linear, propagator, _ = linear_part(model, others, values, dt, False)
    centre, width = (lower(part, values) for part in centre_and_width(model, structure))
    goes_through = structure.is_circle or model.spike.is_at_infinity

    def angle(value: Any) -> Any:
        return 2 * jnp.arctan((lower(value, values) - centre) / width)

    top = jnp.asarray(np.pi, centre.dtype) if goes_through else angle(model.spike.threshold)
    bottom = None if structure.is_circle or model.reset_value == -sp.oo else angle(model.reset_value)
    parameters = {symbol.name: value for symbol, value in values.items()}
    return ProjectiveStepper(  # pyright: ignore[reportCallIssue]
        model, structure, parameters, linear, propagator, centre, width, top, bottom, _holding(model, values, dt), dt,
        None if is_quadratic else (floor_of(model, dt), ceiling_of(model, dt)),
    )  # fmt: skip


def _exponential(model: NeuronModel, values: Values, dt: float) -> ExponentialStepper:
    parameters = {symbol.name: value for symbol, value in values.items()}
    states = linear_states(model)
    if model.is_readout:
        linear = linear_part(model, states, values, dt, False)
        return ExponentialStepper(model, parameters, *linear, None, None, dt, False)  # pyright: ignore[reportCallIssue]
    holding = _holding(model, values, dt)
    linear = linear_part(model, states, values, dt, holding is not None)
    amplitude = amplitude_of(model, values)
    return ExponentialStepper(  # pyright: ignore[reportCallIssue]
        model, parameters, *linear, amplitude, holding, dt, is_on_circle(model)
    )


def _holding(model: NeuronModel, values: Values, dt: float) -> Any:
    """For how many steps the spiking variable is held, rounded."""
    return None if model.refractory is None else jnp.round(lower(model.refractory, values) / dt)
