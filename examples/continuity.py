"""Spikes that move and spikes that jump: the QIF and the LIF neuron under a change of their input.

One neuron gets an excitatory input; its weight is swept. Then it gets an inhibitory input too, and the time of that one
is swept. After Fig. 1 of Klos & Memmesheimer, arXiv:2309.14523.

    python examples/continuity.py [--quick] [--output runs/continuity]
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gallery import Entry, Outcome
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot
from smoothspike.networks import Recording

EXCITATION = 0.5  # time of the excitatory input
#: A jump is what is left between values of the swept quantity that are so close, a kink the same for derivatives.
WIDTH, SLOPE_WIDTH = 1e-13, 1e-9
SHADES = (0.6, 0.3, 0.0)  # from the first value shown to the last
Trial = tuple[ss.Spikes, Float[Array, "1 inputs"]]


class Kind(NamedTuple):
    """A neuron, with the formulas of its first spike after one input."""

    name: str
    neuron: ss.Neuron
    duration: float
    least_weight: float
    spike_time: Callable[[np.ndarray], np.ndarray]
    weights_shown: tuple[float, float, float]
    excitation: float
    times_shown: tuple[float, float, float]
    color: str
    view: tuple[float, float]


class Case(NamedTuple):
    """A neuron, its trial for each value of the swept quantity, and the values to show."""

    kind: Kind
    swept: str
    trial: Callable[[Float[Array, ""]], Trial]
    span: tuple[float, float]
    shown: tuple[float, ...]

    def run(self, value: float | Float[Array, ""]) -> Recording:
        """Run one trial."""
        spikes, weights = self.trial(jnp.asarray(value))
        sizes = (weights.shape[1], 1)
        return ss.FeedForward(self.kind.neuron, sizes, self.kind.duration, weights=[weights])(spikes, capacity=8)


class Sweep(NamedTuple):
    """First spike times, pseudospikes included, and their derivatives."""

    values: np.ndarray
    times: np.ndarray
    slopes: np.ndarray


def qif_spike_time(weight: np.ndarray) -> np.ndarray:
    """V = -u'/u turns the equation into u'' + u' + w exp(-2t) u = 0, solved by cos(sqrt(w) (1 - exp(-t)))."""
    return EXCITATION - np.log1p(-np.pi / (2 * np.sqrt(weight)))


def lif_spike_time(weight: np.ndarray) -> np.ndarray:
    """V = w (x - x^2) with x = exp(-t) reaches 1."""
    return EXCITATION - np.log((1 + np.sqrt(np.maximum(1 - 4 / weight, 0))) / 2)


def kinds() -> tuple[Kind, Kind]:
    """Return both neurons, with the values of the paper, shown in units of the least weight and of the spike time."""
    qif = ss.Neuron(ss.models.qif(tau_m=1.0, tau_s=0.5))
    lif = ss.Neuron(ss.models.lif(tau_m=1.0, tau_s=0.5), allow_discontinuous=True)
    return (
        Kind(
            "QIF", qif, 4.0, np.pi**2 / 4, qif_spike_time, (0.95, 1.15, 1.5), 1.5, (0.5, 0.62, 1.4), plot.BLUE,
            (-3.0, 5.0),
        ),
        Kind(
            "LIF", lif, 3.0, 4.0, lif_spike_time, (0.95, 1.15, 1.4), 1.4, (0.8, 1.5, 3.0), plot.VERMILION, (-1.6, 1.3)
        ),
    )  # fmt: skip


def cases(kind: Kind) -> tuple[Case, Case]:
    """Return the sweep of a weight, and of the time of an inhibitory input."""
    least = kind.least_weight

    def weight_trial(weight: Float[Array, ""]) -> Trial:
        return ss.Spikes([EXCITATION], [0]), weight.reshape(1, 1)

    def time_trial(time: Float[Array, ""]) -> Trial:
        weights = jnp.array([[kind.excitation * least, -least]])
        return ss.Spikes(jnp.stack([jnp.asarray(EXCITATION), time]), [0, 1]), weights

    alone = float(kind.spike_time(np.array(kind.excitation * least)))
    times = tuple(share * alone for share in kind.times_shown if share * alone < kind.duration)
    weights = tuple(share * least for share in kind.weights_shown)
    return (
        Case(kind, "input weight $w$", weight_trial, (0.0, 2 * least), weights),
        Case(kind, "time of inhibition", time_trial, (0.0, kind.duration), times),
    )


def swept(case: Case) -> Callable[[np.ndarray], Sweep]:
    """Return a function for exact spike times and their derivatives at many values."""

    def spike_time(value: Float[Array, ""]) -> Float[Array, ""]:
        return case.run(value).first_spike_times()[0]

    solve = jax.jit(jax.vmap(jax.value_and_grad(spike_time)))

    def sweep(values: np.ndarray) -> Sweep:
        times, slopes = solve(jnp.asarray(values))
        return Sweep(values, np.asarray(times), np.asarray(slopes))

    return sweep


def largest_jump(
    coarse: Sweep, read: Callable[[Sweep], np.ndarray], sweep: Callable[[np.ndarray], Sweep], width: float
) -> tuple[float, float]:
    """Zoom in where neighbours differ most; return the place, and the difference that is left at this width."""
    values, found = coarse.values, read(coarse)
    while True:
        place = int(np.argmax(np.abs(np.diff(found))))
        low, high = values[place], values[place + 1]
        if high - low <= width:
            return float(low), float(abs(found[place + 1] - found[place]))
        values = np.linspace(low, high, 65)
        found = read(sweep(values))


def measured(case: Case, points: int) -> tuple[Sweep, dict[str, float]]:
    """Sweep a case, and find the largest jump of the spike time and of its derivative."""
    sweep = swept(case)
    result = sweep(np.linspace(*case.span, points))
    place, jump = largest_jump(result, lambda each: each.times, sweep, WIDTH)
    kink_at, kink = largest_jump(result, lambda each: each.slopes, sweep, SLOPE_WIDTH)
    return result, {"place": place, "jump": jump, "kink_at": kink_at, "kink": kink}


def least_weight(kind: Kind) -> float:
    """Find the least weight that makes the neuron spike, in a trial as long as needed, by bisection."""

    @jax.jit
    def spikes(weight: Float[Array, ""]) -> Array:
        net = ss.FeedForward(kind.neuron, (1, 1), 60.0, weights=[weight.reshape(1, 1)])
        return net(ss.Spikes([EXCITATION], [0]), capacity=4).spikes[-1].is_spike.any()

    low, high = 0.0, 2 * kind.least_weight
    while high - low > 1e-14 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if spikes(jnp.asarray(middle)) else (middle, high)
        if middle in (low, high) and high - low <= np.spacing(high):
            break
    return high


def contact(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Return how long before the neuron's own spike an input comes, and by how much it shifts that."""
    alone = float(case.kind.spike_time(np.array(case.kind.excitation * case.kind.least_weight)))
    left = np.geomspace(3e-4, 0.3, 25)
    shift = swept(case)(alone - left).times - alone
    return left, np.abs(shift)


