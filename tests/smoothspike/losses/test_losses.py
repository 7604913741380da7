import itertools
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import quad

from smoothspike import losses

INF = float("inf")
DTYPES = sorted({"float32", jnp.zeros(()).dtype.name})
ROUNDING = 1e-12 if "float64" in DTYPES else 1e-5  # sums of a few numbers of order one


def derivatives_are_finite(loss, times):
    forward, reverse = jax.jacfwd(loss)(times), jax.jit(jax.jacrev(loss))(times)
    assert forward.dtype == reverse.dtype == times.dtype
    np.testing.assert_allclose(forward, reverse, rtol=1e-4, atol=1e-6)
    return bool(jnp.all(jnp.isfinite(forward)))


class TestFirstSpikeCrossEntropy:
    @pytest.mark.parametrize("label", [0, 2])
    def test_matches_the_formula(self, label):
        times, tau, early_weight = np.array([1.0, 0.4, 2.5]), 0.7, 0.3
        probabilities = np.exp(-times / tau) / np.sum(np.exp(-times / tau))
        expected = -np.log(probabilities[label]) + early_weight * times[label] / tau
        loss = losses.first_spike_cross_entropy(jnp.asarray(times), label, tau=tau, early_weight=early_weight)
        np.testing.assert_allclose(loss, expected, rtol=ROUNDING)

    def test_early_weight_zero_ignores_a_common_shift(self, key):
        times = jax.random.uniform(key, (5,))
        shifted = losses.first_spike_cross_entropy(times + 3, 1)
        np.testing.assert_allclose(shifted, losses.first_spike_cross_entropy(times, 1), rtol=1e-5)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("times", [[1.0, 1.0, 1.0], [0.0, 1e5, 1e-30], [1e5, 0.0, 1e5]])
    def test_degenerate_times(self, times, dtype):
        times = jnp.array(times, dtype)

        def loss(times):
            return losses.first_spike_cross_entropy(times, 0, tau=0.1, early_weight=0.1)

        assert jnp.isfinite(loss(times))
        assert derivatives_are_finite(loss, times)

    def test_derivatives(self, key):
        times = jax.random.uniform(key, (4,))
        check_grads(lambda t: losses.first_spike_cross_entropy(t, 2, tau=0.5, early_weight=0.2), (times,), order=2)

    def test_batch_with_vmap_and_jit(self, key):
        times, labels = jax.random.uniform(key, (6, 3)), jnp.array([0, 1, 2, 0, 1, 2])
        batched = jax.jit(jax.vmap(losses.first_spike_cross_entropy))(times, labels)
        looped = [losses.first_spike_cross_entropy(t, int(label)) for t, label in zip(times, labels, strict=True)]
        np.testing.assert_allclose(batched, looped, rtol=1e-5)

    @pytest.mark.parametrize(
        ("times", "label", "tau", "message"),
        [
            (np.ones((2, 3)), 0, 1.0, "use jax.vmap"),
            (np.ones(3), 3, 1.0, "label is 3, but there are 3 classes, 0 to 2"),
            (np.ones(3), -1, 1.0, "label is -1"),
            (np.ones(3), 0, 0.0, "tau is 0.0"),
        ],
    )
    def test_refuses(self, times, label, tau, message):
        with pytest.raises(ValueError, match=message):
            losses.first_spike_cross_entropy(jnp.asarray(times), label, tau=tau)


class TestSpikeTimeError:
    def test_matches_a_loop(self):
        times, targets = np.array([[1.0, 2.0], [3.0, 4.5]]), np.array([[1.5, INF], [INF, 4.0]])
        terms = [(t - s) ** 2 / 2 for t, s in zip(times.ravel(), targets.ravel(), strict=True) if np.isfinite(s)]
        np.testing.assert_allclose(losses.spike_time_error(jnp.asarray(times), targets), np.mean(terms), rtol=ROUNDING)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_untargeted_spikes_have_no_gradient(self, dtype):
        times, targets = jnp.array([1.0, INF, 2.0, 5.0], dtype), jnp.array([1.0, INF, INF, 4.0], dtype)
        gradient = jax.grad(losses.spike_time_error)(times, targets)
        assert gradient.tolist() == [0.0, 0.0, 0.0, 0.5]
        assert derivatives_are_finite(lambda t: losses.spike_time_error(t, targets), times)

    def test_no_target_at_all(self):
        nothing = jnp.full(2, INF)
        assert losses.spike_time_error(nothing, nothing) == 0
        assert jax.grad(losses.spike_time_error)(nothing, nothing).tolist() == [0.0, 0.0]

    def test_refuses_shapes_that_would_broadcast(self):
        with pytest.raises(ValueError, match=r"times have shape \(2, 1\) and targets \(2,\)"):
            losses.spike_time_error(jnp.ones((2, 1)), jnp.ones(2))


