"""Training improves, resumes exactly, grows its capacity by itself, and refuses what does not fit."""

import dataclasses
import sys
from functools import partial
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest

import smoothspike as ss
from smoothspike.networks._arguments import given_capacities
from smoothspike.networks._capacity import with_capacity
from smoothspike.training.batch import Batch
from smoothspike.training.step import make_step

NEURON = ss.Neuron(ss.models.qif_delta())


def loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5, early_weight=0.05)


def build(scale=0.5):
    return ss.FeedForward(NEURON, (4, 3), 4.0, key=jax.random.key(0), scale=scale)


@pytest.fixture(scope="module")
def data():
    return ss.datasets.yin_yang(size=64, seed=0), ss.datasets.yin_yang(size=32, seed=0, split="test")


train = partial(ss.fit, loss=loss, optimizer=optax.adabelief(2e-2), batch_size=32, progress=False)


@pytest.fixture(scope="module")
def trained(data):
    training, held_out = data
    return train(build(), training, epochs=12, validation=held_out)


def test_learning_lowers_the_loss_and_keeps_a_history(trained, data):
    network, history = trained
    assert [row["epoch"] for row in history] == list(range(1, 13))
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert history[-1]["accuracy"] == ss.evaluate(network, data[1])["accuracy"]


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(data, tmp_path):
    whole = train(build(), data[0], epochs=4)
    train(build(), data[0], epochs=2, checkpoint=tmp_path / "run")
    resumed = train(build(), data[0], epochs=4, checkpoint=tmp_path / "run")
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]
    same = jax.tree.map(jnp.array_equal, resumed.network.weights, whole.network.weights)
    assert all(jax.tree.leaves(same))
    # nothing is left to do: the checkpoint is the result
    assert train(build(), data[0], epochs=4, checkpoint=tmp_path / "run").history == resumed.history


def test_the_progress_bar_says_that_the_first_epoch_compiles(data, capsys):
    ss.fit(build(), data[0], loss, optimizer=optax.adabelief(2e-2), batch_size=32, epochs=2)
    first, *_, last = capsys.readouterr().err.strip("\r").split("\r")
    assert first.startswith("compiling: ")
    assert "compiling" not in last


@pytest.mark.slow
def test_capacity_grows_during_training(data):
    network = build(scale=3.0)
    grown, plenty = (train(network, data[0], epochs=1, capacity=most).history[0]["loss"] for most in (1, 512))
    assert grown == pytest.approx(plenty, rel=1e-9)


@pytest.mark.slow
def test_capacity_that_stays_empty_is_given_up_after_a_hundred_steps(data, monkeypatch):
    module = sys.modules["smoothspike.training.epoch"]
    given = []

    def noted(run, first, **others):
        given.append(first[0].total)
        return with_capacity(run, first, **others)

    monkeypatch.setattr(module, "with_capacity", noted)
    steps = {"epochs": 3, "batch_size": 1}  # 64 an epoch
    shrunk = train(build(), data[0], capacity=512, **steps).history
    assert given[:128] == [512] * 128
    assert set(given[128:]) == {min(given)}
    assert min(given) < 64
    assert shrunk[-1]["loss"] == pytest.approx(train(build(), data[0], **steps).history[-1]["loss"], rel=1e-9)


@pytest.mark.slow
def test_the_capacity_of_a_step_is_counted_before_it_is_compiled_again(data, monkeypatch):
    """Neurons that stop at their spikes report only part of what they lack; a step is compiled twice all the same."""
    module = sys.modules["smoothspike.training.epoch"]
    tried = []

    def counted(run, first, **others):
        def attempt(capacities):
            tried.append(capacities)
            return run(capacities)

        return with_capacity(attempt, first, **others)

    monkeypatch.setattr(module, "with_capacity", counted)
    neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
    network = ss.FeedForward(neuron, (4, 3), 4.0, key=jax.random.key(0), scale=8.0)
    train(network, data[0], epochs=1, batch_size=64, capacity=1)
    assert len(tried) == 2


def test_augmentation_changes_the_inputs(data):
    plain, noisy = (
        train(build(), data[0], epochs=1, augment=augment).history[0]["loss"]
        for augment in (None, partial(ss.jittered, scale=0.2, dropout=0.1))
    )
    assert plain != noisy


def test_labels_are_checked_once_for_a_loss_that_takes_them_as_they_are(data):
    """A check inside needs Python while the step runs, which JAX's compilation cache refuses to keep."""
    network, optimizer = build(), optax.adam(1e-2)
    state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
    batch = Batch.of(next(data[0].batches(8)))
    for classes, is_checked in ((3, False), (4, True), (None, True)):
        readout, how = network.records.first_spike_times, {"mesh": None, "chunk": None, "memory": None}
        step = make_step(optimizer, loss, readout, classes=classes, **how)
        program, *_ = eqx.filter_make_jaxpr(step)(network, state, batch, given_capacities(network, None))
        assert ("callback" in str(program)) == is_checked
    with pytest.raises(RuntimeError, match="label is out of range: there are 3 classes, 0 to 2"):
        train(network, data[0], loss=lambda times, label: loss(times, label + 2), epochs=1)


