"""A training step on the Yin-Yang task, side by side with Eventax, and how exact the spike times of both are.

5 inputs (four coordinates and a bias), 20 hidden and 3 output QIF neurons with an exponential current, a batch of 256
in double precision. Eventax writes V = pi tan(pi (phi - 1/2)), which obeys tmem V' = V (V - 1) + I: the equations,
units and weights of the two packages are the same. Eventax integrates with explicit Euler steps, its default, of 0.05;
its own error is the change of its answer with half the step. It stops a trial when all outputs have spiked, this
package goes on to its end. The loss is the cross entropy of first spike times, the trial end where there is none.

The truth about spike times comes from the 50-digit reference of the tests (mpmath).
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .agreement import Answer, agreements
from .comparison import Comparison
from .peers import find, left_out
from .question import OURS, Options, Report

sys.path.append(str(Path(__file__).parents[1] / "tests" / "helpers"))
from reference import QuadraticCurrent, simulate_layered

SIZES, DURATION, STEP, TAU_M = (5, 20, 3), 4.0, 0.05, 1.0
# mean and spread of the weights: most neurons spike, some of them twice
WEIGHTS = ((1.5, 1.5), (0.6, 0.6))

Weights = list[jax.Array] | list[np.ndarray]
#: Weights and input times of all trials, one for each channel, to first spike times within the trials.
FirstSpikes = Callable[[Any, Any], jax.Array]


def weights() -> list[np.ndarray]:
    """Draw the weights of both layers."""
    generator = np.random.default_rng(0)
    shapes = zip(WEIGHTS, SIZES[1:], SIZES[:-1], strict=True)
    return [generator.normal(mean, spread, (after, before)) for (mean, spread), after, before in shapes]


def of_smoothspike(room: Any) -> FirstSpikes:
    """First spike times of the outputs by this package."""
    neuron = ss.Neuron(ss.models.qif(tau_m=TAU_M, tau_s=TAU_M / 2))

    def trials(given, times):
        network = ss.FeedForward(neuron, SIZES, DURATION, weights=given)
        sources = jnp.broadcast_to(jnp.arange(SIZES[0]), times.shape)
        found = network(ss.Spikes(times, sources), capacity=room).ordinary_spike_times(1)[..., 0]
        return jnp.where(jnp.isfinite(found), found, DURATION)

    return trials


def of_eventax(step: float, events: int) -> FirstSpikes:
    """The same by Eventax, as one recurrent population whose connections lead forward only."""
    from eventax.evnn import EvNN  # pyright: ignore[reportMissingImports]
    from eventax.neuron_models import QIF  # pyright: ignore[reportMissingImports]

    hidden, size = SIZES[1], sum(SIZES[1:])
    # rows are senders, inputs last
    mask = np.zeros((size + SIZES[0], size))
    mask[:hidden, hidden:] = 1
    mask[size:, :hidden] = 1
    is_output = np.arange(size) >= hidden

    blank = EvNN(
        QIF, size, DURATION, SIZES[0], jax.random.key(0), wmask=jnp.asarray(mask), init_weights=0.0, init_bias=0.0,
        tmem=TAU_M, tsyn=TAU_M / 2, input_neurons=jnp.asarray(~is_output), output_neurons=jnp.asarray(is_output),
        solver_stepsize=step, max_event_steps=events, dtype=jnp.float64,
    )  # fmt: skip

    def trial(given, times):
        matrix = jnp.zeros(mask.shape).at[:hidden, hidden:].set(given[1].T).at[size:, :hidden].set(given[0].T)
        network = eqx.tree_at(lambda tree: tree.neuron_model.weights, blank, matrix)
        found = network.ttfs(times[:, None])
        return jnp.where(jnp.isfinite(found), found, DURATION)

    return jax.vmap(trial, (None, 0))


def mean_loss(first_spikes: FirstSpikes, times: Any, labels: Any, given: Any) -> jax.Array:
    """The mean cross entropy of first spike times."""
    found = first_spikes(given, times)
    return jax.vmap(ss.losses.first_spike_cross_entropy)(found, labels).mean()


def on_devices(first_spikes: FirstSpikes, times: Any, labels: Any, batch: int) -> Callable[..., Any]:
    """Loss and gradient of our weights, with the batch split among all devices."""

    def loss(given: Any, times: Any, labels: Any) -> jax.Array:
        return mean_loss(first_spikes, times, labels, given)

    shared = ss.parallel.value_and_grad_in_chunks(loss, batch, mesh=ss.parallel.data_mesh())
    return lambda given: shared(given, jnp.asarray(times), jnp.asarray(labels))


def found(first_spikes: FirstSpikes, times: Any, labels: Any, given: Any) -> Answer:
    """Spike times and gradient."""
    spikes = jax.jit(first_spikes)(given, times)
    gradient = jax.jit(jax.grad(partial(mean_loss, first_spikes, times, labels)))(given)
    return Answer(np.asarray(spikes), None, [np.asarray(matrix) for matrix in gradient])


def truth(times: np.ndarray, given: list[np.ndarray]) -> np.ndarray:
    """First spike times of the outputs with 50 digits, rounded."""
    rows = np.full((len(times), SIZES[-1]), DURATION)
    for row, trial in zip(rows, times, strict=True):
        layers = [([QuadraticCurrent(TAU_M, TAU_M / 2)] * len(matrix), matrix.tolist()) for matrix in given]
        spikes, _ = simulate_layered(layers, trial.tolist(), range(SIZES[0]), DURATION)
        for when, neuron in reversed(spikes[-1]):
            row[neuron] = float(when)
    return rows


def room(times: np.ndarray, given: list[np.ndarray]) -> tuple[Any, int]:
    """The necessary capacity, and the largest number of events in a trial."""
    network = ss.FeedForward(ss.Neuron(ss.models.qif(tau_m=TAU_M, tau_s=TAU_M / 2)), SIZES, DURATION, weights=given)
    spikes = ss.Spikes(times, np.broadcast_to(np.arange(SIZES[0]), times.shape))
    counts = [np.asarray(layer.num_events) for layer in network(spikes).spikes]
    return network.capacity_for(spikes), SIZES[0] + int(np.max(sum(counts)))


def answer(options: Options) -> Report:
    """Measure."""
    batch, checked = (16, 3) if options.quick else (256, 20)
    with jax.enable_x64(True):
        samples = ss.datasets.yin_yang(batch, bias_time=0.5)
        by_channel = np.argsort(samples.spikes.sources, axis=1)
        times = np.take_along_axis(np.asarray(samples.spikes.times, float), by_channel, axis=1)
        labels = np.asarray(samples.labels)
        given = weights()
        capacity, events = room(times, given)
        functions, comparison = {OURS: of_smoothspike(capacity)}, Comparison()
        answers, remarks = {OURS: [found(functions[OURS], times, labels, given)]}, []
        if find("eventax", options.peers) is None:
            remarks.append(left_out("eventax"))
        else:
            # each trial takes a start and an end beside its events
            programs = [of_eventax(step, 2 * events + 8) for step in (STEP, STEP / 2)]
            functions["eventax"] = programs[0]
            answers["eventax"] = [found(program, times, labels, given) for program in programs]
            comparison.agreements += agreements("eventax", answers[OURS], answers["eventax"], least=1e-12)
        losses = {name: partial(mean_loss, function, times, labels) for name, function in functions.items()}
        shared = on_devices(functions[OURS], times, labels, batch)
        comparison.measure(losses, given, repeats=options.repeats, on_devices=shared)
    exact = truth(times[:checked], given)
    errors = {name: np.abs(answer[0].spikes[:checked] / exact - 1) for name, answer in answers.items()}
    remarks += [
        f"Relative errors of first spike times by {name} in {checked} trials: largest {error.max():.1e}, "
        f"median {np.median(error):.1e}."
        for name, error in errors.items()
    ]
    setting = (
        f"{'-'.join(map(str, SIZES))} QIF neurons, duration {DURATION:g}, up to {events} events a trial, batch of "
        f"{batch}; Eventax with steps of {STEP:g}. {(answers[OURS][0].spikes < DURATION).mean():.0%} of outputs spike."
    )
    figures = comparison.figures() | {
        "errors": {name: {"largest": float(e.max()), "median": float(np.median(e))} for name, e in errors.items()}
    }
    return Report(
        "A training step on Yin-Yang", setting, "float64", comparison.table(), comparison.agreements, remarks, figures
    )
