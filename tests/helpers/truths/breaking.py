"""Declarations in which one ingredient, harmless or not, decides: resets, orders of inputs, states that blow up."""

import random
from collections.abc import Iterator
from typing import Any

import sympy as sp

from symbolic import at_infinity, crosses, jump, weight
from symbolic.verify import Regularity

from .compare import Known, drawn
from .jumps import declare

V, I, J, w, x, y, u = sp.symbols("V I J w x y u", real=True)
oo, half = sp.oo, sp.Rational(1, 2)
QUADRATIC, EXPONENTIAL, QUARTIC = V**2 + 1, sp.exp(V) - V, V**4 + 1


def current_reset(rng: random.Random) -> Known:
    """The reset of the current that the input adds to: it must commute with adding."""
    after, holds = rng.choice([
        (I, True), (I + 1, True), (I - 3, True), (I / 2, False), (sp.S.Zero, False), (-I, False), (2 - I, False),
        (sp.tanh(I), False), (I + sp.sin(I), False), (I + w, True), (I + w / 2, True), (sp.Max(I, 0), False),
        (I + I * w, False), (sp.Abs(I), False), (sp.Integer(1), False),
    ])  # fmt: skip
    field, reset = rng.choice([(QUADRATIC, -oo), (QUADRATIC, 0), (EXPONENTIAL, 0), (QUARTIC, -oo), (QUARTIC, -2)])
    model = declare("m", field + I, {I: -I, w: -w / 2}, I, {V: reset, I: after}, initial={w: 1})
    return Known(f"{field}, reset {reset}, I -> {after}", model, holds)


def other_reset(rng: random.Random) -> Known:
    """An adaptation that the spike changes, by what it reads: harmful where that is the input's state."""
    after, holds = rng.choice([
        (w + 1, True), (w / 2, True), (sp.S.Zero, True), (-w, True), (sp.tanh(w), True), (w + I, False), (I, False),
        (w + sp.tanh(I), False), (w + x, True), (w * x, True), (w + sp.sin(x), True), (w + I * x, False),
    ])  # fmt: skip
    field, reset = rng.choice([(QUADRATIC, -oo), (QUADRATIC, 0), (EXPONENTIAL, 0), (QUARTIC, -oo)])
    model = declare("m", field + I - w, {I: -I, w: -w / 3, x: -x / 5}, I, {V: reset, w: after}, initial={x: 1})
    return Known(f"{field}, reset {reset}, w -> {after}", model, holds)


def place_of_reset(rng: random.Random) -> Known:
    """Where V restarts from may depend on states, but not on what the input has just changed."""
    place, holds = rng.choice([
        (x, True), (sp.tanh(x), True), (-(x**2), True), (I, False), (sp.tanh(I), False), (x + I / 10, False),
        (1 / (1 + I**2), False), (sp.tanh(y), True), (sp.sin(y) + x, True), (-sp.Abs(I), False),
    ])  # fmt: skip
    field = rng.choice([QUADRATIC, EXPONENTIAL, QUARTIC])
    model = declare("m", field + I, {I: -I, x: -x, y: I - y}, I, {V: place}, initial={x: 1})
    return Known(f"{field}, V -> {place}", model, holds)


