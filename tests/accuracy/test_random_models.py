"""Randomly declared neurons of every class, with random parameters and inputs, against the oracle.

A structure is drawn rarely, for it has to be compiled; parameters and inputs often. Many more by hand:
`PYTHONPATH=tests/helpers python tests/accuracy/test_random_models.py --cases 1000`.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import equinox as eqx
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree
from oracles import derivatives, oracle
from oracles.general import General
from reference import mp, number, pseudospike_times, simulate_single

import smoothspike as ss
import symbolic
from smoothspike.engine import Capacity
from smoothspike.networks import simulate
from smoothspike.networks._capacity import FAILED

pytestmark = pytest.mark.usefixtures("float64")

INPUTS, COUNT, DURATION = 8, 6, 5.0
ROOM = (Capacity(64, 64),)
# What rounding the arguments may change comes on top: errors are relative to 1 plus the condition number.
TIMES, GRADIENTS = {"exact": 1e-12, "numeric": 1e-11}, {"exact": 1e-8, "numeric": 1e-6}
TRANSPOSED = 1e-9
# Closer than this to the trial end, or to a touch of the threshold, rounding decides whether there is a spike.
UNDECIDED = 1e-9

V = sp.Symbol("V", real=True)
V_0, V_r, V_e, I_0, a, b, c, d, k, w, y = sp.symbols("V_0 V_r V_e I_0 a b c d k w y", real=True)
tau_m, tau_w, Delta = sp.symbols("tau_m tau_w Delta", positive=True)

Range = tuple[float, float]


@dataclass(frozen=True)
class Family:
    """A declared model, and where its parameters and inputs are drawn from.

    Attributes:
        model: The declaration; every parameter is drawn for each case.
        ranges: The range of every parameter.
        weights: The range of the weights, for every route.
        equal: Groups of parameters that are equal in some cases.
    """

    model: ss.NeuronModel
    ranges: Mapping[Any, Range]
    weights: Mapping[str, Range]
    equal: tuple[tuple[str, ...], ...] = ()

    @property
    def exact(self) -> bool:
        """Whether power series solve it."""
        return symbolic.derive(self.model).method in ("projective", "linear")

    def draw(self, generator: np.random.Generator, cases: int) -> tuple[dict, dict, np.ndarray]:
        values = {symbol.name: generator.uniform(*limits, cases) for symbol, limits in self.ranges.items()}
        for group in self.equal:
            same = generator.random(cases) < 0.3
            for name in group:
                values[name] = np.where(same, values[group[0]], values[name])
        for symbol in self.ranges:
            if not symbol.is_positive and symbol != a:
                values[symbol.name] = np.where(generator.random(cases) < 0.05, 0.0, values[symbol.name])
        weights = {route: generator.uniform(*limits, (cases, INPUTS)) for route, limits in self.weights.items()}
        bunched = generator.random((cases, INPUTS)) ** generator.uniform(1, 4, (cases, 1))
        return values, weights, DURATION * (0.001 + 0.99 * bunched)


@dataclass
class Figures:
    """What a run has found."""

    title: str
    cases: int = 0
    spikes: int = 0
    structures: int = 0
    given_up: int = 0
    too_many: int = 0
    undecided: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    where: str = ""

    def bound(self, name: str, error: float, limit: float) -> None:
        """Note an error, and a failure if it exceeds its limit."""
        self.worst[name] = max(self.worst.get(name, 0.0), float(error))
        self.expect(error <= limit, f"{name} wrong by {error:.1e}")

    def expect(self, is_fine: bool, complaint: str) -> bool:
        """Note a failure, unless all is fine."""
        if not is_fine:
            self.failures.append(f"{self.where}: {complaint}")
        return is_fine

    def __str__(self) -> str:
        errors = ", ".join(f"{name} {value:.0e}" for name, value in self.worst.items())
        return (
            f"random neurons, {self.title}: {self.cases} cases of {self.structures} models, {self.spikes} spikes, "
            f"{self.undecided} undecided, {self.given_up} given up, {self.too_many} with too many spikes, {errors}"
        )


# --- families ---------------------------------------------------------------------------------------------------------


def _declared(name: str, rates: Mapping, ranges: Mapping, **rules: Any) -> ss.NeuronModel:
    middle = {symbol: (low + high) / 2 + 0.01 for symbol, (low, high) in ranges.items()}
    return ss.NeuronModel(name, dynamics=rates, parameters=middle, **rules)


def _synapse(kind: str, index: int, rates: dict, ranges: dict) -> tuple[sp.Expr, sp.Symbol]:
    """What a synapse adds to the field, and the state that its inputs reach."""
    current, rise = sp.symbols(f"I{index} J{index}", real=True)
    decay, faster = sp.symbols(f"tau_s{index} tau_r{index}", positive=True)
    rates[current], ranges[decay] = -current / decay, (0.1, 3.0)
    if kind == "alpha":
        rates[current], rates[rise] = (rise - current) / decay, -rise / decay
        return current, rise
    if kind == "rise":
        rates[current], rates[rise], ranges[faster] = rise - current / decay, -rise / faster, (0.1, 3.0)
        return current, rise
    if kind == "conductance":
        reversal = sp.Symbol(f"V_e{index}", real=True)
        ranges[reversal] = (-2.0, 4.0)
        return -current * (V - reversal), current
    return current, current


@st.composite
def quadratic(draw: st.DrawFn) -> Family:
    kinds = draw(st.lists(st.sampled_from(["exponential", "alpha", "rise", "conductance"]), min_size=1, max_size=3))
    rates: dict[Any, Any] = {}
    ranges: dict[Any, Range] = {a: (0.3, 2.0), b: (-2.0, 1.0), I_0: (-1.0, 1.0), tau_m: (0.3, 3.0), V_0: (-1.0, 1.0)}
    drive, inputs, weights = I_0, {}, {}
    for index, kind in enumerate(kinds):
        added, state = _synapse(kind, index, rates, ranges)
        drive, inputs[f"route{index}"] = drive + added, state
        weights[f"route{index}"] = (0.0, 2.0) if kind == "conductance" else (-4.0, 8.0)
    reset: dict[Any, Any] = {V: -sp.oo}
    if draw(st.booleans()):
        reset[V], ranges[V_r] = V_r, (-2.0, 0.5)
    if draw(st.booleans()):
        rates[w], reset[w], drive = -w / tau_w, w + d, drive - w
        ranges |= {tau_w: (0.5, 5.0), d: (-0.2, 1.0)}
    rates = {V: (a * V**2 + b * V + drive) / tau_m} | rates
    model = _declared(
        "random quadratic", rates, ranges, spike=ss.at_infinity(V), reset=reset, inputs=inputs, initial={V: V_0}
    )
    return Family(model, ranges, weights, (("tau_m", *(f"tau_s{i}" for i, _ in enumerate(kinds))),))


@st.composite
def linear(draw: st.DrawFn) -> Family:
    size = draw(st.integers(1, 4))
    shape = draw(st.sampled_from(["chain", "fan", "loop"]))
    states = [V, *sp.symbols("y1:4", real=True)][:size]
    couplings = sp.symbols("c0:4", real=True)
    decays = [k, *sp.symbols("k1:4", real=True)]
    ranges: dict[Any, Range] = {k: (-1.0, 2.0), I_0: (-0.5, 2.0), V_r: (-1.0, 0.5), V_0: (-1.0, 0.9)}
    rates: dict[Any, Any] = {V: -k * V + I_0}
    for index, state in enumerate(states[1:], start=1):
        rates[state] = -decays[index] * state
        ranges |= {decays[index]: (0.3, 3.0), couplings[index]: (-2.0, 4.0)}
        target = V if shape == "fan" else states[index - 1]
        rates[target] += couplings[index] * state
    if shape == "loop" and size > 1:
        rates[states[-1]] += couplings[0] * V
        ranges[couplings[0]] = (-4.0, 1.0)
    equal = tuple(symbol.name for symbol in decays[:size])
    model = _declared(
        "random linear", rates, ranges, spike=ss.crosses(V, 1), reset={V: V_r},
        inputs={"first": V, "last": states[-1]} if size > 1 else V, initial={V: V_0},
    )  # fmt: skip
    weights = {route.name: (-1.0, 0.8) if V in route.jump else (-2.0, 4.0) for route in model.routes}
    return Family(model, ranges, weights, (equal,))


@st.composite
def scalar(draw: st.DrawFn) -> Family:
    ranges: dict[Any, Range] = {b: (-1.5, 1.5), I_0: (-1.0, 2.0), tau_m: (0.3, 3.0), V_0: (-1.0, 1.0)}
    kind = draw(st.sampled_from(["quartic", "sextic", "cosh", "exponentials"]))
    rate = {
        "quartic": V**4 + c * V**3 / 2 + d * V**2 + b * V + I_0,
        "sextic": V**6 + c * V**5 / 2 + d * V**2 + b * V + I_0,
        "cosh": sp.cosh(a * V) + b * V + I_0 - 1,
        "exponentials": sp.exp(a * V) + a * sp.exp(-V) + I_0 - 1,
    }[kind]
    ranges |= {symbol: (-1.0, 1.0) for symbol in (c, d) if symbol in rate.free_symbols}
    ranges |= {a: (0.7, 2.0)} if a in rate.free_symbols else {}
    if b not in rate.free_symbols:
        del ranges[b]
    reset: dict[Any, Any] = {V: -sp.oo}
    if draw(st.booleans()):
        reset[V], ranges[V_r] = V_r, (-2.0, 0.0)
    model = _declared(
        f"random {kind}", {V: rate / tau_m}, ranges, spike=ss.at_infinity(V), reset=reset, inputs=V, initial={V: V_0}
    )
    return Family(model, ranges, {model.routes[0].name: (-1.0, 1.5)})


@st.composite
def general(draw: st.DrawFn) -> Family:
    ranges: dict[Any, Range] = {I_0: (-1.0, 1.0), tau_m: (0.5, 2.0), V_0: (-1.0, 0.5), V_r: (-1.5, 0.0)}
    kind = draw(st.sampled_from(["exponential", "quartic"]))
    rate = {
        "exponential": -V + Delta * sp.exp((V - 1) / Delta),
        "quartic": V**4 + b * V,
    }[kind]
    ranges |= {Delta: (0.2, 1.0)} if kind == "exponential" else {b: (-2.0, 0.5)}
    rates: dict[Any, Any] = {}
    added, state = _synapse(draw(st.sampled_from(["exponential", "alpha"])), 0, rates, ranges)
    drive, reset = I_0 + added, {V: V_r}
    if draw(st.booleans()):
        rates[w], drive = (a * V - w) / tau_w, drive - w
        ranges |= {tau_w: (0.5, 5.0), a: (0.0, 0.5), d: (0.0, 0.5)}
        reset[w] = w + d
    model = _declared(
        f"random {kind} with currents", {V: (rate + drive) / tau_m} | rates, ranges,
        spike=ss.at_infinity(V), reset=reset, inputs=state, initial={V: V_0},
    )  # fmt: skip
    return Family(model, ranges, {model.routes[0].name: (-3.0, 6.0)})


# --- what is checked --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A case as flat numbers, and back."""

    family: Family
    restore: Any

    def declared(self, point: Sequence) -> tuple[Any, dict[str, list], list]:
        """The oracle, the weights and the input times at a point, which may have more than double precision."""
        raw, weights, times = jax.tree.map(lambda place: place.tolist(), self.restore(jnp.arange(len(point))))
        values = {
            symbol.name: mp.exp(number(point[raw[symbol.name]]))
            if symbol.is_positive
            else number(point[raw[symbol.name]])
            for symbol in self.family.ranges
        }
        exact = {name: sp.Rational(int(value * 2**200), 2**200) for name, value in values.items()}
        neuron = oracle(self.family.model.with_parameters(**exact))
        rows = {route: [point[place] for place in places] for route, places in weights.items()}
        return neuron, rows, [point[place] for place in times]

    def run(self, point: Sequence) -> tuple[Any, list, Any]:
        """The oracle, its spike times and its state at the end."""
        neuron, rows, times = self.declared(point)
        return neuron, *simulate_single(neuron, times, rows, DURATION)

    def all_times(self, point: Sequence, count: int, with_later: bool) -> list:
        """The first spike times, with pseudospikes if wanted."""
        neuron, spikes, state = self.run(point)
        later = pseudospike_times(neuron, state, 0, DURATION, count) if with_later else []
        return [*spikes, *later][:count]


