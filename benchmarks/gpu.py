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
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import smoothspike as ss
from smoothspike.engine import Capacity, dense_loop, layer_scan
from smoothspike.engine.fused import layer as fused_layer
from smoothspike.networks import simulate
from smoothspike.neurons import AbstractDynamics

from . import mnist, recurrent, speech
from .measuring import hardware
from .peers import find, left_out

#: Seconds after which a program is not run again, and the most runs.
ENOUGH, RUNS = 1.5, 20


class Row(NamedTuple):
    """A measured program."""

    part: str
    work: str
    by: str
    milliseconds: float
    compiling: float
    figures: dict[str, float]


def ours() -> str:
    """What runs on this device."""
    return "kernels" if layer_scan.kernels_expected() else "plain"


@contextmanager
def plain() -> Iterator[None]:
    """Trace programs without kernels."""
    before = layer_scan.kernels_expected
    jax.clear_caches()
    for module in (layer_scan, dense_loop):
        vars(module)["kernels_expected"] = lambda: False
    try:
        yield
    finally:
        for module in (layer_scan, dense_loop):
            vars(module)["kernels_expected"] = before
        jax.clear_caches()


def measured(part: str, work: str, by: str, function: Callable[..., Any], *arguments: Any, **per_run: float) -> Row:
    """Compile and time a program; `per_run` are counts that become rates."""
    begin = time.perf_counter()
    program = jax.jit(function).lower(*arguments).compile()
    compiling = time.perf_counter() - begin
    jax.block_until_ready(program(*arguments))
    seconds: list[float] = []
    while sum(seconds) < ENOUGH and len(seconds) < RUNS:
        begin = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        seconds.append(time.perf_counter() - begin)
    median = float(np.median(seconds))
    rates = {f"{name}_per_second": count / median for name, count in per_run.items()}
    row = Row(part, work, by, 1e3 * median, compiling, rates)
    print(as_line(row), flush=True)
    return row


def both(part: str, work: str, by: str, loss: Callable[..., Any], *arguments: Any, **per_run: float) -> Iterator[Row]:
    """Time a loss, and it with its gradient."""
    yield measured(part, f"{work}, forward", by, loss, *arguments, **per_run)
    yield measured(part, f"{work}, gradient", by, jax.value_and_grad(loss), *arguments, **per_run)


# images like MNIST


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


# inputs like spoken digits


class Digits(NamedTuple):
    """A network for spoken digits, and what its layers need."""

    neuron: ss.Neuron
    sizes: tuple[int, ...]
    weights: list[np.ndarray]
    room: tuple[Capacity, ...]

    def loss(self, weights: list[Any], times: Any, sources: Any) -> jax.Array:
        """The mean cross entropy of first spikes."""
        network = ss.FeedForward(self.neuron, self.sizes, speech.DURATION, weights=weights)
        found = simulate(network, ss.Spikes(times, sources), self.room)[0].first_spike_times()
        return jax.vmap(ss.losses.first_spike_cross_entropy)(found, jnp.arange(len(times)) % self.sizes[-1]).mean()


def digits(spikes: ss.Spikes, sizes: tuple[int, ...] = speech.SIZES) -> Digits:
    """Draw weights with which hidden neurons spike a few times in a sample."""
    generator, strength = np.random.default_rng(1), np.sqrt(5000 / spikes.times.shape[-1])
    weights = [
        (strength * generator.normal(mean, spread, (after, before))).astype(np.float32)
        for (mean, spread), after, before in zip(speech.WEIGHTS[: len(sizes) - 1], sizes[1:], sizes[:-1], strict=True)
    ]
    neuron = ss.Neuron(ss.models.qif())
    network = ss.FeedForward(neuron, sizes, speech.DURATION, weights=weights)
    return Digits(neuron, sizes, weights, network.capacity_for(spikes[:8] if len(spikes.times) > 8 else spikes))


def of_speech(options: Any) -> Iterator[Row]:
    """700-128-20 neurons, 5000 inputs a sample."""
    batch, events = (2, 40) if options.tiny else (256, 5000)
    with jax.enable_x64(False):
        spikes = speech.inputs(batch, events)
        of = digits(spikes)
        given = of.weights, spikes.times, spikes.sources
        yield from both("speech", f"batch {batch}", ours(), of.loss, *given, sample_events=batch * events)


