"""How fast are spike times and their gradients? The digits network of the demo, side by side with spikegd.

    python benchmarks/speed.py [--batch 64] [--repeats 20] [--spikegd FOLDER] [--json]

A 64-100-10 network of quadratic integrate-and-fire neurons on a batch of handwritten digits, in single precision; the
gradient is that of the sum of all ordinary spike times with respect to all weights. Times are medians after
compilation, which is given apart. Both run on JAX's default device; say which when you quote a figure. With a checkout
of github.com/chklos/spikegd its event-based QIF network is measured on the same inputs and weights.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

SIZES, DURATION = (64, 100, 10), 4.0


def measured(function: Callable[..., Any], *arguments: Any, repeats: int) -> dict[str, float]:
    begin = time.perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()
    compilation = time.perf_counter() - begin
    durations = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        durations.append(time.perf_counter() - begin)
    return {"milliseconds": 1e3 * float(np.median(durations[1:])), "compilation_seconds": compilation}


def ours(spikes: ss.Spikes, weights: list[jax.Array]) -> tuple[Callable[..., jax.Array], int]:
    neuron = ss.Neuron(ss.models.qif())
    network = ss.FeedForward(neuron, SIZES, DURATION, weights=weights)
    room = network.capacity_for(spikes)
    recording = network(spikes)
    most = sum(int(layer.num_events.max()) for layer in recording.spikes)

    def total(weights, times):
        network = ss.FeedForward(neuron, SIZES, DURATION, weights=weights)
        layers = network(ss.Spikes(times, spikes.sources), capacity=room).spikes
        return sum(jnp.where(layer.is_spike, layer.times, 0.0).sum() for layer in layers)

    return total, most


def of_spikegd(spikes: ss.Spikes, most: int, folder: str) -> Callable[..., jax.Array]:
    sys.path.insert(0, folder)
    from spikegd.qif import QIFNeuron  # pyright: ignore[reportMissingImports]

    neuron, size = QIFNeuron(), sum(SIZES[1:])
    config = {"T": DURATION, "K": spikes.capacity + most + 1}

    def total(weights, times):
        inner = jnp.zeros((size, size)).at[SIZES[1] :, : SIZES[1]].set(weights[1])
        outer = jnp.zeros((size, SIZES[0])).at[: SIZES[1]].set(weights[0])

        def trial(times, sources):
            when, is_input, which, _ = neuron.event(jnp.zeros((2, size)), inner, outer, (times, sources), config)
            return jnp.where(is_input | (which < 0), 0.0, when).sum()

        return jax.vmap(trial)(times, spikes.sources).sum()

    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--spikegd", metavar="FOLDER", help="a checkout of github.com/chklos/spikegd to measure, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    train, _ = ss.datasets.digits(duration=2.0)
    spikes = train.spikes[: options.batch]
    keys = jax.random.split(jax.random.key(0), 2)
    shapes = zip(SIZES[1:], SIZES[:-1], strict=True)
    weights = [0.6 * jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]
    total, most = ours(spikes, weights)
    functions = {"smoothspike": total}
    if options.spikegd:
        functions["spikegd"] = of_spikegd(spikes, most, options.spikegd)
    rows = {}
    for name, function in functions.items():
        forward = measured(function, weights, spikes.times, repeats=options.repeats)
        gradient = measured(jax.grad(function), weights, spikes.times, repeats=options.repeats)
        rows[name] = {"forward": forward, "gradient": gradient, "sum": float(jax.jit(function)(weights, spikes.times))}
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{jax.devices()[0].device_kind}; batch of {options.batch}, up to {most} spikes per trial, single precision")
    print(f"{'':12} {'forward':>10} {'gradient':>10} {'compiling both':>15} {'sum of spike times':>19}")
    for name, row in rows.items():
        compiling = row["forward"]["compilation_seconds"] + row["gradient"]["compilation_seconds"]
        print(
            f"{name:12} {row['forward']['milliseconds']:7.1f} ms {row['gradient']['milliseconds']:7.1f} ms "
            f"{compiling:13.1f} s {row['sum']:19.3f}"
        )


if __name__ == "__main__":
    main()