def delta_and_reset(rng: random.Random) -> Known:
    """A delta input is lost by a finite reset, unless it vanishes there and at the spike."""
    field, reset, inputs, holds = rng.choice([
        (QUADRATIC, -oo, V, True), (QUADRATIC, 0, V, False), (QUARTIC, -oo, V, True), (QUARTIC, -1, V, False),
        (EXPONENTIAL, 0, V, False), (sp.cosh(V), -oo, V, True), (sp.cosh(V), 0, V, False), (EXPONENTIAL, -oo, V, False),
        (QUADRATIC, -oo, jump({V: V + weight, I: I + weight}), True),
        (QUADRATIC, 0, jump({V: V + weight, I: I + weight}), False),
        (QUADRATIC, 0, jump({V: V * sp.exp(weight)}), True), (QUADRATIC, 1, jump({V: V * sp.exp(weight)}), False),
        (QUADRATIC, -1, jump({V: (V + 1) * sp.exp(weight) - 1}), True),
        (QUARTIC, 0, jump({V: V * sp.exp(weight)}), True),
        (QUADRATIC, -oo, jump({V: V * sp.exp(weight)}), True),
        (sp.cosh(V), -oo, jump({V: sp.asinh(sp.sinh(V) + weight)}), True),
        (QUADRATIC, -oo, jump({V: V * weight}), False), (QUADRATIC, -oo, jump({V: V - weight**2}), True),
        (QUADRATIC, -oo, jump({V: sp.Max(V, 0) + weight}), False),
    ])  # fmt: skip
    speed = rng.choice([1, 2, half])
    others = {I: -I} if inputs is not V else {}
    add = I if inputs is not V else 0
    model = declare("m", speed * field + add, others, inputs, {V: reset})
    return Known(f"{speed} {field}, reset {reset}, {inputs}", model, holds)


def order_of_inputs(rng: random.Random) -> Known:
    """Two routes that commute or do not; at once they leave a kink or none."""
    table: list[tuple[str, Any, Any, Any, bool, Any]] = [
        ("two currents", V**2 + I + J, {I: -I, J: -2 * J}, {"a": I, "b": J}, True, Regularity.C2),
        ("delta and current", V**2 + I, {I: -I}, {"a": V, "b": I}, True, Regularity.CONTINUOUS),
        ("sum and product", V**2 + I, {I: -I}, {"a": I, "b": jump({I: I * sp.exp(weight)})}, False, None),
        ("sum and product of V", V**2, {}, {"a": V, "b": jump({V: V * sp.exp(weight)})}, False, None),
        ("products", V**2 + I, {I: 1 - I}, {"a": jump({I: I * sp.exp(weight)}), "b": jump({I: I * (1 + weight**2)})},
         True, None),
        ("one reads the other", V**2 + I, {I: -I, J: -J}, {"a": jump({I: I + weight * J}), "b": J}, False, None),
        ("both read a third", V**2 + I, {I: -I, x: -x},
         {"a": jump({I: I + weight * x}), "b": jump({I: I + weight * x**2})},
         True, Regularity.C2),
        ("saturating", V**2 + I, {I: -I}, jump({I: I + weight * (1 - I)}), True, None),
        ("saturating otherwise", V**2 + I, {I: -I}, jump({I: I + sp.tanh(weight) * (1 - I**2)}), False, None),
        ("addition of velocities", V**2 + I, {I: -I}, jump({I: sp.sinh(sp.asinh(I) + weight)}), True, None),
        ("kinked", V**2 + I, {I: -I}, jump({I: I + weight * sp.Abs(I)}), False, None),
        ("conductances", V**2 - I * V - J * (V + 1), {I: -I, J: -J}, {"a": I, "b": J}, True, Regularity.C1),
        ("conductance and current", V**2 - I * V + J, {I: -I, J: -J}, {"a": I, "b": J}, True, Regularity.C1),
        ("nonlinear synapse", V**2 + I, {I: -I - I**3}, {"a": I, "b": I}, True, Regularity.CONTINUOUS),
    ]  # fmt: skip
    name, field, others, inputs, holds, simultaneous = rng.choice(table)
    c, tau = rng.choice([0, 1, 2, -1]), rng.choice([1, 2, 3])
    rates = {s: rate / tau for s, rate in others.items()}
    start = {x: 1} if x in others else {I: 1} if name in ("products", "kinked") else {}
    model = declare("m", field + c, rates, inputs, initial=start)
    return Known(f"{name}, {c}, {tau}", model, holds, {}, simultaneous)