def compiled(family: Family, neuron: ss.Neuron, restore: Any) -> Any:
    """Spike times, how many are ordinary, the room needed, a derivative along a direction, and the whole Jacobian."""

    def times(point: Any) -> tuple:
        raw, weights, inputs = restore(point)
        chosen = eqx.tree_at(lambda n: n.unconstrained, neuron, raw)
        matrices = {route: row[None] for route, row in weights.items()}
        net = ss.FeedForward(chosen, (INPUTS, 1), DURATION, weights=[matrices])
        record, needed = simulate(net, ss.Spikes(inputs, jnp.arange(INPUTS)), ROOM)
        return record.spike_times(COUNT)[0], (record.spikes[-1].num_events, needed)

    def each(point: Any, move: Any) -> tuple:
        value, push, (ordinary, needed) = jax.linearize(times, point, has_aux=True)
        pull = jax.linear_transpose(push, point)
        return value, ordinary, needed, push(move), jax.vmap(pull)(jnp.eye(COUNT))[0]

    return eqx.filter_jit(jax.vmap(each))


def check(family: Family, seed: int, cases: int, figures: Figures, gradients_of: int = 8) -> None:
    """Compare random cases of a family with the oracle, every few also in a derivative."""
    generator = np.random.default_rng(seed)
    names = tuple(symbol.name for symbol in family.ranges)
    neuron = ss.Neuron(family.model, trainable=names, allow_discontinuous=True)
    values, weights, inputs = family.draw(generator, cases)
    positive = {symbol.name for symbol in family.ranges if symbol.is_positive}
    raw = {name: np.log(value) if name in positive else value for name, value in values.items()}
    points = jax.tree.map(jnp.asarray, (raw, weights, inputs))
    _, restore = ravel_pytree(jax.tree.map(lambda leaf: leaf[0], points))
    flat = np.asarray(jax.vmap(lambda point: ravel_pytree(point)[0])(points))
    moves = generator.normal(size=flat.shape)
    found = jax.tree.map(np.asarray, compiled(family, neuron, restore)(flat, moves))
    holds = symbolic.verify(family.model).holds
    figures.structures += 1
    for index, (point, move, *outcome) in enumerate(zip(flat, moves, *found, strict=True)):
        figures.where = f"{family.model.name}, {neuron.derivation.method}, seed {seed}, case {index}"
        with_slope = index % gradients_of == 0
        _check_case(Case(family, restore), point, move, Outcome(*outcome), holds, with_slope, figures)


