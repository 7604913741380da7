"""What does a GPU make of it? Training steps of the sizes of real data, as kernels and as plain programs.

    python -m benchmarks.gpu [PART ...] [--json FILE] [--markdown FILE] [--peer spikegd=FOLDER] [--tiny]

Every part adds its rows to the files, so that parts can be run one by one. Programs are compiled ahead of time; times
are medians of runs after a warm-up, which stop after some seconds. `--tiny` makes everything small, to see that it
runs.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss
from smoothspike.engine import Capacity
from smoothspike.engine.fused import layer as fused_layer
from smoothspike.networks import simulate
from smoothspike.neurons import AbstractDynamics

from . import mnist, prefix, recurrent, speech
from .gpu_digits import digits, of_epoch, of_speech, of_surrogate
from .gpu_rows import Row, as_line, both, ours, plain
from .measuring import hardware
from .peers import find, left_out


def of_images(options: Any) -> Iterator[Row]:
    """784-100-100-10 theta neurons, single precision, beside spikegd."""
    batch = 20 if options.tiny else 1000
    of = mnist.data(batch)
    functions = {ours(): mnist.of_smoothspike(mnist.rooms(of))}
    if find("spikegd", options.peers) is not None:
        functions["spikegd"] = mnist.of_spikegd()
    else:
        print(left_out("spikegd"))
    with jax.enable_x64(False):
        for by, function in functions.items():
            given = of.weights, of.pixels, of.labels
            yield from both("mnist", f"batch {batch}", by, partial(mnist.mean_loss, function), *given, samples=batch)


def of_recurrent(options: Any) -> Iterator[Row]:
    """100 recurrent neurons, double precision: one trial and many."""
    with jax.enable_x64(True):
        of = recurrent.task(60 if options.tiny else recurrent.EVENTS)
        neuron = ss.Neuron(ss.models.qif(tau_m=1.0, tau_s=0.5))
        room = (Capacity(of.room - of.times.size, 1),)

        def loss(weights, times, sources):
            network = ss.Recurrent(
                neuron, recurrent.NEURONS, 2 * recurrent.NEURONS, of.duration,
                recurrent_weights=weights[0], input_weights=weights[1],
            )  # fmt: skip
            spikes = simulate(network, ss.Spikes(times, sources), room)[0].spikes[-1]
            return jnp.where(spikes.is_spike, spikes.times, 0.0).sum() / spikes.is_spike.sum()

        for trials in (1, 2) if options.tiny else (1, 256):
            times = np.broadcast_to(of.times, (trials, of.times.size)) if trials > 1 else of.times
            sources = np.broadcast_to(of.sources, times.shape)
            given = [jnp.asarray(matrix) for matrix in of.weights], jnp.asarray(times), jnp.asarray(sources)
            yield from both("recurrent", f"{trials} trials", ours(), loss, *given, events=of.room * trials)


def of_kernels(options: Any) -> Iterator[Row]:
    """One layer of 128 neurons: kernels beside plain scans on the same device, and sizes of blocks and pieces."""
    batch = 2 if options.tiny else 32
    with jax.enable_x64(False):
        for events in (20,) if options.tiny else (100, 1000, 10_000):
            spikes = speech.inputs(batch, events)
            of = digits(spikes, speech.SIZES[:2])
            given = of.weights, spikes.times, spikes.sources
            rates = {"sample_events": float(batch * events)}
            yield from both("kernels", f"{events} events", ours(), of.loss, *given, **rates)
            with plain():
                yield from both("kernels", f"{events} events", "plain", of.loss, *given, **rates)


def of_prefix(options: Any) -> Iterator[Row]:
    """One layer as prefix products, beside the scan from input to input."""
    with jax.enable_x64(False):
        for events, neurons, trials in prefix.sizes(options.tiny):
            of, weights = prefix.layer(events, neurons, trials, np.float32)
            work = f"{events} inputs, {neurons} neurons, {trials} trials"
            for by, way in prefix.WAYS.items():
                yield from both("prefix", work, by, partial(prefix.ray_sum, way, of), weights)


def of_tuning(options: Any) -> Iterator[Row]:
    """The same layer with blocks and pieces of other sizes."""
    batch, events = (2, 20) if options.tiny else (256, 2000)
    with jax.enable_x64(False):
        spikes = speech.inputs(batch, events)
        of = digits(spikes, speech.SIZES[:2])
        kinds: Any = AbstractDynamics
        usual = fused_layer.WIDTH, kinds.kept_every
        for width, piece in ((32, 4),) if options.tiny else ((32, 4), (32, 8), (32, 2), (64, 4), (128, 4)):
            jax.clear_caches()
            fused_layer.WIDTH, kinds.kept_every = width, piece
            given = of.weights, spikes.times, spikes.sources
            try:
                yield from both("tuning", f"blocks of {width}, pieces of {piece}", ours(), of.loss, *given)
            finally:
                fused_layer.WIDTH, kinds.kept_every = usual
        jax.clear_caches()


def of_accuracy(options: Any) -> Iterator[Row]:
    """Errors of spike times of kernels, against a simulation with 40 digits."""
    import mpmath

    from .patterns import DURATION, trials

    patterns = trials(ss.models.qif(), 2 if options.tiny else 10)
    neuron = ss.Neuron(ss.models.qif())
    for double in (False, True):
        with jax.enable_x64(double):
            errors = []
            for each in patterns:
                size = len(each.weights)
                network = ss.FeedForward(neuron, (size, 1), DURATION, weights=[np.asarray(each.weights)[None]])
                given = ss.Spikes(jnp.asarray(each.times), jnp.arange(size))
                run = jax.jit(lambda spikes, network=network: simulate(network, spikes, (Capacity(64, 64),)))
                found = [float(time) for time in run(given)[0].spikes[0].times if np.isfinite(time)]
                if len(found) != len(each.spikes):
                    raise ValueError(f"{len(found)} spikes, but the oracle has {len(each.spikes)}")
                errors += [abs(float(mpmath.mpf(a) - b)) for a, b in zip(found, each.spikes, strict=True)]
        row = Row("accuracy", "float64" if double else "float32", ours(), 0.0, 0.0, {"largest_error": max(errors)})
        print(as_line(row), flush=True)
        yield row


PARTS: dict[str, Callable[[Any], Iterator[Row]]] = {
    "accuracy": of_accuracy, "speech": of_speech, "mnist": of_images, "recurrent": of_recurrent, "epoch": of_epoch,
    "surrogate": of_surrogate, "kernels": of_kernels, "prefix": of_prefix, "tuning": of_tuning,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="add figures to this file")
    parser.add_argument("--markdown", type=Path, default=Path("gpu.md"), help="write all figures as a table")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FOLDER", help="where a peer is")
    parser.add_argument("--seconds", type=float, default=60.0, help="stop the epoch then, and scale")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to see that it runs")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    options.peers = {name: Path(folder) for name, _, folder in (each.partition("=") for each in options.peer)}
    found: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {"rows": []}
    found["on"] = {"jax": jax.__version__, "devices": [str(each) for each in jax.devices()], "machine": hardware()}
    for part in options.parts or PARTS:
        begin = time.perf_counter()
        rows = [row._asdict() for row in PARTS[part](options)]
        found["rows"] = [row for row in found["rows"] if row["part"] != part] + rows
        print(f"{part}: {time.perf_counter() - begin:.0f} s", flush=True)
        # immediately: later parts may fail
        options.json.write_text(json.dumps(found, indent=1) + "\n")
        options.markdown.write_text(as_markdown(found))


def as_markdown(found: dict[str, Any]) -> str:
    """Format all rows."""
    heading = "| part | work | by | ms | compiling (s) | |\n|---|---|---|---|---|---|\n"
    on = f"On {', '.join(found['on']['devices'])}, jax {found['on']['jax']}.\n\n"
    return on + heading + "".join(as_line(Row(**row)) + "\n" for row in found["rows"])


if __name__ == "__main__":
    main()
