"""Jumps of a loss on random lines: does `landscape` find all that an independent simulation on a fine grid shows?

The reference simulates leaky neurons in NumPy, in closed form, and shares no code with the package. Wherever its loss
changes by much between two points of a fine grid, the interval is bisected; what is left at a width of 1e-10 is a jump.
In the other direction, every event is confirmed by the reference, with its cause, from both of its sides.
"""

import time
from collections import Counter
from typing import Any, NamedTuple

import jax
import numpy as np

import smoothspike as ss

from .agreement import Agreement
from .question import Options, Report, Table
from .reference_lif import Trains, recurrent_trains, trains

SIZES, DURATION, SAMPLES, INPUTS = (3, 5, 2), 3.0, 2, 5
SPAN, GRID, QUICK_GRID, POINTS = 0.5, 20_001, 2_001, 11
LINES, QUICK_LINES = 100, 2
LARGE, WIDTH, SAME_PLACE, NEAR = 2e-3, 1e-10, 1e-8, 1e-11  # a jump; where bisection ends; of two places; of limits
CAPACITY = 16  # the same for all lines, so that one program is compiled


class Found(NamedTuple):
    """What was found on some lines.

    Attributes:
        lines: How many.
        jumps: By the package.
        kinks: By the package.
        expected: Large jumps by the reference.
        missed: How many of these the package has not.
        invented: How many events the reference does not confirm.
        evaluations: Losses computed by the package.
        seconds: CPU time of the package without the first line, where programs are compiled, and of that line.
        largest: The largest distance between the places of a jump.
        kinds: How many events of each kind.
    """

    lines: int
    jumps: int
    kinks: int
    expected: int
    missed: int
    invented: int
    evaluations: int
    seconds: tuple[float, float]
    largest: float
    kinds: dict[str, int]


def network(model: Any, strength: float, seed: int) -> tuple[Any, Any]:
    """A small feed-forward network and its inputs."""
    source = np.random.default_rng(seed)
    shapes = zip(SIZES[1:], SIZES[:-1], strict=True)
    weights = [strength * (source.normal(size=shape) + 0.6) for shape in shapes]
    neuron = ss.Neuron(model, allow_discontinuous=True)
    return ss.FeedForward(neuron, SIZES, DURATION, weights=weights), inputs(source)


def recurrent_network(model: Any, strength: float, seed: int) -> tuple[Any, Any]:
    """A small recurrent population and its inputs."""
    source = np.random.default_rng(seed)
    weights, own = (source.normal(size=(SIZES[1], size)) for size in (SIZES[0], SIZES[1]))
    neuron = ss.Neuron(model, allow_discontinuous=True)
    net = ss.Recurrent(
        neuron, SIZES[1], SIZES[0], DURATION, input_weights=strength * (weights + 0.6),
        recurrent_weights=0.5 * strength * (own - 0.2) * (1 - np.eye(SIZES[1])),
    )  # fmt: skip
    return net, inputs(source)


def inputs(source: np.random.Generator) -> Any:
    """Some samples of a few spikes each."""
    times, sources = source.uniform(0, 2, (SAMPLES, INPUTS)), source.integers(0, SIZES[0], (SAMPLES, INPUTS))
    labels = np.arange(SAMPLES) % 2
    return ss.datasets.Dataset(ss.Spikes(times, sources), labels, num_classes=2, num_sources=SIZES[0])


def loss(times: Any, label: Any) -> Any:
    """A smooth function of all output spikes that vanishes at the trial end, where spikes may leave."""
    left = jax.numpy.where(jax.numpy.isfinite(times), DURATION - times, 0.0)
    signs = jax.numpy.where(jax.numpy.arange(left.shape[0]) == label, 1.0, -0.7)
    return (left**2).sum(-1) @ signs / DURATION**2


def readout(recording: Any) -> Any:
    """All ordinary spikes."""
    return recording.ordinary_spike_times(32)


