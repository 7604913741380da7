"""How exact are spike times and their derivatives? All neurons of the library, by every applicable method.

    python benchmarks/accuracy.py [--models qif lif] [--patterns 100] [--workers 2] [--markdown FILE]

Every neuron receives random patterns of 20 inputs in 10 time constants, of both signs if it has both, with weights
relative to those that make it spike; patterns with 3 to 40 spikes count. The reference are the oracles of the tests:
50 digits if a model's equations become linear, otherwise double precision (about 1e-13, derivatives about 1e-8).
Errors of spike times are relative, those of derivatives relative to max(1, derivative); derivatives that the oracle
does not determine to 1e-8, as beside a kink of the equations, are omitted, and the number of others is given. Some
spikes depend on the last digits of the inputs: "conditioned" errors are divided by 1 plus the condition number, the
factor by which relative changes of weights and input times are amplified. In parentheses is the limit of each; the
exit status says whether all are met. Needs the test dependencies (mpmath, SciPy).
"""

import argparse
import json
import math
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from patterns import DURATION, INPUTS, Trial, trials
from reference import mp, number

import smoothspike as ss
import symbolic

METHODS = ("projective", "linear", "numeric")  # "phase" gives formulas to read; a network integrates
TIMES = {"projective": 1e-12, "linear": 1e-12, "numeric": 1e-9}
SLOPES = {"projective": 1e-8, "linear": 1e-8, "numeric": 1e-7}
SINGLE = 1e-5
RELATIVE = 8  # random directions from which a condition number is estimated


@dataclass(frozen=True)
class Row:
    """Errors of one model by one method; those of spike times leave out trials with a wrong number of spikes.

    All but the largest and the median of spike times are divided by 1 plus the condition number.
    """

    model: str
    method: str
    closed_form: bool
    patterns: int
    spikes: int
    mismatches: int
    largest: float
    median: float
    conditioned: float
    slopes: float
    slopes_known: int
    mismatches_single: int
    largest_single: float
    median_single: float
    conditioned_single: float
    seconds: float

    @property
    def bars(self) -> dict[str, float]:
        times = TIMES["linear"] if self.closed_form else TIMES[self.method]
        return {"conditioned": times, "slopes": SLOPES[self.method], "conditioned_single": SINGLE}

    @property
    def holds(self) -> bool:
        is_exact = all(getattr(self, name) <= bar for name, bar in self.bars.items())
        return is_exact and not self.mismatches and not self.mismatches_single


def neurons(model: symbolic.NeuronModel) -> Iterator[ss.Neuron]:
    """The neuron by every method that applies; where spikes jump, by the method for linear equations alone."""
    for method in METHODS if symbolic.verify(model).holds else ("linear",):
        try:
            yield ss.Neuron(model, method=method, allow_discontinuous=True)
        except ss.DerivationError:
            continue


class Outcome(NamedTuple):
    """The results of the package, a row per pattern; slopes are along the trial's direction and relative ones."""

    times: np.ndarray
    slopes: np.ndarray
    counts: np.ndarray


def run(neuron: ss.Neuron, patterns: list[Trial], dtype: type, *, differentiate: bool) -> Outcome:
    """Spike times, their derivatives (if wanted) and the numbers of spikes."""
    capacity = max(len(trial.spikes) for trial in patterns) + 8

    def spike_times(weights: jax.Array, times: jax.Array) -> tuple[jax.Array, jax.Array]:
        network = ss.FeedForward(neuron, (INPUTS, 1), DURATION, weights=[weights[None]])
        spikes = network(ss.Spikes(times, jnp.arange(INPUTS)), capacity=capacity).spikes[-1]
        return jnp.where(spikes.is_spike, spikes.times, 0.0), spikes.num_events

    def each(weights: jax.Array, times: jax.Array, directions: jax.Array) -> tuple[jax.Array, ...]:
        if not differentiate:
            found, count = spike_times(weights, times)
            return found, jnp.zeros((0, capacity)), count

        def along(direction: jax.Array) -> tuple[jax.Array, ...]:
            return jax.jvp(spike_times, (weights, times), tuple(jnp.split(direction, 2)), has_aux=True)

        return jax.vmap(along, out_axes=(None, 0, None))(directions)

    columns = ([trial.weights for trial in patterns], [trial.times for trial in patterns], map(directions, patterns))
    found = jax.jit(jax.vmap(each))(*(jnp.asarray(np.stack(list(column)), dtype) for column in columns))
    return Outcome(*map(np.asarray, found))


def directions(trial: Trial) -> np.ndarray:
    """The direction of the trial's slopes, and random relative changes of its weights and times."""
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (RELATIVE, 2 * INPUTS))
    return np.concatenate([trial.direction[None], signs * np.concatenate([trial.weights, trial.times])])


def conditions(outcome: Outcome, count: int) -> list[np.ndarray]:
    """For every pattern the condition numbers of its spike times: root mean squares over the relative changes."""
    sizes = np.sqrt(np.mean(outcome.slopes[:, 1:, :count] ** 2, 1))
    return [size / np.where(times > 0, times, 1.0) for size, times in zip(sizes, outcome.times[:, :count], strict=True)]


class Errors(NamedTuple):
    """The number of wrong counts, the errors of all spike times, also conditioned, and those of known derivatives."""

    wrong: int
    times: list[float]
    conditioned: list[float]
    slopes: list[float]


