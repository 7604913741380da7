"""Fields of either sign at the spike: only crossed upwards, or truly grazed.

The speed at the spike is `x - c`. The input I cannot change it (its effect on V vanishes at the spike) but moves V at
the coefficient of the leading power, with z = 1/V or exp(-V), dz/dt = -(coefficient), in place of V.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symbolic import at_infinity, crosses, jump, weight

from .compare import Known, drawn
from .jumps import declare

V, I, J, x, y, theta = sp.symbols("V I J x y theta", real=True)
oo, half = sp.oo, sp.Rational(1, 2)


@dataclass(frozen=True)
class Law:
    """Equations of x (and y), started at given values, and the level c that x - c is measured from.

    Attributes:
        rises: Whether x crosses c upwards only; else it crosses downwards at some time that inputs cannot prevent, or
            that they can bring about.
        is_plain: Whether verification should see a rise.
    """

    name: str
    rates: dict[Any, Any]
    start: dict[Any, Any]
    level: Any
    rises: bool
    is_plain: bool = True


def laws(rng: random.Random) -> Law:
    """A random law."""
    c, a = rng.choice([0, half, -1, 2]), rng.choice([1, 2, half])
    up = rng.random() < 0.6
    s = 1 if up else -1
    table = [
        Law("ramp", {x: s * a}, {x: c - s}, c, up),
        Law("relaxation", {x: a * (c + s - x)}, {x: c - s}, c, up),
        Law("relaxation from far", {x: a * (c + 3 * s - x)}, {x: c - 5 * s}, c, up),
        Law("logistic", {x: s * a * (x - c + 2) * (c + 2 - x)}, {x: c - s}, c, up),
        Law("square", {x: s * (a + (x - c) ** 2) / (1 + (x - c) ** 2)}, {x: c - s}, c, up, False),
        Law("driven by I, always upwards", {x: s * (a + I**2)}, {x: c - s}, c, up),
        Law("driven by tanh(I), always upwards", {x: s * (2 + sp.tanh(I)) * a}, {x: c - s}, c, up),
        Law("driven by V, always upwards", {x: s * (2 + sp.tanh(V)) * a}, {x: c - s}, c, up),
        Law("exponential", {x: s * sp.exp(-x)}, {x: c - s}, c, up),
        Law("with a driver that keeps its sign", {x: y, y: -y}, {x: c - s * half, y: s * a}, c, up, False),
        Law("with a driver that changes its sign", {x: y, y: -a}, {x: c - half, y: 2}, c, False),
        Law("driven by I, either way", {x: a + I}, {x: c - 1}, c, False),
        Law("driven by tanh(I), either way", {x: a + 2 * a * sp.tanh(I)}, {x: c - 1}, c, False),
        Law("oscillator", {x: y, y: -x}, {x: 0 if c > 0 else c + 1, y: 3}, c, False),
        Law("oscillator that stays above", {x: y, y: -x}, {x: 1, y: 0}, sp.S(-2), True, False),
        Law("damped oscillator", {x: y, y: -x - y / 10}, {x: 3, y: 0}, -1, False),
    ]
    return rng.choice(table)


def _finite(rng: random.Random, law: Law) -> Known:
    """V' = x - c at the threshold 1; the input acts with a reversal potential at the threshold."""
    away = rng.choice([1 - V, (1 - V) * (2 + sp.tanh(V)), sp.sin(1 - V), sp.tanh(1 - V), 1 - sp.exp(V - 1)])
    drive = rng.choice([I, sp.tanh(I), 2 * I]) if "I" not in law.name else I
    field = x - law.level + drive * away
    model = declare("m", field, law.rates | {I: -I}, I, {V: 0}, spike=crosses(V, 1), initial=law.start)
    return Known(f"threshold, {field}, {law.name}", model, law.rises, is_plain=law.rises and law.is_plain)


def _moved(rng: random.Random, law: Law) -> Known:
    """The same, but an input moves the speed itself: a spike is swallowed just before it happens."""
    how = rng.choice(["adds to x", "adds to the field", "filter"])
    others = law.rates | {I: -I, J: -J}
    field, target = x - law.level + I * (1 - V), x
    if how != "adds to x":
        field, target = field + J, J
    if how == "filter":
        field, others = x - law.level + (1 - V) * y + I, {x: law.rates[x], y: -y, I: J - I, J: -J}
    if y in law.rates and how == "filter":
        return _moved(rng, law)
    model = declare("m", field, others, {"a": I, "b": target} if how != "filter" else target, {V: 0},
                    spike=crosses(V, 1), initial=law.start)  # fmt: skip
    return Known(f"threshold, input {how}, {law.name} ({law.level})", model, False)


def _at_infinity(rng: random.Random, law: Law) -> Known:
    """The coefficient of the leading power; V goes on towards -oo as it would without it."""
    shape = rng.choice(["quadratic", "exponential", "quartic", "exponential of a square"])
    lead = {
        "quadratic": sp.Piecewise(((x - law.level) * V**2, V > 0), (V**2, True)),
        "quartic": sp.Piecewise(((x - law.level) * V**4 + V, V > 0), (V, True)),
        "exponential": (x - law.level) * sp.exp(V) - V,
        "exponential of a square": (x - law.level) * sp.exp(V) * sp.sqrt(1 + V**2) - V,
    }[shape]
    model = declare(
        "m", lead + I, law.rates | {I: -I}, I, {V: -oo if shape == "quadratic" else 0}, spike=at_infinity(V),
        initial=law.start,
    )  # fmt: skip
    return Known(f"infinity, {shape}, {law.name} ({law.level})", model, law.rises)


def _angle(rng: random.Random, law: Law) -> Known:
    """An angle whose speed at its cut is x - c, and that inputs move elsewhere."""
    field = (x - law.level) * (1 - sp.cos(theta)) / 2 + (1 + sp.cos(theta)) * (I + 1)
    rates = {state: sp.S(rate).subs(V, sp.sin(theta)) for state, rate in law.rates.items()}
    model = declare("m", field, rates | {I: -I}, I, {theta: -sp.pi}, spike=crosses(theta, sp.pi), initial=law.start)
    return Known(f"angle, {law.name} ({law.level}) {law.start[x]}", model, law.rises)


def _multiplied(rng: random.Random, law: Law) -> Known:
    """An input that multiplies x by a positive number leaves its sign alone: the speed stays positive."""
    rate = rng.choice([-x, -2 * x, x * sp.tanh(V), -x * (1 + I**2) / (1 + I**2 / 2), x - x**2])
    level, start = rng.choice([0, 1, half]), rng.choice([1, half, 3])
    field = x + level + I * (1 - V)
    model = declare(
        "m", field, {x: rate, I: -I}, {"a": I, "b": jump({x: x * sp.exp(weight)})}, {V: 0}, spike=crosses(V, 1),
        initial={x: start},
    )  # fmt: skip
    return Known(f"threshold, {field}, x multiplied by inputs, {rate}, from {start}", model, True, is_plain=bool(level))


MAKERS = (_finite, _finite, _finite, _moved, _at_infinity, _at_infinity, _angle, _multiplied)


def generate(seed: int) -> Iterator[Known]:
    """Ever more models; the first ones are of different kinds."""
    return drawn([lambda rng, maker=maker: maker(rng, laws(rng)) for maker in MAKERS], seed)
