import itertools
import math

import numpy as np
import pytest

from smoothspike.datasets import randman


def by_definition(theta, x, alpha):
    """The product over dimensions of the sum of sines, in plain Python."""
    product = 1.0
    for (amplitudes, stretches, phases), coordinate in zip(theta, x, strict=True):
        total = 0.0
        for i, (a, b, c) in enumerate(zip(amplitudes, stretches, phases, strict=True)):
            total += a / (i + 1) ** alpha * math.sin(2 * math.pi * (i * coordinate * b + c))
        product *= total
    return product


@pytest.mark.parametrize(("alpha", "frequencies", "dim", "num_spikes"), [(2.0, 32, 2, 1), (2.5, 16, 1, 2)])
def test_spike_times_are_those_of_the_definition(alpha, frequencies, dim, num_spikes):
    """With the random numbers of the seed, in the order in which they are drawn."""
    classes, units, samples = 2, 3, 5
    generator, expected = np.random.default_rng(7), []
    for label in range(classes):
        points = generator.random((samples, dim))
        values = np.empty((samples, num_spikes, units))
        for spike in range(num_spikes):
            theta = generator.random((units, dim, 3, frequencies))
            theta[:, :, 0, 0] = 0
            for sample, unit in itertools.product(range(samples), range(units)):
                values[sample, spike, unit] = by_definition(theta[unit], points[sample], alpha)
        low, high = values.min(0), values.max(0)
        times = 2.0 * (values - low) / (high - low + 1e-7)
        expected += [(label, sorted((unit, time) for row in each for unit, time in enumerate(row))) for each in times]
    splits = randman(
        classes, units, dim=dim, num_spikes=num_spikes, samples=samples, alpha=alpha, duration=2.0, seed=7,
        fractions=(0.2, 0.1),
    )  # fmt: skip
    assert [len(data) for data in splits] == [7, 2, 1]
    found = [
        (int(label), sorted(zip(spikes.sources.tolist(), spikes.times.tolist(), strict=True)))
        for data in splits
        for spikes, label in (data[n] for n in range(len(data)))
    ]
    for label, events in found:
        close = [
            all(abs(t - s) < 1e-5 and u == v for (u, t), (v, s) in zip(events, other, strict=True))
            for number, other in expected
            if number == label
        ]
        assert sum(close) == 1
    assert sorted(label for label, _ in found) == [0] * 5 + [1] * 5


def test_counts_tell_nothing():
    train, _, _ = randman(3, 10, dim=1, samples=20, num_spikes=2)
    for number in range(len(train)):
        assert train[number][0].counts(10).tolist() == [2] * 10


def test_times_in_steps():
    continuous, _, _ = randman(2, 4, samples=10, duration=5.0)
    stepped, _, _ = randman(2, 4, samples=10, duration=5.0, steps=50)
    assert continuous.labels.tolist() == stepped.labels.tolist()
    for (smooth, _), (rounded, _) in ((continuous[n], stepped[n]) for n in range(len(continuous))):
        for times, steps in zip(smooth.to_trains(4), rounded.to_trains(4), strict=True):
            np.testing.assert_allclose(10 * steps, np.round(10 * steps), atol=1e-5)
            assert (np.abs(times - steps - 0.05) <= 0.05 + 1e-6).all()


def test_smoothness_and_seed():
    (rough, _, _), (smooth, _, _) = (randman(2, 5, dim=1, samples=400, alpha=a) for a in (1.0, 3.0))

    def neighbours(data):
        """How far apart the times of unit 1 are for neighbouring times of unit 0, in one class."""
        trials = [data[n][0].to_trains(5) for n in np.flatnonzero(np.asarray(data.labels) == 0)]
        points = np.array([[train[0] for train in trial] for trial in trials])
        distances = np.abs(points[:, None] - points).max(-1)
        return np.sort(distances, axis=1)[:, 1].mean()

    assert neighbours(smooth) < 0.2 * neighbours(rough)
    again, _, _ = randman(2, 5, dim=1, samples=400, alpha=3.0)
    other, _, _ = randman(2, 5, dim=1, samples=400, alpha=3.0, seed=1)
    assert again.spikes.times.tolist() == smooth.spikes.times.tolist() != other.spikes.times.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_units": 0}, "num_units is 0"),
        ({"dim": 1.5}, "dim is 1.5"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"fractions": (0.6, 0.4)}, r"fractions is \(0.6, 0.4\)"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        randman(**({"samples": 2, "num_units": 2} | options))
