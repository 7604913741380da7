"""Thousands of quadratic integrate-and-fire neurons, and the two equations that describe their mean exactly.

Neurons are connected all to all by delta pulses, and differ by their bias currents, which are quantiles of a Lorentzian
distribution. A current steps up and down. After Montbrió, Pazó & Roxin, Phys. Rev. X 5, 021028 (2015).

    python examples/mean_field.py [--quick] [--output runs/mean_field]
"""

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gallery import Entry, Outcome
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

import smoothspike as ss
from smoothspike import plot

EQUATION = "dV/dt = V**2 + eta + drive"
BIAS, WIDTH, COUPLING = -5.0, 1.0, 15.0  # centre and half width of the Lorentzian; the paper's
CURRENT, ON, OFF, END = 3.0, 10.0, 30.0, 40.0  # the paper's current and its length
RATE, POTENTIAL = 0.1, -2.0  # at the start
STEP = 0.1
GOLDEN = (np.sqrt(5) - 1) / 2


class Course(NamedTuple):
    """What a population does.

    Attributes:
        rates: Spikes per neuron and membrane time constant, in bins of `STEP`.
        potentials: Mean potential at the end of each bin.
        times: All spikes.
        sources: Whose they are.
        seconds: CPU time, without compilation.
    """

    rates: np.ndarray
    potentials: np.ndarray
    times: np.ndarray
    sources: np.ndarray
    seconds: float


def drives() -> np.ndarray:
    """Return the current in every bin."""
    starts = STEP * np.arange(round(END / STEP))
    return np.where((starts > ON - STEP / 2) & (starts < OFF - STEP / 2), CURRENT, 0.0)


def population(neurons: int) -> tuple[ss.Recurrent, np.ndarray]:
    """Return a population, and potentials that are distributed alike for every bias, as the theory starts from."""
    quantiles = (np.arange(neurons) + 0.5) / neurons
    biases = BIAS + WIDTH * np.tan(np.pi * (quantiles - 0.5))
    spread = (GOLDEN * (np.arange(neurons) + 0.5)) % 1
    start = POTENTIAL + np.pi * RATE * np.tan(np.pi * (spread - 0.5))
    model = ss.NeuronModel.from_equations(
        EQUATION, name="QIF, delta pulses", spike="V = oo", reset="V = -oo", inputs="V", currents="drive",
        parameters={"eta": tuple(biases.tolist())},
    )  # fmt: skip
    weights = np.full((neurons, neurons), COUPLING / neurons)
    net = ss.Recurrent(
        ss.Neuron(model), neurons, 1, STEP, recurrent_weights=weights, input_weights=np.zeros((neurons, 1))
    )
    return net, start


def simulated(neurons: int) -> Course:
    """Run a population, bin by bin."""
    net, start = population(neurons)
    silence = ss.Spikes([np.inf], [0])

    @jax.jit
    def course(start: Float[Array, " neurons"], drives: Float[Array, " bins"]) -> Any:
        def one(potentials: Array, drive: Array) -> Any:
            current = ss.PiecewiseConstant(jnp.zeros(1), drive[None])
            recording = net(silence, initial={"V": potentials}, currents={"drive": current}, capacity=neurons)
            after = recording.states_at(jnp.array([STEP]))["V"][0]
            spikes = recording.spikes[-1]
            return after, (spikes.times, spikes.sources, jnp.exp(2j * jnp.arctan(after)).mean())

        return jax.lax.scan(one, start, drives)[1]

    program = course.lower(start, drives()).compile()
    begun = time.process_time()
    times, sources, order = (np.asarray(each) for each in program(start, drives()))
    seconds = time.process_time() - begun
    # on the circle, in which spikes are nothing special, the mean phase factor says the centre of a Lorentzian
    potentials = ((1 - order.conj()) / (1 + order.conj())).imag
    emitted = np.isfinite(times)
    absolute = times + STEP * np.arange(len(times))[:, None]
    return Course(emitted.sum(1) / neurons / STEP, potentials, absolute[emitted], sources[emitted], seconds)


