"""Training under input currents: the same as a loop that is written by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss

SAMPLES, BATCH, CLASSES = 8, 4, 3
RANDOM = np.random.default_rng(0)
SPIKES = ss.Spikes(RANDOM.uniform(0, 3, (SAMPLES, 3)), RANDOM.integers(0, 2, (SAMPLES, 3)))
LABELS = np.arange(SAMPLES) % CLASSES
TIMES = np.tile([0.0, 1.0], (SAMPLES, 1))
CURRENTS = {
    "one for all": ss.PiecewiseConstant([0.0, 1.0], [0.5, 1.5]),
    "one for each trial": ss.PiecewiseConstant(TIMES, RANDOM.uniform(0, 2, (SAMPLES, 2))),
    "of trials and neurons": ss.PiecewiseLinear(TIMES, RANDOM.uniform(0, 2, (SAMPLES, 2, CLASSES))),
    "of any length": ss.PiecewiseConstant.stack(
        [ss.PiecewiseConstant(np.arange(n % 3 + 1.0), RANDOM.uniform(0, 2, n % 3 + 1)) for n in range(SAMPLES)]
    ),
}
DRIVEN = ss.Neuron(
    ss.NeuronModel.from_equations(
        "dV/dt = V**2 + I_ext", name="driven", currents="I_ext", spike="V = oo", reset="V = -oo", inputs="V"
    )
)


def loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5)


def build():
    return ss.FeedForward(DRIVEN, (2, CLASSES), 3.0, key=jax.random.key(1), scale=2.0)


def data(current, **options):
    options = {"num_classes": CLASSES, "num_sources": 2} | options
    return ss.datasets.Dataset(SPIKES, options.pop("labels", LABELS), currents={"I_ext": current}, **options)


def by_hand(net, current, optimizer, key, epochs):
    state, history = optimizer.init(eqx.filter(net, eqx.is_inexact_array)), []

    @eqx.filter_jit
    def step(net, state, spikes, labels, current):
        def mean_loss(net):
            times = net(spikes, currents={"I_ext": current}, capacity=16).first_spike_times()
            return jax.vmap(loss)(times, labels).mean()

        value, gradient = eqx.filter_value_and_grad(mean_loss)(net)
        updates, state = optimizer.update(gradient, state)
        return eqx.apply_updates(net, updates), state, value

    for epoch in range(epochs):
        order = np.asarray(jax.random.permutation(jax.random.split(jax.random.fold_in(key, epoch))[0], SAMPLES))
        total = 0.0
        for chosen in order.reshape(-1, BATCH):
            own = jax.tree.map(lambda leaf, own=chosen: leaf[own], current) if current.batch else current
            net, state, value = step(net, state, SPIKES[chosen], LABELS[chosen], own)
            total += float(value)
        history.append(total * BATCH / SAMPLES)
    return net, history


@pytest.mark.slow
@pytest.mark.parametrize("kind", CURRENTS)
def test_fit_is_the_loop_by_hand(kind):
    current, key, optimizer = CURRENTS[kind], jax.random.key(3), optax.adam(1e-2)
    net, history = by_hand(build(), current, optimizer, key, epochs=2)
    found = ss.fit(
        build(), data(current), loss, optimizer=optimizer, epochs=2, batch_size=BATCH, key=key, progress=False,
        validation=data(current), capacity=16,
    )  # fmt: skip
    assert [row["loss"] for row in found.history] == pytest.approx(history, rel=1e-12)
    np.testing.assert_allclose(found.network.weights[0]["V"], net.weights[0]["V"], rtol=1e-12)
    times = net(SPIKES, currents={"I_ext": current}).first_spike_times()
    assert found.history[-1]["accuracy"] == np.mean(times.argmin(-1) == LABELS)
    assert found.history[-1]["validation_loss"] == pytest.approx(float(jax.vmap(loss)(times, LABELS).mean()), rel=1e-12)


@pytest.mark.slow
def test_evaluates_the_loss_of_targets_of_spike_trains():
    """The targets are what the neurons do: no distance under their currents, some without."""
    current, net = CURRENTS["one for each trial"], build()
    wanted = net(SPIKES, currents={"I_ext": current}).spike_times(2)

    def distance(times, target):
        return ss.losses.van_rossum(times, target, tau=0.5).sum()

    def evaluated(**options):
        given = data(current, labels=wanted, num_classes=None, **options)
        return ss.evaluate(net, given, loss=distance, readout=lambda record: record.spike_times(2), batch_size=5)

    found = evaluated(buckets=2)
    assert found["loss"] < 1e-12
    assert "accuracy" not in found
    other = ss.datasets.Dataset(SPIKES, wanted, num_classes=None, num_sources=2)
    assert ss.evaluate(net, other, loss=distance, readout=lambda record: record.spike_times(2))["loss"] > 0.1


def test_minibatches_bring_the_currents_of_their_trials():
    """Whatever the order and the lengths of trials."""
    spikes = ss.Spikes.from_trials([([0.1] * (n % 4 + 1), [0] * (n % 4 + 1)) for n in range(SAMPLES)])
    names = np.arange(float(SAMPLES))
    current = ss.PiecewiseConstant.stack([ss.PiecewiseConstant([0.0], [n]) for n in names])
    for buckets in (1, 3):
        whole = ss.datasets.Dataset(
            spikes, names, num_classes=None, num_sources=1, buckets=buckets,
            currents=({"own": current, "all": ss.PiecewiseConstant([0.0], [9.0])}, None),
        )  # fmt: skip
        for _, labels, (given, _) in whole[1:].batches(3, jax.random.key(0), drop_last=False):
            np.testing.assert_array_equal(given["own"].values[:, 0], labels)
            assert given["all"].values.tolist() == [9.0]
        _, label, (given, _) = whole[5]
        assert given["own"].values.tolist() == [label]


def test_stacked_currents_are_the_same_at_all_times():
    parts = [ss.PiecewiseLinear([0.5, 1.0, 1.0], [1.0, 2.0, 4.0]), ss.PiecewiseLinear([0.0], [3.0])]
    both, at = ss.PiecewiseLinear.stack(parts), jnp.linspace(0.0, 50.0, 101)
    for number, part in enumerate(parts):
        alone = jax.tree.map(lambda leaf, place=number: leaf[place], both)
        np.testing.assert_array_equal(alone.at(at), part.at(at))
        np.testing.assert_allclose(alone.mean(jnp.asarray(2.0)), part.mean(jnp.asarray(2.0)), rtol=1e-14)


REFUSED = {
    "no current": (lambda: data(2.0), TypeError, "current I_ext is of type float; pass PiecewiseConstant"),
    "too few": (
        lambda: data(ss.PiecewiseConstant(TIMES[:2], TIMES[:2])),
        ValueError,
        r"current I_ext has the leading axes \(2,\), but must have none, for all trials, or \(8,\)",
    ),
    "several kinds": (
        lambda: ss.PiecewiseConstant.stack([ss.PiecewiseLinear([0.0], [1.0])]),
        TypeError,
        "PiecewiseConstant.stack takes PiecewiseConstant, not PiecewiseLinear",
    ),
    "several shapes": (
        lambda: ss.PiecewiseConstant.stack([CURRENTS["one for all"], ss.PiecewiseConstant([0.0], [[1.0, 2.0]])]),
        ValueError,
        "values for equally many neurons in all",
    ),
    "neurons": (
        lambda: ss.fit(build(), data(ss.PiecewiseConstant([0.0], [[1.0, 2.0]])), loss),
        ValueError,
        r"current I_ext has values for 2 neurons, but it is for layer 0 \(3 neurons\)",
    ),
    "no name": (
        lambda: ss.fit(
            ss.FeedForward(ss.Neuron(ss.models.qif()), (2, CLASSES), 3.0, key=jax.random.key(0)),
            data(CURRENTS["one for all"]),
            loss,
        ),
        ValueError,
        "currents: no layer declares 'I_ext'; declare it",
    ),
    "target that is no number": (
        lambda: data(CURRENTS["one for all"], labels=np.full(SAMPLES, np.nan), num_classes=None),
        ValueError,
        r"labels\[0\] is nan; pad targets with inf",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses_currents_that_do_not_fit(what):
    make, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        make()
