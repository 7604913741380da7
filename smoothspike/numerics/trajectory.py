"""Trials of one neuron with any equations, in coordinates in which nothing becomes infinite.

A spike at infinity has happened where the time that is left has become smaller than the rounding of any spike time: at
x = `top` in x = asinh(V), and at x = `bottom` on the way back. `event_search` gets there.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from .adaptive_steps import Integration, Line, PathSolver, Progress, States, states_of
from .event_search import select, to_next_event

_HARDLY = 1e-2
RUNNING, DONE, ESCAPED, STALLED, TOO_MANY_STEPS, TOO_MANY_SPIKES = range(6)


class Equations(NamedTuple):
    """What a neuron does, as functions of arrays; the spiking variable is the first state.

    Attributes:
        rates: The rates of change of all states.
        jump: The states after an input, from (route, weight, states).
        reset: The states after a spike, from those before; the spiking variable may be -inf.
        refractory: For how long the spiking variable is held after a spike; None for not at all.
    """

    rates: Callable[[States], States]
    jump: Callable[[Array, Array, Array], Array]
    reset: Callable[[Array], Array]
    refractory: Array | None = None

    def with_hold(self) -> "Equations":
        """Return the same with one more state at the end: 1 where the spiking variable is held, else 0."""

        def rates(states: States) -> States:
            own = self.rates(states[:-1])
            return jnp.append(own.at[0].set(jnp.where(states[-1] > 0, 0.0, own[0])), 0.0)

        def jump(route: Array, weight: Array, states: Array) -> Array:
            after = self.jump(route, weight, states[:-1])
            return jnp.append(after.at[0].set(jnp.where(states[-1] > 0, states[0], after[0])), states[-1])

        return Equations(rates, jump, lambda states: jnp.append(self.reset(states[:-1]), 1.0), self.refractory)


class Inputs(NamedTuple):
    """Input spikes in the order of their times, padded with inf; a route of -1 does nothing (and is recorded)."""

    times: Float[Array, " inputs"]
    routes: Int[Array, " inputs"]
    weights: Float[Array, " inputs"]


class Trial(NamedTuple):
    """What happened.

    Attributes:
        spike_times: The times of spikes, padded with inf.
        num_spikes: How many there were; one more than the capacity if there were too many.
        status: DONE, or why the trial ended early: ESCAPED to minus infinity, STALLED (so stiff that steps
            ran out, at a place from which the spiking variable hardly moves until the end), TOO_MANY_STEPS,
            TOO_MANY_SPIKES.
        ended: When it ended.
        at_spikes: The states just before the reset of each spike, the spiking variable first; NaN beyond `num_spikes`.
        before: The states just before each input, likewise; NaN where it was not reached.
        states: The states at the end.
    """

    spike_times: Float[Array, " spikes"]
    num_spikes: Int[Array, ""]
    status: Int[Array, ""]
    ended: Float[Array, ""]
    at_spikes: Float[Array, "spikes states"]
    before: Float[Array, "inputs states"]
    states: Float[Array, " states"]


class _Carry(NamedTuple):
    progress: Progress
    next_input: Int[Array, ""]
    release: Float[Array, ""]
    trial: Trial


def simulate(
    equations: Equations,
    line: Line,
    inputs: Inputs,
    initial: Float[Array, " states"],
    duration: Float[Array, ""],
    *,
    may_graze: bool = True,
    max_spikes: int = 32,
    max_steps: int = 20_000,
    integration: Integration | None = None,
) -> Trial:
    """Simulate one trial from time 0 to `duration`.

    Args:
        equations: The neuron.
        line: Where its spike is.
        inputs: What arrives.
        initial: The states at time 0.
        duration: The trial's end.
        may_graze: Look for maxima that touch the threshold; needless where the spike is at infinity.
        max_spikes: Room for spikes; a trial that needs more ends early and says so.
        max_steps: Room for steps of the solver, likewise.
        integration: The solver and its tolerances.
    """
    if equations.refractory is not None:
        equations, initial = equations.with_hold(), jnp.append(initial, 0.0)
    solver = PathSolver(equations.rates, line, may_graze, integration or Integration(), max_steps)
    count = inputs.times.shape[0]
    inputs = Inputs(jnp.append(inputs.times, jnp.inf), jnp.append(inputs.routes, -1), jnp.append(inputs.weights, 0.0))

    def running(carry: _Carry) -> Bool[Array, ""]:
        return carry.trial.status == RUNNING

    def onward(carry: _Carry) -> _Carry:
        following = jnp.minimum(inputs.times[carry.next_input], duration)
        target = jnp.minimum(following, carry.release)
        is_release = carry.release <= following
        progress, spikes, arrives, _ = to_next_event(solver, carry.progress, target)
        path = progress.path.at[0].set(jnp.where(arrives, target, progress.path[0]))
        carry = carry._replace(progress=progress._replace(path=path))
        carry = select(spikes, _spike(equations, line, carry), carry)
        carry = select(arrives & ~is_release, _arrive(equations, inputs, carry, duration), carry)
        if equations.refractory is not None:
            carry = select(arrives & is_release, _released(carry), carry)
        return _watched(solver, carry, duration)

    trial = Trial(
        jnp.full(max_spikes, jnp.inf), jnp.array(0), jnp.array(RUNNING), jnp.zeros(()),
        jnp.full((max_spikes, *initial.shape), jnp.nan), jnp.full((count + 1, *initial.shape), jnp.nan), initial,
    )  # fmt: skip
    path = jnp.concatenate([jnp.zeros(1), jnp.arcsinh(initial[:1]), initial[1:]])
    last = lax.while_loop(running, onward, _Carry(solver.start(path), jnp.array(0), jnp.array(jnp.inf), trial))
    path = last.progress.path
    trial = last.trial._replace(ended=path[0], before=last.trial.before[:count], states=states_of(path))
    if equations.refractory is None:
        return trial
    return trial._replace(at_spikes=trial.at_spikes[:, :-1], before=trial.before[:, :-1], states=trial.states[:-1])


def _spike(equations: Equations, line: Line, carry: _Carry) -> _Carry:
    trial = carry.trial
    capacity = trial.spike_times.shape[0]
    before = states_of(carry.progress.path)
    states = equations.reset(before)
    x = jnp.where(jnp.isneginf(states[0]), line.bottom, jnp.arcsinh(states[0]))
    trial = trial._replace(
        spike_times=trial.spike_times.at[trial.num_spikes].set(carry.progress.path[0], mode="drop"),
        at_spikes=trial.at_spikes.at[trial.num_spikes].set(before, mode="drop"),
        num_spikes=trial.num_spikes + 1,
        status=jnp.where(trial.num_spikes >= capacity, TOO_MANY_SPIKES, trial.status),
    )
    path = jnp.concatenate([carry.progress.path[:1], x[None], states[1:]])
    release = carry.release
    if equations.refractory is not None:
        release = path[0] + equations.refractory
    return carry._replace(progress=carry.progress._replace(path=path), trial=trial, release=release)


def _released(carry: _Carry) -> _Carry:
    path = carry.progress.path.at[-1].set(0.0)
    return carry._replace(progress=carry.progress._replace(path=path), release=jnp.full_like(carry.release, jnp.inf))


def _arrive(equations: Equations, inputs: Inputs, carry: _Carry, duration: Array) -> _Carry:
    """Apply the next input, unless the trial is over."""
    place, trial, before = carry.next_input, carry.trial, states_of(carry.progress.path)
    is_over = inputs.times[place] > duration
    after = equations.jump(inputs.routes[place], inputs.weights[place], before)
    x = jnp.where(after[0] == before[0], carry.progress.path[1], jnp.arcsinh(after[0]))
    moved = jnp.concatenate([carry.progress.path[:1], x[None], after[1:]])
    trial = trial._replace(
        before=trial.before.at[place].set(jnp.where(is_over, jnp.nan, before)),
        status=jnp.where(is_over, DONE, trial.status),
    )
    path = jnp.where(is_over, carry.progress.path, moved)
    return carry._replace(progress=carry.progress._replace(path=path), next_input=place + 1, trial=trial)


def _watched(solver: PathSolver, carry: _Carry, duration: Array) -> _Carry:
    """End a trial that ran away to minus infinity or makes no progress."""
    rate, variable = solver.rate(carry.progress.path), jnp.sinh(carry.progress.path[1])
    stalls = jnp.abs(rate) * (duration - carry.progress.path[0]) < _HARDLY * (1 + jnp.abs(variable))
    without_steps = jnp.where(stalls, STALLED, TOO_MANY_STEPS)
    is_held = jnp.isfinite(carry.release)
    escapes = (carry.progress.path[1] <= solver.line.bottom) & (rate <= 0) & ~is_held
    status = jnp.where(escapes, ESCAPED, jnp.where(carry.progress.steps >= solver.max_steps, without_steps, RUNNING))
    status = jnp.where(carry.trial.status == RUNNING, status, carry.trial.status)
    return carry._replace(trial=carry.trial._replace(status=status))
