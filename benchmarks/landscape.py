"""Jumps of a loss on random lines: does `landscape` find all that an independent simulation on a fine grid shows?

The reference simulates leaky neurons in NumPy, in closed form, and shares no code with the package. Wherever its loss
changes by much between two points of a fine grid, the interval is bisected; what is left at a width of 1e-10 is a jump.
In the other direction, every event is confirmed by the reference, with its cause, from both of its sides.
"""

import time
from typing import Any, NamedTuple

import jax
import numpy as np

import smoothspike as ss

from .agreement import Agreement
from .question import Options, Report, Table
from .reference_lif import Trains, trains

SIZES, DURATION, SAMPLES, INPUTS = (3, 5, 2), 3.0, 2, 5
SPAN, GRID, QUICK_GRID, POINTS = 0.5, 20_001, 2_001, 11
LINES, QUICK_LINES = 100, 2
LARGE, WIDTH, SAME_PLACE = 2e-3, 1e-10, 1e-8  # a jump; where bisection ends; of two places


class Found(NamedTuple):
    """What was found on some lines.

    Attributes:
        jumps: By the package.
        kinks: By the package.
        expected: Large jumps by the reference.
        missed: How many of these the package has not.
        invented: How many events the reference does not confirm.
        evaluations: Losses computed by the package.
        seconds: CPU time of the package, and of the reference.
        largest: The largest distance between the places of a jump.
    """

    jumps: int
    kinks: int
    expected: int
    missed: int
    invented: int
    evaluations: int
    seconds: tuple[float, float]
    largest: float


def network(model: Any, strength: float, seed: int) -> tuple[Any, Any]:
    """A small network and its inputs."""
    source = np.random.default_rng(seed)
    shapes = zip(SIZES[1:], SIZES[:-1], strict=True)
    weights = [strength * (source.normal(size=shape) + 0.6) for shape in shapes]
    times, sources = source.uniform(0, 2, (SAMPLES, INPUTS)), source.integers(0, SIZES[0], (SAMPLES, INPUTS))
    data = ss.datasets.Dataset(ss.Spikes(times, sources), np.arange(SAMPLES) % 2, num_classes=2, num_sources=SIZES[0])
    neuron = ss.Neuron(model, allow_discontinuous=True)
    return ss.FeedForward(neuron, SIZES, DURATION, weights=weights), data


def loss(times: Any, label: Any) -> Any:
    """A smooth function of all output spikes that vanishes at the trial end, where spikes may leave."""
    left = jax.numpy.where(jax.numpy.isfinite(times), DURATION - times, 0.0)
    return (left**2).sum(-1) @ jax.numpy.where(jax.numpy.arange(SIZES[-1]) == label, 1.0, -0.7) / DURATION**2


def readout(recording: Any) -> Any:
    """All ordinary spikes."""
    return recording.ordinary_spike_times(32)


class Reference:
    """The loss of a sample on a line, by the reference."""

    def __init__(self, net: Any, directions: Any, data: Any) -> None:
        self.lines = [
            (np.asarray(own["I"]), np.asarray(change["I"]))
            for own, change in zip(net.weights, directions.raw_weights, strict=True)
        ]
        self.data = data

    def trains(self, places: np.ndarray, sample: int) -> list[Trains]:
        weights = [own + places[:, None, None] * change for own, change in self.lines]
        return trains(weights, self.data.spikes[sample], DURATION)

    def losses(self, places: np.ndarray, sample: int) -> np.ndarray:
        return self._loss(self.trains(places, sample), sample)

    def _loss(self, found: list[Trains], sample: int) -> np.ndarray:
        left = np.where(np.isfinite(found[-1].times), DURATION - found[-1].times, 0.0)
        signs = np.where(np.arange(SIZES[-1]) == int(self.data.labels[sample]), 1.0, -0.7)
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
        """Whether the loss jumps here, and why; kinks are small changes of slope, of which the cause is checked."""
        sides = event.place + np.array([-1.0, 1.0]) * SAME_PLACE / 10
        found = self.trains(sides, event.sample)
        below, above = self._loss(found, event.sample)
        jumps = above - below - (event.size if event.is_jump else 0.0)
        return abs(jumps) < LARGE and _has_cause(found, event)


