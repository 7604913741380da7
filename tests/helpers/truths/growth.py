"""Growth at infinity around the borderline of integrability.

The field is V^p log(V)^q exp(k V^r), even in V. It holds, with the reset to -oo and delta inputs,
exactly if the integral of
its inverse converges: k > 0; or k = 0 and p > 1; or k = 0, p = 1 and q > 1. A factor b + a sin(...) changes nothing
for a < b, and leaves zeros for a > b. A state that follows G stays finite exactly if the integral of G/F converges.
"""

import random
from collections.abc import Iterator
from typing import Any

import sympy as sp

from symbolic.verify import Regularity

from .compare import Known, Route, drawn, of_exponent
from .jumps import declare

V, I, x = sp.symbols("V I x", real=True)
oo, half = sp.oo, sp.Rational(1, 2)
FAR = 1 + V**2


def scale(p: Any, q: Any, k: Any = 0, r: Any = 1) -> Any:
    """An even and positive function of V that grows like |V|^p log(V)^q exp(k |V|^r)."""
    return FAR ** (sp.S(p) / 2) * sp.log(2 + V**2) ** q * sp.exp(k * FAR ** (sp.S(r) / 2))


def converges(p: Any, q: Any, k: Any) -> bool:
    """Whether the integral of 1/scale to infinity does."""
    return bool(k > 0 or (k == 0 and (p > 1 or (p == 1 and q > 1))))


def _numbers(rng: random.Random) -> tuple[Any, Any, Any, Any]:
    near = [1, 1, 1, sp.Rational(99, 100), sp.Rational(101, 100), half, sp.Rational(3, 2), sp.Rational(4, 3), 2, 3, 4]
    p, q = rng.choice(near), rng.choice([0, 0, 1, 2, sp.Rational(9, 10), sp.Rational(11, 10), -1, -2, 3 * half])
    k = rng.choice([0, 0, 0, sp.Rational(1, 10), -sp.Rational(1, 10), 1])
    return p, q, k, rng.choice([1, 1, half, 2, sp.Rational(1, 5)])


def _contact(p: Any, q: Any, k: Any, r: Any) -> Route:
    if k > 0:
        return Route(1, Regularity.C1 if r < 1 else Regularity.CONTINUOUS)
    if p == 1:
        return Route(oo, Regularity.SMOOTH, Regularity.SMOOTH, hoelder=1)
    exponent = sp.S(p) / (p - 1)
    own = of_exponent(exponent)
    if exponent.is_integer and q < 0:
        own = Regularity(own + 1)  # u^2/log(u): the second derivative vanishes at u = 0
    later = None if exponent.is_integer and exponent % 2 == 0 else own
    if p == 2:
        later = Regularity.ANALYTIC if q == 0 else own
    return Route(exponent, own, later, hoelder=1)


def plain(rng: random.Random) -> Known:
    """The scale alone, or with a smaller addition."""
    p, q, k, r = _numbers(rng)
    rest = rng.choice([0, 0, sp.sin(V), 1, sp.tanh(V)])
    field = rng.choice([1, 2, half]) * scale(p, q, k, r) + rest
    holds = converges(p, q, k)
    model = declare("m", field, {}, V)
    is_clear = rest == 0 and holds
    routes = {"V": _contact(p, q, k, r)} if is_clear else {}
    name = f"V^{p} log^{q} exp({k} V^{r}) + {rest} ({field.args[0]})"
    return Known(name, model, holds, routes, is_plain=rest == 0 and r in (1, half, 2))


def waving(rng: random.Random) -> Known:
    """A bounded oscillating factor, of an amplitude below or above its mean."""
    p, q, k, r = _numbers(rng)
    wave = rng.choice([sp.sin(V), sp.cos(2 * V), sp.sin(V**2), sp.cos(sp.log(1 + V**2)), sp.sin(sp.exp(V))])
    mean, amplitude = rng.choice([(2, 1), (1, sp.Rational(9, 10)), (1, 2), (1, sp.Rational(11, 10))])
    holds = converges(p, q, k) and amplitude < mean
    name = f"({mean} + {amplitude} {wave}) V^{p} log^{q} exp({k} V^{r})"
    return Known(name, declare("m", (mean + amplitude * wave) * scale(p, q, k, r), {}, V), holds)


def following(rng: random.Random) -> Known:
    """A state that follows V, around the borderline of what stays finite."""
    if rng.random() < 0.7:
        p, q = rng.choice([2, 4, 3, sp.Rational(5, 2)]), rng.choice([0, 0, 1, -1])
        m = p - 1 + rng.choice([0, 0, -sp.Rational(1, 50), sp.Rational(1, 50), -half, half / 2])
        n = q + rng.choice([0, -1, -2, -sp.Rational(11, 10), -sp.Rational(9, 10)])
        field, drive, holds = scale(p, q), scale(m, n), converges(p - m, q - n, 0)
        name = f"V^{p} log^{q}, follower V^{m} log^{n}"
    else:
        c, n = rng.choice([1, half, sp.Rational(99, 100), sp.Rational(101, 100)]), rng.choice([0, -1, -2, -half])
        field, drive = scale(0, 0, 1, 1), scale(n, 0, c, 1)
        holds = converges(-n, 0, 1 - c)
        name = f"exp(V), follower exp({c} V) V^{n}"
    drive = rng.choice([1, 2]) * drive
    model = declare("m", field - x + I, {I: -I, x: drive - x}, I, rng.choice([None, {V: 0}]))
    return Known(f"{name} {drive} {model.reset_value}", model, holds)


def one_sided(rng: random.Random) -> Known:
    """Other powers towards -oo: the way back must be as fast as the way there."""
    p, q, _, _ = _numbers(rng)
    p2, q2, _, _ = _numbers(rng)
    there, back = scale(p, q), scale(p2, q2)
    gap = sp.log(2) ** q - sp.log(2) ** q2
    field = sp.Piecewise((there + 1, V > 0), (back + 1 + gap, True))
    if (
        p2 < 0
        or not (sp.log(2) ** q2 + 1 + gap > 0)
        or not all((back + 1 + gap).subs(V, -at) > 0 for at in (half, 1, 3, 10))
    ):
        return one_sided(rng)
    holds = converges(p, q, 0) and converges(p2, q2, 0)
    return Known(f"V^{p} log^{q} above, V^{p2} log^{q2} below", declare("m", field, {}, V), holds)


MAKERS = (plain, plain, waving, following, following, one_sided)


def generate(seed: int) -> Iterator[Known]:
    """Ever more models; the first ones are of different kinds."""
    return drawn(MAKERS, seed)
