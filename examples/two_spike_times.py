"""One neuron learns two spike times from weights of zero: its spikes come in through the trial end.

22 inputs, of which two are learnt, their weights and their times. After Fig. 2 of Klos & Memmesheimer,
arXiv:2309.14523, with their pseudospikes and with ours; then the same with an exponential neuron, and with an equation
of one's own.

    python examples/two_spike_times.py [--quick] [--output runs/two_spike_times]
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from gallery import Entry, Outcome
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot

DURATION, FROZEN, TARGETS, QUICK = 10.0, 20, jnp.array([2.5, 7.5]), 300
#: By how much a spike time approaches its target in a trial, at most, where spike times are steep; and the damping.
BOUND, DAMPING = 0.05, 1e-2
COSH = "dV/dt = (cosh(V) - 2 + I)/tau_m; dI/dt = -I/tau_s"
Parameters = dict[str, Float[Array, "2"]]
SpikeTimes = Callable[[Parameters], Float[Array, "2"]]
#: The state at the start, and a step.
Rule = tuple[Callable[[Parameters], Any], Callable[[tuple, None], tuple]]


class Variant(NamedTuple):
    """A neuron, and what of a current is a unit of weight: 1 for the QIF, for others as much in terms of spikes."""

    name: str
    label: str
    neuron: ss.Neuron
    unit: float
    color: str
    trials: int
    is_steep: bool


class Path(NamedTuple):
    """What happens over the trials."""

    times: np.ndarray
    losses: np.ndarray
    gradients: dict[str, np.ndarray]
    start: Any
    end: Any


def variants(quick: bool) -> list[Variant]:
    """Return all neurons; for a short run, those that are solved in closed form."""
    constants = {"tau_m": 1.0, "tau_s": 0.5}
    rest = -float(np.arccosh(2.0))
    cosh = ss.NeuronModel.from_equations(
        COSH, name="cosh", spike="V = oo", reset="V = -oo", inputs="I", parameters=constants, initial={"V": rest}
    )
    paper = ss.Neuron(ss.models.qif(**constants), beyond=ss.Softplus(10.0))
    declared = [
        ("paper", "QIF, softplus", paper, plot.COLORS[4], 3000, False),
        ("qif", "QIF", ss.Neuron(ss.models.qif(**constants)), plot.BLUE, 6000, False),
        ("eif", "EIF", ss.Neuron(ss.models.eif(**constants)), plot.COLORS[2], 2000, True),
        ("cosh", r"$\cosh V$", ss.Neuron(cosh), plot.COLORS[3], 500, True),
    ]
    return [
        Variant(name, label, neuron, least_weight(neuron) / (np.pi**2 / 4), color, trials, is_steep)
        for name, label, neuron, color, trials, is_steep in declared[: 2 if quick else None]
    ]


def least_weight(neuron: ss.Neuron) -> float:
    """Return the least weight of a single input that makes a neuron spike, by bisection."""

    @jax.jit
    def spikes(weight: Float[Array, ""]) -> Array:
        net = ss.FeedForward(neuron, (1, 1), 4 * DURATION, weights=[weight.reshape(1, 1)])
        return net(ss.Spikes([0.0], [0]), capacity=4).spikes[-1].is_spike.any()

    low, high = 0.0, 16.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if spikes(jnp.asarray(middle)) else (middle, high)
    return high


def trained(variant: Variant, seed: int, quick: bool) -> tuple[Path, Callable[[Parameters], Any]]:
    """Train the two inputs of a neuron; also return a function that runs it."""
    with jax.threefry_partitionable(False):  # the authors' random numbers, as JAX drew them in 2024
        _, for_times, for_weights, _ = jax.random.split(jax.random.PRNGKey(seed), 4)
        frozen_times = jax.random.uniform(for_times, (FROZEN,), maxval=DURATION)
        frozen_weights = jax.random.normal(for_weights, (FROZEN,))

    def recording(parameters: Parameters) -> Any:
        times = jnp.concatenate([frozen_times, parameters["times"]])
        weights = variant.unit * jnp.concatenate([frozen_weights, parameters["weights"]])
        net = ss.FeedForward(variant.neuron, (FROZEN + 2, 1), DURATION, weights=[weights[None]])
        return net(ss.Spikes(times, jnp.arange(FROZEN + 2)), capacity=25)

    begin, step = (straight if variant.is_steep else descent)(lambda each: recording(each).spike_times(2)[0])
    start = {"times": jnp.array([1.0, 9.0]), "weights": jnp.zeros(2)}
    run = jax.jit(lambda carry: jax.lax.scan(step, carry, length=QUICK if quick else variant.trials))
    (end, _), (times, gradients) = jax.tree.map(np.asarray, run((start, begin(start))))
    return Path(times, np.mean((times - np.asarray(TARGETS)) ** 2, 1), gradients, start, end), recording


def descent(spike_times: SpikeTimes) -> Rule:
    """Return gradient descent with clipped gradients."""
    optimizer = optax.chain(optax.clip(0.02), optax.sgd(0.1))

    def step(carry: tuple, _: None) -> tuple:
        parameters, state = carry
        found, pull = jax.vjp(spike_times, parameters)
        (gradient,) = pull(found - TARGETS)
        updates, state = optimizer.update(gradient, state)
        return (moved(parameters, updates, 1.0), state), (found, gradient)

    return optimizer.init, step


def straight(spike_times: SpikeTimes) -> Rule:
    """Return steps of Levenberg and Marquardt that take both spike times straight to their targets, in small steps.

    Each is the least change of parameters that does so to first order; it is halved until no spike time moves by more
    than twice the bound.
    """

    def step(carry: tuple, _: None) -> tuple:
        parameters, state = carry
        found, pull = jax.vjp(spike_times, parameters)
        (rows,) = jax.vmap(pull)(jnp.eye(2))
        jacobian = jnp.concatenate(jax.tree.leaves(rows), axis=1)
        square = jacobian @ jacobian.T
        wanted = jnp.clip(TARGETS - found, -BOUND, BOUND)
        combined = jnp.linalg.solve(square + DAMPING * jnp.diag(jnp.diag(square)), wanted)
        updates = jax.tree.map(lambda each: combined @ each, rows)

        def is_far(tried: tuple) -> Array:
            return jnp.abs(tried[1] - found).max() > 2 * BOUND

        def halved(tried: tuple) -> tuple:
            return tried[0] / 2, spike_times(moved(parameters, updates, tried[0] / 2))

        factor, _found = jax.lax.while_loop(
            is_far, halved, (jnp.array(1.0), spike_times(moved(parameters, updates, 1.0)))
        )
        gradient = jax.tree.map(lambda each: (found - TARGETS) @ each, rows)
        return (moved(parameters, updates, factor), state), (found, gradient)

    return lambda _: (), step


def moved(parameters: Parameters, updates: Any, factor: Any) -> Parameters:
    """Take a step; input times stay within the trial."""
    new: Any = optax.apply_updates(parameters, jax.tree.map(lambda each: factor * each, updates))
    last = np.nextafter(DURATION, 0)  # an input at the trial end has no effect any more
    return {"times": jnp.clip(new["times"], 0, last), "weights": new["weights"]}


def measured(path: Path) -> dict[str, float]:
    """Return what the table says."""
    ordinary = path.times < DURATION
    since = [len(row) - int(np.argmin(row[::-1])) if not row.all() else 0 for row in ordinary.T]
    gradient = np.concatenate([path.gradients["times"], path.gradients["weights"]], axis=1)
    turn = np.abs(np.diff(gradient, axis=0)).max(0) / np.abs(gradient).max(0).clip(1e-300)
    return {
        "first": since[0], "second": since[1], "loss": float(path.losses[-1]),
        "t1": float(path.times[-1, 0]), "t2": float(path.times[-1, 1]),
        "step": float(np.abs(np.diff(path.times, axis=0)).max()), "turn": float(turn.max()),
    }  # fmt: skip


def draw_times(ax: Axes, path: Path, color: str) -> None:
    trials = np.arange(1, len(path.times) + 1)
    for spike in path.times.T:
        ax.plot(trials, np.where(spike < DURATION, spike, np.nan), color=color)
        ax.plot(trials, np.where(spike < DURATION, np.nan, spike), color=plot.lighter(color, 0.4), linestyle="--")
    for target in TARGETS:
        ax.plot(trials[-1] * 1.02, target, "<", color="#222222", markersize=4, clip_on=False)
    ax.axhline(DURATION, color=plot.GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    ax.set(xlim=(0, trials[-1]), ylim=(0, 1.05 * path.times.max()), xlabel="trial")


def draw_gradients(ax: Axes, path: Path, name: str, color: str) -> None:
    """Draw both derivatives along the path of the spike times."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path.times, axis=0), axis=1))])
    gradients = path.gradients[name]
    for values, style, label in zip(gradients.T, ("-", (0, (4, 1))), ("first input", "second"), strict=True):
        ax.plot(length, values / np.abs(gradients).max(), color=color, linestyle=style, label=label)
    ax.axhline(0, color=plot.GREY, linewidth=0.5, zorder=0)
    ax.set(xlim=(0, length[-1]), ylim=(-1.05, 1.05), xlabel=r"path length ($\tau_m$)")


