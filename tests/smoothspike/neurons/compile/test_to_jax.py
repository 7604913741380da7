import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.neurons.compile.to_jax import compiled, lower

a, b = sp.Symbol("a", positive=True), sp.Symbol("b", real=True)
V, w = sp.symbols("V w", real=True)


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


RATE = (V + 40) / (10 - 10 * sp.exp(-(V + 40) / 10)) + V / (1 - sp.exp(-V)) ** 2 * (1 - sp.exp(-V)) + sp.exp(V) / a


def test_rates_of_ion_channels_go_through_their_removable_zeros():
    """0/0 at V = -40 and at V = 0: values and slopes there and beside, against 40 digits."""

    def exactly(v):
        first, second = (v + 40) / 10, v
        parts = (1 if x == 0 else x / (1 - mp.exp(-x)) for x in (first, second))
        return sum(parts) + mp.exp(v) / 2

    function = compiled(RATE, (V, a))
    for place in (-40.0, 0.0, 1e-9, -1e-12, 3.0, -200.0, 80.0):
        with mp.workdps(40):
            value, slope = exactly(mp.mpf(place)), mp.diff(exactly, mp.mpf(place) + mp.mpf("1e-20"))
        found = jax.value_and_grad(lambda v: function(v, 2.0))(jnp.array(place))
        tolerance = 1e-5 if found[0].dtype == "float32" else 1e-13
        np.testing.assert_allclose(found, (float(value), float(slope)), rtol=tolerance)


@pytest.mark.slow
def test_a_neuron_with_such_a_rate_starts_where_it_is_zero_over_zero():
    rate = V / (1 - sp.exp(-V)) / (1 + V**2)
    model = ss.NeuronModel(
        "channel", dynamics={V: V**2 + b - w, b: -b, w: rate - w}, spike=ss.at_infinity(V), reset={V: -sp.oo}, inputs=b
    )
    network = ss.FeedForward(ss.Neuron(model), (1, 1), 3.0, weights=[[[8.0]]])
    (time,) = np.unique(network(ss.Spikes([0.1], [0])).spike_times(count=1))
    shifted = ss.Neuron(model.with_initial(V=sp.Rational(1, 10**9)))
    moved = ss.FeedForward(shifted, (1, 1), 3.0, weights=[[[8.0]]])
    np.testing.assert_allclose(moved(ss.Spikes([0.1], [0])).spike_times(count=1), time, rtol=1e-6)
