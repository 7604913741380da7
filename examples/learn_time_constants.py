"""Recover the time constants of neurons from their spike times by gradient descent.

A layer of neurons with individual membrane and synaptic time constants receives a few input patterns. From the times of
its spikes alone, a second layer that starts with wrong time constants learns those of the first. Gradients
are exact and spike times smooth, so that L-BFGS converges to the last digits.

    python examples/learn_time_constants.py [--model qif] [--neurons 8] [--quick] [--output runs/time_constants]

MODEL is any model of the library with parameters tau_m and tau_s (qif, qif_alpha, qif_adaptive, eif, ...). Printed: the
largest relative error of all time constants; the exit status is 1 if it is above 1e-6.
"""

import argparse
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike.plot import style

NAMES = ("tau_m", "tau_s")
INPUTS, SPIKES, DURATION = 12, 3, 6.0
# More than there are time constants, so that L-BFGS learns all curvatures and converges to the last digits.
_MEMORY = 50


def layer(model: str, time_constants: np.ndarray, weights: np.ndarray) -> ss.FeedForward:
    """Build a layer in which every neuron has individual time constants."""
    values = {name: tuple(column) for name, column in zip(NAMES, time_constants.T, strict=True)}
    neuron = ss.Neuron(getattr(ss.models, model)(**values), trainable=NAMES)
    return ss.FeedForward(neuron, (INPUTS, len(weights)), DURATION, weights=[weights])


def learnt(student: ss.FeedForward, patterns: ss.Spikes, targets: jax.Array, steps: int) -> tuple[np.ndarray, list]:
    """Fit the time constants; return them, with the loss and time constants of every step."""
    capacity = [4 * INPUTS * student.sizes[-1]]
    mask = jax.tree.map(lambda _: False, student)
    mask = eqx.tree_at(lambda net: net.neurons[0].unconstrained, mask, dict.fromkeys(NAMES, True))
    raw: Any
    raw, rest = eqx.partition(student, mask)
    optimizer = optax.lbfgs(memory_size=_MEMORY)

    def loss(raw: Any) -> jax.Array:
        return jnp.mean((eqx.combine(raw, rest)(patterns, capacity=capacity).spike_times(SPIKES) - targets) ** 2)

    def current(raw: Any) -> np.ndarray:
        neuron = eqx.combine(raw, rest).neurons[0]
        return np.stack([np.asarray(neuron.parameter(name)) for name in NAMES], axis=1)

    @eqx.filter_jit
    def step(raw: Any, state: optax.OptState) -> Any:
        value, gradient = optax.value_and_grad_from_state(loss)(raw, state=state)
        updates, state = optimizer.update(gradient, state, raw, value=value, grad=gradient, value_fn=loss)
        return optax.apply_updates(raw, updates), state, value

    state, history = optimizer.init(raw), []
    for _ in range(steps):
        before = current(raw)
        raw, state, value = step(raw, state)
        history.append((float(value), before))
        if value < 1e-24:
            break
    return current(raw), history


def figure(history: list, truth: np.ndarray) -> Figure:
    """Draw the error of every time constant while they are learnt."""
    with style.paper_style():
        drawn = Figure(figsize=(4.5, 3.0), layout="constrained")
        axes = drawn.subplots()
        errors = np.array([np.abs(values / truth - 1) for _, values in history])
        for column, (name, color) in enumerate(zip((r"$\tau_m$", r"$\tau_s$"), ("C0", "C1"), strict=True)):
            lines = axes.semilogy(errors[:, :, column], color=color, linewidth=0.8)
            lines[0].set_label(name)
        axes.set(xlabel="step of L-BFGS", ylabel="relative error")
        axes.legend()
    return drawn


def main() -> int:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qif")
    parser.add_argument("--neurons", type=int, default=8)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="two neurons")
    parser.add_argument("--output", default="runs/time_constants", help="folder for the figure (%(default)s)")
    options = parser.parse_args()
    neurons = 2 if options.quick else options.neurons
    generator = np.random.default_rng(0)
    truth = generator.uniform((0.8, 0.3), (1.6, 0.7), (neurons, 2))
    weights = generator.uniform(0.5, 3.0, (neurons, INPUTS))
    times = generator.uniform(0, 0.7 * DURATION, (6, INPUTS))
    with jax.enable_x64(True):
        patterns = ss.Spikes(times, np.tile(np.arange(INPUTS), (len(times), 1)))
        teacher = layer(options.model, truth, weights)
        start = truth * generator.uniform(0.75, 1.33, truth.shape)
        targets = teacher(patterns).spike_times(SPIKES)
        found, history = learnt(layer(options.model, start, weights), patterns, targets, options.steps)
    derivation = teacher.neurons[0].derivation
    error = np.abs(found / truth - 1).max()
    print(f"{derivation.model.name}: method {derivation.method}, {neurons} neurons, {len(times)} patterns")
    print(f"largest error of a time constant: {np.abs(start / truth - 1).max():.1e} at the start,", end=" ")
    print(f"{error:.1e} after {len(history)} steps")
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    figure(history, truth).savefig(folder / "time_constants.png", dpi=150)
    return 0 if error < 1e-6 else 1


if __name__ == "__main__":
    raise SystemExit(main())
