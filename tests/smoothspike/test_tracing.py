"""Values inside tracers: there outside jit, whatever differentiates and maps; not there inside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smoothspike._tracing import revealed

X = jnp.array([1.0, 2.0, 3.0])
BOTH = jnp.stack([X, 10 * X])


def spied(seen):
    @jax.jit
    def inside(x):
        return jnp.sin(x).sum(), (x > 1.5).sum()

    def function(x):
        value, count = inside(x)
        seen.append((revealed(2 * x), revealed(count)))
        return value

    return function


OUTSIDE = {
    "plain": (lambda f: f(X), X),
    "grad": (lambda f: jax.grad(f)(X), X),
    "jvp": (lambda f: jax.jvp(f, (X,), (X,)), X),
    "linearize": (lambda f: jax.linearize(f, X), X),
    "jacrev": (lambda f: jax.jacrev(f)(X), X),
    "jacfwd": (lambda f: jax.jacfwd(f)(X), X),
    "hessian": (lambda f: jax.hessian(f)(X), X),
    "vmap": (lambda f: jax.vmap(f)(BOTH), BOTH),
    "vmap along another axis": (lambda f: jax.vmap(f, 1)(BOTH.T), BOTH),
    "vmap of grad": (lambda f: jax.vmap(jax.grad(f))(BOTH), BOTH),
    "grad of vmap": (lambda f: jax.grad(lambda x: jax.vmap(f)(x).sum())(BOTH), BOTH),
    "vmap of vmap": (lambda f: jax.vmap(jax.vmap(f))(BOTH[None]), BOTH[None]),
}


@pytest.mark.parametrize("transform", OUTSIDE)
def test_outside_jit_values_are_known(transform):
    run, expected = OUTSIDE[transform]
    seen = []
    run(spied(seen))
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0][0], 2 * expected)
    np.testing.assert_array_equal(seen[0][1], (expected > 1.5).sum(-1))


@pytest.mark.parametrize(
    "run",
    [
        lambda f: jax.jit(f)(X),
        lambda f: jax.jit(jax.grad(f))(X),
        lambda f: jax.jit(jax.vmap(jax.grad(f)))(BOTH),
        lambda f: jax.vmap(jax.jit(f))(BOTH),
        lambda f: jax.grad(jax.checkpoint(f))(X),
        lambda f: jax.lax.map(f, BOTH),
    ],
)
def test_inside_jit_they_are_not(run):
    seen = []
    found = run(spied(seen))
    assert {each for pair in seen for each in pair} == {None}
    np.testing.assert_allclose(found, run(lambda x: jnp.sin(x).sum()))
