"""Losses of voltages, gaps, existing spikes, double-exponential trains, rates and silence, against their formulas."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import quad
from scipy.special import log_softmax

import smoothspike as ss
from smoothspike import losses

DOUBLE = jnp.zeros(()).dtype == jnp.float64
ROUNDING = 1e-12 if DOUBLE else 2e-5
TIMES = np.array([1.0, 0.4, 2.5])


@pytest.mark.parametrize(("early_tau", "scale"), [(None, 0.7), (2.0, 2.0)])
@pytest.mark.parametrize("early", ["linear", "exponential"])
def test_the_early_terms(early, early_tau, scale):
    late = 1.0 / scale if early == "linear" else np.exp(1.0 / scale) - 1
    expected = -log_softmax(-TIMES / 0.7)[0] + 0.3 * late
    loss = losses.first_spike_cross_entropy(
        jnp.asarray(TIMES), 0, tau=0.7, early_weight=0.3, early=early, early_tau=early_tau
    )
    assert float(loss) == pytest.approx(expected, rel=ROUNDING)
    with pytest.raises(ValueError, match="early is 'late'; choose 'linear' or 'exponential'"):
        losses.first_spike_cross_entropy(jnp.asarray(TIMES), 0, early="late")


def test_first_spikes_that_exist():
    """Classes without a spike have no probability; without one of the label there is nothing to learn."""
    times = jnp.array([1.0, jnp.inf, 2.0])

    def loss(times, label):
        return losses.first_spike_cross_entropy(times, label, early_weight=0.5, early="exponential", existing_only=True)

    assert float(loss(times, 0)) == pytest.approx(np.log1p(np.exp(-1)) + 0.5 * np.expm1(1), rel=ROUNDING)
    assert float(loss(times, 1)) == 0
    for label in range(3):
        gradient = jax.grad(loss)(times, label)
        assert bool(jnp.isfinite(gradient).all())
        assert gradient[1] == 0
    assert not jax.grad(loss)(times, 1).any()


def test_cross_entropy_of_voltages():
    assert float(losses.cross_entropy(jnp.asarray(TIMES), 2)) == pytest.approx(-log_softmax(TIMES)[2], rel=ROUNDING)
    assert bool(jnp.isfinite(jax.grad(losses.cross_entropy)(jnp.array([1e4, -1e4]), 1)).all())
    with pytest.raises(ValueError, match=r"values have shape \(1, 3\)"):
        losses.cross_entropy(TIMES[None], 0)
    with pytest.raises(ValueError, match="label is 3"):
        losses.cross_entropy(TIMES, 3)


def test_the_gap_between_classes():
    expected = ((1.0 - 0.4 - 0.2) ** 2 + (2.5 - 0.4 - 0.2) ** 2) / 2
    assert float(losses.shift_invariant(jnp.asarray(TIMES), 1, gap=0.2)) == pytest.approx(expected, rel=ROUNDING)
    gradient = jax.grad(losses.shift_invariant)(jnp.asarray(TIMES), 1, gap=0.2)
    np.testing.assert_allclose(gradient, [0.4, -2.3, 1.9], rtol=10 * ROUNDING)  # its sum vanishes: shift invariant
    with pytest.raises(ValueError, match="gap is 0"):
        losses.shift_invariant(TIMES, 1, gap=0.0)


def test_errors_of_existing_spikes():
    times, targets = jnp.array([1.0, jnp.inf, 3.0, 4.0]), jnp.array([1.5, 2.0, jnp.inf, 3.0])

    def error(times):
        return losses.spike_time_error(times, targets, existing_only=True)

    assert float(error(times)) == pytest.approx((0.5**2 + 1) / 4)
    np.testing.assert_allclose(jax.grad(error)(times), [-0.25, 0, 0, 0.5])
    nothing = jnp.full(4, jnp.inf)
    assert float(error(nothing)) == 0
    assert not jax.grad(error)(nothing).any()


@pytest.mark.parametrize("rise", [0.1, 0.5, 0.5 + 1e-9, 2.0])
@pytest.mark.parametrize(("times", "targets"), [([0.2, 0.7], [0.5]), ([], [0.3]), ([0.3, 0.3], [0.3, 1.2])])
def test_double_exponential_kernels(times, targets, rise):
    """Against quadrature; one spike costs 1/2, whatever the time constants."""
    tau, step = 0.5, 1e-3
    is_equal = abs(rise - tau) <= 1e-6
    other = tau + step if is_equal else rise

    def kernel(t):
        return np.where(t >= 0, np.exp(-np.abs(t) / tau) - np.exp(-np.abs(t) / other), 0)

    def squared(t):
        return (sum(kernel(t - s) for s in times) - sum(kernel(t - s) for s in targets)) ** 2

    places = sorted({0.0, *times, *targets, 30.0})
    parts = [quad(squared, a, b, epsabs=1e-13, limit=200)[0] for a, b in itertools.pairwise(places)]
    expected = sum(parts) / (2 * quad(lambda t: kernel(t) ** 2, 0, 30, epsabs=1e-13, limit=200)[0])
    found = losses.van_rossum(jnp.asarray(times, float), jnp.asarray(targets, float), tau=tau, tau_rise=rise)
    assert float(found) == pytest.approx(expected, rel=3 * step if is_equal else 1e-6, abs=1e-7 if DOUBLE else 1e-5)


@pytest.mark.skipif(not DOUBLE, reason="differences need double precision")
@pytest.mark.parametrize("rise", [0.1, 0.5])
def test_double_exponential_derivatives_even_where_spikes_meet(rise):
    targets = jnp.array([0.3, 1.0, jnp.inf])
    check_grads(
        lambda t: losses.van_rossum(t, targets, tau=0.5, tau_rise=rise), (jnp.array([0.3, 0.7]),), order=1, rtol=1e-6
    )


@pytest.fixture(scope="module")
def network():
    weights = [np.array([[12.0], [4.0], [0.5]]), np.ones((2, 3))]
    leaky = ss.NeuronModel.from_equations("dV/dt = I - V; dI/dt = -2*I", name="LI", inputs="I")
    return ss.FeedForward([ss.Neuron(ss.models.qif()), ss.Neuron(leaky)], (1, 3, 2), 2.0, weights=weights)


def test_rates_and_silence_against_loops(network):
    record = network(ss.Spikes([0.2, 0.6], [0, 0]))
    ordinary, rates = record.ordinary_spike_times(8, layer=0), record.pseudo_rates(0)
    numbers = [float(np.isfinite(ordinary[n]).sum() + rates[n]) for n in range(3)]
    low, high = 0.8, 1.5
    expected = sum(max(low - n, 0) ** 2 + max(n - high, 0) ** 2 for n in numbers) / 6
    assert expected > 0
    assert float(losses.rate_regulariser(record, low=low, high=high)) == pytest.approx(expected, rel=ROUNDING)
    late = [max(float(t) - 1.75, 0) ** 2 for t in record.first_spike_times(0)]
    assert float(losses.silence_regulariser(record, margin=0.25)) == pytest.approx(sum(late) / 6, rel=ROUNDING)
    batch = network(ss.Spikes.stack([ss.Spikes([0.2, 0.6], [0, 0])] * 2))
    assert float(losses.rate_regulariser(batch, low=low, high=high)) == pytest.approx(expected, rel=10 * ROUNDING)
    with pytest.raises(ValueError, match="pass low, high, or both"):
        losses.rate_regulariser(record)
    with pytest.raises(ValueError, match="layer 1 is a readout"):
        losses.rate_regulariser(record, low=1.0, layer=1)
    with pytest.raises(ValueError, match="margin must be at least 0 and less than duration"):
        losses.silence_regulariser(record, margin=2.0)


@pytest.mark.slow
@pytest.mark.skipif(not DOUBLE, reason="differences need double precision")
def test_activity_is_continuous_and_has_exact_gradients_of_silent_neurons(network):
    spikes = ss.Spikes([0.2], [0])

    @eqx.filter_jit
    def both(weight):
        net = eqx.tree_at(lambda net: net.raw_weights[0].weights["I"], network, jnp.full((3, 1), weight))
        record = net(spikes)
        return jnp.stack([losses.rate_regulariser(record, low=3.0), losses.silence_regulariser(record)])

    gradient = jax.jit(jax.jacfwd(both))
    for weight in (0.5, 2.0, 5.0):  # silent, silent, one spike
        sides = (both(weight + 1e-6) - both(weight - 1e-6)) / 2e-6
        np.testing.assert_allclose(gradient(weight), sides, rtol=1e-5, atol=1e-7)
    assert gradient(0.5)[0] < 0
    assert gradient(0.5)[1] < 0
    # as the spike enters through the trial end nothing jumps
    low, high = 2.0, 8.0
    silence = jax.jit(lambda w: both(w)[1])
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if silence(middle) > 0 else (low, middle)
    np.testing.assert_allclose(both(low * (1 - 1e-9)), both(high * (1 + 1e-9)), atol=1e-6)
