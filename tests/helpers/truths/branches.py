"""Branches whose edge lies at the threshold, at the reset, at the start, or inside.

Only what is below the threshold counts there. With V' = 2 - V + I h(V), h ~ (1 - V)^n below the threshold 1 and h ~ V^m
above the reset 0, an input a time u before the spike shifts it like u^(n + 1), and one a time v after the spike has an
effect that is smaller by v^(m + 1) than right at it: classes of |s|^(n + 1) and of |s|^min(n + 1, m + 1) for n != m.
"""

import random
from collections.abc import Iterator
from typing import Any

import sympy as sp

from symbolic import crosses
from symbolic.verify import Regularity

from .compare import Known, Route, drawn, of_exponent
from .jumps import declare

V, I = sp.symbols("V I", real=True)
half = sp.Rational(1, 2)
CONTINUOUS = Regularity.CONTINUOUS


def _above(rng: random.Random, below: Any) -> tuple[Any, str]:
    """The same below the threshold, anything from there on, written in one of several ways."""
    other = rng.choice([sp.S.Zero, sp.Integer(5), -3 * (V - 1), sp.Integer(-7), sp.exp(V), sp.sqrt(V) - 4, -below])
    edge = rng.choice([V < 1, V <= 1, sp.Not(V >= 1)])
    kind = rng.choice(["plain", "piecewise", "piecewise", "reversed"])
    if kind == "plain":
        return below, kind
    if kind == "reversed":
        return sp.Piecewise((other, V >= 1), (below, True)), f"{kind} {other}"
    return sp.Piecewise((below, edge), (other, True)), f"{kind} {other}"


def contact(rng: random.Random) -> Known:
    """Contact exponents n + 1, with anything above the threshold."""
    n = rng.choice([1, 1, 2, 3, 4, 3 * half, 5 * half, 2 - half / 2, sp.Rational(7, 3)])
    m = rng.choice([0, 0, 1, 2, 3, 3 * half])
    gap = rng.choice([sp.Abs(1 - V), sp.Max(1 - V, 0)]) if not sp.S(n).is_integer else rng.choice(
        [1 - V, sp.Abs(1 - V), sp.Max(1 - V, 0), sp.Max(0, 1 - V, (1 - V) / 2), 1 - V]
    )  # fmt: skip
    start = V if sp.S(m).is_integer else sp.Abs(V)
    tame = (1 + V**2) ** (-(n + m))
    strength = rng.choice([I, sp.tanh(I), 2 * I])
    effect, how = _above(rng, strength * gap**n * start**m * tame)
    base, how_base = _above(rng, 2 - V)
    model = declare("m", base + effect, {I: -I}, I, {V: 0}, spike=crosses(V, 1))
    least = min(n + 1, m + 1)
    later = of_exponent(least) if n != m else None
    kinked = "Max(0, " in str(effect) and "/2" in str(gap)
    route = Route(n + 1, of_exponent(n + 1), later, at_most=kinked, hoelder=1)
    name = f"n = {n}, m = {m}, {gap}, {strength}, {how}; field {how_base}"
    return Known(name, model, True, {"I": route}, is_plain=how_base == "plain" and how == "plain")


def sudden(rng: random.Random) -> Known:
    """h does not vanish at the threshold, or the field below it is not positive: whatever is above does not help."""
    kind = rng.choice(["input", "field"])
    below = (2 - V + I * (2 - V) ** 2 / (1 + V**2) ** 2) if kind == "input" else rng.choice([-V + I, half - V + I])
    field, how = _above(rng, below)
    if how.startswith("plain"):
        field, how = sp.Piecewise((below, V < 1), (5, True)), "piecewise 5"
    model = declare("m", field, {I: -I}, I, {V: 0}, spike=crosses(V, 1))
    return Known(f"sudden, {below}, {how}", model, False)


def lower_end(rng: random.Random) -> Known:
    """A branch that is valid only below where V starts and restarts: no trial gets there."""
    where = rng.choice(["reset", "start"])
    edge = 0 if where == "reset" else -1
    above = rng.choice([sp.S.One, 2 - V, 2 + V, 1 + V**2])
    below = rng.choice([sp.Integer(-3), -V, sp.sqrt(sp.Abs(V)), above - (V - edge), above, sp.S.Zero])
    edges = rng.choice([V < edge, sp.Not(V >= edge)])
    field = sp.Piecewise((below, edges), (above, True)) + rng.choice([I**2, sp.exp(I), 1 + sp.tanh(I)])
    model = declare("m", field, {I: -I}, I, {V: 0}, spike=crosses(V, 1), initial={V: edge})
    route = Route(1, CONTINUOUS, CONTINUOUS if above.has(V) else None, hoelder=1)
    return Known(f"{where}, {field}", model, True, {"I": route})


def inside(rng: random.Random) -> Known:
    """A kink or a jump of a positive field on the way: crossed upwards, spikes are continuous, not smooth."""
    edge = rng.choice([half, sp.Rational(1, 10), -1])
    low, high = rng.choice([(1, 3), (3, 1), (2 - V, 2 - edge), (2 - V, 2 - V + 2 * (V - edge)), (2, 2 + V - edge)])
    field = sp.Piecewise((low, V < edge), (high, True)) + rng.choice([I**2, sp.exp(I)])
    model = declare("m", field, {I: -I}, I, {V: 0}, spike=crosses(V, 1), initial={V: 0})
    return Known(f"inside, {field}", model, True, {"I": Route(1, CONTINUOUS, hoelder=1)})


def barrier(rng: random.Random) -> Known:
    """A branch on the way in which the field is negative for some currents: V can be stopped there."""
    edge = rng.choice([half, sp.Rational(3, 4)])
    slow = rng.choice([half - V, -V, sp.Rational(1, 4) - V])
    gap = slow.subs(V, edge) - (2 - edge)
    field = sp.Piecewise(
        (slow + I, V < edge), (2 - V + gap + (1 - edge) * 40 * (V - edge) + I * (1 - V) / (1 - edge), True)
    )
    model = declare("m", field, {I: -I}, I, {V: 0}, spike=crosses(V, 1))
    # at the threshold the field is positive whatever I is: V stops before it, and passes it transversally if at all
    at_threshold: Any = field.subs(V, 1)
    return Known(f"barrier, {field}", model, bool(at_threshold > 0))


MAKERS = (contact, contact, contact, sudden, lower_end, lower_end, inside, barrier)


def generate(seed: int) -> Iterator[Known]:
    """Ever more models; the first ones are of different kinds."""
    return drawn(MAKERS, seed)
