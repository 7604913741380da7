"""Landscapes of the loss of leaky and quadratic neurons at equal loss: how often they jump, and why.

Small networks of either are trained on points of the Yin-Yang symbol until they reach the same loss. On random lines
through them, the places of all jumps and kinks are found exactly. After the claims of Wenig, Memmesheimer & Klos,
arXiv:2606.03935.

    python examples/landscapes.py [--quick] [--output runs/landscapes]
"""

from collections import Counter
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from gallery import Entry, Outcome, mean_and_deviation
from jaxtyping import Array
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot

SIZES, DURATION, INPUT = (5, 8, 3), 4.0, 2.0
TRAINED, SHOWN = 90, 4  # samples for training, and of the landscapes
LEVEL, MOST = 0.7, 600  # the loss at which training ends; steps of the optimiser
SPAN, PLANE = 0.5, 0.5
CAPACITY = 32
KINDS = ("appearance", "disappearance", "order", "trial end")


class Kind(NamedTuple):
    """A neuron and how it is drawn."""

    name: str
    neuron: ss.Neuron
    color: str


class Scape(NamedTuple):
    """A line through a trained network, and what was trained."""

    line: Any
    net: ss.FeedForward
    loss: float
    steps: int


def kinds() -> tuple[Kind, Kind]:
    lif = ss.Neuron(ss.models.lif(tau_m=1.0, tau_s=0.5), allow_discontinuous=True)
    return Kind("QIF", ss.Neuron(ss.models.qif(tau_m=1.0, tau_s=0.5)), plot.BLUE), Kind("LIF", lif, plot.VERMILION)


def loss(times: Array, label: Array) -> Array:
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5)


def mean_loss(weights: Any, fixed: Any, data: ss.datasets.Dataset) -> Array:
    net = eqx.combine(weights, fixed)
    times = net(data.spikes, capacity=CAPACITY).first_spike_times()
    return jax.vmap(loss)(times, jnp.asarray(data.labels)).mean()


@eqx.filter_jit
def descent(weights: Any, fixed: Any, data: ss.datasets.Dataset) -> Any:
    """Train until the loss is at the level; return weights, loss and the number of steps."""
    optimizer = optax.adabelief(5e-2)

    def go_on(carry: tuple) -> Array:
        _, _, value, steps = carry
        return (value > LEVEL) & (steps < MOST)

    def step(carry: tuple) -> tuple:
        weights, state, _, steps = carry
        value, gradient = jax.value_and_grad(mean_loss)(weights, fixed, data)
        updates, state = optimizer.update(gradient, state, weights)
        # these weights are kept where their loss is low enough
        moved = jax.tree.map(lambda old, change: jnp.where(value > LEVEL, old + change, old), weights, updates)
        return moved, state, value, steps + 1

    weights, _, value, steps = jax.lax.while_loop(go_on, step, (weights, optimizer.init(weights), jnp.inf, 0))
    return weights, value, steps


def trained(kind: Kind, data: ss.datasets.Dataset, seed: int) -> tuple[ss.FeedForward, float, int]:
    """Train a network to the level."""
    net = ss.FeedForward(kind.neuron, SIZES, DURATION, key=jax.random.key(seed), scale=0.8, mean=0.5)
    weights, fixed = eqx.partition(net, eqx.is_inexact_array)
    weights, value, steps = descent(weights, fixed, data)
    return eqx.combine(weights, fixed), float(value), int(steps)


def counted(scapes: list[Scape], samples: int) -> dict[str, Any]:
    """Return how many jumps and kinks there are on a unit of length, for the loss of one sample, and their causes."""
    length = 2 * SPAN * samples
    jumps = [len(each.line.jumps) / length for each in scapes]
    events = [event for each in scapes for event in each.line.jumps]
    causes = Counter(event.kind for event in events)
    share = {kind.replace(" ", "_"): causes[kind] / max(len(events), 1) for kind in KINDS}
    slopes = [each.line.sample_gradients[..., 0] for each in scapes]
    return {
        "loss": mean_and_deviation([each.loss for each in scapes]), "steps": [each.steps for each in scapes],
        "jumps": mean_and_deviation(jumps), "all_jumps": jumps,
        "kinks": mean_and_deviation([len(each.line.kinks) / length for each in scapes]),
        "number": len(events), "share": share,
        "size": float(np.median([abs(event.size) for event in events])) if events else 0.0,
        "slope_spread": mean_and_deviation([float(each.std(1).mean()) for each in slopes]),
        "steepest": float(max(np.abs(each).max() for each in slopes)),
    }  # fmt: skip


