"""Simulation alone, side by side with Brian2 at the step with which its spike times are exact to 1e-3.

100 leaky integrate-and-fire neurons with an exponential current (tau_m = 1, tau_s = 1/2, threshold 1, reset to 0, the
same equations in both), all connected at random, driven by random inputs; double precision. Brian2 integrates such
linear equations exactly, but lets inputs and spikes happen at its steps alone, so its spike times have errors of the
order of a step, of which half a step, the mean, is taken off. Steps are made smaller until half of all spike times,
and then until 99 of 100, differ from ours by less than 1e-3, relatively; a spike that only one of both finds, as when a
potential nearly grazes the threshold, counts as wrong. Brian2 runs in a process of its own, in turns with ours: its
NumPy need not be that of JAX. Compiling is what the first run takes longer than the later ones.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import smoothspike as ss

from .agreement import Agreement, Answer
from .comparison import Comparison
from .measuring import Program, compiled, measured
from .peers import left_out
from .question import OURS, Options, Report

TAU_M, TAU_S, DURATION, NEURONS, INPUTS = 1.0, 0.5, 10.0, 100, 200
STEPS, BAR, QUICK_BAR = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5), 1e-3, 3e-2
PARTS = 0.5, 0.99  # of the spike times


class Task(NamedTuple):
    """Input times, one for each channel, and weights."""

    times: np.ndarray
    inputs: np.ndarray
    recurrent: np.ndarray


def task() -> Task:
    """Draw a network: inputs from many channels, weak recurrent connections of both signs."""
    generator = np.random.default_rng(0)
    recurrent = generator.normal(0, 0.5 / np.sqrt(NEURONS), (NEURONS, NEURONS))
    np.fill_diagonal(recurrent, 0)
    inputs = generator.normal(0.15, 0.3, (NEURONS, INPUTS))
    return Task(np.sort(generator.uniform(0, DURATION, INPUTS)), inputs, recurrent)


def of_smoothspike(of: Task) -> tuple[Program, Answer]:
    """The program, and what it finds."""
    neuron = ss.Neuron(ss.models.lif(tau_m=TAU_M, tau_s=TAU_S), allow_discontinuous=True)
    network = ss.Recurrent(neuron, NEURONS, INPUTS, DURATION, recurrent_weights=of.recurrent, input_weights=of.inputs)
    spikes = ss.Spikes(of.times, np.arange(INPUTS))
    capacity = network.capacity_for(spikes)
    program = compiled(lambda times: network(ss.Spikes(times, spikes.sources), capacity=capacity).spikes[-1], of.times)
    found = program.run()
    exists = np.asarray(found.is_spike)
    return program, _grouped(np.asarray(found.times)[exists], np.asarray(found.sources)[exists])


@dataclass(frozen=True)
class Brian2:
    """Brian2 in a process of its own."""

    process: Any
    folder: Path

    def ask(self, *words: Any) -> dict[str, str]:
        """Send a command and wait until it is done."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("Brian2 failed; its message stands above")
        return json.loads(line)

    def run(self) -> float:
        """Run the network that was built, and say how many seconds that took."""
        begin = time.perf_counter()
        self.ask("run")
        return time.perf_counter() - begin

    def spikes(self, step: float) -> Answer:
        """The spikes of the last run, moved to the middle of their steps."""
        file = self.folder / "spikes.npz"
        self.ask("spikes", file)
        found = np.load(file)
        return _grouped(found["times"] + step / 2, found["sources"])


def start(of: Task, peer: Path | None, folder: Path) -> Brian2:
    """Start the process."""
    np.savez(folder / "network.npz", duration=DURATION, tau_m=TAU_M, tau_s=TAU_S, **of._asdict())
    environment = os.environ | ({} if peer is None else {"PYTHONPATH": str(Path(peer).resolve())})
    command = [sys.executable, str(Path(__file__).with_name("brian2_process.py")), str(folder / "network.npz")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    return Brian2(process, folder)


def exact_enough(brian2: Brian2, ours: Answer, part: float, bar: float) -> tuple[float, np.ndarray, Program]:
    """Make steps smaller until spike times are exact; the step, all errors with it, and the program."""
    step, found, compiling = np.inf, np.full(1, np.inf), 0.0
    for step in STEPS:
        brian2.ask("build", step)
        compiling = brian2.run()
        found = errors(brian2.spikes(step), ours)
        if np.quantile(found, part, method="higher") <= bar:
            break
    return step, found, Program(brian2.run, max(0.0, compiling - brian2.run()), is_elsewhere=True)


def errors(found: Answer, truth: Answer) -> np.ndarray:
    """Relative errors of spike times, by neuron and its number; infinite where only one of both has that spike."""
    assert found.sources is not None
    assert truth.sources is not None
    collected = []
    for neuron in range(NEURONS):
        one, other = (answer.spikes[answer.sources == neuron] for answer in (found, truth))
        both = min(one.size, other.size)
        collected += [np.abs(one[:both] / other[:both] - 1), np.full(max(one.size, other.size) - both, np.inf)]
    return np.concatenate(collected)


def _grouped(times: np.ndarray, sources: np.ndarray) -> Answer:
    """Spikes by neuron, and in time within each."""
    order = np.lexsort((times, sources))
    return Answer(times[order], sources[order])


def is_found(peers: Any) -> bool:
    """Whether Brian2 is to be had; it is not imported here."""
    if "brian2" in peers:
        return (Path(peers["brian2"]) / "brian2").is_dir()
    return importlib.util.find_spec("brian2") is not None


def answer(options: Options) -> Report:
    """Measure."""
    of, comparison, remarks = task(), Comparison(), []
    bar = QUICK_BAR if options.quick else BAR
    with jax.enable_x64(True), tempfile.TemporaryDirectory() as folder:
        program, ours = of_smoothspike(of)
        programs, brian2 = {OURS: program}, None
        if not is_found(options.peers):
            remarks.append(left_out("brian2"))
        else:
            brian2 = start(of, options.peers.get("brian2"), Path(folder))
            for part in PARTS:
                step, wrong, programs["brian2"] = exact_enough(brian2, ours, part, bar)
                what, error = f"{part:.0%} of spike times", float(np.quantile(wrong, part, method="higher"))
                comparison.agreements.append(Agreement(what, "brian2", error, bar))
                comparison.add(f"simulation, {what} exact", measured(programs, options.repeats))
                version = brian2.ask("run")
                remarks.append(
                    f"{what}: Brian2 {version['version']} ({version['target']} code) with steps of {step:g}, "
                    f"{np.sum(~np.isfinite(wrong))} spikes that only one of both finds."
                )
        if brian2 is None:
            comparison.add("simulation", measured(programs, options.repeats))
        if brian2 is not None:
            brian2.process.stdin.close()
            brian2.process.wait()
    setting = (
        f"{NEURONS} recurrent LIF neurons, {INPUTS} input events to all of them and {ours.spikes.size} spikes in "
        f"{DURATION:g} time constants, one trial."
    )
    return Report(
        f"Simulation alone, exact to {bar:g}", setting, "float64", comparison.table(), comparison.agreements, remarks,
        comparison.figures(),
    )  # fmt: skip