def predicted() -> tuple[np.ndarray, np.ndarray]:
    """Solve the firing-rate equations; return the mean rate in every bin, and the mean potential at its end."""

    def field(_: float, state: np.ndarray, drive: float) -> list[float]:
        rate, potential, _ = state
        slope = potential**2 + BIAS + COUPLING * rate + drive - (np.pi * rate) ** 2
        return [WIDTH / np.pi + 2 * rate * potential, slope, rate]

    state, states = np.array([RATE, POTENTIAL, 0.0]), []
    for drive in drives():
        found = solve_ivp(field, (0, STEP), state, args=(drive,), method="DOP853", rtol=1e-11, atol=1e-12)
        state = found.y[:, -1]
        states.append(state)
    _, potentials, counts = np.array(states).T
    return np.diff(counts, prepend=0.0) / STEP, potentials


def draw(axes: list[Axes], course: Course, rates: np.ndarray, potentials: np.ndarray, neurons: int) -> None:
    """Draw the current, rate and potential, and spikes of some neurons."""
    top, middle, raster = axes
    at = STEP * np.arange(len(rates))
    for ax, values, exact, shift in ((top, course.rates, rates, 0.5), (middle, course.potentials, potentials, 1.0)):
        ax.plot(at + shift * STEP, values, color=plot.BLUE, linewidth=1.6, label=f"{neurons} neurons")
        ax.plot(at + shift * STEP, exact, color=plot.VERMILION, linewidth=0.9, label="firing-rate equations")
    top.legend(loc="upper left", fontsize=7)
    top.set(ylabel=r"rate ($1/\tau_m$)", ylim=(0, None))
    middle.set(ylabel="mean $V$")
    shown = np.linspace(0, neurons - 1, 250).astype(int)
    rank = np.full(neurons, -1)
    rank[shown] = np.arange(len(shown))
    chosen = rank[course.sources] >= 0
    raster.plot(
        course.times[chosen],
        rank[course.sources[chosen]],
        ".",
        color="#222222",
        markersize=1.0,
        markeredgewidth=0,
        rasterized=True,
    )
    raster.set(ylabel="neuron, by bias", yticks=[], ylim=(-1, len(shown)), xlabel=r"time ($\tau_m$)")
    for ax in axes:
        ax.axvspan(ON, OFF, color=plot.lighter(plot.GREY, 0.85), zorder=0, linewidth=0)
        ax.set_xlim(0, END)


def run(quick: bool) -> Outcome:
    """Run populations of several sizes."""
    sizes = (100,) if quick else (250, 500, 1000)
    rates, potentials = predicted()
    numbers: dict[str, Any] = {
        "bias": BIAS, "coupling": COUPLING, "current": CURRENT, "on": ON, "off": OFF, "end": END, "step": STEP,
        "sizes": {}, "peak": float(rates.max()), "last_rate": float(rates[-1]),
        "rate_before": float(rates[round(ON / STEP) - 1]),
    }  # fmt: skip
    fig = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = list(fig.subplots(3, 1, sharex=True, height_ratios=(1.2, 1, 1)))
    rows, found, courses = [], {}, [simulated(neurons) for neurons in sizes]
    for neurons, course in zip(sizes, courses, strict=True):
        found = {
            "rate": float(np.sqrt(np.mean((course.rates - rates) ** 2))),
            "potential": float(np.sqrt(np.mean((course.potentials - potentials) ** 2))),
            "spikes": len(course.times), "seconds": course.seconds,
            "microseconds": 1e6 * course.seconds / max(len(course.times), 1),
        }  # fmt: skip
        numbers["sizes"][str(neurons)] = found
        rows.append(
            f"| {neurons} | {found['spikes']} | {found['rate']:.4f} | {found['potential']:.4f} | "
            f"{found['seconds']:.1f} s | {found['microseconds']:.0f} µs |"
        )
    numbers |= {"table": "\n".join(rows), "largest": sizes[-1], "error": found["rate"], "spikes": found["spikes"]}
    numbers["verdict"] = ss.verify(population(2)[0].neuron.model).verdict.value
    draw(axes, courses[-1], rates, potentials, sizes[-1])
    fig.align_ylabels(axes)
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="A mean field and its neurons",
    published="exact for infinitely many neurons",
    ours="rate of {{ largest }} neurons within {{ error:.3f}} (rms) of the equations; peak {{ peak:.2f}}",
    seeds="no randomness",
    run=run,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
