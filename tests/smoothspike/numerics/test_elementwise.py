"""Derivatives of loops that end when they are done, in both modes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from smoothspike.numerics.elementwise import differentiable

X = jnp.array([0.3, 1.0, 2.5])


def _power(exponent, x, factor):
    """factor * x**exponent and x, by a loop that reverse mode alone cannot pass."""
    start = (jnp.ones_like(x), jnp.array(0))
    result, _ = lax.while_loop(lambda c: c[1] < exponent, lambda c: (c[0] * x, c[1] + 1), start)
    return factor * result, x


power = differentiable(_power)


def test_both_modes_give_the_derivative():
    for build in (jax.jacfwd, jax.jacrev):
        by_x, by_factor = build(lambda x, factor: power(4, x, factor)[0], (0, 1))(X, 2.0)
        np.testing.assert_allclose(by_x, np.diag(8 * X**3), rtol=1e-14)
        np.testing.assert_allclose(by_factor, X**4, rtol=1e-14)


@pytest.mark.parametrize("outer", [jax.jacfwd, jax.jacrev])
@pytest.mark.parametrize("inner", [jax.jacfwd, jax.jacrev])
def test_second_derivatives_are_refused(outer, inner):
    with pytest.raises(NotImplementedError, match="no second derivatives"):
        outer(inner(lambda x: power(4, x, 1.0)[0]))(1.5)


def test_only_the_columns_asked_for_are_computed():
    root = differentiable(lambda _, x, y: (x * jnp.sqrt(y),))
    assert jax.grad(lambda x: root(None, x, 0.0)[0])(2.0) == 0.0  # the derivative by y would be infinite
    assert not np.isfinite(jax.grad(lambda y: root(None, 2.0, y)[0])(0.0))


def test_arguments_are_broadcast_and_may_be_batched():
    values, _ = power(2, X[:, None], jnp.arange(2.0))
    np.testing.assert_allclose(values, np.outer(X**2, [0, 1]))
    gradients = jax.vmap(jax.grad(lambda x, factor: power(2, x, factor)[0]), (0, None))(X, 3.0)
    np.testing.assert_allclose(gradients, 6 * X)
    assert power(2, jnp.zeros((0, 3)), 1.0)[0].shape == (0, 3)


def test_values_that_do_not_change_have_no_derivative():
    assert jax.grad(lambda z: power(2, 3.0, 1.0)[0] * z)(2.0) == 9.0


def test_precision_is_that_of_the_arguments(dtype):
    assert power(2, jnp.ones(2), 1.0)[0].dtype == dtype
