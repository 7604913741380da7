"""How much slower than the closed form are other layers? One layer of each kind of neuron, on the same inputs.

The quadratic neuron with tau_s = tau_m / 2 is solved in closed form, that with other time constants by polynomials in
its current; the leaky neuron stops at its threshold. Weights are such that each neuron spikes about once in a trial.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .measuring import Program, compiled, measured
from .question import Options, Report, Table

DURATION = 4.0
#: By name: the neuron, and mean and spread of its weights for 100 inputs in a time constant.
LAYERS: dict[str, tuple[Any, float, float]] = {
    "QIF, tau_s = tau_m / 2 (closed form)": (ss.models.qif(1.0, 0.5), 0.03, 0.35),
    "QIF, tau_s = 0.7 tau_m": (ss.models.qif(1.0, 0.7), 0.03, 0.25),
    "LIF, tau_s = tau_m / 2": (ss.models.lif(1.0, 0.5), 0.0175, 0.13),
    "LIF, tau_s = tau_m": (ss.models.lif(1.0, 1.0), 0.01, 0.08),
    "LIF, tau_s = 0.3 tau_m": (ss.models.lif(1.0, 0.3), 0.0275, 0.16),
}
WORKS = "forward", "with gradient"


def answer(options: Options) -> Report:
    """Measure."""
    batch, inputs, neurons, channels = (2, 40, 8, 10) if options.quick else (16, 400, 64, 100)
    generator = np.random.default_rng(0)
    times = np.sort(generator.uniform(0, DURATION, (batch, inputs)), -1).astype(np.float32)
    spikes = ss.Spikes(times, generator.integers(0, channels, (batch, inputs)))
    per_constant = inputs / DURATION
    programs: dict[str, Program] = {}
    counts = {}
    for name, (model, mean, spread) in LAYERS.items():
        weights = generator.normal(mean * 100 / per_constant, spread * (100 / per_constant) ** 0.5, (neurons, channels))
        weights = weights.astype(np.float32)
        forward, counts[name] = _forward(ss.Neuron(model, allow_discontinuous=True), spikes, weights)
        programs[f"{name}: {WORKS[0]}"] = compiled(forward, weights)
        programs[f"{name}: {WORKS[1]}"] = compiled(jax.value_and_grad(forward), weights)
    found = measured(programs, options.repeats)

    table = Table(
        ["layer", *(f"{work}, ns" for work in WORKS), *(f"{work}, times the first" for work in WORKS), "spikes"]
    )
    figures: dict[str, Any] = {}
    first = next(iter(LAYERS))
    for name in LAYERS:
        seconds = [found[f"{name}: {work}"].median for work in WORKS]
        ratios = [s / found[f"{first}: {work}"].median for s, work in zip(seconds, WORKS, strict=True)]
        each = [1e9 * s / (batch * inputs * neurons) for s in seconds]
        table.rows.append(
            [name, *(f"{value:.3g}" for value in each), *(f"{ratio:.2f}" for ratio in ratios), f"{counts[name]:.2f}"]
        )
        figures[name] = {"nanoseconds": dict(zip(WORKS, each, strict=True)), "spikes_per_neuron": counts[name]}
    setting = (
        f"One layer of {neurons} neurons, {inputs} inputs from {channels} channels in {DURATION:g} time constants, "
        f"batch of {batch}; time per neuron and input, and spikes per neuron and trial."
    )
    return Report("Layers of all kinds of neurons", setting, "float32", table, figures=figures)


def _forward(neuron: ss.Neuron, spikes: ss.Spikes, weights: np.ndarray) -> tuple[Any, float]:
    """Return a function of the weights that sums all spike times, and how often each neuron spikes."""
    sizes = weights.shape[::-1]
    room = ss.FeedForward(neuron, sizes, DURATION, weights=[weights]).capacity_for(spikes)

    def recording(weights: Any) -> Any:
        return ss.FeedForward(neuron, sizes, DURATION, weights=[weights])(spikes, capacity=room).spikes[-1]

    def total(weights: Any) -> Any:
        found = recording(weights)
        return jnp.where(found.is_spike, found.times, 0.0).sum()

    count = int(recording(jnp.asarray(weights)).is_spike.sum())
    return total, count / (len(spikes.times) * len(weights))
