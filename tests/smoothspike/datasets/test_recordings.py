"""Braille readings, grasshopper receptors, and data sets with the interface of tonic."""

import importlib
import sys

import numpy as np
import pytest

from smoothspike.datasets import Dataset, StreamedDataset, braille, from_tonic, grasshopper


class TestBraille:
    @pytest.fixture
    def arrays(self):
        generator = np.random.default_rng(0)
        repetition, letter = (axis.ravel() for axis in np.meshgrid(np.arange(50), np.arange(27), indexing="ij"))
        return {
            "pressure": np.cumsum(generator.integers(-8, 9, (1350, 10, 2)), axis=1).astype(np.int64) % 256,
            "letter": letter.astype(np.uint8),
            "repetition": repetition.astype(np.uint8),
        }

    @pytest.fixture
    def file(self, tmp_path, arrays):
        return self.write(tmp_path, arrays)

    @staticmethod
    def write(folder, arrays, **changed):
        arrays = arrays | changed
        arrays["pressure"] = np.asarray(arrays["pressure"], changed.get("dtype", np.uint8))
        np.savez(folder / "touch.npz", **{name: array for name, array in arrays.items() if name != "dtype"})
        return folder / "touch.npz"

    def test_splits_by_repetition(self, file):
        parts = braille(file)
        assert [len(data) for data in parts] == [35 * 27, 5 * 27, 10 * 27]
        for data in parts:
            assert len(set(np.bincount(data.labels, minlength=27).tolist())) == 1
            assert (data.num_classes, data.num_sources) == (27, 4)

    def test_spikes_follow_the_readings(self, file, arrays):
        """The number of rises less that of falls is the change of the reading in steps."""
        train, _, _ = braille(file, step=10 / 255, duration=1.0)
        for number in range(0, 945, 100):
            counts = np.asarray(train[number][0].counts(4)).astype(int)
            readings = arrays["pressure"][number].astype(float)
            change = (readings[-1] - readings[0]) / 10
            assert (np.abs(counts[::2] - counts[1::2] - change) < 1).all()
        assert float(np.max(train.spikes.times, initial=0, where=np.isfinite(train.spikes.times))) < 1.0

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(
            FileNotFoundError, match=r"nowhere.npz does not exist: the recordings are at https://doi.org"
        ):
            braille(tmp_path / "nowhere.npz")
        with pytest.raises(FileNotFoundError, match="is a folder"):
            braille(tmp_path)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"dtype": np.int16}, "pressure is int16"),
            ({"letter": np.full(1350, 27)}, "letter is not from 0 to 26"),
            ({"repetition": np.full(1350, 50)}, "repetition is not from 0 to 49"),
            ({"letter": np.zeros(3, int)}, r"letter is int64 in shape \(3,\), with 1350 samples"),
        ],
    )
    def test_refuses_content(self, tmp_path, arrays, changed, message):
        with pytest.raises(ValueError, match=rf"touch.npz is damaged or no npz file of .*{message}"):
            braille(self.write(tmp_path, arrays, **changed))

    def test_damaged_files_are_refused_in_words(self, file):
        generator = np.random.default_rng(0)
        sound = file.read_bytes()
        for attempt in range(20):
            damaged = bytearray(sound[: generator.integers(len(sound))] if attempt % 2 else sound)
            # where the archive says what it holds
            damaged[-200:] = generator.bytes(min(200, len(damaged)))
            file.write_bytes(bytes(damaged))
            with pytest.raises(ValueError, match=r"touch.npz is damaged or no npz file"):
                braille(file)

    def test_pickles_are_not_opened(self, tmp_path):
        np.savez(tmp_path / "touch.npz", pressure=np.array([{}], dtype=object), letter=[0], repetition=[0])
        with pytest.raises(ValueError, match=r"touch.npz is damaged or no npz file .*allow_pickle"):
            braille(tmp_path / "touch.npz")