def _has_cause(found: list[Trains], event: Any) -> bool:
    """Whether a spike is there on one side alone and grazes, or meets an arrival, or leaves the trial."""
    own = found[event.layer]
    times, slopes = own.times[:, event.neuron], own.slopes[:, event.neuron]
    side = int(event.kind == "appearance")
    nearest = int(np.argmin(np.abs(times[side] - event.time)))
    is_there = abs(times[side, nearest] - event.time) < 1e-3
    if event.kind == "trial end":
        return bool(np.isfinite(times[0]).sum() != np.isfinite(times[1]).sum())
    if event.kind == "order":
        both = np.abs(times - event.time) < 1e-6
        return bool(both.any())
    is_new = np.isfinite(times).sum(-1)[side] != np.isfinite(times).sum(-1)[1 - side] or not np.allclose(*times)
    return bool(is_there and is_new and abs(slopes[side, nearest]) < 1e-2)


def on_lines(model: Any, strength: float, lines: int, points: int) -> Found:
    """Compare on random lines; without a reference for other neurons than leaky ones, only jumps are counted."""
    is_leaky = model.name == ss.models.lif().name
    totals = np.zeros(6, int)
    seconds, largest = np.zeros(2), 0.0
    net, data = network(model, strength, 0)
    for number in range(lines):
        begin = time.process_time()
        scape = ss.landscape(net, data, loss, span=SPAN, points=POINTS, key=jax.random.key(number), readout=readout)
        seconds[0] += time.process_time() - begin
        expected = missed = invented = 0
        begin = time.process_time()
        if is_leaky:
            reference = Reference(net, scape.directions[0], data)
            for sample in range(SAMPLES):
                places = np.array([event.place for event in scape.jumps if event.sample == sample])
                known = reference.jumps(sample, points)
                gaps = np.abs(known[:, None] - places).min(-1, initial=np.inf)
                expected, missed = expected + known.size, missed + int((gaps > SAME_PLACE).sum())
                largest = max(largest, float(gaps.max(initial=0.0)))
            invented = sum(not reference.confirms(event) for event in scape.events)
        seconds[1] += time.process_time() - begin
        totals += [len(scape.jumps), len(scape.kinks), expected, missed, invented, scape.evaluations]
    jumps, kinks, *others = totals.tolist()
    return Found(
        jumps, kinks, others[0], others[1], others[2], others[3], (float(seconds[0]), float(seconds[1])), largest
    )


def answer(options: Options) -> Report:
    """Compare."""
    lines, points = (QUICK_LINES, QUICK_GRID) if options.quick else (LINES, GRID)
    table = Table(["neuron", "lines", "jumps", "kinks", "large jumps of the reference", "missed", "not confirmed",
                   "losses computed a sample", "of the grid", "seconds a line"])  # fmt: skip
    figures: dict[str, Any] = {}
    agreements = []
    cases = {"LIF": (ss.models.lif(), 2.2), "QIF": (ss.models.qif(), 1.6)}
    with jax.enable_x64(True):
        for name, (model, strength) in cases.items():
            found = on_lines(model, strength, lines, points)
            each = found.evaluations / (lines * SAMPLES)
            table.rows.append([
                name, str(lines), str(found.jumps), str(found.kinks), str(found.expected), str(found.missed),
                str(found.invented), f"{each:.0f}", str(points), f"{found.seconds[0] / lines:.2f}",
            ])  # fmt: skip
            figures[name] = found._asdict()
            wrong = found.missed + found.invented if name == "LIF" else found.jumps
            agreements.append(Agreement(f"{name}: events missed or invented", "reference", float(wrong), 0.5))
    setting = (
        f"{'-'.join(map(str, SIZES))} networks, {INPUTS} inputs, {SAMPLES} samples, random lines of length {2 * SPAN:g}"
        f", grid of {points} points."
    )
    remarks = [f"Places differ by at most {figures['LIF']['largest']:.1e}."]
    return Report("Jumps of the loss on random lines", setting, "float64", table, agreements, remarks, figures)
