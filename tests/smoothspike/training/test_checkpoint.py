"""A training that is interrupted at any moment goes on bit by bit; nothing else is ever resumed into."""

import itertools
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss
from smoothspike.networks import Recording
from smoothspike.networks._arguments import given_capacities
from smoothspike.saving import file as checkpoint_file
from smoothspike.training import checkpoint

NEURON = ss.Neuron(ss.models.qif_delta())
DATA = ss.datasets.yin_yang(size=8, seed=0)
ADAM = optax.adam(1e-2)


def loss(times, label, early=0.05):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5, early_weight=early)


def layers(neuron=NEURON, sizes=(4, 2, 3), duration=4.0, seed=0, **options):
    chance = np.random.default_rng(seed)
    weights = [chance.normal(size=shape[::-1]) for shape in itertools.pairwise(sizes)]
    return ss.FeedForward(neuron, sizes, duration, weights=weights, **options)


def recurrent(targets, seed=0):
    own = ss.Connections(targets, 0.1 * jnp.ones((3, 1)))
    key = jax.random.key(seed)
    return ss.Recurrent(NEURON, 3, 4, 4.0, recurrent_weights=own, input_weights=jax.random.normal(key, (3, 4)), key=key)


def saved(folder, network, epochs=0, **options):
    """What `fit` does before its first step: describe the training, and find out whether it goes on."""
    arguments = {
        "dataset": DATA, "optimizer": ADAM, "key": jax.random.key(0), "batch_size": 4, "validation": None, "loss": loss,
        "readout": Recording.first_spike_times, "augment": None,
    } | options  # fmt: skip
    state = arguments["optimizer"].init(eqx.filter(network, eqx.is_inexact_array))
    identity = checkpoint.Identity.of(network=network, **arguments)
    kept = checkpoint.Checkpoint(folder, identity, network)
    found = kept.resumed((network, state), given_capacities(network, None), epochs=max(epochs, 1), steps=2)
    return kept, found


def written(folder, network, **options):
    kept, (trained, _, room) = saved(folder, network, **options)
    kept.save(trained, [{"epoch": 1, "loss": 0.5}], room)


def equal(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


OTHERS = {
    "data": (layers, {"dataset": ss.datasets.yin_yang(size=8, seed=1)}, r"data\.spikes\.times was .* with digest"),
    "labels": (layers, {"dataset": eqx.tree_at(lambda d: d.labels, DATA, 2 - DATA.labels)}, r"data\.labels was"),
    "loss": (layers, {"loss": lambda times, label: loss(times, label)}, "loss was loss, and is <lambda>"),
    "a bound value": (layers, {"loss": partial(loss, early=0.0)}, "loss was loss, and is partial"),
    "key": (layers, {"key": jax.random.key(1)}, "key was"),
    "batch size": (layers, {"batch_size": 2}, "batch_size was 4, and is 2"),
    "optimiser of the same shape": (layers, {"optimizer": optax.adabelief(1e-2)}, "scale_by_adam.* scale_by_belief"),
    "its setting": (layers, {"optimizer": optax.adam(1e-2, b2=0.9)}, "b2 was 0.999, and is 0.9"),
    "augment": (layers, {"augment": partial(ss.jittered, scale=0.1)}, "augment was None, and is partial"),
    "readout": (layers, {"readout": lambda record: record.spike_times(1)}, "readout was Recording.first_spike_times"),
    "duration": (lambda: layers(duration=5.0), {}, r"network\.duration was 4\.0, and is 5\.0"),
    "sizes": (lambda: layers(sizes=(4, 3, 3)), {}, r"network\.sizes\[1\] was 2, and is 3"),
    "weights": (lambda: layers(seed=1), {}, r"raw_weights\[0\]\.weights\['V'\] starts from other values"),
    "declaration": (lambda: layers(ss.Neuron(ss.models.qif_delta(tau_m=2.0))), {}, r"model\.parameters was"),
    "trained parameters": (lambda: layers(trained("tau_m")), {}, r"\['tau_m'\] was not there, and is float"),
}  # fmt: skip


def trained(name, model=ss.models.qif_delta):
    return ss.Neuron(model(), trainable=(name,))


@pytest.mark.parametrize(("build", "options", "message"), OTHERS.values(), ids=OTHERS)
def test_another_training_is_refused_and_told_how_it_differs(tmp_path, build, options, message):
    written(tmp_path, layers())
    with pytest.raises(ValueError, match=message):
        saved(tmp_path, build(), **options)
    # the one that it is of goes on
    _, (_, history, _) = saved(tmp_path, layers())
    assert history == [{"epoch": 1, "loss": 0.5}]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (
            lambda: layers(trained("tau_m", ss.models.qif)), lambda: layers(trained("tau_s", ss.models.qif)),
            r"fixed\[tau_s\] was 1/2, and is not there.*unconstrained\['tau_m'\] was float",
        ),
        (lambda: layers(delays=[0.5, None]), lambda: layers(delays=[None, 0.5]), r"raw_weights\[0\]\.delays was float"),
        (lambda: recurrent([[1], [2], [0]]), lambda: recurrent([[2], [0], [1]]), r"recurrent_weights\.targets was"),
        (lambda: recurrent([[1], [2], [0]]), lambda: recurrent([[1], [2], [0]], 1), r"input_weights.* starts from"),
    ],
    ids=["trained parameter", "place of delays", "targets", "input weights"],
)  # fmt: skip
def test_networks_of_the_same_shapes_are_told_apart(tmp_path, one, other, message):
    written(tmp_path, one())
    with pytest.raises(ValueError, match=message):
        saved(tmp_path, other())