class TestVanRossum:
    TAU = 0.4

    @staticmethod
    def by_quadrature(times, targets, tau):
        times, targets = ([t for t in train if np.isfinite(t)] for train in (times, targets))

        def squared_difference(t):
            f, g = (sum(np.exp(-(t - s) / tau) for s in train if s <= t) for train in (times, targets))
            return (f - g) ** 2

        edges = sorted({*times, *targets})
        edges.append(edges[-1] + 60 * tau)
        pieces = [quad(squared_difference, a, b, epsabs=1e-12, limit=200)[0] for a, b in itertools.pairwise(edges)]
        return sum(pieces) / tau

    @pytest.mark.parametrize(
        ("times", "targets"),
        [
            ([0.3, 1.0, 1.1], [0.5, 1.0]),
            ([2.0, INF, 0.5], [INF]),
            ([0.2, 0.2, 0.9], [0.2, 0.4, 0.6, INF]),
        ],
    )
    def test_matches_the_integral_of_the_filtered_trains(self, times, targets):
        distance = losses.van_rossum(jnp.array(times), jnp.array(targets), tau=self.TAU)
        expected = self.by_quadrature(times, targets, self.TAU)
        np.testing.assert_allclose(distance, expected, rtol=max(ROUNDING, 1e-10))  # the quadrature's own tolerance

    def test_normalisation(self):
        spike, nothing = jnp.array([1.0]), jnp.array([INF])
        assert losses.van_rossum(spike, nothing, tau=0.1) == 0.5
        np.testing.assert_allclose(losses.van_rossum(spike, spike + 50, tau=0.1), 1.0, rtol=ROUNDING)
        np.testing.assert_allclose(losses.van_rossum(spike, spike + 0.1, tau=0.1), 1 - np.exp(-1), rtol=1e-5)
        assert losses.van_rossum(nothing, nothing, tau=0.1) == 0

    def test_equal_trains_in_any_order(self):
        distance = losses.van_rossum(jnp.array([0.5, 1.0, INF]), jnp.array([1.0, 0.5]), tau=self.TAU)
        np.testing.assert_allclose(distance, 0, atol=ROUNDING)

    def test_one_distance_per_neuron(self, key):
        times, targets = jax.random.uniform(key, (2, 3, 4)), jax.random.uniform(key, (2, 3, 5))
        distances = losses.van_rossum(times, targets, tau=self.TAU)
        assert distances.shape == (2, 3)
        np.testing.assert_allclose(distances[1, 2], losses.van_rossum(times[1, 2], targets[1, 2], tau=self.TAU))

    def test_derivatives(self, key):
        times, targets = jax.random.uniform(key, (4,)), jnp.array([0.15, 0.85])
        check_grads(lambda t: losses.van_rossum(t, targets, tau=self.TAU), (times,), order=1)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize(
        ("times", "targets"), [([1.0, 1.0, INF], [1.0, INF]), ([INF, INF], [1.0]), ([0.0, 1e30], [0.0, 1e-30])]
    )
    def test_degenerate_times(self, times, targets, dtype):
        times, targets = jnp.array(times, dtype), jnp.array(targets, dtype)
        assert derivatives_are_finite(lambda t: losses.van_rossum(t, targets, tau=self.TAU), times)

    def test_no_gradient_at_the_target_and_in_padding(self):
        times = jnp.array([1.0, 2.0, INF])
        gradient = jax.grad(lambda t: losses.van_rossum(t, times, tau=self.TAU))(times)
        np.testing.assert_allclose(gradient, 0, atol=ROUNDING)

    def test_refuses(self):
        with pytest.raises(ValueError, match=r"times have shape \(2, 1\) and targets \(3, 1\)"):
            losses.van_rossum(jnp.ones((2, 1)), jnp.ones((3, 1)), tau=1.0)
        with pytest.raises(ValueError, match=r"tau is -1\.0"):
            losses.van_rossum(jnp.ones(1), jnp.ones(1), tau=-1.0)