def draw_lines(axes: tuple[Axes, Axes], kind: Kind, line: Any) -> None:
    """Draw the losses of single samples and their mean, and the derivative of the mean."""
    upper, lower = axes
    for sample in range(len(line.sample_values)):
        upper.plot(*line.curve(sample), color=plot.lighter(kind.color, 0.6), linewidth=0.6)
    upper.plot(*line.curve(), color=kind.color, linewidth=1.2)
    lower.plot(line.coordinates[0], line.gradients[:, 0], color=kind.color, linewidth=0.8)
    upper.set_title(kind.name, color=kind.color)
    for event in line.jumps:
        lower.axvline(event.place, ymin=0.0, ymax=0.06, color="#222222", linewidth=0.5)
    lower.set_yscale("symlog", linthresh=1.0)
    lower.set(xlabel="along a random direction", yticks=[-100, -1, 0, 1, 100])
    for ax in axes:
        ax.set_xlim(-SPAN, SPAN)


def draw_plane(ax: Axes, kind: Kind, plane: Any, limits: tuple[float, float]) -> Any:
    """Draw the mean loss on a plane."""
    x, y = plane.coordinates
    image = ax.pcolormesh(
        x, y, plane.values.T, cmap="cividis", vmin=limits[0], vmax=limits[1], shading="nearest", rasterized=True
    )
    ax.plot(0, 0, "+", color="white", markersize=6)
    ax.set(xlabel="direction 1", ylabel="direction 2", aspect="equal")
    ax.set_title(kind.name, color=kind.color)
    return image


def loops(nets: dict[str, ss.FeedForward], data: ss.datasets.Dataset, radius: float) -> dict[str, Any]:
    """Integrate exact gradients around a square, and a surrogate gradient."""
    found = {}
    kind: str
    given: Any
    options: dict[str, Any]
    for name, net in nets.items():
        for kind, given, options in (
            ("exact", net, {"capacity": CAPACITY}),
            ("surrogate", ss.baselines.surrogate(net, dt=0.02), {"points": 32, "readout": first_times}),
        ):
            each = ss.loop_integral(given, data, loss, radius=radius, key=jax.random.key(2), **options)
            found[f"{name.lower()}_{kind}"] = {
                "integral": each.integral, "jumps": each.jumps, "together": each.remainder, "error": each.error,
                "number": sum(event.is_jump for edge in each.events for event in edge),
            }  # fmt: skip
    return found


def first_times(recording: Any) -> Array:
    return recording.first_spike_times()


def run(quick: bool) -> Outcome:
    """Train both, and look around."""
    seeds, shown = (1, 1) if quick else (3, SHOWN)
    train = ss.datasets.yin_yang(TRAINED, duration=INPUT, bias_time=0.0)
    data = train[:shown]
    numbers: dict[str, Any] = {"level": LEVEL, "seeds": seeds, "samples": shown, "span": 2 * SPAN}
    fig = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = fig.subplots(2, 3, width_ratios=(1, 1, 0.9))
    planes, nets = {}, {}
    chosen = kinds()[:1] if quick else kinds()
    for column, kind in enumerate(chosen):
        scapes = []
        for seed in range(seeds):
            net, value, steps = trained(kind, train, seed)
            line = ss.landscape(net, data, loss, span=SPAN, points=101, key=jax.random.key(seed), capacity=CAPACITY)
            scapes.append(Scape(line, net, value, steps))
        numbers[kind.name.lower()] = counted(scapes, shown)
        draw_lines((axes[0, column], axes[1, column]), kind, scapes[0].line)
        nets[kind.name] = scapes[0].net
        if not quick:
            planes[kind.name] = ss.landscape(
                scapes[0].net, data, loss, directions=2, span=PLANE, points=41, key=jax.random.key(1), capacity=CAPACITY
            )
    if quick:
        return Outcome(numbers, {"": fig})
    values = np.concatenate([each.values.ravel() for each in planes.values()])
    limits = float(values.min()), float(np.quantile(values, 0.98))
    for ax, kind in zip(axes[:, 2], chosen, strict=False):
        image = draw_plane(ax, kind, planes[kind.name], limits)
        fig.colorbar(image, ax=ax, label="loss", extend="max")
    axes[0, 0].set_ylabel("loss")
    axes[1, 0].set_ylabel("its derivative")
    numbers["loops"] = loops(nets, data[:2], radius=0.1)
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="Loss landscapes of leaky and quadratic neurons",
    published="LIF: discontinuous, more fragmented; QIF: less",
    ours="jumps per unit length and sample: LIF {{ lif.jumps }}, QIF {{ qif.jumps }}",
    seeds="3",
    run=run,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