class Outcome(NamedTuple):
    """What the package says about one case."""

    times: np.ndarray
    ordinary: np.ndarray
    needed: np.ndarray
    slope: np.ndarray
    jacobian: np.ndarray


def _check_case(
    case: Case, point: np.ndarray, move: np.ndarray, found: Outcome, holds: bool, with_slope: bool, figures: Figures
) -> None:
    figures.cases += 1
    if (found.needed == FAILED).any():
        figures.given_up += 1
        return
    if found.needed.max() > ROOM[0].total:
        figures.too_many += 1
        return
    neuron, spikes, state = case.run(point)
    is_exact = not isinstance(neuron, General)
    spikes = list(map(float, spikes))
    kind = "exact" if is_exact and case.family.exact else "numeric"
    ordinary = min(int(found.ordinary), COUNT)
    if any(abs(time - DURATION) < UNDECIDED for time in spikes[:COUNT]):
        figures.undecided += 1
        return
    if not figures.expect(int(found.ordinary) == len(spikes), f"{found.ordinary} spikes instead of {len(spikes)}"):
        return
    known = COUNT if holds else ordinary
    numbers = (found.times[:known], found.slope[:known], found.jacobian[:known])
    if not figures.expect(all(np.isfinite(part).all() for part in numbers), "not finite"):
        return
    figures.spikes += ordinary
    scale = 1 + np.abs(found.jacobian * point).sum(1) / np.abs(found.times)
    with_later = holds and hasattr(neuron, "pseudo_phase")
    later = pseudospike_times(neuron, state, 0, DURATION, COUNT) if with_later else []
    exact = [*spikes, *map(float, later)][: COUNT if with_later else ordinary]
    for place, expected in enumerate(exact):
        name = "times" if place < ordinary else "pseudospikes"
        error = abs(found.times[place] - expected) / expected / scale[place]
        figures.bound(name, error, TIMES[kind])
    back = found.jacobian[:known] @ move
    transposed = np.abs(back - found.slope[:known]) / (1 + np.abs(found.jacobian[:known] * move).sum(1))
    figures.bound("transposed", transposed.max(initial=0.0), TRANSPOSED)
    if with_slope and exact:

        def run(moved: Sequence) -> list:
            return case.all_times(moved, len(exact), with_later)

        for place, expected in enumerate(map(float, derivatives(neuron, run, point.tolist(), move.tolist()))):
            name = "gradients" if place < ordinary else "later gradients"
            if np.isfinite(expected):  # an oracle in double precision does not know every derivative
                error = abs(found.slope[place] - expected) / max(1, abs(expected)) / scale[place]
                figures.bound(name, error, GRADIENTS[kind])


