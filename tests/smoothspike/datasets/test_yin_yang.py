import numpy as np
import pytest

from smoothspike.datasets import yin_yang

YIN, YANG, DOTS, OUTSIDE = 0, 1, 2, -1
DURATION = 2.0


def by_channel(dataset):
    """The spike time of every channel: each spikes once."""
    order = np.argsort(dataset.spikes.sources, axis=1)
    return np.take_along_axis(np.asarray(dataset.spikes.times), order, axis=1)


def points_of(dataset):
    return 1 - by_channel(dataset)[:, :2] / DURATION


def rotate(points):
    return 1 - points


@pytest.fixture(scope="module")
def data():
    return yin_yang(6000, duration=DURATION)


def test_classes_are_balanced(data):
    assert np.bincount(data.labels).tolist() == [2000, 2000, 2000]
    assert sorted(np.bincount(yin_yang(10).labels).tolist()) == [3, 3, 4]
    assert np.bincount(data.labels[:600]).min() > 150  # shuffled


def test_points_fill_the_disc(data):
    points = points_of(data)
    radii = np.hypot(*(points.T - 0.5))
    assert radii.max() <= 0.5 + 1e-6
    assert radii.max() > 0.49
    assert points.min() < 0.02
    assert points.max() > 0.98


def test_dots_are_two_small_discs(data):
    points, labels = points_of(data), np.asarray(data.labels)
    distance = np.minimum(*(np.hypot(*(points - [centre, 0.5]).T) for centre in (0.25, 0.75)))
    assert distance[labels == DOTS].max() <= 0.1 + 1e-6
    assert distance[labels != DOTS].min() > 0.1 - 1e-6
    left = points[labels == DOTS, 0] < 0.5
    assert 0.45 < left.mean() < 0.55


def test_regions(classify):
    named = {
        YIN: [(0.5, 0.9), (0.25, 0.72), (0.25, 0.3), (0.1, 0.6), (0.45, 0.45)],
        YANG: [(0.5, 0.1), (0.75, 0.28), (0.75, 0.7), (0.9, 0.4), (0.55, 0.55)],
        DOTS: [(0.25, 0.5), (0.75, 0.5), (0.25, 0.59), (0.84, 0.5)],
        OUTSIDE: [(0.0, 0.0), (1.0, 1.0), (0.05, 0.9)],
    }
    for label, points in named.items():
        assert classify(np.array(points)).tolist() == [label] * len(points)


def test_yin_and_yang_are_images_of_each_other(classify):
    points = np.random.default_rng(0).uniform(size=(20_000, 2))
    labels, rotated = classify(points), classify(rotate(points))
    swapped = np.array([YANG, YIN, DOTS, OUTSIDE])[labels]
    np.testing.assert_array_equal(rotated, swapped)


def test_areas(classify):
    """Yin and yang share the disc equally, but for the dots; area is probability on the unit square."""
    points = np.random.default_rng(1).uniform(size=(200_000, 2))
    shares = [np.mean(classify(points) == label) for label in (YIN, YANG, DOTS)]
    dots = 2 * np.pi * 0.1**2
    expected = [(np.pi / 4 - dots) / 2, (np.pi / 4 - dots) / 2, dots]
    np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / 200_000))  # four standard errors


def test_labels_belong_to_the_points(data, classify):
    points = points_of(data).astype(np.float64)
    assert np.mean(classify(points) == np.asarray(data.labels)) > 0.999  # float32 moves a few across a border


def test_channels_encode_the_coordinates_and_their_complements(data):
    times = by_channel(data)
    assert data.num_sources == 4
    assert np.isfinite(times).all()
    assert (np.sort(data.spikes.sources, axis=1) == [0, 1, 2, 3]).all()
    np.testing.assert_allclose(times[:, :2] + times[:, 2:], DURATION, rtol=1e-5)


def test_bias_channel():
    data = yin_yang(12, bias_time=0.25)
    assert data.num_sources == data.spikes.capacity == 5
    assert (np.sort(data.spikes.sources, axis=1) == [0, 1, 2, 3, 4]).all()
    assert by_channel(data)[:, 4].tolist() == [0.25] * 12
    np.testing.assert_array_equal(by_channel(data)[:, :4], by_channel(yin_yang(12)))


def test_splits_share_no_points_and_seeds_repeat():
    sets = [
        {tuple(point) for point in points_of(yin_yang(400, seed=seed, split=split)).tolist()}
        for seed in (0, 1)
        for split in ("train", "validation", "test")
    ]
    assert len(set.union(*sets)) == 6 * 400
    assert sets[1] == {tuple(point) for point in points_of(yin_yang(400, split="validation")).tolist()}


def test_default_sizes():
    assert [len(yin_yang(split=split)) for split in ("train", "validation", "test")] == [5000, 1000, 1000]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "split is 'dev', but must be one of 'train', 'validation', 'test'"),
        ({"size": 0}, "size is 0"),
        ({"duration": -1.0}, "duration is -1.0"),
        ({"bias_time": -1.0}, r"times\[0, 4\] is -1.0"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        yin_yang(**options)


@pytest.fixture(scope="module")
def classify():
    from smoothspike.datasets.yin_yang import classify

    return classify