class TestGrasshopper:
    @pytest.fixture
    def package(self, tmp_path, monkeypatch):
        """A package with the files and the format of nitime."""
        data = tmp_path / "nitime" / "data"
        data.mkdir(parents=True)
        (tmp_path / "nitime" / "__init__.py").write_text("raise ImportError('not needed')")
        for number, cutoff in ((1, 200), (2, 800)):
            (data / f"grasshopper_spike_times{number}.txt").write_text(
                f"# signal: {number}\n# cut-off frequency (Hz): {cutoff}\n# intensity (dB): 76\n6700\n9900\n\n"
            )
            rows = "".join(f"{50 * row}  {0.1 * row * number:.6f}\n" for row in range(8))
            (data / f"grasshopper_stimulus{number}.txt").write_text(rows)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        return data

    def test_spikes_and_stimulus_in_one_unit(self, package):
        slow, fast = grasshopper()
        assert (slow.cutoff, fast.cutoff) == (200, 800)
        np.testing.assert_allclose(slow.spikes.times, [6.7, 9.9], rtol=1e-6)
        assert slow.spikes.sources.tolist() == [0, 0]
        np.testing.assert_allclose(fast.stimulus, 0.2 * np.arange(8))
        np.testing.assert_allclose([slow.dt, slow.duration], [0.05, 0.4])
        np.testing.assert_allclose(grasshopper("s")[0].spikes.times, [0.0067, 0.0099], rtol=1e-6)

    def test_refuses_other_content(self, package):
        (package / "grasshopper_stimulus2.txt").write_text("0 1\n50 2\n70 3\n")
        with pytest.raises(ValueError, match=r"stimulus2.txt is damaged or no .*equal distances"):
            grasshopper()
        (package / "grasshopper_spike_times1.txt").unlink()
        with pytest.raises(ValueError, match=r"spike_times1.txt is damaged or no"):
            grasshopper()

    def test_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "nitime", None)
        with pytest.raises(ImportError, match=r'pip install "smoothspike\[recordings\]"'):
            grasshopper()

    def test_the_real_recordings(self):
        pytest.importorskip("nitime")
        slow, fast = grasshopper()
        assert [int(each.spikes.num_events) for each in (slow, fast)] == [929, 868]
        assert [len(each.stimulus) for each in (slow, fast)] == [200_000] * 2
        assert slow.duration == 10_000


class Sensor:
    """A data set with the interface of tonic: events with microseconds, and a label."""

    def __init__(self, samples, sensor_size, classes=None):
        self.samples, self.sensor_size = samples, sensor_size
        if classes is not None:
            self.classes = classes

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


def events(rows, names="xytp"):
    kinds = {"x": np.int16, "y": np.int16, "t": np.int64, "p": bool}
    return np.array(rows, dtype=[(name, kinds[name]) for name in names])


class TestTonic:
    @pytest.mark.parametrize("stream", [False, True])
    def test_every_pixel_and_polarity_is_a_source(self, stream):
        samples = [
            (events([(1, 2, 3000, True), (3, 0, 1000, False)]), 2),
            (events([(0, 0, 5, False)]), 0),
        ]
        data = from_tonic(Sensor(samples, (4, 3, 2), classes="abcde"), stream=stream)
        assert isinstance(data, StreamedDataset if stream else Dataset)
        assert (data.num_sources, data.num_classes, len(data)) == (24, 5, 2)
        assert data.labels.tolist() == [2, 0]
        spikes, _ = data[0]
        np.testing.assert_allclose(spikes.times, [1.0, 3.0])
        assert spikes.sources.tolist() == [3, 12 + 2 * 4 + 1]
        np.testing.assert_allclose(data[1][0].times[0], 0.005, rtol=1e-6)

    def test_one_dimension_and_one_polarity(self):
        """The spoken digits of tonic have no y, and a polarity that is always 1."""
        data = from_tonic(Sensor([(events([(7, 1, True), (2, 5, True)], "xtp"), np.int64(1))], (700, 1, 1)), to="s")
        assert data.num_sources == 700
        assert data[0][0].sources.tolist() == [7, 2]
        np.testing.assert_allclose(data[0][0].times, [1e-6, 5e-6], rtol=1e-6)
        assert data.num_classes == 2
        assert from_tonic(Sensor([], (2, 1, 1)), num_classes=3).num_classes == 3

    @pytest.mark.parametrize(
        ("sample", "error", "message"),
        [
            ((events([(4, 0, 1, True)]), 0), ValueError, r"sample 0: x\[0\] is 4, but sensor_size is \(4, 3, 2\)"),
            ((events([(0, 3, 1, True)]), 0), ValueError, r"sample 0: y\[0\] is 3"),
            ((events([(0, 0, -1, True)]), 0), ValueError, r"trials\[0\]: times\[0\] is -1"),
            ((np.zeros((2, 4, 3)), 0), TypeError, "events of sample 0 are no structured array .* make frames"),
            ((events([(0, 0, 1, True)]), "cat"), TypeError, "sample 0 is no pair .* target_transform"),
            (3, TypeError, "sample 0 is no pair"),
        ],
    )
    def test_refuses_samples(self, sample, error, message):
        with pytest.raises(error, match=message):
            from_tonic(Sensor([sample], (4, 3, 2)))

    def test_asks_for_the_size(self):
        with pytest.raises(ValueError, match=r"sensor_size is None, .* pass it"):
            from_tonic(Sensor([], None))
