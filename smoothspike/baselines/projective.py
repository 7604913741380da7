r"""Steps of neurons with a nonlinear field, through infinity where they spike there.

The state is the angle $\varphi$ with $V = m + h \tan(\varphi / 2)$; infinity is $\varphi = \pi$, which is the same
place as minus infinity, $-\pi$. In a step the field is taken as the parabola that agrees with it at the beginning in
value, slope and curvature, and the Riccati equation $\dot V = a V^2 + b V + c$ is solved exactly, whatever it passes.
Linear states are carried by the exponential of their matrix and count at the middle of the step, others take
exponential Euler steps. For quadratic neurons that is exact where the coefficients are constant, and of second order
in the step otherwise; where other states depend on V it is of first order.

A field that is steeper than quadratic carries V to infinity within a step from some potential on, and back from minus
infinity to another; V counts as those in equations beyond them, and where it passes infinity it is reset at the end of
the step. Both move to infinity as the step becomes shorter.

m is the vertex of the parabola at the initial states, and h its half distance of rest and unstable point, where it has
them; for a circle variable $\varphi$ is the variable itself.

Source: as `numerics.projective`.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import sympy as sp
from jax.lax import stop_gradient
from jaxtyping import Array

from symbolic import NeuronModel
from symbolic import weight as weight_symbol
from symbolic.algebra import coefficients, tidy
from symbolic.structure import Structure

from ..neurons import ReadoutDynamics
from ..numerics.projective import rotate, rotation
from ..numerics.propagator import Entries
from ..numerics.winding import half_turns, winding
from .equations import evaluated, exponential_euler
from .stepper import AbstractStepper, Neurons, States


@final
class ProjectiveStepper(AbstractStepper):
    """Steps of a neuron in the angle of its potential.

    Attributes:
        model: The declared model.
        structure: Its field as a polynomial of the potential, and its inputs.
        parameters: The values of its parameters by name.
        linear: The equations of those of its other states that are linear; None for none.
        propagator: What carries these over a step.
        centre: m.
        width: h.
        top: The angle of the threshold.
        bottom: The angle of a reset to a finite value, or None for one to minus infinity.
        dt: The step.
        limits: The lowest and the highest potential at which the field is evaluated, for every neuron or for all; None
            for a field that is quadratic, and for no limit.
    """

    model: NeuronModel = eqx.field(static=True)
    structure: Structure = eqx.field(static=True)
    parameters: dict[str, Neurons]
    linear: ReadoutDynamics | None
    propagator: Entries | None
    centre: Neurons
    width: Neurons
    top: Neurons
    bottom: Neurons | None
    holding: Neurons | None
    dt: float = eqx.field(static=True)
    limits: tuple[tuple[float, ...] | None, tuple[float, ...] | None] | None = eqx.field(static=True)

    @property
    def spikes(self) -> bool:
        """It does."""
        return True

    @property
    def takes_inputs_first(self) -> bool:
        """An input can take the potential across a finite threshold, but not to infinity."""
        return not (self.structure.is_circle or self.model.spike.is_at_infinity)

    @property
    def _variable(self) -> str:
        return self.model.variable.name

    def start(self, values: Mapping[str, Neurons]) -> States:
        """Turn the spiking variable into an angle."""
        others = {state.name: values[state.name] for state in self.model.other_states}
        return {self._variable: self._angle(values[self._variable])} | others

    def _angle(self, value: Neurons) -> Neurons:
        if not self.structure.is_circle:
            return 2 * jnp.arctan((value - self.centre) / self.width)
        low, high = self._ends
        return 2 * jnp.pi * (value - low) / (high - low) - jnp.pi

    @property
    def _ends(self) -> tuple[Neurons, Neurons]:
        """Reset and threshold of a circle variable."""
        ends = self.model.reset_value, self.model.spike.threshold
        return tuple(evaluated(end, self.parameters) for end in ends)  # pyright: ignore[reportReturnType]

    def _ray(self, angle: Neurons) -> tuple[Neurons, Neurons]:
        """Return a ray (P, Q) with V = P / Q and Q at least 0; of an angle in the first turn."""
        sine, cosine = jnp.sin(angle / 2), jnp.cos(angle / 2)
        # in single precision pi is rounded up
        cosine = cosine + stop_gradient(jnp.abs(cosine) - cosine)
        return self.centre * cosine + self.width * sine, cosine

    def _angle_of_ray(self, p: Neurons, q: Neurons) -> Neurons:
        sign = stop_gradient(jnp.where(q < 0, -1.0, 1.0))
        return 2 * jnp.arctan2(sign * (p - self.centre * q), sign * self.width * q)

    def step(self, states: States, is_held: Array | None) -> States:
        """Move by one step; the angle goes on beyond the spike, by a turn for every passage."""
        after, middle = dict(states), dict(states)
        if self.linear is not None and self.propagator is not None:
            moved = self.linear.propagated(self.propagator, states)
            after |= moved
            middle |= {name: (states[name] + value) / 2 for name, value in moved.items()}
        if self.limits is None:
            angle = self._through_parabola(states, middle)
        else:
            angle, potential = self._beside_parabola(states, middle)
            known = self.parameters | middle | {self._variable: potential}
            for state in self.model.other_states:
                if self.linear is None or state.name not in self.linear.order:
                    rate = self.model.dynamics[state]
                    after[state.name] = exponential_euler(rate, state, states[state.name], known, self.dt)
        after[self._variable] = angle if is_held is None else jnp.where(is_held, states[self._variable], angle)
        return after

    def _through_parabola(self, states: States, middle: States) -> Neurons:
        """Move the angle by a field that is a parabola."""
        row = [evaluated(part, self.parameters | middle) for part in self.structure.coefficients]
        constant, slope, square = (jnp.broadcast_to(part, states[self._variable].shape) for part in row)
        p, q = self._ray(states[self._variable])
        g, drive = square * p + slope / 2 * q, square * constant - slope**2 / 4
        dt = jnp.asarray(self.dt, g.dtype)
        g_end, q_end = rotate(g, q, drive, dt, rotation(drive, dt))
        turns = winding(g, q, q_end, half_turns(drive, dt))
        return self._angle_of_ray((g_end - slope / 2 * q_end) / square, q_end) + 2 * jnp.pi * turns

    def _beside_parabola(self, states: States, middle: States) -> tuple[Neurons, Neurons]:
        """Move the angle by the parabola that is closest to the field at the potential, which is returned also."""
        assert self.limits is not None
        p, q = self._ray(states[self._variable])
        potential = p / jnp.where(q > 0, q, jnp.finfo(q.dtype).tiny)
        low, high = (None if end is None else _array(end, potential) for end in self.limits)
        potential = jnp.clip(potential, low, high)
        known = self.parameters | middle | {self._variable: potential}
        value, slope, curvature = (
            jnp.broadcast_to(evaluated(part, known), potential.shape).astype(potential.dtype)
            for part in derivatives(self.model.field, self.model.variable)
        )
        # in x = V - potential, which starts at 0: x' = value + slope x + curvature x^2 / 2
        drive, dt = value * curvature / 2 - slope**2 / 4, jnp.asarray(self.dt, potential.dtype)
        by = rotation(drive, dt)
        x, q = by.sine * value, by.cosine - by.sine * slope / 2
        passes = winding(slope / 2, jnp.ones_like(q), q, half_turns(drive, dt)) > 0
        angle = self._angle_of_ray(potential * q + x, q)
        return jnp.where(passes, angle + 2 * jnp.pi, angle), potential

    def jump(self, states: States, weights: Mapping[str, Neurons], is_held: Array | None) -> States:
        """Apply inputs, of which those to the potential shear the ray."""
        for route, changes in self.structure.jumps.items():
            if route not in weights:  # the step of a current
                continue
            angle, passed = states[self._variable], 2 * jnp.pi * _turns(states[self._variable])
            p, q = self._ray(angle - passed)
            known = self.parameters | states | {weight_symbol.name: weights[route]}
            for target, by in changes.items():
                amount = evaluated(by, known)
                if target != self.structure.potential:
                    states = states | {target.name: states[target.name] + amount}
                    continue
                sheared = self._angle_of_ray(p + amount * q, q) + passed
                states = states | {self._variable: sheared if is_held is None else jnp.where(is_held, angle, sheared)}
        return states

    def distance(self, states: States) -> Neurons:
        """Return the distance of the angle from that of the spike."""
        bottom = self.top - 2 * jnp.pi if self.bottom is None else self.bottom
        return (states[self._variable] - self.top) / stop_gradient(self.top - bottom)

    def count(self, states: States, distance: Neurons) -> Neurons:
        """Count passages through infinity where the potential goes on from there, else at most one spike."""
        if self.bottom is None:
            return _turns(states[self._variable])
        return (distance >= 0).astype(distance.dtype)

    def reset(self, states: States, spikes: Neurons, resetting: Neurons) -> States:
        """Take the turns that were passed off the angle, or reset it; change the other states as declared."""
        after, known, surrogate = dict(states), self.parameters | states, resetting - stop_gradient(resetting)
        for state, value in self.model.reset.items():
            if state != self.model.variable:
                change = evaluated(value, known) - states[state.name]
                after[state.name] = states[state.name] + resetting * change
        angle = states[self._variable]
        if self.bottom is None:
            angle = angle - 2 * jnp.pi * resetting
            # rounding must not take it back across the spike
            begin = jnp.maximum(angle, -jnp.pi)
            if self.limits is not None:  # beyond infinity the parabola is no longer close to the field
                begin = jnp.where(spikes > 0, -jnp.pi, begin)
            after[self._variable] = angle + stop_gradient(begin - angle)
        else:
            after[self._variable] = jnp.where(spikes > 0, self.bottom, angle) + surrogate * (self.bottom - angle)
        return after

    def declared(self, states: States) -> States:
        """Return the declared states, the potential from its angle."""
        angle = states[self._variable]
        if self.structure.is_circle:
            low, high = self._ends
            value = low + (high - low) * (angle + jnp.pi) / (2 * jnp.pi)
        else:
            value = self.centre + self.width * jnp.tan(angle / 2)
        return states | {self._variable: value}


@lru_cache(maxsize=256)
def derivatives(field: Any, variable: Any) -> tuple[Any, Any, Any]:
    """Return a field with its first and second derivative."""
    slope = sp.diff(field, variable)
    return field, slope, sp.diff(slope, variable)


def _array(values: tuple[float, ...], like: Array) -> Array:
    return jnp.asarray(values[0] if len(values) == 1 else values, like.dtype)


def _turns(angle: Neurons) -> Neurons:
    """Return how often an angle has passed the spike."""
    return stop_gradient(jnp.floor((angle + jnp.pi) / (2 * jnp.pi)))


def centre_and_width(model: NeuronModel, structure: Structure) -> tuple[sp.Expr, sp.Expr]:
    """Return m and h of the potential as expressions in the parameters.

    Example:
        >>> from symbolic import models
        >>> from symbolic.structure import recognise
        >>> centre_and_width(models.qif(), recognise(models.qif()))
        (1/2, 1/2)
    """
    if structure.is_circle:
        return sp.Integer(0), sp.Integer(1)
    start: Any = {state: model.initial[state] for state in model.other_states}
    row = structure.coefficients or coefficients(model.field, model.variable, 2) or ()
    if len(row) != 3:
        return _reset_or_start(model), sp.Integer(1)
    constant, slope, square = (sp.sympify(part).subs(start) for part in row)
    depth = tidy((slope**2 / 4 - square * constant) / square**2)
    is_unclear = any(value == 0 for value in _values_of(model, depth))
    return tidy(-slope / (2 * square)), sp.Integer(1) if is_unclear else sp.sqrt(sp.Abs(depth))


def _reset_or_start(model: NeuronModel) -> sp.Expr:
    reset: Any = model.reset_value
    return model.initial[model.variable] if reset.is_infinite or reset.free_symbols & set(model.states) else reset


def _values_of(model: NeuronModel, expression: Any) -> list[Any]:
    """The values of an expression at the declared parameters, one for each neuron."""
    rows = [value for value in model.values.values() if isinstance(value, sp.Tuple)]
    found = []
    for index in range(len(rows[0]) if rows else 1):
        values: Any = {s: v[index] if isinstance(v, sp.Tuple) else v for s, v in model.values.items()}
        found.append(expression.subs(values))
    return found