def run(quick: bool) -> Outcome:
    """Train all variants."""
    fig = Figure(figsize=(7.2, 5.0), layout="constrained")
    shown = variants(quick)
    axes = fig.subplots(3, len(shown))
    numbers: dict[str, Any] = {"bound": BOUND}
    for column, variant in enumerate(shown):
        path, recording = trained(variant, 3, quick)
        numbers[variant.name] = measured(path) | {"trials": len(path.losses)}
        upper, middle, lower = axes[:, column]
        upper.set_title(variant.label, color=variant.color, pad=10)
        for parameters, shade in ((path.start, 0.6), (path.end, 0.0)):
            plot.traces(
                recording(parameters), ax=upper, colors=[plot.lighter(variant.color, shade)], until=1.5 * DURATION
            )
        draw_times(middle, path, variant.color)
        draw_gradients(lower, path, "weights", variant.color)
        upper.set_xlabel(r"time ($\tau_m$)")
        for ax in (upper, middle, lower):
            ax.set_ylabel("")
    for ax, label in zip(
        axes[:, 0], ("$V$, before and after", r"spike times ($\tau_m$)", r"d$L$/d$w$ (largest: 1)"), strict=True
    ):
        ax.set_ylabel(label)
    axes[2, 0].legend(fontsize=6, loc="upper right")
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="One neuron learns two spike times",
    published="spikes ordinary from trials 300 and 1,700; on target after 3,000",
    ours=(
        "from trials {{ paper.first }} and {{ paper.second }} (their pseudospikes), loss {{ paper.loss:.0e}}; on "
        "target with ours, and with two other neurons, too"
    ),
    seeds="1 (3)",
    run=run,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
