"""What every dynamics obeys, for every library model, and agreement with the closed forms derived in SymPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from cases import GENERAL, SOLVED
from oracles import oracle

import smoothspike as ss

SIZE = 12
# Two orders of the same operations.
ROUNDING = 1e-11
STATES = {"V": (-2.0, 2.5), "I": (-2.0, 4.0), "J": (-2.0, 4.0), "g": (0.0, 2.0), "theta": (-3.0, 3.0)}
# the delta-coupled LIF never spikes between inputs
MODELS = {name: getattr(ss.models, name)() for name in SOLVED + GENERAL if name != "lif_delta"}
MODELS |= {f"qif, tau_s = {tau_s} tau_m": ss.models.qif(1.0, tau_s) for tau_s in (2.5,)}


class Population:
    """Some neurons of a library model, in random states in which none spikes at once."""

    def __init__(self, name):
        self.model = MODELS[name]
        self.neuron = ss.Neuron(self.model, allow_discontinuous=True)
        self.derived = self.neuron.derivation
        self.dynamics = self.neuron.dynamics()
        generator = np.random.default_rng(21)
        self.values = {state.name: generator.uniform(*STATES[state.name], SIZE) for state in self.model.states}
        if not (self.dynamics.resets_by_flow or self.model.spike.is_at_infinity):
            self.values["V"] = np.minimum(self.values["V"], 0.9)
        self.state = self.dynamics.initial_state({name: jnp.asarray(v) for name, v in self.values.items()})
        self.flow = eqx.filter_jit(self.dynamics.flow)
        self.through = eqx.filter_jit(self.dynamics.advance)
        self.time_to_spike = jax.jit(lambda state, index=0.0: self.wait(state, index))

    def wait(self, state, index):
        return self.dynamics.time_to_spike(state, jnp.full(SIZE, index), jnp.full(SIZE, 100.0))

    def advance(self, state, duration):
        """The state a time later, through all spikes on the way."""
        return self.through(state, duration)[0] if self.dynamics.passes_spikes else self.flow(state, duration)

    def readout(self, state):
        return self.dynamics.readout(state)


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=() if name in SOLVED else pytest.mark.slow) for name in MODELS],
)
def population(request):
    return Population(request.param)


def assert_same(one, other, tolerance=ROUNDING):
    for name, values in one.items():
        scale = 1 + np.abs(values) + np.abs(other[name])
        np.testing.assert_allclose(values / scale, other[name] / scale, atol=tolerance)


def durations(seed, longest=1.5):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.05, longest, SIZE))


def test_what_is_put_in_is_read_out(population):
    assert_same(population.readout(population.state), population.values)


def test_no_time_changes_nothing(population):
    assert_same(population.readout(population.flow(population.state, jnp.zeros(SIZE))), population.values)


def test_the_time_that_is_left_runs_out(population):
    """Also where an interval ends exactly at a spike, which then comes at once."""
    wait = population.wait(population.state, 0.0)
    assert jnp.isfinite(wait).sum() > 2

    @eqx.filter_jit
    def left(durations):
        def after(durations):
            return population.wait(population.dynamics.flow(population.state, durations), 0.0)

        return jax.jvp(after, (durations,), (jnp.ones(SIZE),))

    for part in (0.5, 1.0):
        remaining, change = left(jnp.where(jnp.isfinite(wait), part * wait, 0.0))
        comes = jnp.isfinite(wait)
        np.testing.assert_allclose(remaining[comes], (1 - part) * wait[comes], atol=ROUNDING)
        np.testing.assert_allclose(change[comes], -1, rtol=1e-8)


def test_times_add_up(population):
    first, second = durations(22), durations(23)
    if not population.dynamics.passes_spikes:  # a flow ends before its spike
        first, second = (
            jnp.minimum(duration, 0.4 * population.wait(population.state, 0.0)) for duration in (first, second)
        )
    step_by_step = population.advance(population.advance(population.state, first), second)
    assert_same(
        population.readout(population.advance(population.state, first + second)), population.readout(step_by_step)
    )


def test_the_flow_solves_the_declared_equations(population):
    """Its slope at time zero is the declared right-hand side."""
    values = {symbol: value for symbol, value in population.model.values.items()}
    step = 1e-5
    now, soon, later = (
        population.readout(population.flow(population.state, jnp.full(SIZE, s * step))) for s in range(3)
    )
    states = [state for state in population.model.states]
    for state in states:
        field = sp.lambdify(states, population.model.dynamics[state].subs(values), "numpy")
        expected = field(*(population.values[s.name] for s in states))
        slope = (4 * soon[state.name] - 3 * now[state.name] - later[state.name]) / (2 * step)
        np.testing.assert_allclose(slope, expected * np.ones(SIZE), rtol=1e-6, atol=1e-6)


def test_a_spike_is_at_the_declared_place(population):
    """Just before the time to spike the spiking variable is just below its threshold."""
    wait = np.asarray(population.time_to_spike(population.state))
    some = np.isfinite(wait)
    assert some.any()
    assert (wait[some] > 0).all()
    before = population.flow(population.state, jnp.where(some, wait * (1 - 1e-9), 0.0))
    variable = population.readout(before)[population.model.variable.name][some]
    if population.model.spike.is_at_infinity:
        field = sp.lambdify(population.model.states, population.model.field.subs(population.model.scalar_values))
        assert (field(*(population.readout(before)[s.name][some] for s in population.model.states)) > 1e7).all()
    else:
        threshold = float(population.model.spike.threshold.subs(population.model.scalar_values))
        assert (variable < threshold).all()
        np.testing.assert_allclose(variable, threshold, atol=1e-6)


def test_waiting_shortens_the_time_to_spike(population):
    wait = population.time_to_spike(population.state)
    half = jnp.where(jnp.isfinite(wait), wait / 2, 0.0)
    np.testing.assert_allclose(
        population.time_to_spike(population.flow(population.state, half)), wait - half, rtol=1e-9
    )


def test_reset(population):
    wait = population.time_to_spike(population.state)
    at = population.flow(population.state, jnp.where(jnp.isfinite(wait), wait, 0.0))
    after, before = population.readout(population.dynamics.reset(at)), population.readout(at)
    for state in population.model.states:
        declared = population.model.reset.get(state, state)
        if declared == state:
            np.testing.assert_array_equal(after[state.name], before[state.name])
        elif declared == -sp.oo:
            assert (after[state.name] < -1e5).all()
        else:
            expected = float(declared.subs(population.model.scalar_values))
            np.testing.assert_allclose(after[state.name], expected, rtol=1e-15)


def test_passing_through_a_spike_is_the_reset(population):
    if not population.dynamics.passes_spikes:
        with pytest.raises(TypeError, match="use flow and reset"):
            population.dynamics.advance(population.state, durations(24))
        return
    wait = population.time_to_spike(population.state)
    some = jnp.isfinite(wait)
    wait, rest = jnp.where(some, wait, 0.0), jnp.full(SIZE, 0.3)
    through, count = population.through(population.state, wait + rest)
    stopped = population.dynamics.reset(population.flow(population.state, wait))
    ended, more = population.through(stopped, rest)
    one, other = population.readout(through), population.readout(ended)
    assert_same({k: v[some] for k, v in one.items()}, {k: v[some] for k, v in other.items()}, 1e-9)
    np.testing.assert_array_equal(count[some], more[some] + 1)
    np.testing.assert_array_equal(count[~some], 0)


def test_later_spikes_follow_the_reset(population):
    """The time to the second spike is that to the first plus the time to spike after the reset."""
    if not population.dynamics.passes_spikes:
        pytest.skip("only its first spike can be asked for")
    first, second = (population.time_to_spike(population.state, float(index)) for index in (0, 1))
    twice = jnp.isfinite(second)
    if not twice.any():
        pytest.skip("no neuron of this model spikes twice without input")
    after = population.dynamics.reset(population.flow(population.state, jnp.where(twice, first, 0.0)))
    np.testing.assert_allclose((first + population.time_to_spike(after))[twice], second[twice], rtol=1e-10)


def test_jumps_add_up_and_do_as_declared(population):
    generator = np.random.default_rng(25)
    weights = [{route: jnp.asarray(generator.normal(size=SIZE)) for route in population.neuron.routes} for _ in "ab"]
    jumped = population.dynamics.jump(population.dynamics.jump(population.state, weights[0]), weights[1])
    both = {route: weights[0][route] + weights[1][route] for route in weights[0]}
    assert_same(population.readout(jumped), population.readout(population.dynamics.jump(population.state, both)))
    (route,) = population.model.routes
    once = population.readout(population.dynamics.jump(population.state, weights[0]))
    states = [state for state in population.model.states]
    for state, value in route.jump.items():
        declared = sp.lambdify([*states, ss.weight], value, "numpy")
        expected = declared(*(population.values[s.name] for s in states), np.asarray(weights[0][route.name]))
        np.testing.assert_allclose(once[state.name], expected, rtol=1e-12)


def test_without_drive(population):
    rest = population.readout(population.dynamics.zero_synaptic_state(population.state))
    for name, values in population.values.items():
        is_current = name != population.model.variable.name
        np.testing.assert_allclose(rest[name], 0 if is_current else values, rtol=1e-14)


def test_pseudo_phase_and_period(population):
    """Pseudospikes come as the oracle says, the first of them not after one period."""
    duration, smooth = 4.0, population.model.spike.is_at_infinity or "theta" in population.values
    first, period = population.dynamics.pseudo_phase_and_period(population.state, jnp.asarray(duration))
    assert ((first >= 0) & (period > 0)).all()
    if not smooth:
        return
    known = oracle(population.model)
    for index in range(SIZE):
        state = known.from_declared(*(values[index] for values in population.values.values()))
        since, expected = known.pseudo_phase(state, 0, duration)
        np.testing.assert_allclose(period[index], float(expected), rtol=1e-10)
        np.testing.assert_allclose(period[index] - first[index], float(since), rtol=1e-9, atol=1e-9)


def test_derived_flow_is_the_flow(population):
    derived = population.derived
    if derived.flow is None:
        pytest.skip("no closed form is derived")
    wait = np.asarray(population.time_to_spike(population.state))
    elapsed = np.where(np.isfinite(wait), 0.7 * wait, 0.8)
    found = population.readout(population.flow(population.state, jnp.asarray(elapsed)))
    time = next(iter(s for s in derived.flow[population.model.variable].free_symbols if s.name == "t"))
    for index in range(SIZE):
        point = population_point(population, index) | {time: sp.Float(elapsed[index], 30)}
        for state, formula in derived.flow.items():
            exact = complex(formula.subs(point).evalf(25))
            assert abs(exact.imag) < 1e-15
            np.testing.assert_allclose(found[state.name][index], exact.real, rtol=1e-10, atol=1e-12)


def test_derived_time_to_spike_is_the_time_to_spike(population):
    derived = population.derived
    if not derived.closed_form:
        pytest.skip("no closed form is derived")
    found = np.asarray(population.time_to_spike(population.state))
    for index in range(SIZE):
        exact = derived.time_to_spike.subs(population_point(population, index))
        if exact == sp.oo:
            assert found[index] == np.inf
        else:
            value = complex(exact.evalf(25))
            assert abs(value.imag) < 1e-15
            np.testing.assert_allclose(found[index], value.real, rtol=1e-12)


def population_point(population, index):
    values = dict(population.model.scalar_values)
    return values | {state: sp.Float(population.values[state.name][index], 30) for state in population.model.states}


def test_gradients_of_the_flow_and_of_the_spike(population):
    """Forward and reverse mode agree; both agree with central differences."""

    def outcome(state):
        moved = population.dynamics.flow(state, jnp.full(SIZE, 0.1))
        wait = population.wait(state, 0.0)
        return jnp.where(jnp.isfinite(wait), wait, 0.0), moved

    leaves, structure = jax.tree.flatten(population.state)
    generator = np.random.default_rng(26)
    direction = jax.tree.unflatten(structure, [jnp.asarray(generator.normal(size=SIZE)) for _ in leaves])

    @eqx.filter_jit
    def both(state):
        _, push = jax.linearize(outcome, state)
        pushed = push(direction)
        (pulled,) = jax.linear_transpose(push, state)(pushed)
        return pushed, pulled

    pushed, pulled = both(population.state)
    sizes = [sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, pair), strict=True))
             for pair in ((pushed, pushed), (pulled, direction))]  # fmt: skip
    np.testing.assert_allclose(*sizes, rtol=1e-11)
    step = 1e-6
    sides = [
        outcome(jax.tree.map(lambda leaf, move, s=s: leaf + s * step * move, population.state, direction))
        for s in (1, -1)
    ]
    difference = jax.tree.map(lambda a, b: (a - b) / (2 * step), *sides)
    for found, expected in zip(*map(jax.tree.leaves, (pushed[0], difference[0])), strict=True):
        close = np.abs(found - expected) <= 1e-5 * (1 + np.abs(expected))
        assert close.mean() > 0.9  # a spike may appear or vanish between the two sides