def draw_potentials(ax: Axes, case: Case) -> None:
    for value, shade in zip(case.shown, SHADES, strict=False):
        color = plot.lighter(case.kind.color, shade)
        plot.traces(case.run(value), ax=ax, colors=[color], until=1.6 * case.kind.duration)
        if case.swept.startswith("time"):
            ax.plot(
                value, 0.04, "|", color=color, markersize=7, markeredgewidth=1.2, transform=ax.get_xaxis_transform()
            )
    ax.set_ylim(case.kind.view)


def draw_times(ax: Axes, case: Case, result: Sweep, numbers: dict[str, float]) -> None:
    """Draw spike times, pseudospikes paler and dashed; the line breaks at a jump."""
    color, duration = case.kind.color, case.kind.duration
    values, times = result.values, result.times
    if numbers["jump"] > 1e-3:
        place = int(np.searchsorted(values, numbers["place"], "right"))
        ax.plot(values[[place - 1, place]], times[[place - 1, place]], ":", color=plot.GREY, linewidth=0.9)
        values, times = np.insert(values, place, np.nan), np.insert(times, place, np.nan)
    beyond = times > duration
    ax.plot(values, np.where(beyond, times, np.nan), color=plot.lighter(color, 0.4), linestyle=(0, (3, 1)))
    ax.plot(values, np.where(beyond, np.nan, times), color=color)
    ax.axhline(duration, color=plot.GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    for value, shade in zip(case.shown, SHADES, strict=False):
        time, tint = float(case.run(value).first_spike_times()[0]), plot.lighter(color, shade)
        face = "white" if time > duration else tint
        ax.plot(value, time, "o", color=tint, markerfacecolor=face, markersize=4.5, clip_on=False, zorder=3)
    ax.set(xlim=case.span, ylim=(0, 2.6 * duration), xlabel=case.swept)


def draw_slopes(ax: Axes, case: Case, result: Sweep, numbers: dict[str, float]) -> None:
    values, slopes = result.values, np.clip(result.slopes, -25, 2)
    if numbers["jump"] > 1e-3:
        place = int(np.searchsorted(values, numbers["place"], "right"))
        values, slopes = np.insert(values, place, np.nan), np.insert(slopes, place, np.nan)
    ax.plot(values, slopes, color=case.kind.color, linewidth=0.8)
    ax.set(xlim=case.span, ylim=(-20, 1), yticks=[-20, 0], xticks=[])
    ax.set_title("d$t$/d$w$", fontsize=7, pad=2)
    ax.tick_params(labelsize=6)


def draw_contact(ax: Axes, left: np.ndarray, shift: np.ndarray, exponent: float, color: str) -> None:
    ax.loglog(left, shift, "o", color=color, markersize=1.6)
    ax.loglog(left, shift[0] * (left / left[0]) ** exponent, color=plot.GREY, linewidth=0.7, zorder=0)
    ax.set_title(rf"shift $\propto u^{exponent:.0f}$", fontsize=7, pad=2)
    ax.tick_params(labelsize=6)
    ax.minorticks_off()
    ax.set(xticks=[1e-3, 1e-1], yticks=[1e-10, 1e-2])


def run(quick: bool) -> Outcome:
    """Sweep both neurons."""
    points = 2001 if quick else 100_001
    fig = Figure(figsize=(7.4, 3.7), layout="constrained")
    axes = fig.subplots(2, 4, gridspec_kw={"height_ratios": (1.0, 1.5)})
    numbers: dict = {"points": points, "width": WIDTH, "slope_width": SLOPE_WIDTH}
    for column, kind in zip((0, 2), kinds(), strict=True):
        certificate = ss.verify(kind.neuron.model)
        found: dict = {
            "verdict": certificate.verdict.value, "least_weight": least_weight(kind),
            "least_weight_by_formula": kind.least_weight,
        }  # fmt: skip
        for offset, (case, name) in enumerate(zip(cases(kind), ("weight", "time"), strict=True)):
            result, found[name] = measured(case, points)
            upper, lower = axes[:, column + offset]
            draw_potentials(upper, case)
            draw_times(lower, case, result, found[name])
            upper.set_title(kind.name, color=kind.color, pad=10)
            if name == "weight":
                draw_slopes(lower.inset_axes((0.7, 0.7, 0.28, 0.22)), case, result, found[name])
                inside = result.times < kind.duration
                formula = kind.spike_time(result.values[inside])
                found["error"] = float(np.abs(result.times[inside] - formula).max())
            elif certificate.holds:
                exponent = int(str(certificate.routes[0].contact_exponent))
                left, shift = contact(case)
                draw_contact(lower.inset_axes((0.62, 0.68, 0.34, 0.24)), left, shift, exponent, kind.color)
                few = left < 3e-2
                found["contact_exponent"] = exponent
                found["fitted_exponent"] = float(np.polyfit(np.log(left[few][:8]), np.log(shift[few][:8]), 1)[0])
        if not certificate.holds:
            found["witness"] = str(ss.find_witness(certificate))
            below = swept(cases(kind)[0])(np.array([np.nextafter(kind.least_weight, 0)])).times[0]
            found["jump_by_formula"] = float(below - kind.spike_time(np.array(kind.least_weight)))
        numbers[kind.name.lower()] = found
    for row, label in zip(axes, ("$V$", "spike time"), strict=True):
        for ax in row:
            ax.set_ylabel("")
        row[0].set_ylabel(label)
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="Spikes that move and spikes that jump",
    published="QIF continuous; LIF jumps at weight 4",
    ours="QIF: jump {{ qif.weight.jump:.0e}}; LIF: {{ lif.weight.jump:.3f}} at {{ lif.weight.place:.8f}}, certified",
    seeds="no randomness",
    run=run,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
