"""The cost of an event in a large recurrent network with sparse connections.

Quadratic integrate-and-fire neurons with random targets: 100 without a delay, or 10 with individual delays. Each
input makes 10 neurons spike; the weights between neurons have zero mean, so that the number of spikes hardly depends
on the number of neurons. The same network receives some inputs and then twice as many: the difference of the times
over the difference of the numbers of inputs and spikes is the cost of one of these, without the fixed cost of a trial
(to start and continue every neuron), which is listed separately. The gradient is that of the sum of all spike times
with respect to all weights.

Both are timed in every turn. Half the interquartile range of the differences is given beside their median; if it
exceeds a quarter of the median, the machine was too busy to measure.
"""

from functools import partial
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

#: The largest relative spread of a cost that is compared.
_LARGEST_SPREAD = 0.25


class Cost(NamedTuple):
    """A cost that is not timed directly.

    Attributes:
        seconds: The median of all turns.
        spread: Half the distance between the quartiles, in seconds.
    """

    seconds: float
    spread: float

    @property
    def is_known(self) -> bool:
        """Whether turns agree on it."""
        return self.spread <= _LARGEST_SPREAD * self.seconds

    def __str__(self) -> str:
        spread = f" ± {self.spread / self.seconds:.0%}" if self.is_known else f" ± {1e6 * self.spread:.3g} us: too busy"
        return f"{1e6 * self.seconds:.3g} us{spread}"


class Kind(NamedTuple):
    """The connections, the number of inputs at first, and the capacity."""

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
    )  # fmt: skip


def spikes(kind: Kind, inputs: int) -> ss.Spikes:
    """The first inputs, one of each channel, the rest left out."""
    times = np.random.default_rng(1).uniform(0, TRIAL / 4, 2 * kind.inputs)
    return ss.Spikes(np.where(np.arange(times.size) < inputs, times, np.inf), np.arange(times.size))


def total(net: ss.Recurrent, given: ss.Spikes, capacity: int) -> jax.Array:
    """The sum of all spike times."""
    found = net(given, capacity=capacity).spikes[0]
    return jnp.where(found.is_spike, found.times, 0.0).sum()


def programs(net: ss.Recurrent, kind: Kind) -> dict[str, Program]:
    """Simulation and gradient, with few inputs and with many."""

    def by_weights(net: ss.Recurrent, given: ss.Spikes) -> jax.Array:
        def of(weights: dict[str, jax.Array]) -> jax.Array:
            return total(eqx.tree_at(lambda each: each.recurrent_weights.weights, net, weights), given, kind.room)

        return jax.grad(of)(net.recurrent_weights.weights)

    works = {"forward": partial(total, capacity=kind.room), "gradient": by_weights}
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
                f"{', '.join(_growth(before[work], after[work]) for before, after in pairwise(costs))} ({work})"
                for work in ("forward", "gradient")
            )
            remarks.append(f"With {named}, the cost grows from one row to the next by factors of {'; '.join(growth)}.")
    setting = (
        f"Inputs to {REACHED} neurons each, {AT_ONCE.inputs} and {2 * AT_ONCE.inputs} or, with delays, {LATE.inputs} "
        f"and {2 * LATE.inputs}; trials of {TRIAL:g}."
    )
    return Report("Sparse recurrent networks", setting, "float64", table, remarks=remarks, figures=figures)


def _growth(before: Cost, after: Cost) -> str:
    """By which factor the cost grows, where it is known."""
    return f"{after.seconds / before.seconds:.2f}" if before.is_known and after.is_known else "unknown"


def _measured(neurons: int, kind: Kind, repeats: int) -> tuple[dict[str, Cost], list[str], dict[str, object]]:
    """The cost of an input or spike, a row of the table, and all figures."""
    net = network(neurons, kind)
    inputs = kind.inputs, 2 * kind.inputs
    few, many = (count + int(net(spikes(kind, count)).spikes[0].num_events) for count in inputs)
    found = measured(programs(net, kind), repeats)
    row, cost = [f"{neurons}", f"{few}, {many}"], {}
    for work in ("forward", "gradient"):
        short, long = (np.array(found[f"{work} {count}"].seconds) for count in inputs)
        low, middle, high = np.quantile((long - short) / (many - few), [0.25, 0.5, 0.75])
        cost[work] = Cost(float(middle), float(high - low) / 2)
        rest = Cost(float(np.median(short)) - cost[work].seconds * few, cost[work].spread * few)
        row += [str(cost[work]), duration(rest.seconds) if rest.is_known else "too busy"]
    figures = {"events": [few, many], "seconds_per_event": {work: each._asdict() for work, each in cost.items()}}
    figures |= {name: measurement.as_json() for name, measurement in found.items()}
    return cost, [*row, size(found[f"gradient {inputs[1]}"].program_bytes)], figures
