"""Inputs whose jump reads a state x: `V -> V + weight x` or `I -> I + weight x`.

With the time s of the input relative to the own spike, an input moves the phase like W x(s) times the phase response,
which is |s|^k (delta), or moves I by W x(s). What x does at the spike decides:

- x is a smooth function of time: as for a fixed weight.
- x is reset to R(x): a current has another size on both sides, so that later spikes jump; a delta input, which has no
  effect at the spike, has the coefficient x on one side and R(x) on the other, so that |s|^k is exact for every k.
- x' = f(V) - x with f ~ |V|^m: V ~ s^(-1/(p - 1)) gives x(s) - x(0) ~ s |s|^(-m/(p - 1)), which I passes on as it is.
  A delta input shifts the phase by |s|^k, and what x has collected by f(V(s)) |s|^k. With f of different limits on both
  sides x has a kink, and its value depends on the spike's time, which is shifted like |s|^k on one side only.
"""

import random
from collections.abc import Iterator
from typing import Any

import sympy as sp

from symbolic import NeuronModel, SpikeRule, at_infinity, crosses, jump, weight
from symbolic.verify import Regularity

from .compare import Known, Route, drawn, of_exponent

V, I, x, y, z, theta = sp.symbols("V I x y z theta", real=True)
oo, half = sp.oo, sp.Rational(1, 2)
CONTINUOUS, C1, C2, SMOOTH, ANALYTIC = (
    Regularity.CONTINUOUS, Regularity.C1, Regularity.C2, Regularity.SMOOTH, Regularity.ANALYTIC,
)  # fmt: skip

# field, contact exponents of delta and current, their classes after a reset to -oo with a fixed weight
FIELDS: dict[str, tuple[Any, Any, Any, Regularity, Regularity]] = {
    "quadratic": (V**2 + 1, 2, 3, ANALYTIC, ANALYTIC),
    "quartic": (V**4 + 1, sp.Rational(4, 3), sp.Rational(7, 3), C1, C2),
    "cosh": (sp.cosh(V), 1, 2, CONTINUOUS, C1),
}
# smooth functions of time, never zero, whatever the neuron does
BY_ITSELF = {
    "constant": (sp.S.Zero, 1), "decaying": (-x, 2), "to one": (1 - x**2, half), "double well": (x - x**3, half),
    "pendulum": (-sp.sin(x), 1), "cubic decay": (-(x**3), -1), "square, from below": (x**2, -1),
    "gate": ((1 - x) * sp.exp(-x), 2), "bounded": (1 / (1 + x**2), 0.5),
}  # fmt: skip
RESETS = {"halved": x / 2, "raised": x + 1, "cleared": sp.S.Zero, "mirrored": 1 - x, "reversed": -x, "square": x**2 + 1}
STEPS = {
    "tanh": sp.tanh(V), "atan": sp.atan(V), "algebraic step": V / sp.sqrt(1 + V**2), "logistic": 1 / (1 + sp.exp(-V)),
    "erf": sp.erf(V),
}  # fmt: skip
POWERS = [-sp.Rational(1, 4), -sp.Rational(1, 6), sp.Rational(1, 6), sp.Rational(1, 4), half, 1, 3 * half, 2, 3]
STEEP = [-half, -sp.Rational(3, 4), -1, -sp.Rational(5, 4)]  # slow enough for V^4 or an exponential


def declare(name: str, field: Any, others: Any, inputs: Any, reset: Any = None, **rest: Any) -> NeuronModel:
    spike: SpikeRule = rest.pop("spike", at_infinity(V))
    return NeuronModel(
        name, dynamics={spike.variable: field} | others, spike=spike, inputs=inputs,
        reset={V: -oo} if reset is None else reset, **rest,
    )  # fmt: skip