def blowing_up(rng: random.Random) -> Known:
    """A state that runs to infinity by itself, for some inputs, or never, by its start."""
    rate, start, holds = rng.choice([
        (w**2, 1, False), (w**2, -1, True), (w**2, 0, True), (w**2 - 1, half, True), (w**2 - 1, 2, False),
        (w**3, 1, False), (w**3, 0, True), (w**3 - w, half, True), (w**3 - w, 2, False), (-(w**3), 5, True),
        (sp.exp(w), 0, False), (-sp.exp(w), 0, True), (1 + w**2, 0, False), (w**2 + I, 0, False),
        (w**2 - w + I, 0, False),
        (I**2 - w, 0, True), (I**2 - w**3, 0, True), (I**3 - w, 0, True), (sp.exp(I) - w, 0, True), (I * w, 1, True),
        (I * w**2, 1, False), (w * (1 - w), half, True), (w * (1 - w), -1, False), (w * (w - 1), half, True),
        (sp.cosh(w), 0, False), (sp.sinh(w), 1, False), (-sp.sinh(w), 1, True), (w**2 + 1 + sp.tanh(V), 1, False),
        (sp.tanh(V) - w**3, 1, True), (w * sp.log(1 + w**2), 1, True), (w * sp.log(1 + w**2) ** 2, 1, False),
    ])  # fmt: skip
    field, reset = rng.choice([(QUADRATIC, -oo), (QUADRATIC, 0), (EXPONENTIAL, 0), (2 - V + I**2, 1)])
    spike = at_infinity(V) if reset != 1 else crosses(V, 1)
    drive = rng.choice([sp.tanh(w), sp.sin(w), w / (1 + w**2)]) if reset == 1 else rng.choice([w, -w, sp.tanh(w)])
    model = declare(
        "m", field + (drive * (1 - V) if reset == 1 else drive + I), {I: -I, w: rate}, I,
        {V: 0 if reset == 1 else reset}, initial={w: start}, spike=spike,
    )  # fmt: skip
    return Known(f"{field}, reset {reset}, {drive}, w' = {rate} from {start}", model, holds)


def climbing(rng: random.Random) -> Known:
    """Resets that climb to the threshold, for ever slower or faster."""
    factor = rng.choice([half, sp.Rational(9, 10), sp.Rational(1, 3)])
    rate, after, place, holds = rng.choice([
        (sp.S.Zero, w * factor, 1 - w, False), (sp.S.Zero, w * factor, 1 - 2 * w, False), (sp.S.Zero, w, 1 - w, True),
        (sp.S.Zero, w + 1, 1 - w, True), (sp.S.Zero, half + w * factor, 1 - w, True), (1 - w, w, 1 - w, True),
        (sp.S.Zero, w / factor, 1 - w, True),
    ])  # fmt: skip
    field = rng.choice([1 + I**2 * (1 - V), 2 - V, sp.exp(-V) + sp.tanh(I) * (1 - V)])
    model = declare(
        "m", field, {I: -I, w: rate}, I, {V: place, w: after}, spike=crosses(V, 1), initial={w: half, V: -1}
    )
    return Known(f"{field}, w' = {rate}, w -> {after}, V -> {place}", model, holds)


def triggers(rng: random.Random) -> Known:
    """At a finite threshold an input of V itself can cause a spike, unless it leaves the threshold where it is."""
    inputs, holds = rng.choice([
        (V, False), (jump({V: V + weight * (1 - V)}), False), (jump({V: V + sp.tanh(weight) / 2}), False),
        (jump({V: V - weight**2}), False), (jump({V: 1 - (1 - V) * sp.exp(weight)}), False),
        (jump({V: V * sp.exp(weight)}), False), (jump({I: I + weight, V: V + weight / 10}), False),
        (jump({I: I + weight * (1 - V)}), False), (jump({I: I + weight * V * (1 - V)}), True),
    ])  # fmt: skip
    field = rng.choice([2 - V + I**2, 3 - 2 * V + I**2 / 2, 1 + V**2 + I**2])
    model = declare("m", field, {I: -I}, inputs, {V: 0}, spike=crosses(V, 1))
    return Known(f"{field}, {inputs}", model, holds)


MAKERS = (
    current_reset, other_reset, place_of_reset, delta_and_reset, delta_and_reset, order_of_inputs, blowing_up,
    blowing_up,
    climbing, triggers,
)  # fmt: skip


def generate(seed: int) -> Iterator[Known]:
    """Ever more models; the first ones are of different kinds."""
    return drawn(MAKERS, seed)
