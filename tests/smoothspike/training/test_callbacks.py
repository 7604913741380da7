"""Callbacks see every epoch and may stop; the best network is kept; both survive an interruption."""

import json
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss
from smoothspike.training.best import best_epoch
from smoothspike.training.rates import learning_rates

DATA, OTHER = ss.datasets.yin_yang(size=16, seed=0), ss.datasets.yin_yang(size=16, seed=1)
WEIGHTS = np.random.default_rng(0).normal(size=(3, 4))
SCHEDULE = optax.linear_schedule(0.5, 0.1, 4)


def loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5)


def network(weights=WEIGHTS):
    return ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (4, 3), 4.0, weights=[weights])


# one optimiser, so that every step is compiled once
train = partial(
    ss.fit,
    network(),
    DATA,
    loss,
    optimizer=optax.sgd(SCHEDULE),
    batch_size=8,
    progress=False,
    validation=OTHER,
    epochs=4,
)


def same(one, other):
    return all(a.tobytes() == b.tobytes() for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


@pytest.fixture(scope="module")
def whole():
    seen = []
    found = train(callbacks=lambda network, history: seen.append((network, [dict(row) for row in history])))
    return found, seen


def test_a_callback_sees_every_epoch(whole):
    found, seen = whole
    assert [len(history) for _, history in seen] == [1, 2, 3, 4]
    assert seen[-1][1] == found.history
    assert same(seen[-1][0], found.network)


def test_a_history_tells_ordinary_spikes_first_and_the_learning_rate(whole):
    found, seen = whole
    names = list(found.history[0])
    assert names.index("accuracy_without_pseudospikes") < names.index("accuracy")
    # two steps an epoch; the rate is that of the last one
    assert [row["learning_rate"] for row in found.history] == pytest.approx(
        [float(SCHEDULE(step)) for step in (1, 3, 5, 7)]
    )
    losses = jax.vmap(loss)(seen[0][0](OTHER.spikes).first_spike_times(), OTHER.labels)
    assert found.history[0]["validation_loss"] == pytest.approx(float(losses.mean()), rel=1e-12)


def test_the_best_network_is_kept_and_comes_back_bit_by_bit(whole, tmp_path):
    _, seen = whole
    # the rate is greatest in the first epoch, and of those after an interruption none is better
    kept = partial(train, keep_best="learning_rate", checkpoint=tmp_path)
    assert same(kept(epochs=2).network, seen[0][0])
    assert same(kept().network, seen[0][0])
    assert same(ss.load(tmp_path / "checkpoint.ss"), seen[3][0])


def test_an_early_stop_holds_after_an_interruption(whole, tmp_path):
    found, seen = whole
    stop = ss.callbacks.early_stopping(patience=2, metric="learning_rate")
    calls = []
    for epochs in (2, 4, 4):
        stopped = train(callbacks=[stop, lambda *_: calls.append(1)], checkpoint=tmp_path, epochs=epochs)
    assert stopped.history == found.history[:3]
    assert same(stopped.network, seen[2][0])
    # every epoch, and the last one again at each resumption
    assert len(calls) == 2 + (1 + 1) + 1


def test_metrics_are_written_to_files(whole, tmp_path):
    found, _ = whole
    ss.callbacks.to_json(tmp_path / "a" / "metrics.json")(None, found.history)
    assert json.loads((tmp_path / "a" / "metrics.json").read_text()) == found.history
    ss.callbacks.to_csv(tmp_path / "metrics.csv")(None, [*found.history, {"epoch": 5, "other": 1.0}])
    table = np.genfromtxt(tmp_path / "metrics.csv", delimiter=",", names=True)
    assert table["validation_loss"][:4].tolist() == [row["validation_loss"] for row in found.history]
    assert np.isnan(table["other"][:4]).all()


def test_metrics_are_written_for_tensorboard(whole, tmp_path, monkeypatch):
    written = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            assert (folder, purge_step) == (str(tmp_path), 0)

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            pass

    monkeypatch.setitem(sys.modules, "tensorboardX", type(sys)("tensorboardX"))
    sys.modules["tensorboardX"].SummaryWriter = SummaryWriter
    write, history = ss.callbacks.to_tensorboard(tmp_path), whole[0].history
    for length in (3, 4):  # as after a resumption
        write(None, history[:length])
    assert [entry for entry in written if entry[0] == "loss"] == [
        ("loss", row["loss"], row["epoch"]) for row in history
    ]
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'smoothspike\[tensorboard\]'"):
        ss.callbacks.to_tensorboard(tmp_path)


def test_a_network_without_output_spikes_is_told():
    silent = network(0.01 * WEIGHTS)
    with pytest.warns(UserWarning, match="the network ends without output spikes"):
        found = ss.fit(silent, DATA, loss, optimizer=optax.sgd(SCHEDULE), epochs=1, batch_size=8, progress=False)
    assert ss.evaluate(found.network, DATA)["accuracy_without_pseudospikes"] == 0


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"keep_best=True compares networks on validation=\.\.\."):
        train(keep_best=True, validation=None)
    with pytest.raises(ValueError, match="the history has no metric 'gain'; it has epoch, loss"):
        train(keep_best="gain", epochs=1)
    with pytest.raises(TypeError, match="callbacks: 3 is no function of the network and the history"):
        train(callbacks=[3])
    with pytest.raises(ValueError, match="patience is 0, but must be at least 1"):
        ss.callbacks.early_stopping(patience=0)
    with pytest.raises(ValueError, match=r"watches the validation data: pass validation=\.\.\."):
        ss.callbacks.early_stopping()(None, [{"loss": 1.0}])
    train(checkpoint=tmp_path, epochs=1)
    with pytest.raises(ValueError, match="has 1 epochs without their best network"):
        train(checkpoint=tmp_path, keep_best=True)