def _route(rng: random.Random) -> tuple[str, Any, dict[Any, Any], Any]:
    """A delta or a current input that x scales: name, jump, equations, addition to the field."""
    if rng.random() < 0.5:
        return "delta", jump({V: V + weight * x}), {}, sp.S.Zero
    return "current", jump({I: I + weight * x}), {I: rng.choice([-I, -2 * I])}, I


def _own(kind: str, field: str) -> tuple[Any, Regularity]:
    exponent = FIELDS[field][1 if kind == "delta" else 2]
    return exponent, of_exponent(exponent)


def by_itself(rng: random.Random) -> Known:
    """The truth is that of a fixed weight."""
    field, law = rng.choice(list(FIELDS)), rng.choice(list(BY_ITSELF))
    kind, inputs, others, drive = _route(rng)
    rate, start = BY_ITSELF[law]
    name = f"{field}, {kind}, x {law}"
    model = declare(name, FIELDS[field][0] + drive, others | {x: rate}, inputs, initial={x: start})
    exponent, own = _own(kind, field)
    later = FIELDS[field][3 if kind == "delta" else 4]
    simultaneous = CONTINUOUS if kind == "delta" else C2
    return Known(name, model, True, {model.routes[0].name: Route(exponent, own, later, hoelder=1)}, simultaneous, True)


def reset_at_spikes(rng: random.Random) -> Known:
    """A current of another size on both sides; a delta input keeps its exponent."""
    field, change = rng.choice(list(FIELDS)), rng.choice(list(RESETS))
    kind, inputs, others, drive = _route(rng)
    after, start = RESETS[change], rng.choice([1, 2, -1])
    name = f"{field}, {kind}, x {change} from {start}"
    model = declare(
        name, FIELDS[field][0] + drive, others | {x: -x / 3}, inputs, {V: -oo, x: after}, initial={x: start}
    )
    exponent, own = _own(kind, field)
    later = None if change == "reversed" and field == "cosh" else own
    routes = {model.routes[0].name: Route(exponent, own, later, hoelder=1)} if kind == "delta" else {}
    return Known(name, model, kind == "delta", routes, is_plain=kind == "delta" and change != "square")


def never_away_from_zero(rng: random.Random) -> Known:
    """x is zero for ever, so that inputs do nothing at all, whatever the reset would do with another value."""
    field, kind_of_reset = rng.choice(list(FIELDS)), rng.choice(["halved", "cleared", "reversed"])
    kind, inputs, others, drive = _route(rng)
    name = f"{field}, {kind}, x {kind_of_reset} at zero"
    model = declare(name, FIELDS[field][0] + drive, others | {x: -x}, inputs, {V: -oo, x: RESETS[kind_of_reset]})
    return Known(name, model, True)


def stepping(rng: random.Random) -> Known:
    """x follows V through a function with different limits on both sides: its rate jumps at the spike."""
    field, step = rng.choice(list(FIELDS)), rng.choice(list(STEPS))
    kind, inputs, others, drive = _route(rng)
    name = f"{field}, {kind}, x driven by {step}"
    model = declare(name, FIELDS[field][0] + drive, others | {x: STEPS[step] - x}, inputs, initial={x: 1})
    exponent, own = _own(kind, field)
    later = own if kind == "delta" else CONTINUOUS
    return Known(name, model, True, {model.routes[0].name: Route(exponent, own, later, hoelder=1)}, is_plain=True)


def powers(rng: random.Random) -> Known:
    """x follows (1 + V^2)^-q, which has a fractional power or a kink in time at the spike."""
    field = rng.choice(list(FIELDS))
    q = rng.choice(POWERS if field == "quadratic" else POWERS + STEEP)
    kind, inputs, others, drive = _route(rng)
    stages = rng.choice([0, 0, 1])
    name = f"{field}, {kind}, x driven by (1 + V^2)^-({q}) through {stages} filters"
    f = (1 + V**2) ** (-q)
    chain = {x: y - x, y: f - y} if stages else {x: f - x}
    model = declare(name, FIELDS[field][0] + drive, others | chain, inputs, initial={x: 1})
    exponent, own = _own(kind, field)
    fixed = FIELDS[field][3 if kind == "delta" else 4]
    later, hoelder, attained = _of_power(field, kind, q, stages)
    route = Route(exponent, own, min(later, fixed), hoelder=hoelder, is_attained=attained)
    return Known(name, model, True, {model.routes[0].name: route}, is_plain=True)