class Reference:
    """The loss of a sample on a line, by the reference."""

    def __init__(self, net: Any, direction: Any, data: Any) -> None:
        self.is_recurrent = isinstance(net, ss.Recurrent)
        if self.is_recurrent:
            own, change = ([each.raw_input_weights, each.raw_recurrent_weights] for each in (net, direction))
        else:
            own, change = net.raw_weights, direction.raw_weights
        self.lines = [(np.asarray(one["I"]), np.asarray(other["I"])) for one, other in zip(own, change, strict=True)]
        self.data = data

    def trains(self, places: np.ndarray, sample: int) -> list[Trains]:
        """The spikes of all populations."""
        weights = [own + places[:, None, None] * change for own, change in self.lines]
        spikes = self.data.spikes[sample]
        if self.is_recurrent:
            return [recurrent_trains(weights[0], weights[1], spikes, DURATION)]
        return trains(weights, spikes, DURATION)

    def losses(self, places: np.ndarray, sample: int) -> np.ndarray:
        """The loss of a sample at some places."""
        return self._loss(self.trains(places, sample), sample)

    def _loss(self, found: list[Trains], sample: int) -> np.ndarray:
        left = np.where(np.isfinite(found[-1].times), DURATION - found[-1].times, 0.0)
        signs = np.where(np.arange(left.shape[1]) == int(self.data.labels[sample]), 1.0, -0.7)
        return (left**2).sum(-1) @ signs / DURATION**2

    def jumps(self, sample: int, points: int) -> np.ndarray:
        """The places of all large jumps that bisection finds."""
        grid = np.linspace(-SPAN, SPAN, points)
        values = self.losses(grid, sample)
        chosen = np.flatnonzero(np.abs(np.diff(values)) > LARGE / 2)
        low, high, below, above = grid[chosen], grid[chosen + 1], values[chosen], values[chosen + 1]
        while low.size and (high - low).max() > WIDTH:
            middle = (low + high) / 2
            between = self.losses(middle, sample)
            left = np.abs(between - below) > np.abs(above - between)
            low, below = np.where(left, low, middle), np.where(left, below, between)
            high, above = np.where(left, middle, high), np.where(left, between, above)
        return ((low + high) / 2)[np.abs(above - below) > LARGE]

    def confirms(self, event: Any) -> bool:
        """Whether the loss jumps here by as much, and has this cause; at a kink it must not jump."""
        # at a grazing the loss changes with the root of the distance
        sides = event.place + np.array([-1.0, 1.0]) * NEAR
        found = self.trains(sides, event.sample)
        below, above = self._loss(found, event.sample)
        error = above - below - (event.size if event.is_jump else 0.0)
        return abs(error) < 1e-4 + 0.01 * abs(event.size) * event.is_jump and self._has_cause(found, event)

    def _has_cause(self, found: list[Trains], event: Any) -> bool:
        """Whether a spike is there on one side alone and grazes, or meets an arrival, or leaves the trial."""
        times, slopes = (each[:, event.neuron] for each in found[event.layer])
        if event.kind == "trial end":
            counts = np.isfinite(times).sum(-1)
            return bool(counts[0] != counts[1] and DURATION - times[np.isfinite(times)].max() < 1e-3)
        if event.kind == "order":
            return self._has_changed(times, self._arrivals(found, event), event)
        side = int(event.kind == "appearance")
        gap = np.abs(times - event.time).min(-1)
        nearest = int(np.argmin(np.abs(times[side] - event.time)))
        # another spike may come soon after one that grazes
        return bool(3 * gap[side] < min(gap[1 - side], 3e-4) and abs(slopes[side, nearest]) < 1e-2)

    def _arrivals(self, found: list[Trains], event: Any) -> np.ndarray:
        """When spikes of the source of an event arrive, on both sides."""
        inputs = self.lines[event.layer][0].shape[1]
        if event.source >= inputs:
            return found[event.layer].times[:, event.source - inputs]
        if event.layer:
            return found[event.layer - 1].times[:, event.source]
        spikes = self.data.spikes[event.sample]
        own = np.asarray(spikes.times)[np.asarray(spikes.sources) == event.source]
        return np.broadcast_to(own, (2, own.size))

    def _has_changed(self, times: np.ndarray, arrivals: np.ndarray, event: Any) -> bool:
        """Whether a spike comes before an arrival on one side, and on the other after it or not at all."""
        spikes = [own[np.abs(own - event.time) < 1e-6] for own in times]
        ends = [own[np.abs(own - event.time) < 1e-6] for own in arrivals]
        # one of two neurons that inhibit one another keeps the other from its spike
        before = [bool(own.size and not (end.size and end[0] <= own[0])) for own, end in zip(spikes, ends, strict=True)]
        return before[0] != before[1] and ends[before.index(False)].size > 0


