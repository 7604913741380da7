"""Networks that end in a readout: voltages and their derivatives against SciPy and central differences."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad, solve_ivp
from scipy.optimize import minimize_scalar

import smoothspike as ss

DOUBLE = jnp.zeros(()).dtype == jnp.float64
ROUNDING = 1e-10 if DOUBLE else 1e-4
LEAKY = ss.NeuronModel.from_equations(
    "dV/dt = (I - V)/tau_m; dI/dt = -I/tau_s", name="LI", inputs="I", parameters={"tau_m": 1.0, "tau_s": 0.5}
)
DELTA = ss.NeuronModel.from_equations("dV/dt = -V/tau_m", name="delta", inputs="V", parameters={"tau_m": 1.0})
DRIVEN = ss.NeuronModel.from_equations(
    "dV/dt = (I + E - V)/tau_m; dI/dt = -I/tau_s", name="driven", inputs="I", initial={"V": 0.25},
    parameters={"tau_m": 1.0, "tau_s": 1.0, "E": 0.5},
)  # fmt: skip
DURATION = 3.0
TIMES, SOURCES = [0.25, 0.25, 1.0, 1.5, 3.5], [0, 1, 2, 0, 1]
WEIGHTS = np.array([[2.0, -1.0, 1.5], [0.0, 1.0, -2.0], [-1.0, -0.5, -1.0]])


def readout(model, weights=WEIGHTS, **options):
    return ss.FeedForward(ss.Neuron(model, **options), (weights.shape[1], len(weights)), DURATION, weights=[weights])


def integrated(model, weights, times=TIMES, sources=SOURCES):
    """Pieces (start, end, interpolant of all neurons' states) by SciPy, from event to event."""
    values = {symbol: float(value) for symbol, value in model.values.items()}
    rates = [sp.lambdify(model.states, rate.subs(values)) for rate in model.dynamics.values()]
    target = list(model.states).index(next(iter(model.routes[0].jump)))
    state = np.array([[float(model.initial[s])] * len(weights) for s in model.states])
    order = sorted((t, s) for t, s in zip(times, sources, strict=True) if t < DURATION)
    pieces, now = [], 0.0
    groups = [(time, [source for _, source in group]) for time, group in itertools.groupby(order, key=lambda e: e[0])]
    for time, group in [*groups, (DURATION, [])]:

        def field(_, flat, shape=state.shape):
            return np.stack([rate(*flat.reshape(shape)) * np.ones(shape[1]) for rate in rates]).ravel()

        found = solve_ivp(field, (now, time), state.ravel(), "DOP853", dense_output=True, rtol=1e-13, atol=1e-13)
        pieces.append((now, time, lambda t, sol=found.sol, shape=state.shape: sol(t).reshape(*shape)))
        state, now = found.y[:, -1].reshape(state.shape).copy(), time
        for source in group:
            state[target] += weights[:, source]
    return pieces


def largest(pieces, neuron):
    return max(largest_within(piece, neuron) for piece in pieces)


def largest_within(piece, neuron):
    start, end, at = piece
    grid = np.linspace(start, end, 60)
    values = [at(t)[0, neuron] for t in grid]
    place = int(np.argmax(values))
    bounds = grid[max(place - 1, 0)], grid[min(place + 1, 59)]
    refined = minimize_scalar(lambda t: -at(t)[0, neuron], bounds=bounds, method="bounded", options={"xatol": 1e-10})
    return max(values[place], -refined.fun)


def mean(pieces, neuron, tau=np.inf):
    return sum(integral(piece, neuron, tau) for piece in pieces) / DURATION


def integral(piece, neuron, tau):
    start, end, at = piece
    return quad(lambda t: at(t)[0, neuron] * np.exp(-t / tau), start, end, epsabs=1e-13)[0]


READS = {
    "max": lambda record: record.max_over_time(),
    "mean": lambda record: record.mean_over_time(),
    "weighted": lambda record: record.exponentially_weighted(2.0),
    "sampled": lambda record: record.states_at(jnp.array([0.5, 2.9]))["V"].sum(-2),
}


@eqx.filter_jit
def run(net, spikes):
    record = net(spikes)
    return {name: read(record) for name, read in READS.items()}


@pytest.mark.parametrize("model", [LEAKY, DELTA, DRIVEN], ids=lambda model: model.name)
def test_voltages_against_scipy(model):
    """Simultaneous inputs, one of weight 0, one after the end; purely inhibited neurons; equal time constants."""
    found = run(readout(model), ss.Spikes(TIMES, SOURCES))
    pieces = integrated(model, WEIGHTS)
    for neuron in range(3):
        expected = {
            "max": largest(pieces, neuron),
            "mean": mean(pieces, neuron),
            "weighted": mean(pieces, neuron, 2.0),
            "sampled": sum(next(at for a, b, at in pieces if a <= t < b)(t)[0, neuron] for t in (0.5, 2.9)),
        }
        for name, value in expected.items():
            assert float(found[name][neuron]) == pytest.approx(value, rel=10 * ROUNDING, abs=10 * ROUNDING), name


@eqx.filter_jit
def loss(parts, fixed, times):
    found = run(eqx.combine(parts, fixed), ss.Spikes(times, SOURCES))
    weights = jnp.array([1.0, -0.5, 2.0])
    return jnp.stack([(value**2 + value) @ weights for value in found.values()])


@pytest.mark.slow
@pytest.mark.skipif(not DOUBLE, reason="differences need double precision")
@pytest.mark.parametrize("model", [LEAKY, DELTA, DRIVEN], ids=lambda model: model.name)
def test_derivatives_by_weights_parameters_and_input_times(model):
    net = readout(model, trainable=tuple(symbol.name for symbol in model.parameters))
    parts, fixed = eqx.partition(net, eqx.is_inexact_array)
    # apart, as simultaneous inputs are where maxima have kinks
    times = jnp.array([0.25, 0.375, 1.0, 1.5, 3.5])
    exact = jax.jacrev(lambda parts, times: loss(parts, fixed, times), (0, 1))(parts, times)
    for place, leaf in enumerate(jax.tree.leaves((parts, times))):
        found = jax.tree.leaves(exact)[place]
        for index in np.ndindex(leaf.shape):
            sides = []
            for step in (1e-6, -1e-6):
                leaves, structure = jax.tree.flatten((parts, times))
                leaves[place] = leaf.at[index].add(step)
                moved = jax.tree.unflatten(structure, leaves)
                sides.append(loss(moved[0], fixed, moved[1]))
            np.testing.assert_allclose(found[:, *index], (sides[0] - sides[1]) / 2e-6, rtol=2e-7, atol=2e-8)


@pytest.mark.slow
def test_a_trial_without_input_has_finite_values_and_gradients():
    net, silent = readout(LEAKY, trainable=("tau_m", "tau_s")), ss.Spikes.empty(0)
    for value in run(net, ss.Spikes.empty(3)).values():
        np.testing.assert_array_equal(value, 0.0)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def gradient(net):
        return sum(value.sum() for value in run(net, silent).values())

    value, slopes = gradient(net)
    assert value == 0
    assert not any(bool(leaf.any()) for leaf in jax.tree.leaves(slopes))


@pytest.mark.slow
def test_batches_and_vmap_agree_with_single_trials():
    net = readout(DRIVEN)
    trials = [ss.Spikes(TIMES, SOURCES), ss.Spikes([2.0], [1]), ss.Spikes.empty(0)]
    batch = ss.Spikes.stack(trials)
    mapped = eqx.filter_jit(jax.vmap(lambda times, sources: run(net, ss.Spikes(times, sources))))(
        *jax.tree.leaves(batch)
    )
    together = run(net, batch)
    for name in READS:
        alone = jnp.stack([run(net, batch[trial])[name] for trial in range(3)])
        np.testing.assert_allclose(together[name], alone, rtol=ROUNDING, atol=ROUNDING)
        np.testing.assert_allclose(mapped[name], alone, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize("delays", [[0.5, 0.25, 0.5], np.tile([0.5, 0.25, 0.5], (3, 1))], ids=["source", "connection"])
def test_delays_move_inputs(delays):
    moved = [t + d for t, d in zip(TIMES, [0.5, 0.25, 0.5, 0.5, 0.25], strict=True)]
    expected = run(readout(LEAKY), ss.Spikes(moved, SOURCES))
    net = ss.FeedForward(ss.Neuron(LEAKY), (3, 3), DURATION, weights=[WEIGHTS], delays=[delays])
    found = run(net, ss.Spikes(TIMES, SOURCES))
    for name in READS:
        np.testing.assert_allclose(found[name], expected[name], rtol=ROUNDING, atol=ROUNDING)


def test_an_input_at_the_end_and_one_of_no_weight_do_nothing():
    net = readout(LEAKY)
    first = net(ss.Spikes([0.5], [0]))
    for more in (ss.Spikes([0.5, DURATION], [0, 1]), ss.Spikes([0.5, 1.0], [0, 3])):
        weights = np.pad(WEIGHTS, ((0, 0), (0, 1)))
        record = readout(LEAKY, weights)(more)
        np.testing.assert_allclose(record.mean_over_time(), first.mean_over_time(), rtol=ROUNDING)


@pytest.fixture(scope="module")
def hidden():
    weights = [np.array([[9.0, 0.0], [3.0, 7.0], [0.0, 0.0]]), WEIGHTS]
    return ss.FeedForward([ss.Neuron(ss.models.qif()), ss.Neuron(LEAKY)], (2, 3, 3), DURATION, weights=weights)


@pytest.mark.slow
@pytest.mark.skipif(not DOUBLE, reason="differences need double precision")
def test_derivatives_through_hidden_spikes(hidden):
    spikes = ss.Spikes([0.25, 0.75], [0, 1])
    record = hidden(spikes)
    assert int(record.spikes[0].num_events) > 1
    as_input = run(readout(LEAKY), record.spikes[0])
    for name, read in READS.items():
        np.testing.assert_allclose(read(record), as_input[name], rtol=1e-13)
    capacity = hidden.capacity_for(spikes)

    @eqx.filter_jit
    def value(weights):
        net = eqx.tree_at(lambda net: net.raw_weights[0].weights["I"], hidden, weights)
        found = net(spikes, capacity=capacity)
        return jnp.stack([read(found).sum() for read in READS.values()])

    weights = hidden.raw_weights[0]["I"]
    exact = jax.jit(jax.jacrev(value))(weights)
    assert bool((jnp.abs(exact[:, 0, 0]) > 1e-3).all())
    for index in ((0, 0), (1, 0), (1, 1)):
        step = 1e-6
        sides = [value(weights.at[index].add(sign * step)) for sign in (1, -1)]
        np.testing.assert_allclose(exact[:, *index], (sides[0] - sides[1]) / (2 * step), rtol=1e-6, atol=1e-8)


def test_a_lost_spike_of_the_layer_before_raises_inside_jit(hidden):
    many = ss.Spikes(np.linspace(0.1, 2.5, 40), np.zeros(40, int))
    with pytest.raises(RuntimeError, match=r"layer 0 \(3 neurons\) emitted \d+ spikes"):
        eqx.filter_jit(lambda net: net(many, capacity=1).mean_over_time())(hidden)


def test_what_a_readout_cannot_do_says_what_to_do_instead(hidden):
    spiking, leaky, record = ss.Neuron(ss.models.qif()), ss.Neuron(LEAKY), hidden(ss.Spikes([0.5], [0]))
    for ask in (record.spike_times, record.first_spike_times, record.ordinary_spike_times, record.pseudo_rates):
        with pytest.raises(ValueError, match=r"layer -1 is a readout, which has no .*max_over_time\(\)"):
            ask()
    for ask in (record.max_over_time, record.mean_over_time):
        with pytest.raises(ValueError, match="layer 0 emits spikes and is no readout"):
            ask(layer=0)
    with pytest.raises(ValueError, match="tau is 0"):
        record.exponentially_weighted(0.0)
    with pytest.raises(ValueError, match="layer 0 is the readout LI, which emits no spikes to the layer after it"):
        ss.FeedForward([leaky, spiking], (2, 3, 1), 1.0, key=jax.random.key(0))
    with pytest.raises(ValueError, match="LI is a readout, which emits no spikes to itself"):
        ss.Recurrent(leaky, 3, 1, 1.0, key=jax.random.key(0))
    last = ss.FeedForward(leaky, (3, 2), 1.0, weights=[np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"populations\[0\] ends in the readout LI"):
        ss.Sequential(last, ss.FeedForward(spiking, (2, 2), 1.0, weights=[np.ones((2, 2))]))
    sparse = ss.Connections([[0], [1], [1]], [[1.0]] * 3, delays=[[0.1], [0.2], [0.3]])
    doubly = ss.Connections([[0, 1], [1, 0], [1, 0]], [[1.0, 2.0]] * 3, delays=[[0.1, 0.2]] * 3)
    assert ss.FeedForward(leaky, (3, 2), 1.0, weights=[sparse])(ss.Spikes([0.5], [0])).max_over_time().shape == (2,)
    with pytest.raises(ValueError, match="give matrices of weights and delays"):
        ss.FeedForward(leaky, (3, 2), 1.0, weights=[doubly])(ss.Spikes([0.5], [0]))
    triangle = ss.NeuronModel.from_equations("dx/dt = y; dy/dt = z; dz/dt = -x", name="three", inputs="x")
    three = ss.FeedForward(ss.Neuron(triangle), (1, 1), 1.0, weights=[[[1.0]]])(ss.Spikes([0.5], [0]))
    with pytest.raises(ValueError, match=r"max_over_time: 3 states drive one another in a circle.*use mean_over_time"):
        three.max_over_time()
    assert bool(jnp.isfinite(three.mean_over_time()).all())


@pytest.mark.slow
def test_after_a_recurrent_population_and_what_is_printed():
    keys = jax.random.split(jax.random.key(0), 2)
    first = ss.Recurrent(ss.Neuron(ss.models.qif()), 4, 2, 2.0, key=keys[0])
    net = ss.Sequential(first, ss.FeedForward(ss.Neuron(LEAKY), (4, 3), 2.0, key=keys[1]))
    record = net(ss.Spikes([0.5], [0]))
    assert record.max_over_time().shape == (3,)
    assert repr(record).splitlines()[-1] == "  layer 1: readout V of 3 neurons"


def test_weights_are_drawn_in_units_of_a_response_of_height_one():
    """The response V = I0 (e^-t - e^-2t) to an input of tau_s = tau_m / 2 is at most I0 / 4."""
    net = ss.FeedForward(ss.Neuron(LEAKY), (400, 100), DURATION, key=jax.random.key(0), scale=1.0)
    assert float(jnp.std(net.weights[0]["I"])) == pytest.approx(4 / 20, rel=0.02)