def _of_power(field: str, kind: str, q: Any, stages: int) -> tuple[Regularity, Any, bool]:
    if field == "cosh":  # V ~ -log|s|: x(s) - x(0) ~ s |log s|^(-2q), an integral more through a filter
        if kind == "delta" or stages:
            return (CONTINUOUS if kind == "delta" else C1), 1, True
        return (C1, 1, True) if q > 0 else (CONTINUOUS, 1, False)
    m, p = -2 * q, 2 if field == "quadratic" else 4
    if field == "quadratic" and sp.S(q).is_integer:
        return ANALYTIC, 1, True
    # s |s|^r is odd in s; one filter more makes it even, and likewise the phase's shift times f
    power = (1 - sp.S(m) / (p - 1)) if kind == "current" else sp.S(p) / (p - 1) - sp.S(m) / (p - 1)
    power += stages
    is_odd = (kind == "current") == (stages == 0)
    is_smooth = power.is_integer and (power % 2 == 1) is is_odd
    later = ANALYTIC if is_smooth else of_exponent(power)
    return later, min(power, 1), True


def flat(rng: random.Random) -> Known:
    """exp(-V^2) vanishes at the spike with all derivatives, but is not analytic there."""
    kind, inputs, others, drive = _route(rng)
    f = rng.choice([sp.exp(-(V**2)), sp.exp(-2 * V**2) * (1 + V**2), 3 + sp.exp(-(V**2))])
    name = f"quadratic, {kind}, x driven by {f}"
    model = declare(name, V**2 + 1 + drive, others | {x: f - x}, inputs, initial={x: 1})
    return Known(name, model, True, {model.routes[0].name: Route(*_own(kind, "quadratic"), SMOOTH, hoelder=1)})


def upstream_reset(rng: random.Random) -> Known:
    """y is reset and drives x, which has a kink at the spike and depends on the spike's time."""
    field, change = rng.choice(list(FIELDS)), rng.choice(["halved", "raised", "cleared", "reversed"])
    kind, inputs, others, drive = _route(rng)
    name = f"{field}, {kind}, x driven by y, which is {change}"
    model = declare(
        name, FIELDS[field][0] + drive, others | {x: y - x, y: -y}, inputs,
        {V: -oo, y: RESETS[change].subs(x, y)}, initial={x: 1, y: 2},
    )  # fmt: skip
    exponent, own = _own(kind, field)
    later = own if kind == "delta" else CONTINUOUS
    return Known(name, model, True, {model.routes[0].name: Route(exponent, own, later, hoelder=1)}, is_plain=True)


def second_route(rng: random.Random) -> Known:
    """Another input moves x: at once, so that both do not commute, or through filters, which leaves a kink or less."""
    field, stages = rng.choice(list(FIELDS)), rng.choice([0, 1, 2])
    kind, inputs, others, drive = _route(rng)
    chain = [{x: -x}, {x: y - x, y: -y}, {x: y - x, y: z - y, z: -z}][stages]
    name = f"{field}, {kind}, x moved by a second input through {stages} filters"
    model = declare(
        name, FIELDS[field][0] + drive, others | chain, {"a": inputs, "b": [x, y, z][stages]}, initial={x: 1}
    )
    exponent, own = _own(kind, field)
    routes = {"a": Route(exponent, own, FIELDS[field][3 if kind == "delta" else 4], hoelder=1)}
    simultaneous = CONTINUOUS if kind == "delta" or stages == 1 else C1
    return Known(name, model, stages > 0, routes if stages else {}, simultaneous, True)