LIMIT = 1.0


def limited(times, label):
    return jnp.minimum(helper(times), LIMIT) + 0 * label


def helper(times):
    return times.sum()


def test_what_a_loss_reads_from_its_module_counts(tmp_path, monkeypatch):
    written(tmp_path, layers(), loss=limited)
    monkeypatch.setitem(globals(), "LIMIT", 2.0)
    with pytest.raises(ValueError, match=r"loss reads LIMIT was 1\.0, and is 2\.0"):
        saved(tmp_path, layers(), loss=limited)
    monkeypatch.setitem(globals(), "LIMIT", 1.0)
    monkeypatch.setattr(helper, "__code__", (lambda times: times.max()).__code__)
    with pytest.raises(ValueError, match="loss reads helper has other code"):
        saved(tmp_path, layers(), loss=limited)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (ADAM, optax.adam(1e-3), r"was 0\.01, and is 0\.001$"),
        (ADAM, optax.adam(optax.cosine_decay_schedule(1e-2, 9)), r"was 0\.01, and is cosine_decay_schedule\(.*=9, "),
        (optax.adam(optax.constant_schedule(1e-2)), ADAM, r"was constant_schedule\(value=0\.01\), and is 0\.01$"),
        (
            optax.inject_hyperparams(optax.adam)(learning_rate=1e-2),
            optax.inject_hyperparams(optax.adam)(learning_rate=1e-3), r"was 0\.01, and is 0\.001$",
        ),
    ],
    ids=["constant", "constant to schedule", "schedule to constant", "injected"],
)  # fmt: skip
def test_another_learning_rate_goes_on_and_is_told(tmp_path, one, other, message):
    written(tmp_path, layers(), optimizer=one)
    with pytest.warns(UserWarning, match=f"resumes after epoch 1 with changes: learning rate {message}"):
        _, ((_, state), _, _) = saved(tmp_path, layers(), optimizer=other)
    # a schedule is where it would be after the two steps of one epoch, and a rate in the state is the new one
    schedules = [
        part for part in jax.tree.leaves(state, is_leaf=lambda part: isinstance(part, optax.ScaleByScheduleState))
        if isinstance(part, optax.ScaleByScheduleState)
    ]  # fmt: skip
    assert [int(part.count) for part in schedules] == ([2] if "is cosine" in message or schedules else [])
    if hasattr(state, "hyperparams"):
        assert float(state.hyperparams["learning_rate"]) == pytest.approx(1e-3, rel=1e-6)


def test_more_epochs_go_on_and_fewer_are_refused(tmp_path):
    kept, (fresh, _, room) = saved(tmp_path, layers())
    kept.save(fresh, [{"epoch": epoch, "loss": 0.5} for epoch in (1, 2)], room)
    assert len(saved(tmp_path, layers(), epochs=3)[1][1]) == 2
    with pytest.raises(ValueError, match="has 2 epochs, but epochs is 1"):
        saved(tmp_path, layers(), epochs=1)


def test_single_and_double_precision_are_told_apart(tmp_path, float64):
    written(tmp_path, layers())
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"was float64.*, and is float32"):
        saved(tmp_path, layers())