FAMILIES = {"quadratic": quadratic(), "linear": linear(), "scalar": scalar(), "general": general()}


def run_many(name: str, models: int, cases: int, seed: int, found: Figures, report: Any = lambda _: None) -> None:
    """Check random models of a class, each in random cases."""
    settings = hypothesis.settings(
        max_examples=models, deadline=None, derandomize=False, database=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip

    @hypothesis.seed(seed)
    @settings
    @hypothesis.given(FAMILIES[name], st.integers(0, 2**32 - 1))
    def run(family: Family, seed: int) -> None:
        check(family, seed, cases, found)
        report(found)

    run()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "quadratic", "scalar", "general"])
def test_random_neurons(name, figures):
    found = Figures(name)
    run_many(name, 1, 24, 0, found)
    figures(str(found))
    assert not found.failures


def main(arguments: list[str]) -> None:
    """Run as many cases as wanted of every class, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="of every class")
    parser.add_argument("--batch", type=int, default=50, help="cases of one model")
    parser.add_argument("--only", choices=FAMILIES, action="append", help="classes to run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for name in options.only or FAMILIES:
        found, start = Figures(name), time.time()

        def report(found: Figures, start: float = start) -> None:
            print(f"{time.time() - start:.0f} s, {found}", flush=True)

        run_many(name, -(-options.cases // options.batch), options.batch, options.seed, found, report)
        print(found, *found.failures, sep="\n", flush=True)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main(sys.argv[1:])
