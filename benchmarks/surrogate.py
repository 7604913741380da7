"""What do surrogate gradients do that exact ones do not? The same networks, exact and stepped in time.

    python -m benchmarks.surrogate [convergence] [direction] [training] [speed] [--quick] [--epochs 10] [--json FILE]

convergence: errors of spike times against the exact network as the step becomes shorter, on the grid and interpolated.
direction: the cosine between the surrogate gradient of a smooth loss of a readout's voltages and the exact one, for the
weights of the hidden layer.
training: 64-50-10 networks of handwritten digits with leaky readouts, trained by either and tested by both.
speed: a training step of these in ms, the least of several interleaved runs.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import smoothspike as ss

from .question import slope

STEPS = (0.04, 0.02, 0.01, 0.005, 0.0025)
DURATION = 4.0
BY_NAME = {"QIF": ss.models.qif, "LIF": ss.models.lif}
LEAKY = """
dV/dt = (I - V)/2
dI/dt = -2*I
"""


def neuron_of(model: ss.NeuronModel) -> ss.Neuron:
    return ss.Neuron(model, allow_discontinuous=True)


def random_trial(channels: int, seed: int = 0) -> ss.Spikes:
    """Two spikes for every channel at random times, off every grid."""
    source = np.random.default_rng(seed)
    return ss.Spikes(np.sort(source.uniform(0, 2.5, 2 * channels)), np.arange(2 * channels) % channels)


def convergence_networks() -> dict[str, Any]:
    """Small random networks of several neurons; the scale of their weights gives them a few spikes each."""
    models = {
        "LIF": (ss.models.lif(), 2.0),
        "LIF, alpha synapses": (ss.models.lif_alpha(), 3.0),
        "QIF": (ss.models.qif(), 3.0),
        "QIF, alpha synapses": (ss.models.qif_alpha(), 3.0),
        "QIF, adaptive": (ss.models.qif_adaptive(), 3.0),
        "AdEx": (ss.models.adex(), 2.0),
    }
    source = np.random.default_rng(1)
    found: dict[str, Any] = {}
    for name, (model, size) in models.items():
        weights = size * source.normal(0.5, 0.6, (8, 6))
        found[name] = ss.FeedForward(neuron_of(model), (6, 8), DURATION, weights=[weights])
    found["QIF, recurrent with delays"] = ss.Recurrent(
        neuron_of(ss.models.qif()), 8, 6, DURATION,
        input_weights=3.0 * source.normal(0.5, 0.6, (8, 6)), recurrent_weights=source.normal(0, 1.0, (8, 8)),
        recurrent_delays=source.uniform(0.1, 0.8, (8, 8)),
    )  # fmt: skip
    return found


def convergence(quick: bool) -> dict[str, Any]:
    """Mean error of the first two spikes of every neuron, over those that both networks have."""
    found: dict[str, Any] = {}
    steps = STEPS[:2] if quick else STEPS
    spikes = random_trial(6)
    with jax.enable_x64(True):
        for name, network in convergence_networks().items():
            exact = np.asarray(network(spikes).ordinary_spike_times(2))
            row: dict[str, Any] = {"grid": [], "interpolated": [], "spikes": int(np.isfinite(exact).sum())}
            for dt in steps:
                # one simulation: on the grid a spike comes at the end of the step that it lies in
                stepped = ss.baselines.surrogate(network, dt, interpolate=True)(spikes)
                times = np.asarray(stepped.ordinary_spike_times(2))
                grid = np.ceil(np.round(times / dt, 6)) * dt
                both = np.isfinite(exact) & np.isfinite(times)
                row["grid"].append(float(np.abs(grid[both] - exact[both]).mean()))
                row["interpolated"].append(float(np.abs(times[both] - exact[both]).mean()))
            row |= {f"order_{kind}": slope(steps, row[kind]) for kind in ("grid", "interpolated")}
            found[name] = row
            errors = "  ".join(f"{error:.1e}" for error in row["grid"])
            inner = "  ".join(f"{error:.1e}" for error in row["interpolated"])
            print(
                f"| {name} | {errors} | {row['order_grid']:.2f} | {inner} | {row['order_interpolated']:.2f} |",
                flush=True,
            )
    return found


def with_readout(model: ss.NeuronModel, sizes: tuple[int, ...], duration: float, seed: int) -> Any:
    leaky = ss.NeuronModel.from_equations(LEAKY, name="leaky readout", inputs="I")
    return ss.FeedForward(
        [neuron_of(model), ss.Neuron(leaky)], sizes, duration, key=jax.random.key(seed), scale=1.5, mean=0.3
    )


def direction(quick: bool) -> dict[str, Any]:
    """Cosine of the gradients by the weights of the hidden layer, of a batch of trials."""
    found: dict[str, Any] = {}
    each = [random_trial(6, seed) for seed in range(4 if quick else 16)]
    spikes = ss.Spikes(np.stack([one.times for one in each]), np.stack([one.sources for one in each]))
    labels = jnp.arange(len(each)) % 3
    chosen = [("superspike", scale) for scale in (1.0, 10.0, 100.0)] + [("atan", 2.0), ("sigmoid", 4.0)]
    chosen += [("triangular", 1.0), ("gaussian", 2.0), ("straight_through", 1.0)]

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(network: Any, capacity: Any = None) -> Any:
        values = network(spikes, capacity=capacity).mean_over_time()
        return jax.vmap(ss.losses.cross_entropy)(values, labels).mean()

    with jax.enable_x64(True):
        for name, model in BY_NAME.items():
            network = with_readout(model(), (6, 16, 3), DURATION, 0)
            truth = np.asarray(gradient(network, network.capacity_for(spikes)).raw_weights[0]["I"]).ravel()
            for surrogate, scale in chosen[:2] if quick else chosen:
                row = []
                for dt in (0.04,) if quick or (surrogate, scale) != ("superspike", 10.0) else (0.04, 0.01, 0.0025):
                    stepped = ss.baselines.surrogate(network, dt, surrogate=surrogate, scale=scale)
                    own = np.asarray(gradient(stepped).network.raw_weights[0]["I"]).ravel()
                    row.append((dt, float(own @ truth / np.linalg.norm(own) / np.linalg.norm(truth)),
                                float(np.linalg.norm(own) / np.linalg.norm(truth))))  # fmt: skip
                found[f"{name}, {surrogate} {scale:g}"] = row
                cells = "; ".join(f"dt {dt:g}: {cosine:.2f} (x {size:.2g})" for dt, cosine, size in row)
                print(f"| {name} | {surrogate} | {scale:g} | {cells} |", flush=True)
    return found


def training(quick: bool, epochs: int) -> dict[str, Any]:
    """Accuracies on held-out digits by the network that trained and the one that is tested."""
    train, test = ss.datasets.digits(duration=2.0)
    if quick:
        train, test, epochs = train[:64], test[:64], 1
    found: dict[str, Any] = {}
    for name, model in BY_NAME.items():
        start = ss.initialise(with_readout(model(), (64, 50, 10), DURATION, 0), train, rate=0.7)
        stepped = partial(ss.baselines.surrogate, dt=0.05)
        for trained_by, begin in (("exact", start), ("surrogate", stepped(start))):
            before = time.perf_counter()
            fitted = ss.fit(
                begin, train, ss.losses.cross_entropy, epochs=epochs, batch_size=64, progress=False,
                optimizer=optax.adam(3e-3), key=jax.random.key(1),
            ).network  # fmt: skip
            seconds = time.perf_counter() - before
            network = fitted.network if trained_by == "surrogate" else fitted
            row = {
                "exact": ss.evaluate(network, test)["accuracy"],
                "dt 0.05": ss.evaluate(stepped(network), test)["accuracy"],
                "dt 0.01": ss.evaluate(ss.baselines.surrogate(network, 0.01), test)["accuracy"],
                "seconds": seconds,
            }
            found[f"{name}, {trained_by}"] = row
            cells = " | ".join(f"{row[key]:.1%}" for key in ("exact", "dt 0.05", "dt 0.01"))
            print(f"| {name} | {trained_by} | {cells} | {seconds:.0f} s |", flush=True)
    return found


def speed(quick: bool) -> dict[str, Any]:
    """The time of a gradient on a batch of 64 digits, by the exact network and in steps of several lengths."""
    train, _ = ss.datasets.digits(duration=2.0)
    spikes, labels = next(iter(train.batches(64)))

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(network: Any, spikes: Any, capacity: Any) -> Any:
        values = network(spikes, capacity=capacity).max_over_time()
        return jax.vmap(ss.losses.cross_entropy)(values, labels).mean()

    found: dict[str, Any] = {}
    for name, model in BY_NAME.items():
        network = ss.initialise(with_readout(model(), (64, 50, 10), DURATION, 0), train, rate=0.7)
        programs = {"exact": partial(gradient, network, spikes, network.capacity_for(spikes))}
        for dt in (0.1, 0.05) if quick else (0.1, 0.05, 0.01):
            programs[f"dt {dt:g}"] = partial(gradient, ss.baselines.surrogate(network, dt), spikes, None)
        seconds: dict[str, list[float]] = {key: [] for key in programs}
        for repeat in range(2 if quick else 8):
            for key, program in programs.items():
                before = time.perf_counter()
                jax.block_until_ready(program())
                if repeat:  # the first one compiles
                    seconds[key].append(time.perf_counter() - before)
        found[name] = {key: 1e3 * min(each) for key, each in seconds.items()}
        print(
            f"| {name} | " + " | ".join(f"{key}: {value:.1f} ms" for key, value in found[name].items()) + " |",
            flush=True,
        )
    return found


PARTS: dict[str, Any] = {"convergence": convergence, "direction": direction, "training": training, "speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.surrogate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []], help="which; default: all")
    parser.add_argument(
        "--neurons", nargs="+", choices=list(BY_NAME), default=list(BY_NAME), help="all but convergence"
    )
    parser.add_argument("--quick", action="store_true", help="less work, as a test")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    options = parser.parse_args()
    for name in set(BY_NAME) - set(options.neurons):
        del BY_NAME[name]
    found = {}
    for name in options.parts or PARTS:
        print(f"\n{name}: {PARTS[name].__doc__}", flush=True)
        extra = {"epochs": options.epochs} if name == "training" else {}
        found[name] = PARTS[name](options.quick, **extra)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
