"""Which steps a declared model takes: on the projective line where it is quadratic, else exponential Euler steps."""

from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy as sp

from symbolic import NeuronModel
from symbolic.declare import driven_by, without_currents
from symbolic.structure import Structure, StructureClass, is_on_circle, recognise

from ..neurons.compile.to_jax import Values, lower
from ..neurons.neuron import Neuron
from .equations import linear_states
from .exponential import ExponentialStepper, amplitude_of, linear_part
from .projective import ProjectiveStepper, centre_and_width
from .resolvable import floor_of, peak_of
from .stepper import AbstractStepper


def stepper_of(neuron: Neuron, currents: Any, dt: float, peak: float | None) -> AbstractStepper:
    """Return what steps a population of a neuron, at the present values of its parameters.

    Args:
        neuron: The neuron.
        currents: The names of the currents that are given, which are held over every step.
        dt: The step.
        peak: What stands for infinity where the neuron is followed to a peak, or None for one that suits the step.
    """
    declared = neuron.model
    model = driven_by(declared, dict.fromkeys(currents, False)) if currents else without_currents(declared)
    require_sums(declared)
    values: Any = {symbol: neuron.parameter(symbol.name) for symbol in model.parameters}
    structure = None if model.is_readout else quadratic(model)
    if structure is not None:
        return _projective(model, structure, values, dt)
    return _exponential(model, values, dt, peak)


def require_sums(model: NeuronModel) -> None:
    """Refuse inputs that do not add up, as those that arrive within a step do."""
    for route in model.routes:
        if not route.adds_up:
            raise ValueError(
                f"{model.name}: inputs of the route {route.name!r} that arrive in one step cannot be taken as one, as "
                f"their effects do not add up: {route}. Declare an input that adds its weight to a state"
            )


def quadratic(model: NeuronModel) -> Structure | None:
    """Return the structure of a model that steps on the projective line, or None."""
    return _quadratic(model, model.order)


@lru_cache(maxsize=256)
def _quadratic(model: NeuronModel, order: Any) -> Structure | None:
    """`order` tells models apart that differ in the order of their states and parameters alone."""
    structure = recognise(model)
    if structure.kind is not StructureClass.RICCATI:
        return None
    states: set[Any] = {structure.potential, *model.states}
    if structure.coefficients[2].free_symbols & states:
        return None
    sheared = (change for jump in structure.jumps.values() for change in jump.values())
    return None if any(change.free_symbols & states for change in sheared) else structure


def needs_peak(model: NeuronModel) -> bool:
    """Whether a finite peak stands for the threshold at infinity."""
    return not model.is_readout and model.spike.is_at_infinity and quadratic(without_currents(model)) is None


def _projective(model: NeuronModel, structure: Structure, values: Values, dt: float) -> ProjectiveStepper:
    linear, propagator, _ = linear_part(model, model.other_states, values, dt, False)
    centre, width = (lower(part, values) for part in centre_and_width(model, structure))
    goes_through = structure.is_circle or model.spike.is_at_infinity

    def angle(value: Any) -> Any:
        return 2 * jnp.arctan((lower(value, values) - centre) / width)

    top = jnp.asarray(np.pi, centre.dtype) if goes_through else angle(model.spike.threshold)
    bottom = None if structure.is_circle or model.reset_value == -sp.oo else angle(model.reset_value)
    parameters = {symbol.name: value for symbol, value in values.items()}
    return ProjectiveStepper(
        model, structure, parameters, linear, propagator, centre, width, top, bottom, _holding(model, values, dt), dt
    )


def _exponential(model: NeuronModel, values: Values, dt: float, peak: float | None) -> ExponentialStepper:
    holding = None if model.is_readout else _holding(model, values, dt)
    linear = linear_part(model, linear_states(model), values, dt, holding is not None)
    ends, peaks, floor, amplitude, is_circle = None, None, None, None, False
    if not model.is_readout:
        is_circle = is_on_circle(model)
        floor = None if is_circle else floor_of(model, dt)
        floor = None if floor is None or not np.isfinite(floor).any() else floor
        if model.spike.is_at_infinity:
            top = (float(peak),) if peak is not None else peak_of(model, dt)
            reset = model.reset_value
            low = jnp.asarray(floor) if reset == -sp.oo else lower(reset, values)
            ends = low, jnp.asarray(top)
            peaks = top
        amplitude = amplitude_of(model, values, ends)
    parameters = {symbol.name: value for symbol, value in values.items()}
    return ExponentialStepper(model, parameters, *linear, amplitude, holding, dt, peaks, floor, is_circle)


def _holding(model: NeuronModel, values: Values, dt: float) -> Any:
    """For how many steps the spiking variable is held, rounded."""
    return None if model.refractory is None else jnp.round(lower(model.refractory, values) / dt)
