import gzip
import sys

import numpy as np
import pytest

from smoothspike.datasets import Dataset, StreamedDataset, shd, ssc

h5py = pytest.importorskip("h5py")

SPEAKERS = {"shd_train": [0, 0, 1, 2, 2, 7, 7, 1], "shd_test": [3, 0, 3]}
SSC = {"ssc_train": [0] * 4, "ssc_valid": [0] * 2, "ssc_test": [0] * 3}


def drawn(generator, samples, classes):
    """Times in half precision and units, as the published files have them."""
    trials = []
    for _ in range(samples):
        number = int(generator.integers(1, 30))
        trials.append((np.sort(generator.uniform(0, 1, number)).astype(np.float16), generator.integers(0, 700, number)))
    return trials, generator.integers(0, classes, samples)


def write(path, trials, labels, speakers, *, chunked=False):
    with h5py.File(path, "w") as file:
        for name, kind, column in (("times", np.float16, 0), ("units", np.uint16, 1)):
            options = {"maxshape": (None,), "chunks": (2,)} if chunked else {}
            lists = file.create_dataset(f"spikes/{name}", (len(trials),), dtype=h5py.vlen_dtype(kind), **options)
            for number, trial in enumerate(trials):
                lists[number] = trial[column].astype(kind)
        file["labels"] = labels.astype(np.uint16)
        file["extra/speaker"] = np.array(speakers, np.uint16)


@pytest.fixture(scope="module")
def contents():
    generator = np.random.default_rng(0)
    return {name: drawn(generator, len(who), 20) for name, who in (SPEAKERS | SSC).items()}


@pytest.fixture(params=[False, True], ids=["contiguous", "chunked"])
def folder(tmp_path, contents, request):
    for name, who in (SPEAKERS | SSC).items():
        write(tmp_path / f"{name}.h5", *contents[name], who, chunked=request.param)
    return tmp_path


def expect(data, trials, labels, convert=lambda times, units: (times, units)):
    assert data.labels.tolist() == [int(label) for label in labels]
    for number, (times, units) in enumerate(trials):
        expected, sources = convert(1000 * times.astype(float), units)
        spikes, _ = data[number]
        n = int(spikes.num_events)
        np.testing.assert_allclose(spikes.times[:n], expected, rtol=1e-6)
        np.testing.assert_array_equal(spikes.sources[:n], sources)


@pytest.mark.parametrize("stream", [False, True])
def test_validation_speakers_are_not_in_the_training_data(folder, contents, stream):
    train, validation, test = shd(folder, validation_speakers=[1, 7], stream=stream)
    trials, labels = contents["shd_train"]
    is_held_out = np.isin(SPEAKERS["shd_train"], [1, 7])
    for data, chosen in ((train, ~is_held_out), (validation, is_held_out)):
        assert isinstance(data, StreamedDataset if stream else Dataset)
        expect(data, [trials[n] for n in np.flatnonzero(chosen)], labels[chosen])
    expect(test, *contents["shd_test"])
    assert (train.num_classes, train.num_sources) == (20, 700)


def test_how_many_speakers_are_for_validation(folder):
    sizes = {n: [len(data) for data in shd(folder, validation_speakers=n)] for n in (0, 1, 2, ())}
    assert sizes == {0: [8, 0, 3], 1: [6, 2, 3], 2: [4, 4, 3], (): [8, 0, 3]}
    for speakers in (4, [5], [0, 1, 2, 7], -1):
        with pytest.raises(ValueError, match=r"validation_speakers is .* has the speakers 0, 1, 2, 7"):
            shd(folder, validation_speakers=speakers)


def test_commands_have_their_own_validation_data(folder, contents):
    for data, name in zip(ssc(folder, to="ms"), SSC, strict=True):
        expect(data, *contents[name])
        assert data.num_classes == 35


def test_units_channels_and_window(folder, contents):
    def convert(times, units):
        inside = (times >= 200) & (times < 700)
        return (times[inside] - 200) / 20, units[inside] // 8

    _, _, test = shd(folder, to="20 ms", group=8, window=(10, 35))
    expect(test, *contents["shd_test"], convert)
    assert test.num_sources == 88  # the last of 4 channels


