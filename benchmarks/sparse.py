"""What an event costs in a large recurrent network with sparse connections.

Quadratic integrate-and-fire neurons, each of which reaches others at random: 100 at once, or 10 each after a delay of
its own. Inputs make neurons spike, 10 for each input; the weights between neurons have no mean, so that the number of
spikes hardly depends on how many neurons there are. The same network gets some inputs and then twice as many: the
difference of the times over the difference of the numbers of inputs and spikes is what one of these costs with
everything that it brings about, without what a trial costs anyhow (to start and continue every neuron), which is given
apart. The gradient is that of the sum of all spike times by all weights.
"""

from itertools import pairwise
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .measuring import Program, compiled, measured
from .question import Options, Report, Table, duration, size

REACHED, TRIAL = 10, 8.0


class Kind(NamedTuple):
    """How neurons are connected, how many inputs there are at first, and for how many spikes there is room."""

    out_degree: int
    is_late: bool
    inputs: int
    room: int


AT_ONCE, LATE = Kind(100, False, 960, 32768), Kind(10, True, 200, 8192)


def network(neurons: int, kind: Kind) -> ss.Recurrent:
    """Draw a network; the targets of a neuron are one of each part of all, so that none is reached twice."""
    generator = np.random.default_rng(0)
    inputs = 2 * kind.inputs

    def targets(sources: int, count: int) -> np.ndarray:
        part = neurons // count
        return np.arange(count) * part + generator.integers(0, part, (sources, count))

    shape = neurons, kind.out_degree
    weights, delays = generator.normal(0, 0.2, shape), generator.uniform(0.1, 0.5, shape) if kind.is_late else None
    recurrent = ss.Connections(targets(*shape), weights, delays)
    entering = ss.Connections(targets(inputs, REACHED), generator.uniform(4, 6, (inputs, REACHED)))
    return ss.Recurrent(
        ss.Neuron(ss.models.qif()), neurons, inputs, TRIAL, recurrent_weights=recurrent, input_weights=entering,
        capacity=kind.room,
    )  # fmt: skip


def spikes(kind: Kind, inputs: int) -> ss.Spikes:
    """The first inputs, one of each channel, the rest left out."""
    times = np.random.default_rng(1).uniform(0, TRIAL / 4, 2 * kind.inputs)
    return ss.Spikes(np.where(np.arange(times.size) < inputs, times, np.inf), np.arange(times.size))


def total(net: ss.Recurrent, given: ss.Spikes) -> jax.Array:
    """The sum of all spike times."""
    found = net(given).spikes[0]
    return jnp.where(found.is_spike, found.times, 0.0).sum()


def programs(net: ss.Recurrent, kind: Kind) -> dict[str, Program]:
    """Simulation and gradient, with few inputs and with many."""

    def by_weights(net: ss.Recurrent, given: ss.Spikes) -> jax.Array:
        def of(weights: dict[str, jax.Array]) -> jax.Array:
            return total(eqx.tree_at(lambda each: each.recurrent_weights.weights, net, weights), given)

        connections = net.recurrent_weights
        assert isinstance(connections, ss.Connections)
        return jax.grad(of)(connections.weights)

    works = {"forward": total, "gradient": by_weights}
    return {
        f"{work} {inputs}": compiled(function, net, spikes(kind, inputs))
        for work, function in works.items()
        for inputs in (kind.inputs, 2 * kind.inputs)
    }


def answer(options: Options) -> Report:
    """Measure."""
    table = Table(
        ["targets", "neurons", "inputs and spikes", "forward, each", "a trial", "gradient, each", "a trial", "memory"]
    )
    figures, remarks = {}, []
    sizes = (1000, 10_000) if options.quick else (1000, 10_000, 100_000)
    with jax.enable_x64(True):
        for kind in (AT_ONCE, LATE):
            costs = []
            named = f"{kind.out_degree}, {'delayed' if kind.is_late else 'at once'}"
            for neurons in sizes:
                cost, row, figures[f"{named}, {neurons}"] = _measured(neurons, kind, options.repeats)
                costs.append(cost)
                table.rows.append([named, *row])
            growth = (
                f"{', '.join(f'{after[work] / before[work]:.2f}' for before, after in pairwise(costs))} ({work})"
                for work in ("forward", "gradient")
            )
            remarks.append(f"With {named}, the cost grows from one row to the next by factors of {'; '.join(growth)}.")
    setting = (
        f"Inputs to {REACHED} neurons each, {AT_ONCE.inputs} and {2 * AT_ONCE.inputs} or, with delays, {LATE.inputs} "
        f"and {2 * LATE.inputs}; trials of {TRIAL:g}."
    )
    return Report("Sparse recurrent networks", setting, "float64", table, remarks=remarks, figures=figures)


def _measured(neurons: int, kind: Kind, repeats: int) -> tuple[dict[str, float], list[str], dict[str, object]]:
    """What an input or spike costs, a row of the table, and all figures."""
    net = network(neurons, kind)
    inputs = kind.inputs, 2 * kind.inputs
    few, many = (count + int(net(spikes(kind, count)).spikes[0].num_events) for count in inputs)
    found = measured(programs(net, kind), repeats)
    row, cost = [f"{neurons}", f"{few}, {many}"], {}
    for work in ("forward", "gradient"):
        short, long = (found[f"{work} {count}"].median for count in inputs)
        cost[work] = (long - short) / (many - few)
        row += [f"{1e6 * cost[work]:.3g} us", duration(short - cost[work] * few)]
    figures = {"events": [few, many], "seconds_per_event": cost}
    figures |= {name: measurement.as_json() for name, measurement in found.items()}
    return cost, [*row, size(found[f"gradient {inputs[1]}"].program_bytes)], figures
