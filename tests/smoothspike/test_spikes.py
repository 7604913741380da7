import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from smoothspike.encoding import encode_latency
from smoothspike.spikes import Spikes

INF = float("inf")
FLOATS = sorted({"float32", jnp.zeros(()).dtype.name})


@pytest.fixture
def batch():
    return Spikes([[2.0, INF, 0.5, 1.0], [INF, INF, 0.25, INF]], [[1, 0, 0, 1], [0, 0, 2, 0]])


# Coarse times, so that simultaneous spikes are common.
@st.composite
def trials(draw, size=4):
    shape = draw(st.sampled_from([(0,), (6,), (2, 5)]))  # few shapes: JAX compiles for each
    times = draw(hnp.arrays(np.float32, shape, elements=st.sampled_from([0.0, 0.5, 1.0, 1.5, INF])))
    sources = draw(hnp.arrays(np.int32, shape, elements=st.integers(0, size - 1)))
    return Spikes(times, sources)


class TestConstruction:
    @pytest.mark.parametrize("dtype", FLOATS)
    def test_keeps_the_floating_point_type(self, dtype):
        spikes = Spikes(jnp.array([0.5], dtype), np.array([3], np.int64))
        assert spikes.times.dtype == dtype
        assert spikes.sources.dtype == jnp.int32

    def test_takes_lists_and_integers(self):
        spikes = Spikes([1, 2], [0, 0])
        assert spikes.times.dtype == jnp.zeros(()).dtype

    def test_takes_empty_lists(self):
        assert Spikes([], []).capacity == 0

    @pytest.mark.parametrize(
        ("times", "sources", "message"),
        [
            ([0.5, np.nan], [0, 0], r"times\[1\] is nan, but spike times must be at least 0; padding has"),
            ([[0.5, 1.0], [1.0, -0.25]], [[0, 0], [0, 0]], r"times\[1, 1\] is -0.25"),
            ([-INF], [0], r"times\[0\] is -inf"),
            ([0.5, 1.0], [0, -2], r"sources\[1\] is -2, but sources must be numbered from 0"),
            ([0.5], [0.0], "sources are of type float.* must be integers"),
            ([0.5], [True], "sources are of type bool"),
            ([0.5 + 1j], [0], "times must be real numbers, but are complex"),
            ([0.5, 1.0], [0], r"times have shape \(2,\) and sources \(1,\), .* must have the same shape"),
            ([[0.5]], [0], r"times have shape \(1, 1\) and sources \(1,\)"),
            (0.5, 0, "single numbers, but must be arrays"),
        ],
    )
    def test_refuses(self, times, sources, message):
        with pytest.raises(ValueError, match=message):
            Spikes(times, sources)

    def test_checks_shapes_inside_jit(self):
        with pytest.raises(ValueError, match="must have the same shape"):
            jax.jit(lambda times: Spikes(times, jnp.zeros(3, int)).times)(jnp.ones(2))

    def test_ignores_the_source_of_padding(self):
        assert Spikes([INF, 1.0], [-1, 2]).counts(3).tolist() == [0, 0, 1]

    def test_is_a_pytree_that_jit_and_vmap_take(self, batch):
        doubled = jax.jit(jax.vmap(lambda trial: Spikes(2 * trial.times, trial.sources)))(batch)
        np.testing.assert_array_equal(doubled.times, 2 * batch.times)
        np.testing.assert_array_equal(doubled.sources, batch.sources)

    def test_survives_leaves_that_are_no_arrays(self, batch):
        assert jax.tree.map(jnp.shape, batch).times == (2, 4)


class TestFromTrains:
    def test_sorts_and_numbers(self):
        spikes = Spikes.from_trains([[3.0, 1.0], [], np.array([2.0])])
        assert spikes.times.tolist() == [1.0, 2.0, 3.0]
        assert spikes.sources.tolist() == [0, 2, 0]

    def test_without_spikes(self):
        assert Spikes.from_trains([[], []]).capacity == 0

    def test_is_undone_by_to_trains(self):
        trains = [[0.5, 1.5], [], [0.25]]
        assert [train.tolist() for train in Spikes.from_trains(trains).to_trains(3)] == trains

    def test_inside_jit(self):
        times = jax.jit(lambda t: Spikes.from_trains([[t], [1.0, 3 * t]]))(2.0).times
        assert times.tolist() == [1.0, 2.0, 6.0]

    def test_silent_sources_do_not_change_the_type(self):
        assert Spikes.from_trains([np.array([1.0], np.float32), []]).times.dtype == jnp.float32


class TestSorted:
    @given(trials())
    def test_is_stable_and_keeps_every_spike(self, spikes):
        ordered = spikes.sorted()
        indices = np.argsort(spikes.times, axis=-1, kind="stable")
        np.testing.assert_array_equal(ordered.times, np.take_along_axis(np.asarray(spikes.times), indices, -1))
        np.testing.assert_array_equal(ordered.sources, np.take_along_axis(np.asarray(spikes.sources), indices, -1))

    def test_derivatives_move_with_their_times(self):
        weights = jnp.array([1.0, 2.0, 3.0, 4.0])

        def weighted(times):
            ordered = Spikes(times, jnp.zeros(4, int)).sorted().times
            return jnp.sum(jnp.where(jnp.isfinite(ordered), ordered, 0) * weights)

        times = jnp.array([2.0, INF, 0.5, 0.5])
        assert jax.grad(weighted)(times).tolist() == [3.0, 0.0, 1.0, 2.0]
        assert jax.jacfwd(weighted)(times).tolist() == [3.0, 0.0, 1.0, 2.0]


