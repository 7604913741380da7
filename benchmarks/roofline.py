"""One neuron update against the limits of memory and arithmetic of this machine.

An update advances a neuron over the interval to the next input and applies that input. At best it reads its state, the
weight and the length of the interval, writes its state, and does the operations that the compiler counts.
Memory bandwidth is measured by adding arrays as large as the states of the neurons, arithmetic by a long chain of
multiplications and additions on them, both by JAX on the same device. Exponentials and tangents count as one operation
each, though they cost many, so the bound of arithmetic cannot be reached. In a network, the same update runs within a
loop over events, for few neurons at a time, and keeps its state for the reverse pass.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .measuring import compiled, measured
from .question import Options, Report, Table

CHAIN = 256


def rates(elements: int, repeats: int) -> tuple[float, float]:
    """Bytes and operations per second that simple programs reach."""
    one, other = jnp.linspace(0.5, 1.5, elements), jnp.linspace(0.1, 0.2, elements)

    def chain(values, addend):
        for _ in range(CHAIN):
            values = values * 0.999 + addend
        return values

    programs = {"memory": compiled(lambda a, b: a + 0.5 * b, one, other), "arithmetic": compiled(chain, one, other)}
    found = measured(programs, repeats)
    width = one.dtype.itemsize
    return 3 * width * elements / found["memory"].median, 2.0 * CHAIN * elements / found["arithmetic"].median


def operations(function: Callable[..., Any], *arguments: Any) -> float:
    """Operations as the compiler counts them: elementary functions as one each."""
    cost = jax.jit(function).lower(*arguments).compile().cost_analysis() or {}
    cost = cost[0] if isinstance(cost, list) else cost
    return float(cost.get("flops", 0.0)) + float(cost.get("transcendentals", 0.0))


def answer(options: Options) -> Report:
    """Measure."""
    elements = 2**18 if options.quick else 2**22
    bandwidth, arithmetic = rates(elements, options.repeats)
    table = Table([
        "model", "bytes", "operations", "allowed by memory", "by arithmetic", "one update", "of the bound",
        "in a network", "with gradient",
    ])  # fmt: skip
    figures: dict[str, Any] = {"bytes_per_second": bandwidth, "operations_per_second": arithmetic, "models": {}}
    for model in (ss.models.qif(), ss.models.theta_neuron()):
        row = one_update(ss.Neuron(model), elements, options.repeats)
        row |= {"allowed_by_memory": row["bytes"] / bandwidth, "allowed_by_arithmetic": row["operations"] / arithmetic}
        row |= in_network(ss.Neuron(model), 4 if options.quick else 64, options.repeats)
        bound = max(row["allowed_by_memory"], row["allowed_by_arithmetic"])
        times = ("allowed_by_memory", "allowed_by_arithmetic", "update", "network", "network_with_gradient")
        cells = [f"{1e9 * row[name]:.3g} ns" for name in times]
        cells.insert(3, f"{row['update'] / bound:.1f} x")
        table.rows.append([model.name, f"{row['bytes']:.0f}", f"{row['operations']:.0f}", *cells])
        figures["models"][model.name] = row
    setting = (
        f"Per neuron and event; memory moves {bandwidth / 1e9:.3g} GB/s, the machine computes "
        f"{arithmetic / 1e9:.3g} GFLOP/s of multiplications and additions."
    )
    return Report("One neuron update and its bounds", setting, "float32", table, figures=figures)


def one_update(neuron: ss.Neuron, size: int, repeats: int) -> dict[str, float]:
    """An update of very many neurons at once: bytes, operations and seconds, each per neuron."""
    generator, dynamics = np.random.default_rng(0), neuron.dynamics()
    state = dynamics.initial_state(neuron.initial(size))
    lengths = generator.uniform(0, 0.1, size).astype(np.float32)
    weights = {route: generator.normal(0, 1, size).astype(np.float32) for route in neuron.routes}

    def update(state, lengths, weights):
        at, count = dynamics.advance(state, lengths)
        return dynamics.jump(at, weights), count

    program = compiled(update, state, lengths, weights)
    seconds = measured({"update": program}, repeats)["update"].median / size
    moved = sum(leaf.nbytes for leaf in jax.tree.leaves((state, state, lengths, weights))) / size
    return {"bytes": moved, "operations": operations(update, state, lengths, weights) / size, "update": seconds}


def in_network(neuron: ss.Neuron, batch: int, repeats: int) -> dict[str, float]:
    """The same within a layer of 100 neurons with 100 inputs a trial: seconds per neuron and event."""
    neurons, events, duration = 100, 100, 5.0
    generator = np.random.default_rng(0)
    times = generator.uniform(0, duration, (batch, events)).astype(np.float32)
    sources = np.broadcast_to(np.arange(events), times.shape)
    weights = generator.normal(0, 0.5, (neurons, events)).astype(np.float32)

    def total(weights, times):
        network = ss.FeedForward(neuron, (events, neurons), duration, weights=[weights])
        spikes = network(ss.Spikes(times, sources), capacity=8 * neurons).spikes[-1]
        return jnp.where(spikes.is_spike, spikes.times, 0.0).sum()

    programs = {
        "network": compiled(total, weights, times),
        "network_with_gradient": compiled(jax.value_and_grad(total), weights, times),
    }
    found = measured(programs, repeats)
    return {name: measurement.median / (batch * neurons * events) for name, measurement in found.items()}
