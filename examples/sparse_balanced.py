"""Large sparse networks in balance: what a spike and its gradient cost, and how fast perturbations grow.

Every neuron inhibits a fixed number of others, and a constant current excites all. The first Lyapunov exponent is that
of the exact Jacobian of the network, compared with finite perturbations in an independent simulation. After Engelken,
SparseProp (NeurIPS 2023), and Monteforte & Wolf, Phys. Rev. Lett. 105, 268104 (2010).

    python examples/sparse_balanced.py [--quick] [--output runs/sparse_balanced]
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from gallery import Entry, Outcome
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot

DEGREE, COUPLING, RATE = 50, 1.0, 0.05  # targets of a neuron; J_0; the rate of the balance, in 1/tau_m
DRIVE = COUPLING * RATE * np.sqrt(DEGREE)
TRIAL = 20.0  # about one spike of every neuron
SEGMENT, STEPS, WARM_UP = 1.0, 200, 50
SMALL = 1e-7


class Kind(NamedTuple):
    """A neuron, and where its potential may start."""

    name: str
    model: ss.NeuronModel
    color: str
    span: tuple[float, float]


def kinds() -> tuple[Kind, Kind]:
    qif = ss.NeuronModel.from_equations(
        "dV/dt = V**2 + I_0", name="QIF", spike="V = oo", reset="V = -oo", inputs="V", parameters={"I_0": DRIVE}
    )
    lif = ss.NeuronModel.from_equations(
        "dV/dt = 1 + I_0 - V", name="LIF", spike="V = 1", reset="V = 0", inputs="V", parameters={"I_0": DRIVE}
    )
    return Kind("QIF", qif, plot.BLUE, (-2.0, 2.0)), Kind("LIF", lif, plot.VERMILION, (0.0, 1.0))


def targets_of(neurons: int) -> np.ndarray:
    """Draw the targets of every neuron, one in each part of all, so that none is reached twice, nor by itself."""
    draws = np.random.default_rng(0)
    part = neurons // DEGREE
    targets = np.arange(DEGREE) * part + draws.integers(0, part, (neurons, DEGREE))
    own = targets == np.arange(neurons)[:, None]
    return np.where(own, np.where(targets % part, targets - 1, targets + 1), targets)


def network(kind: Kind, neurons: int, duration: float) -> ss.Recurrent:
    weights = np.full((neurons, DEGREE), -COUPLING / np.sqrt(DEGREE))
    connections = ss.Connections(targets_of(neurons), weights)
    nothing = ss.Connections(np.zeros((1, 1), int), np.zeros((1, 1)))
    neuron = ss.Neuron(kind.model, allow_discontinuous=True)
    return ss.Recurrent(neuron, neurons, 1, duration, recurrent_weights=connections, input_weights=nothing)


def start(kind: Kind, neurons: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(*kind.span, neurons)


def run_once(net: ss.Recurrent, potentials: Array, capacity: int) -> Any:
    return net(ss.Spikes([np.inf], [0]), initial={"V": potentials}, capacity=capacity)


def timed(function: Callable[..., Any], *arguments: Any, repeats: int) -> tuple[Any, float]:
    """Return the result, and the least CPU time of some runs."""
    program = jax.jit(function).lower(*arguments).compile()
    found, seconds = jax.block_until_ready(program(*arguments)), []
    for _ in range(repeats):
        begun = time.process_time()
        jax.block_until_ready(program(*arguments))
        seconds.append(time.process_time() - begun)
    return found, min(seconds)


def cost(kind: Kind, neurons: int, repeats: int, with_gradient: bool) -> dict[str, float]:
    """Measure what a spike costs, and its gradient by all weights."""
    net, potentials = network(kind, neurons, TRIAL), jnp.asarray(start(kind, neurons))
    capacity = 3 * neurons

    arrays, static = eqx.partition(net, eqx.is_array)

    def spikes(weights: Any, arrays: Any, potentials: Array) -> tuple[Array, Array]:
        given = eqx.tree_at(lambda each: each.raw_recurrent_weights.weights, eqx.combine(arrays, static), weights)
        found = run_once(given, potentials, capacity).spikes[0]
        return jnp.where(found.is_spike, found.times, 0.0).sum(), found.num_events

    given = net.raw_recurrent_weights.weights, arrays, potentials
    (_, number), seconds = timed(spikes, *given, repeats=repeats)
    result = {"neurons": neurons, "spikes": int(number), "microseconds": 1e6 * seconds / int(number)}
    if with_gradient:
        _, seconds = timed(jax.value_and_grad(spikes, has_aux=True), *given, repeats=repeats)
        result["gradient"] = 1e6 * seconds / int(number)
    return result


def exponents(kind: Kind, neurons: int, steps: int) -> np.ndarray:
    """Return how fast a perturbation grows in every segment, by the exact Jacobian, on the circle of phases."""
    net = network(kind, neurons, SEGMENT)

    def segment(angle: Float[Array, " neurons"]) -> Float[Array, " neurons"]:
        after = run_once(net, jnp.tan(angle / 2), neurons)
        return 2 * jnp.arctan(after.states_at(jnp.array([SEGMENT]))["V"][0])

    def step(carry: tuple[Array, Array], _: None) -> Any:
        angle, tangent = carry
        angle, tangent = jax.jvp(segment, (angle,), (tangent,))
        size = jnp.linalg.norm(tangent)
        return (angle, tangent / size), jnp.log(size) / SEGMENT

    tangent = np.random.default_rng(2).normal(size=neurons)
    first = jnp.asarray(2 * np.arctan(start(kind, neurons))), jnp.asarray(tangent / np.linalg.norm(tangent))
    return np.asarray(jax.jit(lambda carry: jax.lax.scan(step, carry, length=steps)[1])(first))


def by_perturbation(kind: Kind, neurons: int, steps: int) -> np.ndarray:
    """Do the same without the package: two networks in NumPy, in the phase of the free neuron, 1e-7 apart."""
    targets, weight, root = targets_of(neurons), -COUPLING / np.sqrt(DEGREE), np.sqrt(DRIVE)
    end = np.pi / 2 / root

    def segment(angle: np.ndarray) -> np.ndarray:
        phase, left = np.arctan(np.tan(angle / 2) / root) / root, SEGMENT
        while (wait := end - phase[spiking := int(phase.argmax())]) < left:
            phase, left = phase + wait, left - wait
            phase[spiking] = -end
            reached = targets[spiking]
            phase[reached] = np.arctan(np.tan(root * phase[reached]) + weight / root) / root
        return 2 * np.arctan(root * np.tan(root * (phase + left)))

    tangent = np.random.default_rng(2).normal(size=neurons)
    angle, tangent, growth = 2 * np.arctan(start(kind, neurons)), tangent / np.linalg.norm(tangent), []
    for _ in range(steps):
        after, other = segment(angle), segment(angle + SMALL * tangent)
        apart = (other - after + np.pi) % (2 * np.pi) - np.pi
        size = np.linalg.norm(apart)
        angle, tangent = after, apart / size
        growth.append(np.log(size / SMALL) / SEGMENT)
    return np.array(growth)


def run(quick: bool) -> Outcome:
    """Measure costs and the exponent."""
    sizes, steps, neurons = ((100,), 20, 100) if quick else ((100, 1000, 10_000, 100_000), STEPS, 1000)
    warm_up = min(WARM_UP, steps // 2)
    fig = Figure(figsize=(7.2, 2.5), layout="constrained")
    left, right = fig.subplots(1, 2)
    numbers: dict[str, Any] = {"degree": DEGREE, "rate": RATE, "drive": DRIVE, "trial": TRIAL, "costs": {}}
    rows = []
    for kind in kinds()[: 1 if quick else 2]:
        found = [cost(kind, size, 1 if quick else 2, kind.name == "QIF") for size in sizes]
        numbers["costs"][kind.name] = found
        left.loglog(sizes, [each["microseconds"] for each in found], "o-", color=kind.color, label=kind.name)
        if kind.name == "QIF":
            left.loglog(
                sizes, [each["gradient"] for each in found], "s--", color=kind.color, label="QIF, with its gradient"
            )
        for each in found:
            gradient = f"{each['gradient']:.1f} µs" if "gradient" in each else ""
            rows.append(
                f"| {kind.name} | {each['neurons']} | {each['spikes']} | {each['microseconds']:.1f} µs | {gradient} |"
            )
    left.set(xlabel="neurons", ylabel="CPU time of a spike (µs)", ylim=(2, 200))
    left.set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
    left.minorticks_off()
    left.legend(loc="upper left")
    exact, finite = (each(kinds()[0], neurons, steps) for each in (exponents, by_perturbation))
    counted = np.arange(1, steps - warm_up + 1)
    for values, color, label in (
        (exact, plot.BLUE, "exact Jacobian"),
        (finite, plot.VERMILION, "perturbation of 1e-7"),
    ):
        right.plot(counted, np.cumsum(values[warm_up:]) / counted, color=color, label=label)
    right.axhline(0, color=plot.GREY, linewidth=0.5, zorder=0)
    right.set(xlabel=r"time ($\tau_m$)", ylabel=r"Lyapunov exponent ($1/\tau_m$)")
    right.legend(loc="center right")
    of_qif = numbers["costs"]["QIF"]
    numbers |= {
        "table": "\n".join(rows), "neurons": neurons, "time": steps - warm_up,
        "exponent": float(exact[warm_up:].mean()), "finite": float(finite[warm_up:].mean()),
        "deviation": float(exact[warm_up:].std() / np.sqrt(len(counted))),
        "same": float(np.abs(exact[: min(5, steps)] - finite[: min(5, steps)]).max()),
        "smallest": of_qif[0]["microseconds"], "largest": of_qif[-1]["microseconds"], "most": of_qif[-1]["neurons"],
        "factor": float(np.median([each["gradient"] / each["microseconds"] for each in of_qif])),
    }  # fmt: skip
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="Large sparse networks in balance",
    published="cost of a spike O(log N); chaos (exponent positive)",
    ours="{{ largest:.1f}} µs at {{ most }} neurons; exponent {{ exponent:.3f}} (by perturbation {{ finite:.3f}})",
    seeds="1",
    run=run,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
