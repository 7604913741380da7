"""Networks under currents: spike times and gradients against SciPy and differences, and what a step may not change."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from tests.helpers.driven import piecewise_constant, piecewise_linear, quadratic, spike_times

pytestmark = pytest.mark.usefixtures("float64")

T = 4.0
V, I, E = sp.symbols("V I I_ext", real=True)
SPIKES = ss.Spikes([0.5, 1.2], [0, 1])
WEIGHTS = np.array([[1.0, 0.5], [2.0, -0.5], [0.3, 1.0]])
TIMES, VALUES = [-1.0, 0.3, 1.0, 1.7, 2.6, 9.0], [2.0, 1.0, 5.0, -1.0, 4.0, 7.0]
KINDS = {ss.PiecewiseConstant: piecewise_constant, ss.PiecewiseLinear: piecewise_linear}
STEPS = ss.PiecewiseConstant(TIMES, VALUES)


def model(field, spike, reset, inputs, decay=2, bounds=None):
    dynamics = {V: field} | ({I: -decay * I} if inputs == I else {})
    return ss.NeuronModel(
        "m", dynamics=dynamics, spike=spike, reset={V: reset}, inputs=inputs, currents=E, bounds=bounds
    )


DELTA = model(V**2 + E, ss.at_infinity(V), -sp.oo, V)
LEAKY = model(-V + I + E, ss.crosses(V, 1), 0, I, bounds={E: (sp.Rational(3, 2), 10), I: (0, sp.oo)})
SERIES = model(V * (V - 1) + I + E, ss.at_infinity(V), -sp.oo, I)
THETA = model(1 - sp.cos(V) + (1 + sp.cos(V)) * (I + E), ss.crosses(V, sp.pi), -sp.pi, I)
EXPONENTIAL = model(sp.exp(V) - V - 1 + I + E, ss.at_infinity(V), -1, I)


def layer(declared, weights=WEIGHTS, sources=2, **more):
    neuron = ss.Neuron(declared, allow_discontinuous=True)
    return ss.FeedForward(neuron, (sources, len(weights)), T, weights=[weights], **more)


@eqx.filter_jit
def times_of(net, spikes, current, count=3):
    return net(spikes, currents={"I_ext": current}, capacity=64).spike_times(count)


# --- against SciPy: one neuron with an input of weight 2 at 0.5 ------------------------------------------------------


def angle(current, slope, drive):
    """V' = V**2 - slope V + drive + current, as an angle."""
    return {
        "rates": lambda t, y: [quadratic(1, -slope, lambda t: current(t) + drive * y[1])(t, y[0]), -2 * y[1]],
        "start": [0.0, 0.0], "threshold": np.pi, "reset": lambda y: [y[0] - 2 * np.pi, y[1]],
        "inputs": [(0.5, lambda y: [y[0] if drive else 2 * np.arctan(np.tan(y[0] / 2) + 2), y[1] + 2])],
    }  # fmt: skip


def leaky(current):
    return {
        "rates": lambda t, y: [-y[0] + y[1] + current(t), -2 * y[1]], "start": [0.0, 0.0], "threshold": 1.0,
        "reset": lambda y: [0.0, y[1]], "inputs": [(0.5, lambda y: [y[0], y[1] + 2])],
    }  # fmt: skip


def exponential(current):
    """In -exp(-V), which is 0 at the spike."""

    def rates(t, y):
        u = max(-y[0], 1e-300)
        return [1 + u * (np.log(u) - 1 + y[1] + current(t)), -2 * y[1]]

    return leaky(current) | {"rates": rates, "start": [-1.0, 0.0], "threshold": 0.0, "reset": lambda y: [-np.e, y[1]]}


def theta(current):
    def rates(t, y):
        return [1 - np.cos(y[0]) + (1 + np.cos(y[0])) * (y[1] + current(t)), -2 * y[1]]

    return leaky(current) | {"rates": rates, "threshold": np.pi, "reset": lambda y: [y[0] - 2 * np.pi, y[1]]}


