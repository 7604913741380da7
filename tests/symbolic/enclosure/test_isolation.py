"""Zeros of expressions without closed forms: none is lost, however close they lie."""

import pytest
import sympy as sp
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from symbolic import ModelError
from symbolic.enclosure.isolation import WINDOW, isolate

V = sp.Symbol("V", real=True)
EXP, RATIONAL = sp.exp(V), sp.Rational


def isolated(expression):
    return isolate(expression, V, -WINDOW, WINDOW)


def close(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, sorted(expected, key=float), strict=True):
        assert abs(sp.N(one - other, 60)) <= 1e-24 * abs(sp.N(other, 60))


def test_three_zeros_within_a_billionth():
    for gap in (RATIONAL(1, 10**10), sp.Float(1e-10)):
        exact = [sp.log(1 + k * RATIONAL(gap)) for k in range(3)]
        close(isolated((EXP - 1) * (EXP - 1 - RATIONAL(gap)) * (EXP - 1 - 2 * RATIONAL(gap))), exact)
    product = (EXP - 1) * (EXP - 1 - sp.Float(1e-10)) * (EXP - 1 - 2 * sp.Float(1e-10))
    assert [float(zero) for zero in isolated(product)] == pytest.approx([0, 1e-10, 2e-10], rel=1e-6)


@given(st.integers(1, 14), st.lists(st.integers(0, 9), min_size=2, max_size=3, unique=True), st.integers(-3, 3),
       st.sampled_from([sp.exp, sp.sinh, sp.atan, sp.asinh, lambda v: v + sp.tanh(v)]), st.booleans())  # fmt: skip
@settings(derandomize=True, max_examples=12, deadline=None, phases=[Phase.generate])
def test_products_with_known_zeros(digits, numbers, offset, function, is_expanded):
    """Zeros of f(V) = f(z) for a rising f, at gaps from 1e-1 down to 1e-14, as factors or not told as such."""
    zeros = [offset + RATIONAL(k, 10**digits) for k in numbers]
    factors = [function(V) - function(zero) for zero in zeros]
    product = sp.Mul(*factors)
    close(isolated(sp.expand(product) if is_expanded else product), zeros)


def test_what_is_hidden_from_factoring():
    """A sum that no longer factors, whose three zeros are those of the product but for their last digits."""
    gap = RATIONAL(1, 10**6)
    hidden = sp.expand((EXP - 1) * (EXP - 1 - gap) * (EXP - 1 - 2 * gap)) + sp.sin(V) * RATIONAL(1, 10**60)
    found = isolated(hidden)
    assert [float(zero) for zero in found] == pytest.approx([0, 1e-6, 2e-6], rel=1e-5, abs=1e-30)


def test_near_misses_are_told():
    tiny = RATIONAL(1, 10**20)
    assert isolated(EXP - 1 - V + tiny) == []
    assert [float(zero) for zero in isolated(EXP - 1 - V - tiny)] == pytest.approx([-(2e-20**0.5), 2e-20**0.5])
    assert isolated(EXP - 1 - V) == [0]
    assert isolated((EXP - 1 - V) * (V - sp.tanh(V)) * (sp.sin(V / 10**7) + 2)) == [0]
    assert isolated(sp.cosh(V - RATIONAL(1, 3)) - 1 - (V - RATIONAL(1, 3)) ** 2 / 2) == [RATIONAL(1, 3)]


def test_what_cannot_be_told():
    shifted = V - sp.sqrt(2)  # a double zero at no fraction, which no factor tells
    with pytest.raises(ModelError, match=r"vanishes near V = 1.41421 could not be decided; change the parameters a"):
        isolated(sp.exp(shifted) - 1 - shifted)
    with pytest.raises(ModelError, match=r"log\(V\) - 1 is not defined near V = "):
        isolate(sp.log(V) - 1, V, -10, 10)
    with pytest.raises(ModelError, match=r"expressions with gamma cannot be found yet"):
        isolate(sp.gamma(V) - 3, V, 1, 10)
    with pytest.raises(ModelError, match=r"vanishes all over from V = "):
        isolated(sp.Max(V, 0))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (sp.tanh(V) - V / 2, [-1.9150080481545375, 0, 1.9150080481545375]),
        (EXP - V**2, [-0.7034674224983917]),
        (1 / (V - 1) - 2, [1.5]),  # and not the pole
        (1 / (V - 1) - EXP, [1.2784645427610737]),
        (sp.Abs(V) - sp.cos(V), [-0.7390851332151607, 0.7390851332151607]),
        (sp.sqrt(2) * V**3 - V - 1, [1.1498173424160993]),
        (sp.sin(V) - V / 10, [-8.423203932360492, -7.068174358095817, -2.852341894450092, 0,
                              2.852341894450092, 7.068174358095817, 8.423203932360492]),
        (sp.Piecewise((V**2 - 1, V > 0), (EXP - 2 + V, True)), [1]),
        (sp.Max(V**2 - 2, V), [-2**0.5, 0]),
        (sp.sign(V + 65) / 20, [-65]),  # a jump from one sign to the other
        (sp.Heaviside(V**2 - 2) - RATIONAL(1, 2), [-2**0.5, 2**0.5]),
        (sp.Heaviside(V) + 1, []),
        (V**5 - V - 1, [1.1673039782614187]),
        ((V - 1) ** 4 * (EXP - 2) ** 2, [0.6931471805599453, 1]),
        (EXP * (V - 3), [3]),
        (sp.erf(V) - 1 - RATIONAL(1, 1000), []),
        # far away, large terms of the numerator cancel
        (1 / (1 + sp.exp(-V)) - V / 5, [4.9653645598411495]),
        ((2 * sp.tanh(3 * V - 1) - V + RATIONAL(1, 5)).rewrite(sp.exp), [-1.7999889562084335, 0.36006861845055604,
                                                                        2.1999452860051276]),
    ],
)  # fmt: skip
def test_zeros_of_all_kinds(expression, expected):
    assert [float(zero) for zero in isolated(expression)] == pytest.approx(expected, rel=1e-15, abs=1e-30)
