"""Single and double precision on handwritten digits, side by side with spikegd.

The digits network of the demo: 64-100-10 quadratic integrate-and-fire neurons with an exponential current (tau_m = 1,
tau_s = 1/2, the same units in both packages) for a duration of 4, a batch of 64. The gradient is that of the sum of all
ordinary spike times with respect to all weights. A program's own error in single precision is its difference
from double precision; in double precision spikegd's error is the effect of another cut-off of its potentials.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .agreement import Answer, agreements
from .comparison import Comparison
from .peers import find, left_out
from .question import OURS, Options, Report

SIZES, DURATION, SPREAD = (64, 100, 10), 4.0, 0.6

#: Weights of both layers and input times of one trial to all ordinary spike times, padded with `inf`.
AllSpikes = Callable[[Any, Any], jax.Array]


class Data(NamedTuple):
    """Weights, inputs of all trials, the capacity of the layers and the largest number of spikes in a trial."""

    weights: list[np.ndarray]
    times: np.ndarray
    sources: np.ndarray
    room: Any
    most: int


def data(batch: int) -> Data:
    """Digits as spikes, and random weights; exact in single precision, so that both precisions run the same."""
    train, _ = ss.datasets.digits(duration=DURATION / 2)
    spikes = train.spikes[:batch]
    generator = np.random.default_rng(0)
    weights = [
        generator.normal(0, SPREAD, (after, before)).astype(np.float32)
        for after, before in zip(SIZES[1:], SIZES[:-1], strict=True)
    ]
    network = ss.FeedForward(ss.Neuron(ss.models.qif()), SIZES, DURATION, weights=weights)
    room = network.capacity_for(spikes)
    counts = [np.asarray(layer.num_events) for layer in network(spikes, capacity=room).spikes]
    return Data(weights, np.asarray(spikes.times), np.asarray(spikes.sources), room, int(np.max(sum(counts))))


def of_smoothspike(of: Data) -> Callable[..., jax.Array]:
    """All spikes by this package, a batch at once."""
    neuron = ss.Neuron(ss.models.qif())

    def simulate(weights, times):
        network = ss.FeedForward(neuron, SIZES, DURATION, weights=weights)
        layers = network(ss.Spikes(times, of.sources), capacity=of.room).spikes
        return jnp.concatenate([layer.times for layer in layers], -1)

    return simulate


def of_spikegd(of: Data, cut_off: float = 1e-6) -> Callable[..., jax.Array]:
    """The same by spikegd."""
    from spikegd.qif import QIFNeuron  # pyright: ignore[reportMissingImports]

    neuron, size = QIFNeuron(1.0, cut_off), sum(SIZES[1:])
    config = {"T": DURATION, "K": of.times.shape[-1] + of.most + 1}

    def simulate(weights, times):
        inner = jnp.zeros((size, size), times.dtype).at[SIZES[1] :, : SIZES[1]].set(weights[1])
        outer = jnp.zeros((size, SIZES[0]), times.dtype).at[: SIZES[1]].set(weights[0])

        def trial(times, sources):
            start = jnp.zeros((2, size), times.dtype)
            when, is_input, which, _ = neuron.event(start, inner, outer, (times, sources), config)
            return jnp.where(is_input | (which < 0), jnp.inf, when)

        return jax.vmap(trial)(times, of.sources)

    return simulate


def total(simulate: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The sum of all ordinary spike times."""

    def summed(weights, times):
        found = simulate(weights, times)
        return jnp.where(jnp.isfinite(found), found, 0.0).sum()

    return summed


def found(simulate: Callable[..., jax.Array], of: Data, dtype: Any) -> Answer:
    """Spike times of every trial, ascending, and the gradient."""
    weights, times = [matrix.astype(dtype) for matrix in of.weights], of.times.astype(dtype)
    spikes = np.sort(np.asarray(jax.jit(simulate)(weights, times)), -1)[:, : of.most]
    gradient = jax.jit(jax.grad(total(simulate)))(weights, times)
    return Answer(spikes, None, [np.asarray(matrix) for matrix in gradient])


def answer(options: Options) -> Report:
    """Measure."""
    batch = 8 if options.quick else 64
    of = data(batch)
    programs, remarks = {OURS: of_smoothspike(of)}, []
    if find("spikegd", options.peers) is None:
        remarks.append(left_out("spikegd"))
    else:
        programs["spikegd"] = of_spikegd(of)
    with jax.enable_x64(True):
        doubles = {name: found(program, of, np.float64) for name, program in programs.items()}
    comparison = Comparison()
    for dtype in (np.float32, np.float64):
        is_double = dtype is np.float64
        with jax.enable_x64(is_double):
            note = f", {np.dtype(dtype).name}"
            if "spikegd" in programs:
                ours, theirs = ([found(programs[name], of, dtype)] for name in (OURS, "spikegd"))
                if is_double:
                    theirs.append(found(of_spikegd(of, 1e-7), of, dtype))
                else:
                    ours.append(doubles[OURS])
                    theirs.append(doubles["spikegd"])
                least = float(np.finfo(dtype).eps)
                comparison.agreements += agreements("spikegd", ours, theirs, least=least, note=note)
            losses = {name: total(program) for name, program in programs.items()}
            given = [matrix.astype(dtype) for matrix in of.weights], of.times.astype(dtype)
            comparison.measure(losses, *given, repeats=options.repeats, note=note)
    setting = f"{'-'.join(map(str, SIZES))} QIF neurons, up to {of.most} spikes a trial, batch of {batch}."
    return Report(
        "Single and double precision on digits", setting, "float32 and float64", comparison.table(),
        comparison.agreements, remarks, comparison.figures(),
    )  # fmt: skip
