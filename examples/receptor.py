"""A neuron that is driven by a recorded sound learns when a real one spiked.

From every second spike of an auditory receptor of a grasshopper, a quadratic integrate-and-fire neuron begins at its
reset, is driven by the sound that followed, and is to spike when the receptor did, twice. Its time constant, the gain
of the sound and a bias are learnt, with exact gradients, in a minute or two:

    pip install "smoothspike[recordings]"
    python examples/receptor.py [--epochs 15]

Times are in ms. `smoothspike.datasets.grasshopper` says where the recording is from.
"""

import argparse

import jax
import numpy as np
import optax

import smoothspike as ss

WINDOW, STEP, LATENCY, COUNT = 25.0, 0.5, 5.0, 2  # a trial, a piece of the current, from sound to drive, spikes
EQUATIONS = "dV/dt = (V**2 + gain*sound + bias)/tau_m"


def trials(recording):
    """The spikes that follow every second one, and the sound on the way."""
    spikes = recording.spikes.to_trains(1)[0]
    first = np.arange(1, len(spikes) - 10, 2)
    targets = spikes[first[:, None] + 1 + np.arange(COUNT)] - spikes[first][:, None]
    level = np.log(recording.stimulus)
    width, at = round(STEP / recording.dt), np.arange(0.0, WINDOW, STEP)
    level = np.convolve((level - level.mean()) / level.std(), np.ones(width) / width)[width - 1 :]
    samples = np.round((spikes[first][:, None] - LATENCY + at) / recording.dt).astype(int)
    sound = ss.PiecewiseConstant(np.tile(at, (len(first), 1)), level[samples])
    nothing = ss.Spikes(np.full((len(first), 1), np.inf), np.zeros((len(first), 1), int))
    return ss.datasets.Dataset(
        nothing, targets[:, None], num_classes=None, num_sources=1, currents={"sound": sound}
    )  # labels (trials, neurons, spikes)


def loss(times, target):
    """The distance of two spike trains; spikes that are a few ms off count as wrong, however late."""
    return ss.losses.van_rossum(times, target, tau=3.0).sum()


def main(epochs):
    data = trials(ss.datasets.grasshopper()[0])
    is_test = np.arange(len(data)) % 5 == 0
    train, test = data[~is_test], data[is_test]
    model = ss.NeuronModel.from_equations(
        EQUATIONS, name="receptor", currents="sound", spike="V = oo", reset="V = -oo", inputs="V",
        parameters={"tau_m": 2.0, "gain": 0.1, "bias": 0.1}, initial={"V": -20.0},
    )  # fmt: skip
    learnt = "tau_m", "gain", "bias"
    net = ss.FeedForward(ss.Neuron(model, trainable=learnt), (1, 1), WINDOW, weights=[[[0.0]]])

    def describe(net):
        errors = np.abs(net(test.spikes, currents=test.currents).spike_times(COUNT) - test.labels)[:, 0, 0]
        print({name: round(float(net.neurons[0].parameter(name)), 3) for name in learnt}, end=": ")
        print(f"the next spike is {np.median(errors):.2f} ms off (median), {np.mean(errors < 1):.0%} within 1 ms")

    describe(net)
    found = ss.fit(
        net, train, loss, readout=lambda record: record.spike_times(COUNT), optimizer=optax.adam(3e-2), epochs=epochs,
        batch_size=60, validation=test, keep_best="validation_loss",
    )  # fmt: skip
    print(f"distance from {found.history[0]['validation_loss']:.3f} to {found.history[-1]['validation_loss']:.3f}")
    describe(found.network)
    guess = np.median(train.labels[:, 0, 0])
    errors = np.abs(test.labels[:, 0, 0] - guess)
    print(f"always {guess:.1f} ms: {np.median(errors):.2f} ms off, {np.mean(errors < 1):.0%} within 1 ms")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    main(parser.parse_args().epochs)
