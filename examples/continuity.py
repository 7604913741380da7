"""Spikes that move and spikes that jump: the QIF and the LIF neuron under a change of their input.

One neuron gets an excitatory input; its weight is swept. Then it gets an inhibitory input too, and the time of that one
is swept. The spike of the quadratic integrate-and-fire neuron (QIF) leaves the trial through its end and goes on as a
pseudospike, so its time never jumps and neither does its slope. The spike of the leaky integrate-and-fire neuron (LIF)
vanishes in the middle of the trial. After Fig. 1 of Klos & Memmesheimer, arXiv:2309.14523.

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

DURATION = 4.0
EXCITATION = 0.5  # when the excitatory input comes
Trial = tuple[ss.Spikes, Float[Array, "1 inputs"]]


class Case(NamedTuple):
    """A neuron, what its trial is for each value of the swept quantity, and which values to show."""

    name: str
    swept: str
    neuron: ss.Neuron
    trial: Callable[[Float[Array, ""]], Trial]
    span: tuple[float, float]
    shown: tuple[float, float, float]
    color: str

    def run(self, value: float | Float[Array, ""]) -> ss.Recording:
        """Run one trial."""
        spikes, weights = self.trial(jnp.asarray(value))
        return ss.FeedForward(self.neuron, (weights.shape[1], 1), DURATION, weights=[weights], capacity=8)(spikes)


class Sweep(NamedTuple):
    """First spike times, pseudospikes included, and their derivatives."""

    values: np.ndarray
    times: np.ndarray
    slopes: np.ndarray


def weight_trial(weight: Float[Array, ""]) -> Trial:
    return ss.Spikes([EXCITATION], [0]), weight.reshape(1, 1)


def time_trial(excitatory: float, inhibitory: float) -> Callable[[Float[Array, ""]], Trial]:
    def trial(time: Float[Array, ""]) -> Trial:
        return ss.Spikes(jnp.stack([jnp.asarray(EXCITATION), time]), [0, 1]), jnp.array([[excitatory, inhibitory]])

    return trial


def cases() -> list[Case]:
    qif = ss.Neuron(ss.models.qif())
    lif = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
    weight, time = "weight of the input", "time of the inhibition"
    return [
        Case("QIF", weight, qif, weight_trial, (0.0, 8.0), (2.0, 2.8, 4.0), plot.BLUE),
        Case("LIF", weight, lif, weight_trial, (0.0, 8.0), (3.0, 4.0, 6.0), plot.VERMILION),
        Case("QIF", time, qif, time_trial(5.0, -5.0), (0.0, 3.0), (0.9, 1.2, 1.5), plot.BLUE),
        Case("LIF", time, lif, time_trial(5.0, -5.0), (0.0, 3.0), (0.6, 0.8, 1.0), plot.VERMILION),
    ]


def sweep(case: Case, values: np.ndarray) -> Sweep:
    """Find the exact spike time and its exact derivative at all values at once."""

    def spike_time(value: Float[Array, ""]) -> Float[Array, ""]:
        return case.run(value).first_spike_times()[0]

    times, slopes = jax.jit(jax.vmap(jax.value_and_grad(spike_time)))(jnp.asarray(values))
    return Sweep(values, np.asarray(times), np.asarray(slopes))


def largest_jump(case: Case, coarse: Sweep, read: Callable[[Sweep], np.ndarray]) -> tuple[float, float]:
    """Return the largest change between neighbouring values, and what is left of it after zooming in on it."""
    jumps = np.abs(np.diff(read(coarse)))
    place = int(np.argmax(jumps))
    fine = sweep(case, np.linspace(*coarse.values[[place, place + 1]], len(coarse.values)))
    return float(jumps[place]), float(np.abs(np.diff(read(fine))).max())


def report(case: Case, result: Sweep) -> None:
    points = len(result.values)
    time = largest_jump(case, result, lambda s: s.times)
    slope = largest_jump(case, result, lambda s: s.slopes)
    print(f"{case.name}, {case.swept}: {points} values, {case.span[0]:g} to {case.span[1]:g}")
    print(f"    largest jump of the spike time {time[0]:.3g}; zoomed in {points - 1} times, {time[1]:.3g}")
    print(f"    largest jump of its slope      {slope[0]:.3g}; zoomed in {points - 1} times, {slope[1]:.3g}")


def draw_potentials(ax: Axes, case: Case) -> None:
    for value, shade in zip(case.shown, (0.6, 0.3, 0.0), strict=True):
        plot.traces(case.run(value), ax=ax, colors=[plot.lighter(case.color, shade)], until=2.3 * DURATION)
    ax.set_ylim((-2.0, 5.0) if case.name == "QIF" else (-0.4, 1.15))
    ax.set_title(case.name, color=case.color, pad=9)


def draw_times(ax: Axes, case: Case, result: Sweep) -> None:
    """Draw spike times; the line breaks where they jump."""
    jumps = np.abs(np.diff(result.times)) > 1.0
    broken = np.insert(result.times, np.flatnonzero(jumps) + 1, np.nan)
    values = np.insert(result.values, np.flatnonzero(jumps) + 1, np.nan)
    ordinary = broken < DURATION
    ax.plot(values, np.where(ordinary, broken, np.nan), color=case.color)
    ax.plot(values, np.where(ordinary, np.nan, broken), color=plot.lighter(case.color, 0.45), linestyle=(0, (3, 1.2)))
    for place in np.flatnonzero(jumps):
        ax.plot(
            result.values[[place, place + 1]], result.times[[place, place + 1]], ":", color=plot.GREY, linewidth=0.8
        )
    ax.axhline(DURATION, color=plot.GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    for value, shade in zip(case.shown, (0.6, 0.3, 0.0), strict=True):
        time = float(case.run(value).first_spike_times()[0])
        face = plot.lighter(case.color, shade) if time < DURATION else "white"
        ax.plot(value, time, "o", color=plot.lighter(case.color, shade), markerfacecolor=face, zorder=3)
    ax.set(xlim=case.span, ylim=(0, 2.3 * DURATION), xlabel=case.swept)


def figure(results: list[tuple[Case, Sweep]], output: Path) -> None:
    with plot.paper_style():
        fig = Figure(figsize=(7.2, 3.5), layout="constrained")
        axes = fig.subplots(2, len(results))
        for (upper, lower), (case, result) in zip(axes.T, results, strict=True):
            draw_potentials(upper, case)
            draw_times(lower, case, result)
        for ax in axes[1, 1:]:
            ax.sharey(axes[1, 0])
        axes[1, 0].set_ylabel("spike time")
        for suffix in ("png", "pdf"):
            fig.savefig(output / f"continuity.{suffix}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200 values in each sweep instead of 4000")
    parser.add_argument("--output", type=Path, default=Path("runs/continuity"))
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    arguments.output.mkdir(parents=True, exist_ok=True)

    results = []
    for case in cases():
        result = sweep(case, np.linspace(*case.span, 201 if arguments.quick else 4001))
        report(case, result)
        results.append((case, result))
    figure(results, arguments.output)
    print(f"wrote {arguments.output / 'continuity.png'}")


if __name__ == "__main__":
    main()