CASES = {
    "delta": (DELTA, lambda current: angle(current, 0, 0)),
    "leaky": (LEAKY, leaky),
    "series": (SERIES, lambda current: angle(current, 1, 1)),
    "theta": (THETA, theta),
    "exponential": (EXPONENTIAL, exponential),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_spike_times_and_gradients(name, kind, figures):
    declared, reference = CASES[name]
    # from within the bounds of the leaky neuron
    times, values = np.array([0.0, 0.3, 1.0, 1.7, 2.6]), np.array([1.6, 2.0, 5.0, 1.7, 4.0])
    wanted = spike_times(**reference(KINDS[kind](times, values)), duration=T, breaks=times)
    net, spikes = layer(declared, np.array([[2.0]]), 1), ss.Spikes([0.5], [0])
    got = np.asarray(times_of(net, spikes, kind(times, values), len(wanted))[0])
    error = np.abs(got - wanted).max()

    @eqx.filter_jit
    def total(times, values):
        return net(spikes, currents={"I_ext": kind(times, values)}, capacity=64).ordinary_spike_times(len(wanted)).sum()

    gradients = eqx.filter_jit(jax.grad(total, (0, 1)))(jnp.asarray(times), jnp.asarray(values))
    step = 1e-5
    for place, (exact, at) in enumerate(zip(gradients, (times, values), strict=True)):
        for k in range(1, len(at)):
            moved = [jnp.asarray(at).at[k].add(sign * step) for sign in (1, -1)]
            both = [(each, values) if place == 0 else (times, each) for each in moved]
            rough = (total(*both[0]) - total(*both[1])) / (2 * step)
            np.testing.assert_allclose(exact[k], rough, atol=2e-8, rtol=2e-8)
    figures(f"{name}, {kind.__name__}: {len(wanted)} spikes within {error:.1e} of SciPy's")
    assert error < 1e-11


def test_a_constant_current_makes_a_regular_spiker():
    """V = sqrt(I) tan(sqrt(I) t): spikes at pi/2, 3 pi/2, ... over sqrt(I)."""
    net = layer(DELTA, np.zeros((2, 2)))
    rates = jnp.array([4.0, 9.0])

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def total(rates):
        times = net(SPIKES, currents={"I_ext": ss.PiecewiseConstant([0.0], rates[None])}, capacity=64).spike_times(2)
        return times.sum(), times

    (_, times), gradient = total(rates)
    np.testing.assert_allclose(times, np.pi * np.array([0.5, 1.5]) / np.sqrt(rates)[:, None], rtol=1e-14)
    np.testing.assert_allclose(gradient, -np.pi / rates**1.5, rtol=1e-13)


BIAS = sp.Symbol("I_0", real=True)
BIASED = {
    "delta": (V**2, ss.at_infinity(V), -sp.oo, V),
    "series": (V * (V - 1) + I, ss.at_infinity(V), -sp.oo, I),
    "theta": (1 - sp.cos(V) + (1 + sp.cos(V)) * (I + BIAS) - BIAS, ss.crosses(V, sp.pi), -sp.pi, I),
    "leaky": (-V + I, ss.crosses(V, 1), 0, I),
    "quartic": (V**4, ss.at_infinity(V), -sp.oo, V),
    "exponential": (sp.exp(V) - V, ss.at_infinity(V), -1, V),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BIASED)
def test_a_bias_of_each_neuron_is_trained(name):
    """A constant current is a parameter with one value per neuron: its gradient is exact in every class."""
    field, spike, reset, inputs = BIASED[name]
    biased = ss.NeuronModel(
        name, dynamics={V: field + BIAS} | ({I: -2 * I} if inputs == I else {}), spike=spike, reset={V: reset},
        inputs=inputs, parameters={BIAS: np.array([1.5, 2.0])},
    )  # fmt: skip
    neuron = ss.Neuron(biased, trainable=("I_0",), allow_discontinuous=True)
    assert neuron.parameter("I_0").tolist() == [1.5, 2.0]
    net = ss.FeedForward(neuron, (2, 2), T, weights=[np.array([[0.3, 0.0], [0.4, 0.1]])])

    def place(net):
        return net.neurons[0].unconstrained["I_0"]

    @eqx.filter_jit
    def total(values):
        return eqx.tree_at(place, net, values)(SPIKES, capacity=64).spike_times(3).sum()

    values, step = place(net), 1e-5
    exact = jax.grad(total)(values)
    rough = [(total(values.at[k].add(step)) - total(values.at[k].add(-step))) / (2 * step) for k in range(2)]
    np.testing.assert_allclose(exact, rough, rtol=2e-8)


# --- what must not matter --------------------------------------------------------------------------------------------


def test_a_step_that_changes_nothing_changes_nothing():
    """Pieces of no length, steps before the trial and at or after its end, and a step to the same value."""
    net = layer(DELTA)
    plain = times_of(net, SPIKES, ss.PiecewiseConstant([0.0, 1.0], [2.0, 5.0]))
    padded = ss.PiecewiseConstant([-3.0, -1.0, 0.0, 0.7, 1.0, 1.0, T, 5.0], [9.0, 8.0, 2.0, 2.0, -7.0, 5.0, 99.0, -1e6])
    got = times_of(net, SPIKES, padded)
    inside = np.asarray(plain) < T
    np.testing.assert_allclose(np.where(inside, got, 0), np.where(inside, plain, 0), atol=1e-14)
    # a value beyond the trial does nothing after it either
    np.testing.assert_allclose(got, plain, rtol=1e-13)


def test_nothing_is_left_of_a_large_value():
    """After a step from 1e12 back to 1 the current is 1, to the last digit."""
    net = layer(DELTA)
    steps = ss.PiecewiseConstant([0.0, 1e-9, 2e-9], [0.1, 1e12, 0.1])

    @eqx.filter_jit
    def states(net):
        return net(SPIKES, currents={"I_ext": steps}, capacity=64).states_at([0.0, 1.0])

    assert states(net)["I_ext"].tolist() == [[0.1] * 3] * 2


@pytest.mark.slow
def test_states_hold_the_current():
    at = np.array([0.0, 0.3, 0.9, 1.0, 2.0, 3.5])
    for kind in KINDS:
        current = kind(TIMES, VALUES)
        states = layer(DELTA)(SPIKES, currents={"I_ext": current}, capacity=64).states_at(at)
        np.testing.assert_allclose(states["I_ext"], np.broadcast_to(current.at(at)[:, None], (6, 3)), atol=1e-14)


def test_a_current_that_is_not_given_is_zero():
    net = layer(DELTA)
    wanted = net(SPIKES).spike_times(2)
    np.testing.assert_array_equal(net(SPIKES, currents=[None]).spike_times(2), wanted)
    np.testing.assert_allclose(times_of(net, SPIKES, ss.PiecewiseConstant([0.0], [0.0]), 2), wanted, rtol=1e-14)
    assert net.neurons[0].derivation.closed_form
    assert net.neurons[0].derivation_under({"I_ext": False}).closed_form
    assert not net.neurons[0].derivation_under({"I_ext": True}).closed_form
    undriven = ss.NeuronModel("m", dynamics={V: V**2}, spike=ss.at_infinity(V), reset={V: -sp.oo}, inputs=V)
    np.testing.assert_array_equal(layer(undriven)(SPIKES).spike_times(2), wanted)


# --- wherever neurons are --------------------------------------------------------------------------------------------

LISTS = ss.Connections([[0, 1, 2], [0, 1, 2]], WEIGHTS.T)
SPARSE = ss.Connections([[1, 2], [0, 2], [0, -1]], np.zeros((3, 2)))
NETWORKS = {
    "lists": {"weights": [LISTS]},
    "one delay": {"weights": [WEIGHTS], "delays": [0.0]},
    "delays": {"weights": [WEIGHTS], "delays": [np.zeros((3, 2))]},
    "lists with delays": {"weights": [ss.Connections(LISTS.targets, LISTS.weights, np.zeros((2, 3)))]},
    "recurrent": {"recurrent_weights": np.zeros((3, 3)), "input_weights": WEIGHTS},
    "recurrent lists": {"recurrent_weights": SPARSE, "input_weights": LISTS},
    "recurrent delays": {
        "recurrent_weights": np.zeros((3, 3)), "input_weights": WEIGHTS, "recurrent_delays": 0.1 * np.ones((3, 3)),
        "input_delays": np.zeros((3, 2)),
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in ("delays", "recurrent"))) for name in NETWORKS]
)
def test_every_kind_of_network_feels_the_same(name):
    neuron, parts = ss.Neuron(DELTA), NETWORKS[name]
    net = ss.FeedForward(neuron, (2, 3), T, **parts) if "weights" in parts else ss.Recurrent(neuron, 3, 2, T, **parts)
    own = ss.PiecewiseConstant(TIMES, np.array(VALUES)[:, None] * [1.0, 0.9, 1.1])
    wanted, got = times_of(layer(DELTA), SPIKES, own), times_of(net, SPIKES, own)
    inside = np.asarray(wanted) < T
    np.testing.assert_allclose(np.where(inside, got, 0), np.where(inside, wanted, 0), atol=1e-13)
    if "recurrent_weights" not in parts:  # where rates are taken without drive
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.slow
def test_each_layer_has_its_own():
    neuron, plain = ss.Neuron(DELTA), ss.Neuron(ss.models.qif())
    first = layer(DELTA)(SPIKES, currents={"I_ext": STEPS}).spikes[0]
    own, rng = ss.PiecewiseConstant([0.5], [1.0]), np.random.default_rng(0)
    weights = [WEIGHTS, rng.normal(size=(2, 3))]
    two = ss.FeedForward(neuron, (2, 3, 2), T, weights=weights)
    wanted = layer(DELTA, weights[1], 3)(first, currents={"I_ext": own}).ordinary_spike_times(2)
    got = two(SPIKES, currents=[{"I_ext": STEPS}, {"I_ext": own}])
    np.testing.assert_allclose(got.ordinary_spike_times(2), wanted, rtol=1e-13)
    chain = ss.Sequential(layer(DELTA), layer(DELTA, weights[1], 3))
    again = chain(SPIKES, currents=[{"I_ext": STEPS}, {"I_ext": own}])
    np.testing.assert_array_equal(again.ordinary_spike_times(2), got.ordinary_spike_times(2))
    with pytest.raises(ValueError, match="2 layers declare 'I_ext'; pass a list with a mapping, or None, for each"):
        two(SPIKES, currents={"I_ext": STEPS})
    # a name that one layer alone declares says which is meant
    mixed = ss.FeedForward([plain, neuron], (2, 3, 2), T, weights=weights)
    by_name, by_place = (mixed(SPIKES, currents=each) for each in ({"I_ext": own}, [None, {"I_ext": own}]))
    np.testing.assert_array_equal(by_name.spike_times(2), by_place.spike_times(2))


