"""The growth engine against high-precision numbers and against known integrals."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from symbolic.verify.asymptotics.growth import approach, growth, limit
from symbolic.verify.asymptotics.scales import ONE, bound, integrable, leading
from symbolic.verify.signs.facts import Facts
from symbolic.verify.signs.kinds import Kind, Undecided

V, I, a = sp.symbols("V I a", real=True)
PLAIN = Facts(({},), {V: (-sp.oo, sp.oo), I: (-sp.oo, sp.oo)})
x = sp.Symbol("x", positive=True)


def top(expression, direction=1, facts=PLAIN):
    found = leading(growth(expression, V, direction, facts), facts)
    assert found is not None
    return found.coefficient * found.scale.of(x)


@pytest.mark.parametrize(
    ("expression", "direction", "expected"),
    [
        (V**2 - V + I, 1, x**2),
        (V**3, -1, -(x**3)),
        (sp.cosh(V), -1, sp.exp(x) / 2),
        (sp.sinh(V), -1, -sp.exp(x) / 2),
        (V**2 * sp.exp(-V), -1, x**2 * sp.exp(x)),
        (sp.sqrt(1 + V**4), -1, x**2),
        (sp.log(1 + V**2), 1, 2 * sp.log(x)),
        (V * sp.log(1 + sp.exp(V)), 1, x**2),
        (2**V, 1, sp.exp(x * sp.log(2))),
        (sp.Abs(V) ** sp.Rational(5, 3), -1, x ** sp.Rational(5, 3)),
        (V**2 * (3 + sp.tanh(V)), -1, 2 * x**2),
        (1 / (1 + sp.exp(-V)), 1, sp.Integer(1)),
        (sp.Piecewise((V**2, V > 0), (sp.exp(-V), True)), -1, sp.exp(x)),
        (sp.Max(V, V**2, 3), -1, x**2),
        (sp.Min(V, V**2), -1, -x),
        ((V + 1) ** 2 - V**2 - 2 * V, 1, sp.Integer(1)),
        (V**2 * sp.exp(I), 1, x**2 * sp.exp(I)),
        (sp.exp(V**2) * sp.exp(-(V**2) + V), 1, sp.exp(x)),
        (sp.exp(V + sp.log(V)), 1, x * sp.exp(x)),
        (sp.atan(V) * V, -1, sp.pi / 2 * x),
    ],
)
def test_leading_behaviour(expression, direction, expected):
    assert sp.simplify(top(expression, direction) - expected) == 0


@pytest.mark.parametrize(
    "expression",
    [
        V**2 * sp.sin(V),
        sp.exp(sp.exp(V)),
        sp.exp(I * V),
        sp.gamma(V),
        sp.tan(V),
        sp.sin(I * V) + 1 / V,
        sp.log(sp.log(V)),
    ],
)
def test_out_of_reach_is_undecided(expression):
    with pytest.raises(Undecided, match=r"."):
        top(expression)


def test_cancelling_terms_leave_the_remainder_in_charge():
    with pytest.raises(Undecided, match="no single term"):
        top(sp.sqrt(1 + V**4) - V**2)


def test_powers_that_are_equal_by_value_cancel():
    facts = Facts(({a: sp.Integer(2)},), {})
    assert leading(growth(sp.Abs(V) ** a - V**2, V, 1, facts), facts) is None


def test_a_symbolic_power_names_what_has_to_be_known():
    with pytest.raises(Undecided, match="a") as caught:
        top(sp.Abs(V) ** a + V)
    assert caught.value.needs is not None


@pytest.mark.parametrize(
    ("field", "finite"),
    [(V**2, True), (V, False), (V * sp.log(V) ** 2, True), (V * sp.log(V), False), (V ** sp.Rational(11, 10), True),
     (sp.exp(V / 100), True), (sp.sqrt(V), False), (sp.Integer(1), False), (sp.exp(-V), False)],
)  # fmt: skip
def test_blow_up_integrals(field, finite):
    found = leading(growth(field, V, 1, PLAIN), PLAIN)
    assert found is not None
    assert integrable(ONE / found.scale, PLAIN) is finite


def test_signs_over_states_are_kept():
    found = leading(growth(I * V**2 + V, V, 1, PLAIN), PLAIN)
    assert found is not None
    assert found.kind is Kind.MIXED


def test_limits_at_a_finite_point():
    jump = 2 * sp.atan(sp.tan(V / 2) + I)
    assert limit(approach(jump, V, sp.pi, -1, PLAIN), PLAIN)[0] == sp.pi
    assert limit(approach(jump, V, -sp.pi, 1, PLAIN), PLAIN)[0] == -sp.pi
    assert limit(approach(V + I, V, sp.Integer(1), -1, PLAIN), PLAIN)[0] == 1 + I


POLYNOMIAL = (V, V**2, sp.Abs(V), V - 4, sp.sqrt(1 + V**2), sp.Integer(3))
FASTER = (sp.exp(V / 3), sp.exp(-V / 2), sp.cosh(V / 5))
SLOWER = (sp.tanh(V), sp.log(2 + V**2), sp.atan(V), sp.cos(V), 1 / (1 + sp.exp(-V)))
ATOMS = st.sampled_from((*POLYNOMIAL, *FASTER, *SLOWER))


def combined(parts):
    pairs = st.tuples(parts, parts)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]),
        pairs.map(lambda p: p[0] * p[1]),
        pairs.map(lambda p: p[0] - 2 * p[1]),
        parts.map(lambda p: p**2),
        parts.map(lambda p: 1 / (1 + p**2)),
    )


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.recursive(ATOMS, combined, max_leaves=5), st.sampled_from([1, -1]))
def test_random_expressions_against_numbers(expression, direction):
    try:
        series = growth(expression, V, direction, PLAIN)
    except Undecided:
        reject()
    try:
        found = leading(series, PLAIN)
    except Undecided:
        return _check_bound(expression, direction, bound(series, PLAIN))
    if found is None:
        assert sp.simplify(expression.subs(V, direction * x)) == 0
        return None
    ratio = sp.lambdify(x, (expression.subs(V, direction * x)) / (found.coefficient * found.scale.of(x)), "mpmath")
    with mpmath.workdps(600):
        distances = [abs(ratio(mpmath.mpf(10) ** k) - 1) for k in (20, 60, 120)]
    assert distances[-1] < 0.2
    assert distances[-1] <= distances[0] + mpmath.mpf("1e-3")
    return None


def _check_bound(expression, direction, scale):
    """Where no term dominates, the bound must still hold."""
    values = sp.lambdify(x, expression.subs(V, direction * x) / scale.of(x), "mpmath")
    with mpmath.workdps(600):
        assert all(abs(values(mpmath.mpf(10) ** k)) < 1e4 for k in (20, 60, 120))