def of_epoch(options: Any) -> Iterator[Row]:
    """An epoch of 8,156 samples of 8,000 events, with an optimiser, batches moved to the device one by one."""
    batch, events, steps = (2, 40, 2) if options.tiny else (256, 8000, 32)
    with jax.enable_x64(False):
        batches = [speech.inputs(batch, events, seed) for seed in range(min(4, steps))]
        of, optimizer = digits(batches[0]), optax.adam(1e-3)

        @jax.jit
        def step(weights, state, times, sources):
            value, gradient = jax.value_and_grad(of.loss)(weights, times, sources)
            updates, state = optimizer.update(gradient, state)
            return optax.apply_updates(weights, updates), state, value

        host = [(np.asarray(each.times), np.asarray(each.sources)) for each in batches]
        weights = [jnp.asarray(matrix) for matrix in of.weights]
        state = optimizer.init(weights)
        begin = time.perf_counter()
        jax.block_until_ready(step(weights, state, *host[0]))
        compiling = time.perf_counter() - begin
        begin, passed, value = time.perf_counter(), 0, None
        for passed in range(1, steps + 1):
            weights, state, value = step(weights, state, *host[passed % len(host)])
            if passed % 4 == 0 and time.perf_counter() - begin > options.seconds:
                break
        jax.block_until_ready((weights, value))
        seconds = (time.perf_counter() - begin) * steps / passed
        rates = {"sample_events_per_second": batch * events * steps / seconds, "steps_run": passed}
        row = Row("epoch", f"{steps} steps of {batch} samples", ours(), 1e3 * seconds, compiling, rates)
        print(as_line(row), flush=True)
        yield row


# steps in time


@jax.custom_jvp
def spike(v: jax.Array) -> jax.Array:
    """A step, differentiated as a fast sigmoid (SuperSpike)."""
    return (v > 0).astype(v.dtype)


spike.defjvps(lambda tangent, _, v: tangent / (1 + 10 * jnp.abs(v)) ** 2)


def stepped_loss(steps: int, weights: list[jax.Array], counts: jax.Array) -> jax.Array:
    """Leaky neurons in steps, as surrogate-gradient packages compute them: all inputs at once, then one scan."""
    dt = speech.DURATION / steps
    decay_v, decay_i = np.float32(np.exp(-dt)), np.float32(np.exp(-2 * dt))
    drive = jnp.einsum("tbc,nc->tbn", counts, weights[0])

    def step(carry, come):
        (i, v), (i_out, v_out, most) = carry
        out = spike(v - 1)
        i, v = decay_i * i + come, decay_v * v * (1 - out) + (1 - decay_v) * i
        i_out, v_out = decay_i * i_out + out @ weights[1].T, decay_v * v_out + (1 - decay_v) * i_out
        return ((i, v), (i_out, v_out, jnp.maximum(most, v_out))), None

    hidden, last = (jnp.zeros((counts.shape[1], matrix.shape[0])) for matrix in weights)
    ((_, _), (_, _, most)), _ = jax.lax.scan(step, ((hidden, hidden), (last, last, last)), drive)
    labels = jnp.arange(counts.shape[1]) % last.shape[1]
    return optax.softmax_cross_entropy_with_integer_labels(most, labels).mean()


def of_surrogate(options: Any) -> Iterator[Row]:
    """The same size of network in 100 and 1,000 steps with surrogate gradients, in plain JAX."""
    batch, events = (2, 40) if options.tiny else (256, 8000)
    with jax.enable_x64(False):
        spikes = speech.inputs(batch, events)
        of = digits(spikes)
        for steps in (10, 20) if options.tiny else (100, 1000):
            counts = np.zeros((steps, batch, speech.SIZES[0]), np.float32)
            place = np.minimum((np.asarray(spikes.times) * steps / speech.DURATION).astype(int), steps - 1)
            np.add.at(counts, (place, np.arange(batch)[:, None], np.asarray(spikes.sources)), 1)
            given = [jnp.asarray(matrix) for matrix in of.weights], jnp.asarray(counts)
            yield from both("surrogate", f"{steps} steps", "plain JAX", partial(stepped_loss, steps), *given)


# recurrent


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


# kernels and plain programs


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
    "surrogate": of_surrogate, "kernels": of_kernels, "tuning": of_tuning,
}  # fmt: skip


def as_line(row: Row) -> str:
    """Format a row of a table."""
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in row.figures.items())
    return f"| {row.part} | {row.work} | {row.by} | {row.milliseconds:.3g} | {row.compiling:.1f} | {figures} |"


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
