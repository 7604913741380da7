"""Recover the time constants of neurons from their spike times by gradient descent.

A layer of neurons with individual membrane and synaptic time constants receives a few input patterns. From the times of
its spikes alone, a second layer that starts with wrong time constants learns those of the first. Gradients
are exact and spike times smooth, so that BFGS converges to the last digits.

    python examples/learn_time_constants.py [--quick] [--output runs/learn_time_constants]

It fails if an error of a time constant remains above 1e-6.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from gallery import Entry, Outcome
from jax.flatten_util import ravel_pytree
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import OptimizeResult, minimize

import smoothspike as ss
from smoothspike import plot

NAMES = ("tau_m", "tau_s")
INPUTS, SPIKES, DURATION, PATTERNS = 12, 3, 6.0, 6
TOLERANCE = 1e-6


class Learnt(NamedTuple):
    """Time constants, (step, neuron, name), and the loss in every step; the true ones; spikes outside the trial."""

    values: np.ndarray
    losses: np.ndarray
    truth: np.ndarray
    pseudospikes: int

    @property
    def errors(self) -> np.ndarray:
        return np.abs(self.values / self.truth - 1)


def layer(time_constants: np.ndarray, weights: np.ndarray) -> ss.FeedForward:
    """Build a layer in which every neuron has individual time constants."""
    values = {name: tuple(column) for name, column in zip(NAMES, time_constants.T, strict=True)}
    neuron = ss.Neuron(ss.models.qif(**values), trainable=NAMES)
    return ss.FeedForward(neuron, (INPUTS, len(weights)), DURATION, weights=[weights])


def descent(student: ss.FeedForward, patterns: ss.Spikes, targets: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """Fit the time constants; return them and the loss in every step."""
    capacity = [4 * INPUTS * student.sizes[-1]]
    mask = jax.tree.map(lambda _: False, student)
    mask = eqx.tree_at(lambda net: net.neurons[0].unconstrained, mask, dict.fromkeys(NAMES, True))
    raw, rest = eqx.partition(student, mask)
    start, network = ravel_pytree(raw)

    @jax.jit
    def loss(values: jax.Array) -> tuple[jax.Array, jax.Array]:
        def squared(values: jax.Array) -> jax.Array:
            recording = eqx.combine(network(values), rest)(patterns, capacity=capacity)
            return jnp.mean((recording.spike_times(SPIKES) - targets) ** 2)

        return jax.value_and_grad(squared)(values)

    def current(values: np.ndarray) -> np.ndarray:
        neuron = eqx.combine(network(jnp.asarray(values)), rest).neurons[0]
        return np.stack([np.asarray(neuron.parameter(name)) for name in NAMES], axis=1)

    values, losses = [current(np.asarray(start))], []

    def record(intermediate_result: OptimizeResult) -> None:
        values.append(current(intermediate_result.x))
        losses.append(float(intermediate_result.fun))

    # before curvatures are known, a step of a tenth
    first = np.eye(len(start)) * 0.1 / np.linalg.norm(loss(start)[1])
    options = {"gtol": 1e-13, "hess_inv0": first}
    minimize(loss, np.asarray(start), jac=True, method="BFGS", callback=record, options=options)
    return np.array(values), np.array(losses)


def learnt(neurons: int, seed: int) -> Learnt:
    """Draw a layer and its patterns, and recover its time constants from its spikes."""
    generator = np.random.default_rng(seed)
    truth = generator.uniform((0.8, 0.3), (1.6, 0.7), (neurons, 2))
    weights = generator.uniform(0.5, 3.0, (neurons, INPUTS))
    times = generator.uniform(0, 0.7 * DURATION, (PATTERNS, INPUTS))
    patterns = ss.Spikes(times, np.tile(np.arange(INPUTS), (len(times), 1)))
    targets = layer(truth, weights)(patterns).spike_times(SPIKES)
    start = truth * generator.uniform(0.75, 1.33, truth.shape)
    values, losses = descent(layer(start, weights), patterns, targets)
    return Learnt(values, losses, truth, int((targets > DURATION).sum()))


def draw_errors(ax: Axes, found: Learnt) -> None:
    """Draw the error of every time constant of a layer."""
    for column, (label, color) in enumerate(((r"$\tau_m$", plot.BLUE), (r"$\tau_s$", plot.VERMILION))):
        lines = ax.semilogy(found.errors[:, :, column].clip(1e-17), color=color, linewidth=0.8)
        lines[0].set_label(label)
    ax.set(xlabel="step of BFGS", ylabel="relative error", xlim=(0, None))
    ax.legend()


def draw_losses(ax: Axes, runs: list[Learnt]) -> None:
    """Draw the squared error of spike times in all layers."""
    for seed, found in enumerate(runs):
        ax.semilogy(found.losses, color=plot.lighter("#222222", 0.6 * (seed > 0)), linewidth=0.8)
    ax.set(xlabel="step of BFGS", ylabel=r"loss ($\tau^2$)", xlim=(0, None))


def run(quick: bool) -> Outcome:
    """Learn the time constants of several layers."""
    neurons, seeds = (2, 1) if quick else (8, 2)
    numbers: dict[str, Any] = {"neurons": neurons, "patterns": PATTERNS, "spikes": SPIKES, "seeds": seeds}
    fig = Figure(figsize=(7.2, 2.3), layout="constrained")
    left, right = fig.subplots(1, 2)
    runs = [learnt(neurons, seed) for seed in range(seeds)]
    draw_errors(left, runs[0])
    draw_losses(right, runs)
    worst = [float(each.errors[-1].max()) for each in runs]
    numbers |= {
        "method": ss.derive(ss.models.qif(), trainable=NAMES).method,
        "start": max(float(each.errors[0].max()) for each in runs), "error": max(worst), "errors": worst,
        "steps": [len(each.losses) for each in runs], "most": max(len(each.losses) for each in runs),
        "pseudospikes": sum(each.pseudospikes for each in runs), "targets": seeds * PATTERNS * neurons * SPIKES,
    }  # fmt: skip
    if max(worst) > TOLERANCE:
        raise RuntimeError(f"a time constant is still off by {max(worst):.1e}")
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="Neurons recover time constants from spike times",
    published="learnt in classification, not recovered",
    ours="off by up to {{ start:.0%}}, then by {{ error:.0e}} after at most {{ most }} steps",
    seeds="2",
    run=run,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
