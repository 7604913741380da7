"""Training from data that stream: the same as from memory, and resumable wherever the data are."""

import jax
import numpy as np
import optax
import pytest

import smoothspike as ss

CHANNELS, CLASSES = 3, 2


@pytest.fixture(scope="module")
def trials():
    generator = np.random.default_rng(0)
    return [(generator.random(6), generator.integers(0, CHANNELS, 6)) for _ in range(16)]


def streamed(trials):
    return ss.datasets.StreamedDataset(
        lambda numbers: [trials[n] for n in numbers], np.arange(len(trials)) % CLASSES, num_classes=CLASSES,
        num_sources=CHANNELS, buckets=2,
    )  # fmt: skip


def loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5)


def trained(data, **options):
    network = ss.FeedForward(ss.Neuron(ss.models.qif()), (CHANNELS, CLASSES), 2.0, key=jax.random.key(0))
    arguments = {"optimizer": optax.sgd(0.1), "batch_size": 8, "progress": False, "capacity": 32} | options
    return ss.fit(network, data, loss, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("decimals", [9, 0])
def test_trains_and_evaluates_as_from_memory(trials, tmp_path, decimals):
    """Where many spikes come together, too."""
    trials = [(np.round(times, decimals), sources) for times, sources in trials]
    memory = ss.datasets.Dataset(
        ss.Spikes.from_trials(trials), np.arange(16) % CLASSES, num_classes=CLASSES, num_sources=CHANNELS, buckets=2
    )
    results = [trained(data, epochs=2, validation=data) for data in (memory, streamed(trials))]
    assert results[0].history == results[1].history
    np.testing.assert_array_equal(*(result.network.raw_weights[0] for result in results))
    # a copy of the data elsewhere is the same data
    trained(streamed(trials), epochs=1, checkpoint=tmp_path)
    resumed = trained(streamed(list(trials)), epochs=2, checkpoint=tmp_path)
    np.testing.assert_array_equal(resumed.network.raw_weights[0], results[0].network.raw_weights[0])
    with pytest.raises(ValueError, match=r"data\.trials was .*16 trials with digest .* and is"):
        trained(streamed([*trials[:-1], trials[0]]), epochs=2, checkpoint=tmp_path)


def test_refuses_data_that_do_not_fit(trials):
    data = streamed(trials)
    network = ss.FeedForward(ss.Neuron(ss.models.qif()), (CHANNELS - 1, CLASSES), 2.0, key=jax.random.key(0))
    with pytest.raises(ValueError, match="the data have 3 input channels, but the network has 2 inputs"):
        ss.fit(network, data, loss)
    with pytest.raises(TypeError, match=r"dataset is a list; pass datasets\.Dataset"):
        ss.evaluate(network, [data])