def test_a_last_batch_that_is_filled_up_counts_no_sample_twice(data):
    whole = ss.evaluate(build(), data[0][:11], loss=loss)
    parts = ss.evaluate(build(), data[0][:11], batch_size=4, loss=loss)
    assert parts == pytest.approx(whole, rel=1e-12)


def test_other_readouts(data):
    def late(times, label):
        return jnp.mean(times[:, 1]) + 0.0 * label

    history = train(build(), data[0], loss=late, readout=lambda record: record.spike_times(2), epochs=3).history
    assert history[-1]["loss"] < history[0]["loss"]


def layers(*sizes):
    return ss.FeedForward(NEURON, sizes, 4.0, weights=[jnp.ones(pair[::-1]) for pair in pairwise(sizes)])


NET, DATA = layers(4, 3), ss.datasets.yin_yang(size=4, seed=0)
REFUSED = {
    "a pair": ({"dataset": (1, 2)}, TypeError, r"dataset is a tuple; pass datasets\.Dataset\(spikes, labels"),
    "a neuron": ({"network": NEURON}, TypeError, "network is a Neuron; pass a FeedForward, Recurrent or Sequential"),
    "no loss": ({"loss": 3}, TypeError, r"loss is 3; pass a function loss\(times, label\) of one sample"),
    "a rate": ({"optimizer": 1e-3}, TypeError, r"optimizer is 0\.001; .* such as optax\.adabelief\(0\.001\)"),
    "not called": ({"optimizer": optax.adam}, TypeError, "optimizer is the function adam; pass an optimiser of optax"),
    "half an epoch": ({"epochs": 2.5}, TypeError, r"epochs is 2\.5, but must be an integer, at least 0"),
    "epochs below 0": ({"epochs": -1}, ValueError, "epochs is -1, but must be an integer, at least 0"),
    "no batch": ({"batch_size": 0}, ValueError, "batch_size is 0, but must be an integer, at least 1"),
    "a true batch": ({"batch_size": True}, TypeError, "batch_size is True, but must be an integer"),
    "a seed": ({"key": 3}, TypeError, r"key is 3; pass jax\.random\.key\(3\)"),
    "no samples": ({"dataset": DATA[:0]}, ValueError, "dataset has no samples"),
    "no validation samples": ({"validation": DATA[:0]}, ValueError, "validation has no samples"),
    "validation as a pair": ({"validation": (1, 2)}, TypeError, "validation is a tuple"),
    "augment": ({"augment": 0.1}, TypeError, r"augment is 0\.1; pass a function augment\(spikes, key\)"),
    "augmented to no spikes": ({"augment": lambda spikes, key: 3}, TypeError, "augment returned 3; return Spikes"),
    "augmented by a channel": (
        {"augment": lambda spikes, key: ss.Spikes(spikes.times, spikes.sources + 1)}, ValueError, "source.* is 4",
    ),
    "readout": ({"readout": "times"}, TypeError, "readout is 'times'; pass a function of a recording"),
    "too few inputs": ({"network": layers(3, 3)}, ValueError, "4 input channels, but the network has 3 inputs"),
    "too many inputs": ({"network": layers(5, 3)}, ValueError, "but the network has 5 inputs, some of"),
    "too few outputs": ({"network": layers(4, 1)}, ValueError, r"labels\[.\] is ., but the network has 1 outputs"),
    "several losses": ({"loss": lambda times, label: times}, ValueError, r"a sample has shape \(3,\), but must be"),
    "a loss of a batch": (
        {"loss": lambda times, label: times.mean(axis=1)}, IndexError, r"for one sample, .* of shapes \(3,\), \(\)",
    ),
    "not a number": ({"loss": lambda times, label: jnp.nan * times[0]}, FloatingPointError, "loss is nan in epoch 1"),
    "labels of another tree": (
        {"optimizer": optax.multi_transform({"a": optax.sgd(0.1)}, ["a"])}, ValueError, "cannot be initialised",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_training(changes, error, message):
    arguments = {"network": NET, "dataset": DATA, "loss": loss, "epochs": 1, "progress": False} | changes
    with pytest.raises(error, match=message):
        ss.fit(arguments.pop("network"), arguments.pop("dataset"), arguments.pop("loss"), **arguments)


def test_evaluation_refuses_the_same():
    with pytest.raises(ValueError, match="4 input channels, but the network has 3 inputs"):
        ss.evaluate(layers(3, 3), DATA)
    with pytest.raises(ValueError, match="but the network has 1 outputs"):
        ss.evaluate(layers(4, 1), DATA)
    with pytest.raises(ValueError, match="has no samples"):
        ss.evaluate(NET, DATA[:0])


def test_more_outputs_than_classes_and_a_readout_of_ones_own_are_accepted():
    def early(times, label):
        return (times.sum() - label) ** 2

    ss.fit(layers(4, 4), DATA, loss, epochs=0, progress=False)
    ss.fit(layers(4, 1), DATA, early, readout=lambda record: record.first_spike_times(), epochs=0, progress=False)


def labels_of(parameters):
    """All weights are trained, the time constant is not."""
    constant = jax.tree.map(lambda _: "fast", parameters)
    return eqx.tree_at(lambda net: net.neurons[0].unconstrained["tau_m"], constant, "fixed")


@pytest.mark.parametrize("form", ["function", "tree", "function of nothing"])
def test_parts_of_a_network_have_optimisers_of_their_own(form):
    """Networks can be called, but their labels are no functions."""
    neuron = ss.Neuron(ss.models.qif_delta(), trainable=("tau_m",))
    network = ss.FeedForward(neuron, (4, 3), 4.0, weights=[jnp.ones((3, 4))])
    parameters = eqx.filter(network, eqx.is_inexact_array)
    tree = labels_of(parameters)
    labels = {"function": labels_of, "tree": tree, "function of nothing": lambda _: tree}[form]
    optimizer = optax.multi_transform({"fast": optax.sgd(0.125), "fixed": optax.set_to_zero()}, labels)
    state = optimizer.init(parameters)
    updates, _ = optimizer.update(jax.tree.map(jnp.ones_like, parameters), state, parameters)
    assert updates.neurons[0].unconstrained == {"tau_m": 0.0}
    assert updates.weights[0]["V"].tolist() == [[-0.125] * 4] * 3
    assert ss.fit(network, DATA, loss, optimizer=optimizer, epochs=0, progress=False).history == []
    if form == "tree":
        trained = ss.fit(network, DATA, loss, optimizer=optimizer, epochs=1, progress=False).network
        assert float(trained.neurons[0].parameter("tau_m")) == 1.0
        assert (trained.weights[0]["V"] != 1.0).any()


@pytest.mark.slow
def test_fixed_parameters_stay_fixed_under_weight_decay(data):
    network = ss.FeedForward(ss.Neuron(ss.models.qif(), trainable=("tau_m",)), (4, 3), 4.0, key=jax.random.key(0))
    decayed = train(network, data[0], optimizer=optax.adamw(1e-2, weight_decay=0.5), epochs=1).network
    neuron = decayed.neurons[0]
    assert float(neuron.parameter("tau_s")) == 0.5
    assert float(neuron.parameter("tau_m")) != 1.0
    assert all(field.name != "tau_m" for field in dataclasses.fields(neuron))
    plain = ss.FeedForward(NEURON, (4, 3), 4.0, key=jax.random.key(0))
    decayed = train(plain, data[0], optimizer=optax.adamw(1e-2, weight_decay=0.5), epochs=1).network
    assert float(decayed.neurons[0].parameter("tau_m")) == 1.0


def test_spikes_beyond_the_trial_are_an_error_or_a_warning():
    """Times in milliseconds instead of time constants would silently be a trial without input."""

    def data(*times, currents=None):
        spikes = ss.Spikes(jnp.tile(jnp.array(times), (6, 1)), jnp.tile(jnp.arange(4), (6, 1)))
        return ss.datasets.Dataset(spikes, jnp.arange(6) % 3, num_classes=3, num_sources=4, currents=currents)

    chain = ss.Sequential(build(), ss.FeedForward(NEURON, (3, 3), 4.0, key=jax.random.key(1)))
    for network in (build(), chain):
        with pytest.raises(
            ValueError, match=r"all input spikes come at or after the trial end, duration=4, the first at 5;"
        ):
            ss.evaluate(network, data(5.0, 6.0, 7.0, 8.0))
    with pytest.warns(UserWarning, match="75% of the input spikes come at or after the trial end"):
        ss.evaluate(build(), data(1.0, 6.0, 7.0, 8.0))

    def streamed(*trials):
        return ss.datasets.StreamedDataset(
            lambda numbers: [trials[number] for number in numbers], [0] * len(trials), num_classes=3, num_sources=4
        )

    with pytest.raises(ValueError, match=r"all input spikes come .* the first at 5;"):
        ss.evaluate(build(), streamed(([9.0, 5.0], [0, 1]), ([7.0], [3]), ([], [])))
    with pytest.warns(UserWarning, match="in 67% of the trials, most input spikes come at or after the trial end"):
        ss.evaluate(build(), streamed(([9.0, 5.0], [0, 1]), ([7.0, 1.0, 8.0], [3, 0, 0]), ([1.0], [2])))
    # a current alone may drive a network
    driven = ss.NeuronModel.from_equations(
        "dV/dt = V**2 + I_ext", name="driven", spike="V = oo", reset="V = -oo", inputs="V", currents="I_ext"
    )
    net = ss.FeedForward(ss.Neuron(driven), (4, 3), 4.0, key=jax.random.key(0))
    ss.evaluate(net, data(5.0, 6.0, 7.0, 8.0, currents={"I_ext": ss.PiecewiseConstant([0.0], [2.0])}))