def test_ordinary_spikes_decide_which_epoch_is_best():
    rows = [(0.0, 0.9, 0.1), (0.3, 0.5, 0.9), (0.3, 0.6, 0.9), (0.3, 0.6, 0.8), (0.3, 0.6, 0.8), (0.2, 0.95, 0.0)]
    names = "accuracy_without_pseudospikes", "accuracy", "validation_loss"
    history = [dict(zip(names, row, strict=True)) for row in rows]
    assert best_epoch(history) == 3
    assert best_epoch(history, "accuracy") == 5
    assert best_epoch([{"loss": 2.0}, {"loss": 1.0}, {"loss": 3.0}], "loss") == 1


COSINE = optax.cosine_decay_schedule(0.5, 10)
OPTIMISERS = {
    "constant": (optax.adam(0.25), {"learning_rate": 0.25}),
    "schedule": (optax.chain(optax.clip(1.0), optax.adamw(COSINE)), {"learning_rate": float(COSINE(2))}),
    "injected": (optax.inject_hyperparams(optax.adam)(learning_rate=COSINE), {"learning_rate": float(COSINE(2))}),
    "several scales": (
        optax.chain(optax.scale_by_schedule(COSINE), optax.scale(-0.5)), {"learning_rate": float(COSINE(2)) / 2},
    ),
    "groups": (
        optax.multi_transform(
            {"a": optax.adam(0.25), "b": optax.sgd(COSINE), "c": optax.set_to_zero()}, {"x": "a", "y": "b"}
        ),
        {"learning_rate_a": 0.25, "learning_rate_b": float(COSINE(2))},
    ),
    "unknown": (optax.GradientTransformation(lambda _: (), lambda updates, state, _: (updates, state)), {}),
}  # fmt: skip


@pytest.mark.parametrize(("optimizer", "expected"), OPTIMISERS.values(), ids=OPTIMISERS)
def test_learning_rates_are_read_off_optimisers(optimizer, expected):
    values = {"x": jnp.zeros(2), "y": jnp.ones(2)}
    state = optimizer.init(values)
    for _ in range(3):
        _, state = optimizer.update(values, state, values)
    assert learning_rates(optimizer, state) == pytest.approx(expected, rel=1e-6)
