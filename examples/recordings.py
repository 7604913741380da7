"""Train, save, reload and draw a network on recorded data: from files to figures.

python examples/recordings.py braille braille_touch.npz
python examples/recordings.py shd|mnist FOLDER [--neuron lif]
python examples/recordings.py digits               # without files; --epochs 1 to see that it runs
"""

import argparse
import dataclasses
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax

import smoothspike as ss


def binned(data, width=0.25):
    """Spikes of a bin arrive together and are one event for a network: 115 in a spoken digit, not 11,497."""
    times = (np.floor(np.asarray(data.spikes.times) / width) + 0.5) * width
    return dataclasses.replace(data, spikes=ss.Spikes(times, data.spikes.sources), buckets=1)


DATA = {  # loader, duration in membrane time constants, spikes of each hidden neuron at the start
    "braille": (lambda file: ss.datasets.braille(file, duration=2.0), 4.0, 1.0),
    "shd": (lambda folder: map(binned, ss.datasets.shd(folder, to="40 ms", group=10, max_events=1000)), 30.0, 2.0),
    "mnist": (lambda folder: map(binned, ss.datasets.mnist(folder, split=(7000, 1000, 2000))), 4.0, 1.0),
    "digits": (lambda _: (*(both := ss.datasets.digits()), both[1]), 4.0, 1.0),
}
MEAN = ss.networks.Recording.mean_over_time  # of leaky readouts decides the class: only ordinary spikes count
LEAKY: dict[str, Any] = {"equations": "dV/dt = (I - V)/tau_m; dI/dt = -I/tau_s", "name": "leaky", "inputs": "I"}


def main(name, path, neuron="qif", hidden=100, epochs=20, output="runs/recordings"):
    load, duration, rate = DATA[name]
    train, validation, test = load(path)
    leaky = ss.NeuronModel.from_equations(**LEAKY, parameters={"tau_m": duration / 3, "tau_s": 0.5})
    spiking = ss.Neuron(getattr(ss.models, neuron)(tau_m=1.0, tau_s=0.5), allow_discontinuous=True)
    sizes = (train.num_sources, hidden, train.num_classes)
    net = ss.FeedForward([spiking, ss.Neuron(leaky)], sizes, duration, key=jax.random.key(0))
    net, folder = ss.initialise(net, train, rate=rate), f"{output}/{name}-{neuron}"
    adam = optax.adam(optax.cosine_decay_schedule(3e-2, epochs * (len(train) // 32), alpha=0.05))
    how = {"optimizer": optax.chain(optax.clip_by_global_norm(1.0), adam), "epochs": epochs, "batch_size": 32}
    how |= {"validation": validation, "keep_best": True, "checkpoint": folder, "readout": MEAN}
    fitted = ss.fit(net, train, ss.losses.cross_entropy, **how)
    ss.save(fitted.network, f"{folder}/net.ss")
    net = ss.load(f"{folder}/net.ss")
    ss.plot.raster(net(test[int(test.spikes.num_events.argmax())][0]))  # the trial with most input
    plt.savefig(f"{folder}/raster.png")
    return ss.evaluate(net, test, readout=MEAN)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=DATA)
    parser.add_argument("path", nargs="?", help="the file or folder of the data")
    parser.add_argument("--neuron", default="qif", choices=["qif", "lif"])
    parser.add_argument("--epochs", type=int, default=20)
    print(main(**vars(parser.parse_args())))
