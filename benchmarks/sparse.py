"""What an event costs in a large recurrent network with sparse connections.

Quadratic integrate-and-fire neurons, each of which reaches 100 others at random. Inputs make neurons spike, 10 for each
input; the weights between neurons have no mean, so that the number of spikes hardly depends on how many neurons there
are. The same network gets some inputs and then twice as many: the difference of the times over the difference of the
numbers of events is what an event costs, without what a trial costs anyhow (to start and continue every neuron), which
is given apart. The gradient is that of the sum of all spike times by all weights. Beside it stands what memory alone
takes: a loop without arithmetic that reads the targets and weights of random neurons, and reads and writes the state of
each target and its block in the tournament of next spikes.
"""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

from .measuring import Program, compiled, measured
from .question import Options, Report, Table, duration, size

OUT_DEGREE, REACHED, TRIAL, ROOM = 100, 10, 8.0, 32768
INPUTS = 960


def network(neurons: int) -> ss.Recurrent:
    """Draw a network; the targets of a neuron are one of each hundredth of all, so that none is reached twice."""
    generator = np.random.default_rng(0)

    def targets(sources: int, count: int) -> np.ndarray:
        part = neurons // count
        return np.arange(count) * part + generator.integers(0, part, (sources, count))

    recurrent = ss.Connections(targets(neurons, OUT_DEGREE), generator.normal(0, 0.2, (neurons, OUT_DEGREE)))
    entering = ss.Connections(targets(2 * INPUTS, REACHED), generator.uniform(4, 6, (2 * INPUTS, REACHED)))
    return ss.Recurrent(
        ss.Neuron(ss.models.qif()), neurons, 2 * INPUTS, TRIAL, recurrent_weights=recurrent, input_weights=entering,
        capacity=ROOM,
    )  # fmt: skip


def spikes(inputs: int) -> ss.Spikes:
    """The first inputs, one of each channel, the rest left out."""
    times = np.random.default_rng(1).uniform(0, TRIAL / 4, 2 * INPUTS)
    return ss.Spikes(np.where(np.arange(times.size) < inputs, times, np.inf), np.arange(times.size))


def total(net: ss.Recurrent, given: ss.Spikes) -> jax.Array:
    """The sum of all spike times."""
    found = net(given).spikes[0]
    return jnp.where(found.is_spike, found.times, 0.0).sum()


def programs(net: ss.Recurrent) -> dict[str, Program]:
    """Simulation and gradient, with few inputs and with many."""

    def by_weights(net: ss.Recurrent, given: ss.Spikes) -> jax.Array:
        def of(weights: dict[str, jax.Array]) -> jax.Array:
            return total(eqx.tree_at(lambda each: each.recurrent_weights.weights, net, weights), given)

        connections = net.recurrent_weights
        assert isinstance(connections, ss.Connections)
        return jax.grad(of)(connections.weights)

    works = {"forward": total, "gradient": by_weights}
    return {
        f"{work} {inputs}": compiled(function, net, spikes(inputs))
        for work, function in works.items()
        for inputs in (INPUTS, 2 * INPUTS)
    }


def memory_alone(neurons: int, events: int) -> Program:
    """The reads and writes of so many events."""
    generator = np.random.default_rng(2)
    targets = generator.integers(0, neurons, (neurons, OUT_DEGREE)).astype(np.int32)
    weights = generator.normal(size=(neurons, OUT_DEGREE))
    rows, blocks = np.ones((neurons, 4)), np.ones((-(-neurons // 16), 16))

    def touch(rows: jax.Array, blocks: jax.Array, targets: jax.Array, weights: jax.Array, order: jax.Array) -> tuple:
        def event(number: int, carry: tuple) -> tuple:
            rows, blocks, seen = carry
            # which neuron is next comes out of what was read, as in a network
            which = order[number] + (seen[0] > 1e300)
            reached, added = targets[which], weights[which]
            rows = rows.at[reached].set(jnp.maximum(rows[reached], added[:, None]))
            blocks = blocks.ravel().at[reached].set(added).reshape(blocks.shape)
            return rows, blocks, seen + blocks[reached // 16].min(1)

        return jax.lax.fori_loop(0, order.size, event, (rows, blocks, jnp.zeros(OUT_DEGREE)))

    return compiled(touch, rows, blocks, targets, weights, generator.integers(0, neurons, events))


def answer(options: Options) -> Report:
    """Measure."""
    table = Table(
        ["neurons", "events", "memory alone", "forward, an event", "a trial", "gradient, an event", "a trial", "memory"]
    )
    figures, costs = {}, []
    with jax.enable_x64(True):
        for neurons in (1000, 10_000) if options.quick else (1000, 10_000, 100_000):
            net = network(neurons)
            few, many = (inputs + int(net(spikes(inputs)).spikes[0].num_events) for inputs in (INPUTS, 2 * INPUTS))
            alone = {f"memory alone {events}": memory_alone(neurons, events) for events in (few, many)}
            found = measured(programs(net) | alone, options.repeats)
            row: list[str] = [f"{neurons}", f"{few}, {many}"]
            cost = {}
            apart = found[f"memory alone {many}"].median - found[f"memory alone {few}"].median
            cost["memory alone"] = apart / (many - few)
            row.append(f"{1e6 * cost['memory alone']:.3g} us")
            for work in ("forward", "gradient"):
                short, long = (found[f"{work} {inputs}"].median for inputs in (INPUTS, 2 * INPUTS))
                cost[work] = (long - short) / (many - few)
                row += [f"{1e6 * cost[work]:.3g} us", duration(short - cost[work] * few)]
            costs.append(cost)
            table.rows.append([*row, size(found[f"gradient {2 * INPUTS}"].program_bytes)])
            figures[str(neurons)] = {"events": [few, many], "seconds_per_event": cost} | {
                name: measurement.as_json() for name, measurement in found.items()
            }
    remarks = [
        f"From one row to the next the cost of an event grows by a factor of "
        f"{', '.join(f'{after[work] / before[work]:.2f}' for before, after in pairwise(costs))} "
        f"({work})."
        for work in ("memory alone", "forward", "gradient")
    ]
    setting = (
        f"Out-degree {OUT_DEGREE}, {INPUTS} and {2 * INPUTS} inputs to {REACHED} neurons each, trials of {TRIAL:g}."
    )
    return Report("Sparse recurrent networks", setting, "float64", table, remarks=remarks, figures=figures)
