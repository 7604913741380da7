"""A gradient through up to 5000 events of a recurrent network, side by side with spikegd.

100 quadratic integrate-and-fire neurons with an exponential current (tau_m = 1, tau_s = 1/2, the same units in both
packages), all connected at random, each driven by its own random excitatory and inhibitory inputs, as in the recurrent
experiment of Klos & Memmesheimer, arXiv:2309.14523. One trial, double precision; the loss is the mean of all spike
times, the gradient by recurrent and input weights. spikegd cuts potentials off at 1/eps; its own error is the change
of its answer from eps = 1e-6, its default, to 1e-7.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .agreement import Answer, agreements
from .comparison import Comparison
from .peers import find, left_out
from .question import OURS, Options, Report

EVENTS, NEURONS, KICK, COUPLING = 5000, 100, 8.0, 1.0
EXCITATION, INHIBITION = 1.0, 0.3  # inputs per time constant and neuron

Weights = tuple[jax.Array, jax.Array]
#: Weights to times and sources of all events in order, `inf` and -1 for events that are not spikes of a neuron.
Simulation = Callable[[Weights], tuple[jax.Array, jax.Array]]


class Task(NamedTuple):
    """Input spikes, weights and the capacity for events."""

    times: np.ndarray
    sources: np.ndarray
    weights: tuple[np.ndarray, np.ndarray]
    duration: float
    room: int


def task(events: int) -> Task:
    """Draw inputs and weights for a trial that uses most of the capacity."""
    generator = np.random.default_rng(0)
    # of 10 events 7 are inputs
    duration = round(events / (NEURONS * (EXCITATION + INHIBITION) * 1.46), 1)
    rates = np.repeat([EXCITATION, INHIBITION], NEURONS) * duration
    sources = np.repeat(np.arange(2 * NEURONS), generator.poisson(rates))
    times = np.sort(generator.uniform(0, duration, sources.size))
    generator.shuffle(sources)
    recurrent = generator.normal(0, COUPLING / np.sqrt(NEURONS), (NEURONS, NEURONS))
    np.fill_diagonal(recurrent, 0)
    return Task(times, sources, (recurrent, KICK * np.hstack([np.eye(NEURONS), -np.eye(NEURONS)])), duration, events)


def of_smoothspike(of: Task) -> Simulation:
    """All spikes by this package."""
    neuron = ss.Neuron(ss.models.qif(tau_m=1.0, tau_s=0.5))
    spikes_in = ss.Spikes(of.times, of.sources)

    def simulate(weights):
        network = ss.Recurrent(
            neuron, NEURONS, 2 * NEURONS, of.duration, recurrent_weights=weights[0], input_weights=weights[1]
        )
        spikes = network(spikes_in, capacity=of.room - of.times.size).spikes[-1]
        return spikes.times, jnp.where(spikes.is_spike, spikes.sources, -1)

    return simulate


def of_spikegd(of: Task, cut_off: float = 1e-6) -> Simulation:
    """The same by spikegd."""
    from spikegd.qif import QIFNeuron  # pyright: ignore[reportMissingImports]

    neuron, config = QIFNeuron(1.0, cut_off), {"T": of.duration, "K": of.room}
    spikes_in = jnp.asarray(of.times), jnp.asarray(of.sources)

    def simulate(weights):
        times, is_input, which, _ = neuron.event(jnp.zeros((2, NEURONS)), *weights, spikes_in, config)
        is_spike = ~is_input & (which >= 0)
        return jnp.where(is_spike, times, jnp.inf), jnp.where(is_spike, which, -1)

    return simulate


def mean_spike_time(simulate: Simulation, weights: Weights) -> jax.Array:
    """The loss."""
    times, sources = simulate(weights)
    is_spike = sources >= 0
    return jnp.where(is_spike, times, 0.0).sum() / is_spike.sum()


def found(simulate: Simulation, weights: tuple[np.ndarray, np.ndarray]) -> Answer:
    """All spikes and the gradient."""
    times, sources = map(np.asarray, jax.jit(simulate)(weights))
    gradient = jax.jit(jax.grad(lambda given: mean_spike_time(simulate, given)))(weights)
    exists = sources >= 0
    return Answer(times[exists], sources[exists], [np.asarray(matrix) for matrix in gradient])


def answer(options: Options) -> Report:
    """Measure."""
    with jax.enable_x64(True):
        of = task(500 if options.quick else EVENTS)
        simulations, answers = {OURS: of_smoothspike(of)}, {}
        answers[OURS] = [found(simulations[OURS], of.weights)]
        comparison, remarks = Comparison(), []
        if find("spikegd", options.peers) is None:
            remarks.append(left_out("spikegd"))
        else:
            simulations["spikegd"] = of_spikegd(of)
            theirs = [found(of_spikegd(of, cut_off), of.weights) for cut_off in (1e-6, 1e-7)]
            comparison.agreements += agreements("spikegd", answers[OURS], theirs, least=1e-12)
        losses = {name: (lambda given, run=run: mean_spike_time(run, given)) for name, run in simulations.items()}
        comparison.measure(losses, of.weights, repeats=options.repeats)
    spikes = answers[OURS][0].spikes.size
    setting = (
        f"{NEURONS} recurrent QIF neurons, {of.times.size} inputs and {spikes} spikes in {of.duration:g} time "
        f"constants, capacity of {of.room} events, one trial."
    )
    return Report(
        "A gradient through a recurrent network", setting, "float64", comparison.table(), comparison.agreements,
        remarks, comparison.figures() | {"spikes": spikes, "inputs": int(of.times.size)},
    )  # fmt: skip