def test_a_longer_trial_is_thinned_evenly(folder, contents):
    _, _, test = shd(folder, max_events=5)
    for (spikes, _), (times, _) in zip((test[n] for n in range(3)), contents["shd_test"][0], strict=True):
        kept = 1000 * times.astype(np.float32)
        assert int(spikes.num_events) == min(5, len(times))
        places = np.searchsorted(kept, np.asarray(spikes.times[: int(spikes.num_events)]))
        # every fifth of the trial has one
        np.testing.assert_array_equal(places * 5 // len(times) if len(times) > 5 else places, np.arange(len(places)))


def test_compressed_files(folder, contents):
    for path in folder.glob("shd*"):
        (path.parent / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    expect(shd(folder)[2], *contents["shd_test"])
    with pytest.raises(ValueError, match=r"shd_train.h5.gz is compressed, and cannot be streamed: unpack it"):
        shd(folder, stream=True)


def test_a_missing_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no shd_train.h5 or shd_train.h5.gz: get it from https://zenkelab.org"
    ):
        shd(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no ssc_train.h5 or"):
        ssc(tmp_path)


def test_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "smoothspike\[datasets\]"'):
        shd(folder)


@pytest.mark.parametrize(
    ("times", "units", "labels", "message"),
    [
        ([0.5, -0.25], [0, 1], [0], r"trial 0: times\[1\] is -0.25"),
        ([0.5, np.nan], [0, 1], [0], r"trial 0: times\[1\] is nan"),
        ([0.5], [700], [0], "unit 700 is none of 700 channels"),
        ([0.5], [0, 1], [0], "1 times and 2 sources"),
        ([0.5], [0], [20], "label 20 is none of 20 classes"),
        ([0.5], [0], [0, 1], "numbers of times, units and labels differ"),
    ],
)
def test_refuses_content(tmp_path, times, units, labels, message):
    path = tmp_path / "shd_train.h5"
    write(path, [(np.array(times), np.array(units))], np.array(labels), [0] * len(labels))
    write(tmp_path / "shd_test.h5", [], np.zeros(0), [])
    with pytest.raises(ValueError, match=rf"shd_train.h5 is damaged or no .*{message}.*get it again from"):
        shd(tmp_path, validation_speakers=0)


def test_refuses_other_files(folder):
    path = folder / "shd_train.h5"
    for content in (b"", b"not HDF5", b"\x1f\x8bnot gzip", gzip.compress(path.read_bytes())[:-20]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"shd_train.h5 is damaged.*get it again from"):
            shd(folder)
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"shd_train.h5 is damaged or no"):
        shd(folder)


def test_damaged_files_are_refused_in_words(folder):
    """Cut, or with other bytes: it loads with other spikes, or says what is wrong, and returns in any case."""
    generator = np.random.default_rng(2)
    path = folder / "shd_train.h5"
    sound = path.read_bytes()
    refusals = 0
    for attempt in range(60):
        damaged = bytearray(sound[: generator.integers(len(sound))] if attempt % 3 == 0 else sound)
        for place in generator.integers(max(len(damaged), 1), size=generator.integers(1, 4)):
            damaged[place : place + 1] = generator.bytes(1)
        path.write_bytes(bytes(damaged))
        message = refused(lambda: shd(folder, validation_speakers=0))
        assert message is None or path.name in message
        refusals += message is not None
    assert refusals > 20


def test_a_list_that_claims_to_be_long(tmp_path):
    """The library would allocate and read what is not there."""
    path = tmp_path / "shd_train.h5"
    write(path, [(np.arange(3.0), np.arange(3))], np.zeros(1), [0])
    with h5py.File(path) as file:
        place = file["spikes/times"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[place + 3] = 0x9A  # the highest byte of its length
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="spikes/times has a list of 2583691267 entries that is not there"):
        shd(tmp_path)


def refused(load):
    """Return the message of a ValueError, or None."""
    try:
        load()
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": (3, 1)}, r"window is \(3, 1\)"),
        ({"group": 0}, "group is 0"),
        ({"max_events": 0}, "max_events is 0"),
        ({"to": "parsec"}, "to is 'parsec'"),
        ({"buckets": 0}, "buckets is 0"),
    ],
)
def test_refuses_arguments(folder, options, message):
    with pytest.raises(ValueError, match=message):
        shd(folder, **options)
