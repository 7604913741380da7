import gzip

import numpy as np
import pytest

from smoothspike.datasets import mnist
from smoothspike.spikes import Spikes

SIDE, TRAIN, TEST = 4, 12, 5


def idx(array):
    """The IDX format: two zeros, type, number of axes, sizes, bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture(scope="module")
def arrays():
    generator = np.random.default_rng(0)
    return {
        name: (generator.integers(0, 256, (n, SIDE, SIDE), np.uint8), np.arange(n, dtype=np.uint8) % 10)
        for name, n in (("train", TRAIN), ("t10k", TEST))
    }


@pytest.fixture
def folder(tmp_path, arrays):
    for name, (images, labels) in arrays.items():
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def images_of(data, duration=2.0):
    images = np.zeros((len(data), SIDE * SIDE))
    for row, (spikes, _) in zip(images, (data[n] for n in range(len(data))), strict=True):
        is_spike = np.isfinite(spikes.times)
        row[np.asarray(spikes.sources)[is_spike]] = 1 - np.asarray(spikes.times)[is_spike] / duration
    return np.round(255 * images).reshape(-1, SIDE, SIDE)


def test_the_brighter_the_earlier(folder, arrays):
    train, validation, test = mnist(folder, validation=3)
    assert (len(train), len(validation), len(test)) == (9, 3, 5)
    np.testing.assert_array_equal(images_of(train), arrays["train"][0][:9])
    np.testing.assert_array_equal(images_of(validation), arrays["train"][0][9:])
    np.testing.assert_array_equal(images_of(test), arrays["t10k"][0])
    assert test.labels.tolist() == [0, 1, 2, 3, 4]
    assert (train.num_classes, train.num_sources) == (10, SIDE * SIDE)


def test_other_encodings(folder, arrays):
    def binary(images):
        return Spikes(np.where(images >= 0.5, 0.02, np.inf), np.broadcast_to(np.arange(SIDE**2), images.shape))

    _, _, test = mnist(folder, validation=0, encode=binary)
    np.testing.assert_array_equal(test.spikes.num_events, (arrays["t10k"][0] >= 128).sum((1, 2)))


def test_a_split_of_what_is_there(folder, arrays):
    for path in folder.glob("train*"):
        path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"no train-images-idx3-ubyte or .*\.gz: get it from https.*pass split="
    ):
        mnist(folder)
    train, validation, test = mnist(folder, split=(2, 1, 2))
    np.testing.assert_array_equal(np.concatenate([*map(images_of, (train, validation, test))]), arrays["t10k"][0])
    with pytest.raises(ValueError, match=r"6 images, but the files in .* have 5"):
        mnist(folder, split=(2, 2, 2))
    for path in folder.glob("t10k*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="has no train-images"):
        mnist(folder, split=(2, 1, 2))


def test_a_name_with_a_dot(folder):
    (folder / "train-images-idx3-ubyte").rename(folder / "train-images.idx3-ubyte")
    assert len(mnist(folder, validation=2)[0]) == 10


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train-images-idx3-ubyte", lambda b: b[:-1], r"damaged: its header states 12 x 4 x 4 bytes, but 191 follow"),
        ("train-images-idx3-ubyte", lambda b: b + b"\0", "but 193 follow"),
        ("train-images-idx3-ubyte", lambda b: b"", "begins with nothing"),
        ("train-images-idx3-ubyte", lambda b: b[:9], "no IDX file"),
        ("train-images-idx3-ubyte", lambda b: b"\x89PNG" + b[4:], "begins with 89 50 4e 47, not with 00 00 08 03"),
        ("train-images-idx3-ubyte", lambda b: b[:4] + b"\xff" * 12 + b[16:], "states 4294967295 x 4294967295"),
        ("train-labels-idx1-ubyte.gz", lambda b: b[:-9], "is damaged .*get it again from https"),
        ("train-labels-idx1-ubyte.gz", lambda b: b[:12] + b"\xff\xff" + b[14:], "is damaged"),
        ("train-labels-idx1-ubyte.gz", lambda b: gzip.compress(idx(np.full(12, 10, np.uint8))), "label 0 in .* is 10"),
        ("train-labels-idx1-ubyte.gz", lambda b: gzip.compress(idx(np.zeros(3, np.uint8))), "but .* 3 labels"),
    ],
)  # fmt: skip
def test_refuses_files(folder, name, change, message):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        mnist(folder, validation=2)


def test_damaged_files_are_refused_in_words(folder):
    """Whatever happens to a file, it loads with other pixels, or says what is wrong with it."""
    generator = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        sound = path.read_bytes()
        for _ in range(25):
            damaged = bytearray(sound[: generator.integers(len(sound) + 1)] if generator.random() < 0.3 else sound)
            for place in generator.integers(max(len(damaged), 1), size=generator.integers(1, 3)):
                damaged[place : place + 1] = generator.bytes(1)
            path.write_bytes(bytes(damaged))
            message = refused(lambda: mnist(folder, validation=2, encode=_none))
            assert message is None or path.name in message
        path.write_bytes(sound)


def refused(load):
    """Return the message of a ValueError, or None."""
    try:
        load()
    except ValueError as error:
        return str(error)
    return None


def _none(images):
    """No spikes: what is tested is the reading."""
    return Spikes(np.full((len(images), 1), np.inf), np.zeros((len(images), 1), int))


def test_refuses_arguments(folder):
    for options, message in (
        ({"validation": 12}, "validation is 12, but must be from 0 to 11"),
        ({"split": (1, 2)}, r"split is \(1, 2\), but must be the numbers"),
        ({"duration": 0.0}, "duration is 0.0"),
    ):
        with pytest.raises(ValueError, match=message):
            mnist(folder, **options)
    with pytest.raises(NotADirectoryError, match="is a file; pass the folder"):
        mnist(folder / "train-images-idx3-ubyte")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        mnist(folder / "nowhere")
