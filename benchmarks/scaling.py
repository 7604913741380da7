"""The growth of time and memory of a gradient as the work doubles.

A layer of quadratic integrate-and-fire neurons; one of neurons, input spikes, batch and layers is doubled, the rest
is constant. The loss is the sum of all ordinary spike times; the gradient is with respect to all weights. The table
lists the exponents of time and temporary memory, fitted on log-log axes: 1 is proportional to the work. For small
sizes fixed costs dominate; the last columns are for the last doubling.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .measuring import Program, compiled, measured
from .question import Options, Report, Table, duration, size, slope

CHANNELS, TRIAL = 32, 8.0


@dataclass(frozen=True)
class Work:
    """The sizes of a gradient."""

    neurons: int = 100
    events: int = 128
    batch: int = 16
    layers: int = 1


BASE = Work()
SIZES = {
    "neurons": (100, 200, 400, 800),
    "events": (512, 1024, 2048, 4096),
    "batch": (16, 32, 64, 128),
    "layers": (2, 4, 8),  # the first receives inputs, all others the spikes of a layer
}


def program(work: Work) -> Program:
    """Compile the gradient of a work."""
    generator = np.random.default_rng(0)
    shape = (work.batch, work.events)
    sources, times = generator.integers(0, CHANNELS, shape), generator.uniform(0, TRIAL, shape).astype(np.float32)
    widths = (CHANNELS, *([work.neurons] * work.layers))
    neuron = ss.Neuron(ss.models.qif())
    # inputs of both signs whose sum stays alike when there are more of them; every neuron spikes a few times
    strengths = [6 * np.sqrt(64 / work.events), *([2 * np.sqrt(64 / work.neurons)] * (work.layers - 1))]
    weights = [
        generator.normal(0.1 * strength, strength, (after, before)).astype(np.float32)
        for strength, after, before in zip(strengths, widths[1:], widths[:-1], strict=True)
    ]

    # the capacity that the busiest trial and neuron need, as in a training
    room = ss.FeedForward(neuron, widths, TRIAL, weights=weights).capacity_for(ss.Spikes(times, sources))

    def total(weights, times):
        network = ss.FeedForward(neuron, widths, TRIAL, weights=weights)
        layers = network(ss.Spikes(times, sources), capacity=room).spikes
        return sum(jnp.where(layer.is_spike, layer.times, 0.0).sum() for layer in layers)

    return compiled(jax.grad(total), weights, times)


def answer(options: Options) -> Report:
    """Measure."""
    doublings = 2 if options.quick else 4
    table, figures = Table(["doubled", "sizes", "time", "power", "memory", "power", "time, last", "memory, last"]), {}
    for name, sizes in SIZES.items():
        sizes = sizes[:doublings]
        programs = {str(number): program(replace(BASE, **{name: number})) for number in sizes}
        found = measured(programs, options.repeats)
        times = [found[str(number)].median for number in sizes]
        memory = [found[str(number)].temporary_bytes for number in sizes]
        powers, grown = _powers(sizes, times), _powers(sizes, memory)
        table.rows.append([
            name, ", ".join(map(str, sizes)), ", ".join(map(duration, times)), _shown(powers[0]),
            ", ".join(map(size, memory)), _shown(grown[0]), _shown(powers[1]), _shown(grown[1]),
        ])  # fmt: skip
        figures[name] = {
            "sizes": sizes, "time_power": powers[0], "last_time_power": powers[1], "memory_power": grown[0],
            "last_memory_power": grown[1], "measurements": [found[str(number)].as_json() for number in sizes],
        }  # fmt: skip
    setting = (
        f"{BASE.layers} layer of {BASE.neurons} QIF neurons, {BASE.events} input spikes in {TRIAL:g} time constants, "
        f"batch of {BASE.batch}, the necessary capacity; the gradient alone."
    )
    return Report("How a gradient grows", setting, "float32", table, figures=figures)


def _powers(sizes: Sequence[int], values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """The powers with which values grow, over all sizes and over the last doubling; None where values are unknown."""
    known = [float(value) for value in values if value]
    if len(known) != len(values):
        return None, None
    return slope(sizes, known), slope(sizes[-2:], known[-2:])


def _shown(power: float | None) -> str:
    return "" if power is None else f"{power:.2f}"