def test_every_kind_of_number_comes_back(tmp_path):
    kinds = {
        "key": jax.random.key(7), "half": jnp.array([1.5, -0.0, jnp.inf], jnp.bfloat16), "step": jnp.array(3),
        "empty": jnp.zeros((0, 2)), "count": 4, "flag": np.array([True, False]), "none": None, "nan": np.float32("nan"),
    }  # fmt: skip
    optimiser = optax.GradientTransformation(lambda _: kinds, ADAM.update)
    written(tmp_path, layers(), optimizer=optimiser)
    _, ((_, state), _, _) = saved(tmp_path, layers(), optimizer=optimiser)
    for name, expected in kinds.items():
        found = state[name]
        if name == "key":
            found, expected = jax.random.key_data(found), jax.random.key_data(expected)
        assert isinstance(found, type(expected)), name
        assert np.asarray(found).dtype == np.asarray(expected).dtype, name
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes() or name == "none", name


def test_no_flipped_bit_and_no_lost_byte_is_ever_loaded(tmp_path):
    network = layers()
    written(tmp_path, network)
    path = tmp_path / "checkpoint.ss"
    content = path.read_bytes()
    chance = np.random.default_rng(0)
    places = [0, 30, len(content) - 1, *chance.integers(0, len(content), 200)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(chance.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged"):
            checkpoint_file.read(path)
    for length in (0, 1, 22, 31, 40, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=f"is damaged: .* {length} bytes"):
            saved(tmp_path, network)
    path.write_bytes(content)
    assert saved(tmp_path, network)[1][1]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", range(6))
def test_a_save_that_is_cut_short_leaves_a_whole_checkpoint(tmp_path, monkeypatch, moment):
    """Cut short before each call that reaches the disk, the second save leaves the first one or itself."""
    kept, (fresh, _, room) = saved(tmp_path, layers())
    kept.save(fresh, [{"epoch": 1, "loss": 0.5}], room)
    changed = jax.tree.map(lambda leaf: leaf + 1, fresh)  # before: JAX's cache of programs reads files, too
    calls = iter(range(100))

    def counted(function):
        def call(*arguments, **options):
            if next(calls) == moment:
                raise Killed("before a call")
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(checkpoint_file.os, "fsync", counted(checkpoint_file.os.fsync))
    monkeypatch.setattr(Path, "open", counted(Path.open))
    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    monkeypatch.setattr(checkpoint_file.np, "ascontiguousarray", counted(np.ascontiguousarray))
    with pytest.raises(Killed, match="before a call"):
        kept.save(changed, [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}], room)
    monkeypatch.undo()
    _, (found, history, _) = saved(tmp_path, layers(), epochs=2)
    assert equal(found, fresh if len(history) == 1 else changed)


def test_other_folders_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file, a file, but must be a folder"):
        saved(tmp_path / "file", layers())
    (tmp_path / "history.json").write_text("{}")
    with pytest.raises(ValueError, match="has a checkpoint of an older format"):
        saved(tmp_path, layers())
    other = tmp_path / "other"
    written(other, layers())
    description, arrays = checkpoint_file.read(other / "checkpoint.ss")
    monkeypatch.setattr(checkpoint_file, "FORMAT", 3)
    checkpoint_file.write(other / "checkpoint.ss", description, arrays)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has format 3, but this version of smoothspike reads format 2"):
        saved(other, layers())


PROGRAM = """
import sys
import jax, optax
import smoothspike as ss
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", True)
net = ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (4, 3), 4.0, key=jax.random.key(0), scale=2.0)
def loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5)
options = dict(epochs=int(sys.argv[2]), batch_size=8, progress=False, capacity=1)
found = ss.fit(net, ss.datasets.yin_yang(size=64), loss, optimizer=optax.adam(2e-2), checkpoint=sys.argv[1], **options)
print(found.history[-1], *(leaf.tolist() for leaf in jax.tree.leaves(found.network.weights)))
"""


def saved_at(folder):
    path = folder / "checkpoint.ss"
    return path.stat().st_mtime_ns if path.exists() else 0


def run(folder, epochs, delay=None):
    """Run the program; after a delay, counted from the first time that it saves, kill it."""
    before = saved_at(folder)
    command = [sys.executable, "-c", PROGRAM, str(folder), str(epochs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if delay is not None:
        while process.poll() is None and saved_at(folder) == before:
            time.sleep(0.002)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    output, errors = process.communicate(timeout=300)
    assert process.returncode in (0, -signal.SIGKILL), errors
    return output


@pytest.mark.slow
def test_killed_at_any_instant_it_goes_on_bit_by_bit(tmp_path):
    expected = run(tmp_path / "whole", 100)
    chance = np.random.default_rng(0)
    for _ in range(4):
        run(tmp_path / "killed", 100, chance.uniform(0, 1))
    assert run(tmp_path / "killed", 100) == expected