def on_lines(net: Any, data: Any, has_reference: bool, lines: int, points: int) -> Found:
    """Compare on random lines; without a reference jumps are counted alone."""
    counts, seconds, largest = np.zeros(6, int), [], 0.0
    kinds: Counter[str] = Counter()
    for number in range(lines):
        begin = time.process_time()
        scape = ss.landscape(
            net, data, loss, span=SPAN, points=POINTS, key=jax.random.key(number), readout=readout, capacity=CAPACITY
        )
        seconds.append(time.process_time() - begin)
        compared = (0, 0, 0, 0.0)
        if has_reference:
            compared = _compared(Reference(net, scape.directions[0], data), scape, points)
        *found, distance = compared
        largest = max(largest, distance)
        counts += [len(scape.jumps), len(scape.kinks), *found, scape.evaluations]
        kinds.update(f"{event.kind} ({'jump' if event.is_jump else 'kink'})" for event in scape.events)
    cost = float(np.mean(seconds[1:])) if lines > 1 else np.nan, seconds[0]
    jumps, kinks, expected, missed, invented, evaluations = counts.tolist()
    return Found(lines, jumps, kinks, expected, missed, invented, evaluations, cost, largest, dict(kinds))


def _compared(reference: Reference, scape: Any, points: int) -> tuple[int, int, int, float]:
    """How many large jumps there are, how many of them are missed, how many events are wrong, how far places differ."""
    expected = missed = 0
    largest = 0.0
    for sample in range(SAMPLES):
        places = np.array([event.place for event in scape.jumps if event.sample == sample])
        known = reference.jumps(sample, points)
        gaps = np.abs(known[:, None] - places).min(-1, initial=np.inf)
        found = gaps <= SAME_PLACE
        expected, missed = expected + known.size, missed + int((~found).sum())
        largest = max(largest, float(gaps[found].max(initial=0.0)))
    return expected, missed, sum(not reference.confirms(event) for event in scape.events), largest


def answer(options: Options) -> Report:
    """Compare."""
    lines, points = (QUICK_LINES, QUICK_GRID) if options.quick else (LINES, GRID)
    table = Table(["network", "lines", "jumps", "kinks", "large jumps of the reference", "missed", "not confirmed",
                   "losses computed a sample", "of the grid", "CPU seconds a line", "of the first"])  # fmt: skip
    figures: dict[str, Any] = {}
    agreements, remarks = [], []
    with jax.enable_x64(True):
        cases = {
            "LIF": network(ss.models.lif(), 2.2, 0),
            "recurrent LIF": recurrent_network(ss.models.lif(), 2.2, 0),
            "QIF": network(ss.models.qif(), 1.6, 0),
        }
        for name, (net, data) in cases.items():
            found = on_lines(net, data, name != "QIF", lines, points)
            table.rows.append(_row(name, found, points))
            figures[name] = found._asdict()
            wrong = found.jumps if name == "QIF" else found.missed + found.invented
            agreements.append(Agreement(f"{name}: events missed or invented", "reference", float(wrong), 0.5))
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kinds.items()))
            remarks.append(f"{name}: {kinds or 'no events'}; places differ by at most {found.largest:.1e}.")
    setting = (
        f"{'-'.join(map(str, SIZES))} networks and populations of {SIZES[1]}, {INPUTS} inputs, {SAMPLES} samples, "
        f"random lines of length {2 * SPAN:g}, grid of {points} points."
    )
    return Report("Jumps of the loss on random lines", setting, "float64", table, agreements, remarks, figures)


def _row(name: str, found: Found, points: int) -> list[str]:
    is_compared = name != "QIF"
    each = found.evaluations / (found.lines * SAMPLES)
    return [
        name, str(found.lines), str(found.jumps), str(found.kinks),
        *(str(count) if is_compared else "-" for count in (found.expected, found.missed, found.invented)),
        f"{each:.0f}", str(points), f"{found.seconds[0]:.2f}", f"{found.seconds[1]:.0f}",
    ]  # fmt: skip
