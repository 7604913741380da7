"""States that stay in a range, whose ends decide whether the field is positive at the spike.

The speed at the threshold is `x - c` (or `c - x`), and an input I with its reversal potential at the threshold brings V
there at any moment. It grazes exactly if x can pass c downwards: that is impossible where x never gets to c, or only
rises there.
"""

import random
from collections.abc import Iterator
from typing import Any

import sympy as sp

from symbolic import at_infinity, crosses, jump, weight

from .compare import Known
from .jumps import declare

V, I, J, x, y, z, m = sp.symbols("V I J x y z m", real=True)
oo, half = sp.oo, sp.Rational(1, 2)


def gated(
    rng: random.Random, speed: Any, rates: Any, start: Any, reset: Any, holds: bool, name: str, *, inputs: Any = None,
    is_plain: bool = False,
) -> Known:  # fmt: skip
    """V' = speed + I (1 - V) at the threshold 1, or speed exp(V) - V + I at infinity."""
    routes = {"a": I} | (inputs or {})
    if rng.random() < 0.6:
        field, spike, where = speed + I * (1 - V), crosses(V, 1), "threshold"
    else:
        field, spike, where = speed * sp.exp(V) - V + I, at_infinity(V), "infinity"
    others: dict[Any, Any] = {I: -I}
    model = declare("m", field, others | rates, routes, {V: 0} | reset, spike=spike, initial=start)
    # at infinity a coefficient that rises through zero is no graze either, but needs another argument
    return Known(f"{where}, {name}", model, holds, is_plain=is_plain)


def relaxing(rng: random.Random) -> Known:
    """x' = a - b x goes from its start to a/b."""
    a, b, start = rng.choice([0, 1, 2, -1]), rng.choice([1, 2, half]), rng.choice([0, 1, 3, -2])
    rest = sp.S(a) / b
    low = min(sp.S(start), rest)
    c = rng.choice([low - half, low - 2, (start + rest) / 2, low - sp.Rational(1, 100)])
    holds = c < low or rest > c
    change = rng.choice([{}, {x: x + half}, {x: (x + max(sp.S(start), rest)) / 2}, {x: start}, {x: x / 3 + start}])
    if change and change[x] == x / 3 + start:  # a fixed point at 3/2 start; the hull with rest may reach lower
        low = min(low, 3 * sp.S(start) / 2, rest / 3 + start)
        holds = c < low or rest > c
    if c == rest or (c >= low and start <= c and rest <= c):
        return relaxing(rng)  # never spikes, or a limit that is never reached
    name = f"x' = {a} - {b} x from {start}, level {c}, reset {change.get(x)}"
    return gated(rng, x - c, {x: a - b * x}, {x: start}, change, holds, name, is_plain=c < low)


def square(rng: random.Random) -> Known:
    """x' = k (x^2 - a^2): falls to -a from anywhere below a, runs away from above it."""
    a, k = rng.choice([1, 2]), rng.choice([1, half])
    start = rng.choice([-2 * a, -a, 0, a * half, a, a * sp.Rational(3, 2)])
    c = rng.choice([-a - half, -a * half, -a - 2, -a - sp.Rational(1, 50)])
    holds = start <= a and (c < min(-a, start) or (c < -a) or start == a)
    name = f"x' = {k} (x^2 - {a}^2) from {start}, level {c}"
    if -a < c and start <= c:
        return square(rng)
    return gated(rng, x - c, {x: k * (x**2 - a**2)}, {x: start}, {}, holds, name,
                 is_plain=holds and c < min(-a, start))  # fmt: skip


def driven(rng: random.Random) -> Known:
    """x follows a bounded function of a current that inputs set at will, directly or through a chain."""
    f, low, high = rng.choice([
        (sp.tanh(J), -1, 1), (sp.sin(J), -1, 1), (J / sp.sqrt(1 + J**2), -1, 1), (1 / (1 + J**2), 0, 1),
        (sp.exp(-(J**2)), 0, 1), (1 / (1 + sp.exp(-J)), 0, 1), (sp.tanh(J) ** 2, 0, 1),
        (sp.atan(J), -sp.pi / 2, sp.pi / 2),
        (3 * sp.tanh(J) - 1, -4, 2), (sp.Max(-1, sp.Min(J, 1)), -1, 1), (J**2 / (1 + J**2), 0, 1),
    ])  # fmt: skip
    stages, rate = rng.choice([1, 1, 2, 3]), rng.choice([1, 2])
    start = rng.choice([low, high, sp.S(low + high) / 2])
    c = low + rng.choice([-half, -sp.Rational(1, 20), half])
    names = [x, y, z][:stages]
    rates = {s: rate * (upstream - s) for s, upstream in zip(names, [*names[1:], f], strict=True)}
    name = f"x follows {f} through {stages} filters of rate {rate} from {start}, level {c}"
    return gated(rng, x - c, rates | {J: -J}, dict.fromkeys(names, start), {}, bool(c < low), name,
                 inputs={"b": J}, is_plain=bool(c < low) and stages == 1 and f == sp.tanh(J))  # fmt: skip