@pytest.mark.slow
def test_trials_have_currents_of_their_own():
    net, trials = layer(DELTA), [SPIKES, ss.Spikes([0.7, jnp.inf], [1, 0])]
    currents = [ss.PiecewiseConstant([0.0, 1.0 + k], [1.0 + k, 2.0]) for k in range(2)]
    wanted = [times_of(net, *each) for each in zip(trials, currents, strict=True)]
    batch, both = ss.Spikes.stack(trials), jax.tree.map(lambda *leaves: jnp.stack(leaves), *currents)
    np.testing.assert_allclose(times_of(net, batch, both), wanted, rtol=1e-14)
    mapped = jax.vmap(lambda spikes, current: times_of(net, spikes, current))(batch, both)
    np.testing.assert_allclose(mapped, wanted, rtol=1e-14)
    twice = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), (batch, both))
    np.testing.assert_allclose(times_of(net, *twice), np.stack([wanted] * 3), rtol=1e-14)
    # one for all of them
    np.testing.assert_allclose(times_of(net, batch, currents[0])[0], wanted[0], rtol=1e-14)
    with pytest.raises(ValueError, match=r"I_ext has the leading axes \(2,\), but the spikes \(\)"):
        net(SPIKES, currents={"I_ext": both})


@pytest.mark.slow
def test_capacity_grows_with_a_current():
    net = layer(DELTA)
    strong = ss.PiecewiseConstant([0.0], [400.0])
    recording = net(SPIKES, currents={"I_ext": strong})
    assert int(recording.spikes[0].num_events) > 70
    assert net.capacity_for(SPIKES, currents={"I_ext": strong})[0].total > 70


