"""Train, save, reload and draw a network on recorded data: from files to figures.

    python examples/recordings.py braille braille_touch.npz
    python examples/recordings.py shd FOLDER --neuron lif
    python examples/recordings.py mnist FOLDER
    python examples/recordings.py digits                     # without files; --epochs 1 to see that it runs

A hidden layer drives leaky readouts, whose maximum over time decides the class: only ordinary spikes count.
"""

import argparse
import time

import jax
import matplotlib.pyplot as plt
import optax

import smoothspike as ss

DATA = {  # loader and duration, in membrane time constants
    "braille": (lambda file: ss.datasets.braille(file, duration=2.0), 4.0),
    "shd": (lambda folder: ss.datasets.shd(folder, to="40 ms", group=10, max_events=1000, buckets=1), 25.0),
    "mnist": (lambda folder: ss.datasets.mnist(folder, split=(7000, 1000, 2000)), 4.0),
    "digits": (lambda _: (*(both := ss.datasets.digits()), both[1]), 4.0),
}
LEAKY = {"equations": "dV/dt = (I - V)/tau_m; dI/dt = -I/tau_s", "name": "leaky", "inputs": "I"}


def main(name, path, neuron="qif", hidden=100, epochs=20, output="runs/recordings"):
    load, duration = DATA[name]
    train, validation, test = load(path)
    model = getattr(ss.models, neuron)(tau_m=1.0, tau_s=0.5)
    leaky = ss.NeuronModel.from_equations(**LEAKY, parameters={"tau_m": 2.0, "tau_s": 0.5})
    neurons = [ss.Neuron(model, allow_discontinuous=True), ss.Neuron(leaky)]
    sizes = (train.num_sources, hidden, train.num_classes)
    net = ss.FeedForward(neurons, sizes, duration, key=jax.random.key(0))
    net = ss.initialise(net, train, rate=1.0)  # a spike of each hidden neuron in a trial
    rate = optax.cosine_decay_schedule(3e-2, epochs * (len(train) // 64), alpha=0.05)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    began, folder = time.monotonic(), f"{output}/{name}-{neuron}"
    net, _ = ss.fit(
        net, train, ss.losses.cross_entropy, optimizer=optimizer, epochs=epochs, validation=validation,
        keep_best=True, checkpoint=folder,
    )  # fmt: skip
    print(f"{(time.monotonic() - began) / epochs:.1f} s an epoch, compilation included")
    ss.save(net, f"{folder}/net.ss")
    net = ss.load(f"{folder}/net.ss")
    ss.plot.raster(net(test[0][0]))
    plt.savefig(f"{folder}/raster.png")
    return ss.evaluate(net, test)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=DATA)
    parser.add_argument("path", nargs="?", help="the file or folder of the data")
    parser.add_argument("--neuron", default="qif", choices=["qif", "lif"])
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    print(main(options.data, options.path, options.neuron, epochs=options.epochs))