class TestCount:
    TIMES = jnp.array([[0.5, 1.5, 2.5, 3.5], [2.25, 3.0, 4.0, 5.0]])  # one neuron spikes twice before 2, one never

    @pytest.mark.parametrize("targets", [[2, 0], [1, 1], [0, 3], [3, 2]])
    def test_matches_a_loop(self, targets):
        terms = []
        for train, target in zip(self.TIMES.tolist(), targets, strict=True):
            too_late = max(train[target - 1] - 2, 0) if target else 0
            terms.append(too_late**2 / 2 + max(2 - train[target], 0) ** 2 / 2)
        loss = losses.count(self.TIMES, jnp.array(targets), duration=2.0)
        np.testing.assert_allclose(loss, np.mean(terms), rtol=ROUNDING)
        assert (loss == 0) == (targets == [2, 0])

    def test_pushes_one_spike_in_and_one_out(self):
        gradient = jax.grad(losses.count)(self.TIMES, jnp.array([1, 1]), duration=2.0)
        assert gradient.tolist() == [[0.0, -0.25, 0.0, 0.0], [0.125, 0.0, 0.0, 0.0]]

    def test_is_continuous_where_a_spike_crosses_the_trial_end(self):
        offsets = jnp.array([-1e-3, 0.0, 1e-3])
        times = jnp.stack([2 + offsets, 3 + offsets], axis=-1)[:, None]
        values = jax.vmap(lambda t: losses.count(t, 1, duration=2.0))(times)
        np.testing.assert_allclose(values, [0, 0, 5e-7], rtol=1e-3)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("targets", [[0, 0], [1, 2], [2, 1]])
    def test_degenerate_times(self, targets, dtype):
        times = jnp.array([[2.0, 2.0, 2.0], [0.0, 2.0, INF]], dtype)
        assert derivatives_are_finite(lambda t: losses.count(t, jnp.array(targets), duration=2.0), times)

    def test_derivatives(self):
        check_grads(lambda t: losses.count(t, jnp.array([1, 2]), duration=2.0), (self.TIMES,), order=1)

    @pytest.mark.parametrize("targets", [[4, 0], [-1, 0]])
    def test_refuses_targets_out_of_reach(self, targets):
        with pytest.raises(ValueError, match="must lie between 0 and 3"):
            losses.count(self.TIMES, jnp.array(targets), duration=2.0)
        with pytest.raises(Exception, match="must lie between 0 and 3"):
            jax.block_until_ready(eqx.filter_jit(losses.count)(self.TIMES, jnp.array(targets), duration=2.0))

    def test_targets_inside_jit_and_vmap(self):
        targets = jnp.array([[2, 0], [1, 1]])
        batched = jax.jit(jax.vmap(lambda n: losses.count(self.TIMES, n, duration=2.0)))(targets)
        np.testing.assert_allclose(batched, [losses.count(self.TIMES, n, duration=2.0) for n in targets], rtol=1e-6)

    def test_refuses_other_numbers(self):
        with pytest.raises(ValueError, match="target_counts is of type float64, but must be an integer"):
            losses.count(self.TIMES, jnp.array([1.0, 2.0]), duration=2.0)
        with pytest.raises(ValueError, match="duration is 0"):
            losses.count(self.TIMES, jnp.array([1, 2]), duration=0)

    def test_a_margin_makes_the_number_of_spikes_right(self):
        """Without one, a spike that is too many approaches the end of the trial, and is still inside."""
        start = jnp.array([1.0, 1.5, 4.0])

        @partial(jax.jit, static_argnums=0)
        def trained(margin):
            loss = jax.grad(partial(losses.count, target_counts=1, duration=2.0, margin=margin))
            return jax.lax.fori_loop(0, 200, lambda _, times: times - 0.1 * loss(times), start)

        assert (trained(0.0) < 2.0).sum() == 2
        assert (trained(0.25) < 2.0).sum() == 1
        np.testing.assert_allclose(trained(0.25)[1], 2.25, rtol=1e-6)
        np.testing.assert_allclose(
            losses.count(jnp.array([[1.9, 2.1]]), 1, duration=2.0, margin=0.25), (0.15**2 * 2) / 2
        )

    @pytest.mark.parametrize("margin", [-0.1, 2.0, np.nan])
    def test_refuses_margins_that_no_spike_keeps(self, margin):
        with pytest.raises(ValueError, match="margin must be at least 0 and less than duration"):
            losses.count(np.ones(2), 1, duration=2.0, margin=margin)
        with pytest.raises(RuntimeError, match="margin must be at least 0"):
            jax.jit(lambda margin: losses.count(np.ones(2), 1, duration=2.0, margin=margin))(margin)


OUT_OF_RANGE = {
    "jit": lambda f: jax.jit(f)(3),
    "vmap": lambda f: jax.vmap(f)(jnp.array([0, -1])),
    "jit of vmap": lambda f: jax.jit(jax.vmap(f))(jnp.array([0, 3])),
    "jit of grad": lambda f: jax.jit(jax.grad(lambda scale, label: scale * f(label)))(1.0, 3),
}


@pytest.mark.parametrize("transform", OUT_OF_RANGE)
@pytest.mark.parametrize("loss", [losses.first_spike_cross_entropy, partial(losses.count, duration=2.0)])
def test_numbers_out_of_range_raise_inside_jit(loss, transform):
    """Indexing would take the nearest entry, without a word."""
    with pytest.raises(RuntimeError, match=r"(label|target_counts) is out of range: "):
        OUT_OF_RANGE[transform](lambda label: loss(jnp.array([1.0, 1.5, 3.0]), label))


@pytest.mark.parametrize("loss", [lambda tau: losses.first_spike_cross_entropy(jnp.ones(2), 0, tau=tau),
                                  lambda tau: losses.van_rossum(jnp.ones(2), jnp.ones(2), tau=tau),
                                  lambda duration: losses.count(jnp.ones(2), 1, duration=duration)])  # fmt: skip
def test_scales_that_are_not_positive_raise_inside_jit(loss):
    with pytest.raises(RuntimeError, match="must be a positive, finite number"):
        jax.jit(loss)(0.0)


@pytest.mark.parametrize(("label", "message"), [(0.5, "label is of type float"), (np.array([0, 1]), "use jax.vmap")])
def test_labels_that_are_no_classes(label, message):
    with pytest.raises(ValueError, match=message):
        losses.first_spike_cross_entropy(jnp.ones(3), label)