# --- continuity ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("declared", [DELTA, SERIES, LEAKY], ids=["delta", "series", "leaky"])
def test_spike_times_change_continuously(declared, kind, figures):
    """While a step passes spikes and the trial end, and while spikes pass the trial end as the current grows."""
    net, spikes = layer(declared, np.array([[0.3]]), 1), ss.Spikes([0.5], [0])

    def moved(k):
        return times_of(net, spikes, kind(jnp.stack([0.0 * k, 4.3 * k]), jnp.array([2.0, 4.0])), 8).ravel()

    def grown(k):
        return times_of(net, spikes, kind(jnp.array([0.0, 2.0]), jnp.stack([1.6 + 8 * k, 2 + k])), 8).ravel()

    crossings = 0
    for change in (moved, grown):
        largest, every = [], eqx.filter_jit(jax.vmap(change))
        for points in (200, 2000):
            found = np.asarray(every(jnp.linspace(0.01, 1, points)))
            largest.append(np.abs(np.diff(found, axis=0)).max())
            crossings += np.count_nonzero(np.diff(found < T, axis=0))
        assert largest[1] < 0.2 * largest[0]
        assert largest[1] < 0.05
        figures(f"{change.__name__}, {kind.__name__}: 2000 steps change spike times by at most {largest[1]:.1e}")
    assert crossings > 0


