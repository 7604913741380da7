"""Spikes that move and spikes that jump: the QIF and the LIF neuron under a change of their input.

One neuron gets an excitatory input; its weight is swept. Then it gets an inhibitory input too, and the time of that one
is swept. The spike of the quadratic integrate-and-fire neuron (QIF) leaves the trial through its end and continues as a
pseudospike, so neither its time nor its slope jumps. The spike of the leaky integrate-and-fire neuron (LIF) vanishes
within the trial. After Fig. 1 of Klos & Memmesheimer, arXiv:2309.14523.

    python examples/continuity.py [--quick] [--output runs/continuity]

prints the largest jumps of the spike times and of their slopes, before and after zooming in on them, and writes
continuity.png and continuity.pdf.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot
from smoothspike.networks import Recording

DURATION = 2.5
SHADES = (0.6, 0.3, 0.0)  # from the first value shown to the last
EXCITATION = 0.5  # time of the excitatory input
Trial = tuple[ss.Spikes, Float[Array, "1 inputs"]]


class Case(NamedTuple):
    """A neuron, its trial for each value of the swept quantity, and the values to show."""

    name: str
    swept: str
    neuron: ss.Neuron
    trial: Callable[[Float[Array, ""]], Trial]
    span: tuple[float, float]
    shown: tuple[float, float, float]
    color: str

    def run(self, value: float | Float[Array, ""]) -> Recording:
        """Run one trial."""
        spikes, weights = self.trial(jnp.asarray(value))
        return ss.FeedForward(self.neuron, (weights.shape[1], 1), DURATION, weights=[weights])(spikes, capacity=8)


class Jump(NamedTuple):
    """The largest change between neighbours in a sweep: position, size, and the remainder after zooming in."""

    place: int
    size: float
    remains: float


class Sweep(NamedTuple):
    """First spike times, pseudospikes included, and their derivatives."""

    values: np.ndarray
    times: np.ndarray
    slopes: np.ndarray


def weight_trial(weight: Float[Array, ""]) -> Trial:
    return ss.Spikes([EXCITATION], [0]), weight.reshape(1, 1)


def time_trial(time: Float[Array, ""]) -> Trial:
    return ss.Spikes(jnp.stack([jnp.asarray(EXCITATION), time]), [0, 1]), jnp.array([[4.5, -2.0]])


def cases() -> list[Case]:
    qif = ss.Neuron(ss.models.qif())
    lif = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
    weight, time = "input weight", "time of inhibition"
    return [
        Case("QIF", weight, qif, weight_trial, (0.0, 8.0), (2.5, 3.2, 4.5), plot.BLUE),
        Case("LIF", weight, lif, weight_trial, (0.0, 8.0), (3.0, 3.95, 4.05), plot.VERMILION),
        Case("QIF", time, qif, time_trial, (0.0, 2.0), (0.6, 0.92, 1.6), plot.BLUE),
        Case("LIF", time, lif, time_trial, (0.0, 2.0), (0.6, 0.88, 0.93), plot.VERMILION),
    ]


def exactly(case: Case) -> Callable[[np.ndarray], Sweep]:
    """Return a function for exact spike times and their derivatives at many values."""

    def spike_time(value: Float[Array, ""]) -> Float[Array, ""]:
        return case.run(value).first_spike_times()[0]

    solve = jax.jit(jax.vmap(jax.value_and_grad(spike_time)))

    def sweep(values: np.ndarray) -> Sweep:
        times, slopes = solve(jnp.asarray(values))
        return Sweep(values, np.asarray(times), np.asarray(slopes))

    return sweep


def largest_jump(coarse: Sweep, read: Callable[[Sweep], np.ndarray], sweep: Callable[[np.ndarray], Sweep]) -> Jump:
    """Find the largest change between neighbouring values, and its remainder after zooming in."""
    changes = np.abs(np.diff(read(coarse)))
    place = int(np.argmax(changes))
    fine = sweep(np.linspace(coarse.values[place], coarse.values[place + 1], len(coarse.values)))
    return Jump(place, float(changes[place]), float(np.abs(np.diff(read(fine))).max()))


def measure(case: Case, steps: int) -> tuple[Sweep, Jump]:
    """Sweep a case; print the jumps of the spike time and of its slope, and return the first of them."""
    sweep = exactly(case)
    result = sweep(np.linspace(*case.span, steps + 1))
    jump = largest_jump(result, lambda each: each.times, sweep)
    kink = largest_jump(result, lambda each: each.slopes, sweep)
    print(f"{case.name}, {case.swept} from {case.span[0]:g} to {case.span[1]:g} in {steps} steps")
    print(f"    largest jump of the spike time {jump.size:9.3g}; {steps} times finer around it: {jump.remains:.3g}")
    print(f"    largest jump of its slope      {kink.size:9.3g}; {steps} times finer around it: {kink.remains:.3g}")
    return result, jump


def draw_potentials(ax: Axes, case: Case) -> None:
    for value, shade in zip(case.shown, SHADES, strict=True):
        color = plot.lighter(case.color, shade)
        plot.traces(case.run(value), ax=ax, colors=[color], until=1.6 * DURATION)
        if case.trial is time_trial:
            ax.plot(
                value, 0.03, "|", color=color, markersize=7, markeredgewidth=1.2, transform=ax.get_xaxis_transform()
            )
    ax.set_ylim((-3.0, 5.0) if case.name == "QIF" else (-0.35, 1.15))
    ax.set_yticks([-2, 0, 2, 4] if case.name == "QIF" else [0, 0.5, 1])


def draw_times(ax: Axes, case: Case, result: Sweep, jump: Jump) -> None:
    """Draw spike times, pseudospikes paler and dashed; the line breaks at a jump that zooming in does not remove."""
    values, times = result.values, result.times
    if jump.remains > 0.5 * jump.size:
        sides = [jump.place, jump.place + 1]
        ax.plot(values[sides], times[sides], ":", color=plot.GREY, linewidth=0.9)
        values, times = np.insert(values, sides[1], np.nan), np.insert(times, sides[1], np.nan)
    ax.plot(
        values, np.where(times > DURATION, times, np.nan), color=plot.lighter(case.color, 0.4), linestyle=(0, (3, 1))
    )
    ax.plot(values, np.where(times > DURATION, np.nan, times), color=case.color)
    ax.axhline(DURATION, color=plot.GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    for value, shade in zip(case.shown, SHADES, strict=True):
        time, color = float(case.run(value).first_spike_times()[0]), plot.lighter(case.color, shade)
        face = "white" if time > DURATION else color
        ax.plot(value, time, "o", color=color, markerfacecolor=face, markersize=4.5, clip_on=False, zorder=3)
    ax.set(xlim=case.span, ylim=(0, 3 * DURATION), xlabel=case.swept)


def figure(results: list[tuple[Case, Sweep, Jump]]) -> Figure:
    fig = Figure(figsize=(7.2, 3.3), layout="constrained")
    axes = fig.subplots(2, len(results), gridspec_kw={"height_ratios": (1.0, 1.25)})
    for (upper, lower), (case, result, jump) in zip(axes.T, results, strict=True):
        draw_potentials(upper, case)
        draw_times(lower, case, result, jump)
        upper.set_title(case.name, color=case.color, pad=10)
    for row, label in zip(axes, ("$V$", "spike time"), strict=True):
        for ax in row:
            ax.set_ylabel("")
        row[0].set_ylabel(label)
    for ax in axes[1, 1:]:
        ax.tick_params(labelleft=False)
    axes[0, 2].text(0.15, -1.75, "inhibition", color=plot.GREY, fontsize=8)
    axes[1, 0].text(7.9, DURATION + 0.15, "trial end", color=plot.GREY, ha="right", fontsize=8)
    axes[1, 0].text(2.9, 5.6, "pseudospike", color=plot.lighter(plot.BLUE, 0.3), fontsize=8)
    axes[1, 0].text(7.9, 0.4, "spike", color=plot.BLUE, ha="right", fontsize=8)
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description="Spikes that move and spikes that jump.")
    parser.add_argument("--quick", action="store_true", help="200 steps in each sweep instead of 4000")
    parser.add_argument("--output", type=Path, default=Path("runs/continuity"))
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    arguments.output.mkdir(parents=True, exist_ok=True)

    results = [(case, *measure(case, 200 if arguments.quick else 4000)) for case in cases()]
    with plot.paper_style():
        fig = figure(results)
        for suffix in ("png", "pdf"):
            fig.savefig(arguments.output / f"continuity.{suffix}")
    print(f"wrote {arguments.output / 'continuity.png'}")


if __name__ == "__main__":
    main()
