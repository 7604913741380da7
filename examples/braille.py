"""A network that reads Braille by its spikes, from recordings of a touch sensor.

Trains 24-100-27 quadratic integrate-and-fire neurons on level crossings of the sensor's signals, so that they answer by
ordinary spikes within the trial, in about two minutes. Without a file, on generated spike times (Randman):

    python examples/braille.py [braille_touch.npz] [--quick]

`smoothspike.datasets.braille` says where the file is from. docs/silent_networks.md explains every choice made here.
"""

import argparse

import jax
import optax

import smoothspike as ss

INPUT, TRIAL, BATCH = 2.0, 4.0, 64  # the network has as long again as the input lasts


def loss(times: jax.Array, label: jax.Array) -> jax.Array:
    """Cross entropy of first spikes, in which no pseudospike counts as later than a membrane time constant."""
    times = ss.losses.bounded_times(times, duration=TRIAL, margin=1.0)
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.3, early_weight=0.05)


def main(file: str | None, epochs: int) -> dict[str, float]:
    """Train and test; return what `evaluate` says of the test data."""
    if file is None:
        train, validation, test = ss.datasets.randman(5, 24, dim=1, samples=200, duration=INPUT)
    else:
        train, validation, test = ss.datasets.braille(file, duration=INPUT)
    sizes = train.num_sources, 100, train.num_classes
    net = ss.FeedForward(ss.Neuron(ss.models.qif()), sizes, TRIAL, key=jax.random.key(0))
    net = ss.initialise(net, train, rate=(0.5, 0.3))
    steps = epochs * (len(train) // BATCH)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(3e-2, steps, alpha=0.05))
    )
    found = ss.fit(
        net, train, loss, optimizer=optimizer, epochs=epochs, batch_size=BATCH, validation=validation, keep_best=True
    )
    result = ss.evaluate(found.network, test)
    print(f"test accuracy by ordinary spikes {result['accuracy_without_pseudospikes']:.3f}", end=", ")
    print(f"with pseudospikes {result['accuracy']:.3f}")
    print(", ".join(f"layer {n}: {result[f'spikes_per_neuron_{n}']:.2f} spikes per neuron" for n in range(2)))
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="braille_touch.npz; without it, data are generated")
    parser.add_argument("--quick", action="store_true", help="train for 2 epochs, to see that it runs")
    options = parser.parse_args()
    main(options.file, epochs=2 if options.quick else 60)
