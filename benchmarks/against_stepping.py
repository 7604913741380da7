"""How exact are spike times? This package, and stepping in time, against 50-digit arithmetic.

    python benchmarks/against_stepping.py [--neurons 60] [--spikegd FOLDER] [--json]

Random quadratic integrate-and-fire neurons with an exponential current: 20 inputs of both signs in 10 membrane time
constants, weights up to 20 times the rheobase. Printed: the largest and the median relative error of all spike times,
and how many neurons emitted a wrong number of spikes. Stepping in time is the usual method; here it has every
advantage: it advances the phase `2 atan V`, which never diverges, by the explicit Euler method, so that
only the step matters. Inputs and spikes lie on its grid. With a checkout of github.com/chklos/spikegd its closed-form
QIF neuron is measured on the same inputs. Needs the test dependencies (mpmath).
"""

import argparse
import json
import math
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from reference import QuadraticCurrent, number, simulate_single

DURATION, INPUTS = 10.0, 20


def trials(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.uniform(0, 0.9 * DURATION, (count, INPUTS)), generator.uniform(-5, 5, (count, INPUTS))


def exact(times: np.ndarray, weights: np.ndarray, *, double: bool) -> list[np.ndarray]:
    with jax.enable_x64(double):
        neuron = ss.Neuron(ss.models.qif())

        def spike_times(times, weights):
            network = ss.FeedForward(neuron, (INPUTS, 1), DURATION, weights=[weights[None]])
            return network(ss.Spikes(times, jnp.arange(INPUTS)), capacity=64).spikes[-1].times

        dtype = float if double else np.float32
        found = np.asarray(jax.jit(jax.vmap(spike_times))(times.astype(dtype), weights.astype(dtype)))
    return [row[np.isfinite(row)] for row in found]


def stepped(times: np.ndarray, weights: np.ndarray, step: float) -> list[np.ndarray]:
    """Explicit Euler steps of `theta = 2 atan V`, for which `theta' = (1 - cos) - sin + (1 + cos) I`."""
    steps = round(DURATION / step)
    trains = []
    for when, how_much in zip(times, weights, strict=True):
        kicks = np.bincount(np.minimum((when / step).astype(int), steps - 1), how_much, steps)
        theta, current, train = 0.0, 0.0, []
        for index in range(steps):
            current += kicks[index]
            cosine = math.cos(theta)
            theta += step * ((1 - cosine) - math.sin(theta) + (1 + cosine) * current)
            current -= step * 2 * current
            if theta >= math.pi:
                train.append((index + 1) * step)
                theta -= 2 * math.pi
        trains.append(np.array(train))
    return trains


def of_spikegd(times: np.ndarray, weights: np.ndarray, folder: str) -> list[np.ndarray]:
    sys.path.insert(0, folder)
    from spikegd.qif import QIFNeuron  # pyright: ignore[reportMissingImports]

    with jax.enable_x64(True):
        neuron, config = QIFNeuron(), {"T": DURATION, "K": INPUTS + 64}

        def spike_times(times, weights):
            inputs = times, jnp.arange(INPUTS)
            when, is_input, which, _ = neuron.event(jnp.zeros((2, 1)), jnp.zeros((1, 1)), weights[None], inputs, config)
            return jnp.where(is_input | (which < 0), jnp.inf, when)

        found = np.asarray(jax.jit(jax.vmap(spike_times))(times, weights))
    return [row[np.isfinite(row)] for row in found]


def errors(found: list[np.ndarray], truth: list[list]) -> dict[str, float]:
    wrong = [len(f) != len(t) for f, t in zip(found, truth, strict=True)]
    relative = [
        abs(float((number(a) - b) / b))
        for f, t, bad in zip(found, truth, wrong, strict=True)
        if not bad
        for a, b in zip(f, t, strict=True)
    ]
    return {"largest": max(relative), "median": float(np.median(relative)), "wrong_counts": int(sum(wrong))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=60)
    parser.add_argument("--spikegd", metavar="FOLDER", help="a checkout of github.com/chklos/spikegd to include")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    times, weights = trials(options.neurons)
    neuron = QuadraticCurrent(1, 0.5)
    truth = [simulate_single(neuron, t, w, DURATION)[0] for t, w in zip(times, weights, strict=True)]
    single = times.astype(np.float32).astype(float), weights.astype(np.float32).astype(float)
    truth_single = [simulate_single(neuron, t, w, DURATION)[0] for t, w in zip(*single, strict=True)]
    rows = {
        "smoothspike, float64": errors(exact(times, weights, double=True), truth),
        "smoothspike, float32": errors(exact(times, weights, double=False), truth_single),
    }
    if options.spikegd:
        rows["spikegd, float64"] = errors(of_spikegd(times, weights, options.spikegd), truth)
    for step in (1e-2, 1e-3, 1e-4):
        rows[f"explicit Euler, step {step:g} tau_m"] = errors(stepped(times, weights, step), truth)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{options.neurons} neurons, {sum(map(len, truth))} spikes; relative errors of spike times")
    print(f"{'method':34} {'largest':>9} {'median':>9} {'wrong spike counts':>19}")
    for name, row in rows.items():
        print(f"{name:34} {row['largest']:9.0e} {row['median']:9.0e} {row['wrong_counts']:12d} of {options.neurons}")


if __name__ == "__main__":
    main()