def finite_reset(rng: random.Random) -> Known:
    """A current that moves V at once after the reset, but not before the spike: a kink."""
    field = rng.choice(list(FIELDS))
    law = rng.choice([*BY_ITSELF, *STEPS])
    rate, start = BY_ITSELF[law] if law in BY_ITSELF else (STEPS[law] - x, 1)
    name = f"{field}, finite reset, current, x {law}"
    model = declare(name, FIELDS[field][0] + I, {I: -I, x: rate}, jump({I: I + weight * x}), {V: 0}, initial={x: start})
    exponent = FIELDS[field][2]
    route = Route(exponent, of_exponent(exponent), CONTINUOUS, hoelder=1)
    return Known(name, model, True, {model.routes[0].name: route}, is_plain=True)


def finite_threshold(rng: random.Random) -> Known:
    """V' = 2 - V + I^2 at the threshold 1: the own spike has a kink, and so have later ones."""
    kind = rng.choice(["by itself", "driven", "reset", "delta"])
    law = rng.choice(list(BY_ITSELF))
    rate, start = BY_ITSELF[law] if kind in ("by itself", "delta") else (-x, 1)
    if kind == "driven":
        law = rng.choice(list(STEPS))
        rate = STEPS[law] - x
    reset = {V: sp.S.Zero} | ({x: rng.choice(list(RESETS.values()))} if kind == "reset" else {})
    inputs = jump({V: V + weight * x}) if kind == "delta" else jump({I: I + weight * x})
    name = f"finite threshold, x {kind} {law} {reset.get(x, '')}"
    model = declare(name, 2 - V + I**2, {I: -I, x: rate}, inputs, reset, spike=crosses(V, 1), initial={x: start, V: 0})
    holds = kind in ("by itself", "driven")
    routes = {model.routes[0].name: Route(1, CONTINUOUS, CONTINUOUS, hoelder=1)} if holds else {}
    return Known(name, model, holds, routes)


def angle(rng: random.Random) -> Known:
    """The theta neuron: x driven by a function of the angle that is periodic, or only up to a kink or jump."""
    drives = {
        "sin": (sp.sin(theta), ANALYTIC, ANALYTIC), "cos": (sp.cos(theta), ANALYTIC, ANALYTIC),
        "cos of half": (sp.cos(theta / 2), C1, C2), "sin of half": (sp.sin(theta / 2), CONTINUOUS, C1),
        "nothing": (sp.S.Zero, ANALYTIC, ANALYTIC), "square": (theta**2, C1, C2),
        "angle itself": (theta, CONTINUOUS, C1),
    }  # fmt: skip
    which, kind = rng.choice(list(drives)), rng.choice(["delta", "current"])
    f, current, delta = drives[which]
    rate = 1 - sp.cos(theta) + (1 + sp.cos(theta)) * (I if kind == "current" else 1)
    inputs: Any = jump({theta: 2 * sp.atan(sp.tan(theta / 2) + weight * x)})
    if kind == "current":
        inputs = jump({I: I + weight * x})
    name = f"angle, {kind}, x driven by {which}"
    others = {x: f - x} | ({I: -I} if kind == "current" else {})
    model = declare(name, rate, others, inputs, {theta: -sp.pi}, spike=crosses(theta, sp.pi), initial={x: 1})
    exponent, own = _own(kind, "quadratic")
    return Known(
        name, model, True, {model.routes[0].name: Route(exponent, own, current if kind == "current" else delta)}
    )


MAKERS = (
    by_itself, reset_at_spikes, never_away_from_zero, stepping, powers, powers, powers, flat, upstream_reset,
    second_route, finite_reset, finite_threshold, angle,
)  # fmt: skip


def generate(seed: int) -> Iterator[Known]:
    """Ever more models; the first ones are of different kinds."""
    return drawn(MAKERS, seed)