def errors(outcome: Outcome, patterns: list[Trial], worse: list[np.ndarray], *, slopes: bool) -> Errors:
    """Compare with the oracle."""
    found = Errors(0, [], [], [])
    for trial, times, of_trial, count, condition in zip(patterns, *outcome, worse, strict=True):
        if count != len(trial.spikes):
            found = found._replace(wrong=found.wrong + 1)
            continue
        for one, other, factor in zip(times, trial.spikes, 1 + condition, strict=False):
            found.times.append(finite(abs(number(one) - other) / other))
            found.conditioned.append(found.times[-1] / factor)
        known = (trial.slopes if slopes else None) or []
        for one, other, factor in zip(of_trial[0] if known else [], known, 1 + condition, strict=False):
            if not mp.isnan(other):
                found.slopes.append(finite(abs(number(one) - other) / max(1, abs(other))) / factor)
    return found


def finite(error: Any) -> float:
    """An error as a float: infinite where it is not a number."""
    return float(error) if math.isfinite(error) else math.inf


def rows(name: str, count: int) -> list[Row]:
    """Measure one model by every method."""
    model, found = getattr(symbolic.models, name)(), []
    patterns: list[Trial] = []
    with jax.enable_x64(True):
        solvers = list(neurons(model))
    for neuron in solvers:
        start = time.perf_counter()
        patterns = patterns or trials(model, count)
        with jax.enable_x64(True):
            outcome = run(neuron, patterns, float, differentiate=True)
        worse = conditions(outcome, max(len(trial.spikes) for trial in patterns))
        double = errors(outcome, patterns, worse, slopes=True)
        with jax.enable_x64(False):
            in_single = ss.Neuron(model, method=neuron.derivation.method, allow_discontinuous=True)
            outcome = run(in_single, patterns, np.float32, differentiate=False)
        single = errors(outcome, patterns, worse, slopes=False)
        found.append(
            Row(
                name, neuron.derivation.method, neuron.derivation.closed_form, len(patterns), len(double.times),
                double.wrong, max(double.times), float(np.median(double.times)), max(double.conditioned),
                max(double.slopes, default=0.0), len(double.slopes),
                single.wrong, max(single.times), float(np.median(single.times)), max(single.conditioned),
                time.perf_counter() - start,
            )
        )  # fmt: skip
    return found


HEADINGS = [
    "model", "method", "spikes", "wrong counts", "largest error", "median", "conditioned", "derivatives, conditioned",
    "wrong counts, float32", "largest, float32", "median, float32", "conditioned, float32",
]  # fmt: skip


def cells(row: Row) -> list[str]:
    """A row of text; values beyond their limit are marked."""
    barred = {
        name: f"{getattr(row, name):.0e} (< {bar:.0e}){'' if getattr(row, name) <= bar else ' !'}"
        for name, bar in row.bars.items()
    }
    barred["slopes"] += "" if row.slopes_known == row.spikes else f" of {row.slopes_known}"
    counts = [f"{wrong}{' !' if wrong else ''}" for wrong in (row.mismatches, row.mismatches_single)]
    method = f"{row.method}, closed form" if row.closed_form else row.method
    return [
        row.model, method, str(row.spikes), counts[0], f"{row.largest:.0e}", f"{row.median:.0e}",
        barred["conditioned"], barred["slopes"],
        counts[1], f"{row.largest_single:.0e}", f"{row.median_single:.0e}", barred["conditioned_single"],
    ]  # fmt: skip


def as_markdown(table: list[Row]) -> str:
    """The page of the documentation."""
    _, command, text = (__doc__ or "").split("\n\n", 2)
    head = (
        f"# How exact\n\nWritten by `{command.strip().split(' [')[0]} --markdown docs/lookup/accuracy.md`.\n\n{text}\n"
    )
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(cells, table)]
    return head + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def as_text(table: list[Row]) -> str:
    """The table in columns."""
    lines = [HEADINGS, *map(cells, table)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def measured(names: list[str], count: int, workers: int) -> Iterator[list[Row]]:
    """The rows of every model, optionally in separate processes."""
    if workers == 1 or len(names) == 1:
        yield from map(partial(rows, count=count), names)
        return
    # a fresh process per model bounds the memory of compiled programs
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        yield from pool.map(partial(rows, count=count), names)


def resumed(options: argparse.Namespace) -> bool:
    """Whether there are rows of an earlier run."""
    return options.results is not None and options.results.exists()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=symbolic.models.names(), default=symbolic.models.names())
    parser.add_argument("--patterns", type=int, default=100, help="random inputs for every model")
    parser.add_argument("--workers", type=int, default=1, help="processes to share the models among")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table to a file")
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="store rows in a file, and measure only missing ones"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table = [Row(**json.loads(line)) for line in options.results.read_text().splitlines()] if resumed(options) else []
    missing = [name for name in options.models if name not in {row.model for row in table}]
    for found in measured(missing, options.patterns, options.workers):
        table += found
        for row in found:
            print(f"{', '.join(cells(row))}; {row.seconds:.0f} s", file=sys.stderr, flush=True)
        if options.results:
            with options.results.open("a") as file:
                file.writelines(json.dumps(asdict(row)) + "\n" for row in found)
    table.sort(key=lambda row: symbolic.models.names().index(row.model))
    print(json.dumps([asdict(row) for row in table], indent=1) if options.json else as_text(table))
    if options.markdown:
        options.markdown.write_text(as_markdown(table))
    sys.exit(not all(row.holds for row in table))


if __name__ == "__main__":
    main()