@pytest.mark.slow
def test_a_step_at_a_spike():
    """Just before, exactly at, and just after the own spike, a step leads to the same times and derivatives."""
    net = layer(DELTA, np.zeros((1, 2)))
    spike = float(times_of(net, SPIKES, ss.PiecewiseConstant([0.0], [4.0]), 1)[0, 0])

    @eqx.filter_jit
    @jax.value_and_grad
    def second(time):
        return net(
            SPIKES, currents={"I_ext": ss.PiecewiseConstant(jnp.stack([0.0, time]), [4.0, 9.0])}, capacity=64
        ).spike_times(2)[0, 1]

    before, at, after = (np.array(second(jnp.asarray(spike + shift))) for shift in (-1e-7, 0.0, 1e-7))
    np.testing.assert_allclose(before, at, atol=1e-6)
    np.testing.assert_allclose(after, at, atol=1e-6)
    # from -oo the next spike takes pi / 3, with a step at the spike
    np.testing.assert_allclose(at[0], spike + np.pi / 3, rtol=1e-14)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currents", "message"),
    [
        ({"J": STEPS}, "no layer declares 'J'; declared are I_ext"),
        ([{"J": STEPS}], "declares no 'J'"),
        ([None, None], "2 entries for 1 layers"),
        ({"I_ext": 3.0}, "current I_ext is of type float; pass PiecewiseConstant"),
        (STEPS, r"is of type PiecewiseConstant, but must be a mapping .* \{'I_ext': PiecewiseConstant"),
        (
            {"I_ext": ss.PiecewiseConstant([0.0], [[1.0, 2.0]])},
            r"values for 2 neurons, but it is for layer 0 \(3 neurons",
        ),
    ],
)
def test_wrong_currents(currents, message):
    with pytest.raises((ValueError, TypeError), match=message):
        layer(DELTA)(SPIKES, currents=currents)


def test_a_network_that_declares_none():
    net = ss.FeedForward(ss.Neuron(ss.models.qif()), (2, 3), T, weights=[WEIGHTS])
    with pytest.raises(ValueError, match="no layer declares 'I_ext'; declare it, as in NeuronModel"):
        net(SPIKES, currents={"I_ext": STEPS})


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_are_enforced(kind):
    net = layer(LEAKY, np.abs(WEIGHTS))
    message = "current I_ext of layer 0 .3 neurons.: a value is not a number, or not in the range of I_ext"
    with pytest.raises(ValueError, match=message):
        net(SPIKES, currents={"I_ext": kind([0.0, 1.0], [2.0, 11.0])})
    with pytest.raises(ValueError, match="is 0 where none is given, which its range excludes; give it"):
        net(SPIKES)
    with pytest.raises(eqx.EquinoxRuntimeError, match=message):
        times_of(
            net, SPIKES, eqx.tree_at(lambda each: each.values, kind([0.0, 1.0], [2.0, 3.0]), jnp.array([2.0, 1.0]))
        )


def test_before_its_first_step_a_current_is_zero_and_bounds_hold_there_too():
    with pytest.raises(ValueError, match="before its first step a current is 0"):
        layer(LEAKY, np.abs(WEIGHTS))(SPIKES, currents={"I_ext": ss.PiecewiseConstant([0.5], [2.0])})


def test_times_that_do_not_ascend_inside_jit():
    wrong = eqx.tree_at(lambda each: each.times, STEPS, jnp.array([0.0, 0.3, 1.0, 0.9, 2.6, 9.0]))
    with pytest.raises(eqx.EquinoxRuntimeError, match="its times must be finite and ascend"):
        times_of(layer(DELTA), SPIKES, wrong)