class TestCounting:
    @given(trials(size=4))
    def test_counts_match_trains(self, spikes):
        times, sources = np.asarray(spikes.times), np.asarray(spikes.sources)
        expected = np.zeros((*times.shape[:-1], 4), int)
        for index in np.ndindex(times.shape):
            expected[(*index[:-1], int(sources[index]))] += bool(np.isfinite(times[index]))
        np.testing.assert_array_equal(spikes.counts(4), expected)
        np.testing.assert_array_equal(spikes.num_events, expected.sum(-1))

    def test_counts_inside_jit_and_vmap(self, batch):
        counts = jax.jit(jax.vmap(lambda trial: trial.counts(3)))(batch)
        assert counts.tolist() == batch.counts(3).tolist() == [[1, 2, 0], [0, 0, 1]]

    def test_refuses_a_source_out_of_range(self, batch):
        with pytest.raises(ValueError, match=r"sources\[1, 2\] is 2, but there are only 2 sources, 0 to 1"):
            batch.counts(2)

    def test_sources_of_padding_may_be_out_of_range(self):
        Spikes([INF, 1.0], [7, 0]).check_sources(1)


class TestShapes:
    def test_stack_pads_to_the_longest(self):
        batch = Spikes.stack([Spikes([0.5], [1]), Spikes.empty(0), Spikes([1.0, 2.0], [0, 2])])
        assert batch.times.tolist() == [[0.5, INF], [INF, INF], [1.0, 2.0]]
        assert batch.num_events.tolist() == [1, 0, 2]

    def test_stack_refuses_nothing_and_unequal_batches(self, batch):
        with pytest.raises(ValueError, match="at least one trial"):
            Spikes.stack([])
        with pytest.raises(ValueError, match="equal batch axes"):
            Spikes.stack([batch, batch[0]])

    def test_padded_refuses_to_drop(self, batch):
        assert batch.padded(4).times.shape == (2, 4)
        assert batch.padded(6).times.shape == (2, 6)
        with pytest.raises(ValueError, match="4 events do not fit in a capacity of 3"):
            batch.padded(3)

    @given(trials())
    def test_trimmed_keeps_every_spike(self, spikes):
        trimmed = spikes.trimmed()
        assert trimmed.capacity == np.max(spikes.num_events, initial=0)
        np.testing.assert_array_equal(trimmed.counts(4), spikes.counts(4))

    def test_indexing(self, batch):
        assert batch[-1].times.tolist() == [INF, INF, 0.25, INF]
        assert batch[np.array([1, 0, 1])].times.shape == (3, 4)
        assert len(list(batch)) == 2
        with pytest.raises(IndexError, match="the batch has 2"):
            batch[2]
        with pytest.raises(IndexError, match="single trial"):
            batch[0][0]

    def test_host_methods_say_so_inside_jit(self, batch):
        with pytest.raises(ValueError, match="outside jit"):
            jax.jit(lambda spikes: spikes.trimmed())(batch)
        with pytest.raises(ValueError, match="outside jit"):
            jax.jit(lambda spikes: spikes[0].to_trains(3))(batch)

    def test_to_trains_refuses_a_batch(self, batch):
        with pytest.raises(ValueError, match="takes one trial"):
            batch.to_trains(3)


class TestEncodeLatency:
    def test_larger_is_earlier(self):
        spikes = encode_latency([[1.0, 0.5, 0.0], [0.25, 0.0, 1.0]], duration=4.0)
        assert spikes.times.tolist() == [[0.0, 2.0, INF], [3.0, INF, 0.0]]
        assert spikes.sources.tolist() == [[0, 1, 2], [0, 1, 2]]

    def test_threshold(self):
        assert encode_latency([0.5, 0.75], 1.0, threshold=0.5).times.tolist() == [INF, 0.25]
        assert encode_latency([0.0], 1.0, threshold=-1.0).times.tolist() == [1.0]

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_keeps_the_floating_point_type(self, dtype):
        assert encode_latency(jnp.array([0.5], dtype), 2.0).times.dtype == dtype

    def test_derivative(self):
        jacobian = jax.jit(jax.jacrev(lambda x: encode_latency(x, 2.0).times))(jnp.array([0.5, 0.0]))
        assert jacobian.tolist() == [[-2.0, 0.0], [0.0, 0.0]]

    @pytest.mark.parametrize("duration", [0.0, -1.0, np.nan, INF])
    def test_refuses_durations(self, duration):
        with pytest.raises(ValueError, match=r"duration is .* positive"):
            encode_latency([0.5], duration)

    @pytest.mark.parametrize("intensity", [1.5, np.nan])
    def test_refuses_intensities(self, intensity):
        with pytest.raises(ValueError, match=r"intensities\[1\] is .* at most 1"):
            encode_latency([0.5, intensity], 1.0)