def gates(rng: random.Random) -> Known:
    """m' = (1 - m) alpha - m beta with positive rates: between 0 and 1 if started there."""
    alpha, beta = rng.choice([
        (sp.exp(V), sp.exp(-V)), (1 / (1 + sp.exp(-V)), 1), (sp.exp(-(V**2)), half), (1 + V**2, 2 + sp.tanh(V)),
        ((V + 4) / (1 - sp.exp(-(V + 4))), 4 * sp.exp(-V / 18)), (sp.cosh(V), sp.exp(V / 2)),
        (sp.Integer(1), sp.Integer(2)),
        (sp.exp(J), sp.exp(-J)), (1 + J**2, sp.Integer(1)),
    ])  # fmt: skip
    start = rng.choice([0, 1, half])
    rate = (1 - m) * alpha - m * beta
    speed, low = rng.choice([(m + sp.Rational(1, 10), True), (sp.Rational(11, 10) - m, True),
    (m * (1 - m) + half, True),
                             (m**3 * (2 - m) + half, True), (2 - m**4, True)])  # fmt: skip
    change = rng.choice([{}, {m: m / 2}, {m: (1 + m) / 2}, {m: 4 * m * (1 - m)}, {m: 0}, {m: 1 - m}])
    broken = rng.choice([False, False, True])
    inputs = {"b": m} if broken else {"b": J}
    name = f"{speed}, gate {alpha}, {beta} from {start}, reset {change.get(m)}{', moved by inputs' if broken else ''}"
    model_rates = {m: rate, J: -J}
    field, spike = speed + I * (1 - V), crosses(V, 1)
    model = declare("m", field, {I: -I} | model_rates, {"a": I} | inputs, {V: 0} | change, spike=spike,
                    initial={m: start})  # fmt: skip
    return Known(f"threshold, {name}", model, low and not broken)


def maps(rng: random.Random) -> Known:
    """x only changes at spikes, by a map of [0, 1] into itself; or an input moves it as well."""
    after, start = rng.choice([
        (4 * x * (1 - x), sp.Rational(1, 3)), (sp.Rational(16, 5) * x * (1 - x), half), (1 - x, sp.Rational(1, 4)),
        (x**2, half), (sp.sqrt(x), half), (sp.Piecewise((2 * x, x < half), (2 - 2 * x, True)), sp.Rational(1, 3)),
        (sp.sin(sp.pi * x / 2), half), (x / (1 + x), 1), (sp.tanh(x), 1), (sp.exp(-x), 1), (x / 2 + half, 0),
    ])  # fmt: skip
    broken = rng.random() < 0.3
    rate = rng.choice([sp.S.Zero, -x, 1 - x, x * (1 - x)])
    c = rng.choice([sp.Rational(1, 10), half])
    name = f"x' = {rate}, x -> {after} from {start}, level -{c}{', moved by inputs' if broken else ''}"
    inputs = {"b": x} if broken else {}
    if broken and after in (1 - x, sp.exp(-x)):
        broken = True
    return gated(rng, x + c, {x: rate}, {x: start}, {x: after}, not broken, name, inputs=inputs)


def kept_by_jumps(rng: random.Random) -> Known:
    """Inputs that combine with x so that it stays in a range: in any order alike."""
    after, rates, start, low = rng.choice([
        ((x + sp.tanh(weight)) / (1 + x * sp.tanh(weight)), -x, 0, -1),
        (x * sp.exp(weight), -x, 1, 0),
        (x * sp.exp(weight) / (1 + x * (sp.exp(weight) - 1)), x * (1 - x), half, 0),
        (x + (1 - x) * (1 - sp.exp(-(weight**2))), -x, 0, 0),
        (x * sp.exp(-(weight**2)), 1 - x, half, 0),
    ])  # fmt: skip
    c = low + rng.choice([-sp.Rational(1, 10), -1, half])
    name = f"x -> {after} at inputs, x' = {rates} from {start}, level {c}"
    return gated(rng, x - c, {x: rates}, {x: start}, {}, c < low, name, inputs={"b": jump({x: after})})


def declared(rng: random.Random) -> Known:
    """A range that is declared, for a current that inputs raise; a level inside it fails."""
    c = rng.choice([-half, -sp.Rational(1, 10), half])
    model = declare("m", J - c + I * (1 - V), {I: -I, J: -J}, {"a": I, "b": J}, {V: 0}, spike=crosses(V, 1),
                    bounds={J: (0, oo)}, initial={J: 0})  # fmt: skip
    gain = rng.choice([1, 2, 3])
    model = declare("m", gain * J - c + I * (1 - V), {I: -I, J: -gain * J}, {"a": I, "b": J}, {V: 0},
                    spike=crosses(V, 1), bounds={J: (0, oo)}, initial={J: 0})  # fmt: skip
    return Known(f"declared, level {c}, {gain}", model, c < 0, is_plain=True)


MAKERS = (relaxing, relaxing, square, driven, driven, gates, gates, maps, kept_by_jumps, declared)


def generate(seed: int) -> Iterator[Known]:
    """Ever more models; the first ones are of different kinds."""
    rng, seen = random.Random(seed), set()
    makers: list[Any] = []
    while True:
        makers = makers or rng.sample(MAKERS, len(MAKERS))
        known = makers.pop()(rng)
        if known.name not in seen:
            seen.add(known.name)
            yield known
        elif makers.count(declared):
            makers.remove(declared)
