import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.lowering import lower

a, b = sp.Symbol("a", positive=True), sp.Symbol("b", real=True)


@pytest.mark.parametrize(
    ("expression", "function"),
    [
        (a**2 - b / a, lambda a, b: a**2 - b / a),
        (sp.sqrt(a) * sp.exp(-b), lambda a, b: np.sqrt(a) * np.exp(-b)),
        (sp.Rational(1, 3) + sp.pi * b, lambda a, b: 1 / 3 + np.pi * b),
    ],
)
def test_values_and_gradients(expression, function):
    values = jnp.array(1.7), jnp.array([0.3, -0.4])
    np.testing.assert_allclose(lower(expression, {a: values[0], b: values[1]}), function(*values), rtol=1e-15)
    slope = jax.grad(lambda value: lower(expression, {a: value, b: jnp.array(0.3)}))(jnp.array(1.7))
    exact = float(sp.diff(expression, a).subs({a: sp.Rational(17, 10), b: sp.Rational(3, 10)}))
    np.testing.assert_allclose(slope, exact, rtol=1e-14)


def test_numbers_have_the_default_precision(dtype):
    assert lower(sp.Rational(1, 3), {}).dtype == dtype
    assert lower(a + 1, {a: jnp.array(1.0)}).dtype == dtype


def test_a_missing_value():
    with pytest.raises(ss.DerivationError, match=r"parameter b has no value; set it with model.with_parameters\(\)"):
        lower(a + b, {a: jnp.array(1.0)})


def test_cases_are_refused():
    """Both sides of a case distinction are evaluated, and the other side's derivative may be NaN."""
    with pytest.raises(ss.DerivationError, match="must be free of cases"):
        lower(sp.Piecewise((a, a > 1), (1, True)), {a: jnp.array(1.0)})


def test_inside_jit_and_vmap():
    found = jax.jit(jax.vmap(lambda value: lower(a / (1 + a), {a: value})))(jnp.arange(1.0, 4.0))
    np.testing.assert_allclose(found, [1 / 2, 2 / 3, 3 / 4], rtol=1e-15)
