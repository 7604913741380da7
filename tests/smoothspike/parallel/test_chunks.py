"""Chunks change neither value nor gradient nor the order of the samples."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss


def mean_loss(model, xs, labels):
    each = jnp.sin(model["w"] @ xs.T).sum(0) ** 2 + model["b"] * labels
    return each.mean(), {"each": each, "twice": jnp.stack([each, each], -1)}


MODEL = {"w": jax.random.normal(jax.random.key(0), (3, 5)), "b": jnp.array(0.5), "name": "static", "n": jnp.array(2)}
XS, LABELS = jax.random.normal(jax.random.key(1), (12, 5)), jnp.arange(12)


@pytest.mark.parametrize("chunk", [1, 4, 5, 12, 100])
def test_value_gradient_and_auxiliary_outputs_are_those_of_the_whole_batch(chunk):
    whole = eqx.filter_value_and_grad(mean_loss, has_aux=True)(MODEL, XS, LABELS)
    chunked = ss.parallel.value_and_grad_in_chunks(mean_loss, chunk, has_aux=True)
    found = eqx.filter_jit(chunked)(MODEL, XS, LABELS)
    assert jax.tree.structure(found) == jax.tree.structure(whole)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), found, whole)


def test_shared_among_devices():
    """One here; test_devices has more of them."""
    whole = eqx.filter_value_and_grad(mean_loss, has_aux=True)(MODEL, XS, LABELS)
    shared = ss.parallel.value_and_grad_in_chunks(mean_loss, 5, has_aux=True, mesh=ss.parallel.data_mesh())
    found = eqx.filter_jit(shared)(MODEL, XS, LABELS)
    assert jax.tree.structure(found) == jax.tree.structure(whole)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), found, whole)


def test_gradients_exchanged_together_keep_their_types(float64):
    model = {"narrow": jnp.ones(2, jnp.float32), "wide": jnp.ones((), jnp.float64)}
    shared = ss.parallel.value_and_grad_in_chunks(
        lambda model, xs: (xs * model["narrow"] * model["wide"]).mean(), 5, mesh=ss.parallel.data_mesh()
    )
    value, gradient = eqx.filter_jit(shared)(model, XS[:, :2])
    assert {name: leaf.dtype for name, leaf in gradient.items()} == {name: leaf.dtype for name, leaf in model.items()}
    assert float(gradient["wide"]) == pytest.approx(float(value), rel=1e-12)


def test_without_auxiliary_outputs_and_with_other_arguments():
    def scaled(model, xs, scale):
        return scale * mean_loss(model, xs, jnp.zeros(len(xs)))[0]

    value, gradient = ss.parallel.value_and_grad_in_chunks(scaled, 5)(MODEL, XS, 3)
    expected = eqx.filter_value_and_grad(scaled)(MODEL, XS, 3)
    assert float(value) == pytest.approx(float(expected[0]), rel=1e-12)
    np.testing.assert_allclose(gradient["w"], expected[1]["w"], rtol=1e-12)


@pytest.mark.slow
def test_networks_of_spiking_neurons():
    net = ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (4, 3), 4.0, key=jax.random.key(0))
    spikes = ss.datasets.yin_yang(size=5).spikes

    def early(net, spikes):
        return net.first_spike_times(spikes).mean()

    value, gradient = eqx.filter_jit(eqx.filter_value_and_grad(early))(net, spikes)
    chunked_value, chunked = eqx.filter_jit(ss.parallel.value_and_grad_in_chunks(early, 2))(net, spikes)
    assert float(chunked_value) == pytest.approx(float(value), rel=1e-12)
    for ours, theirs in zip(jax.tree.leaves(chunked), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match="chunk is 0"):
        ss.parallel.value_and_grad_in_chunks(mean_loss, 0)
    chunked = ss.parallel.value_and_grad_in_chunks(mean_loss, 4, has_aux=True)
    with pytest.raises(ValueError, match="differ in their first axis"):
        chunked(MODEL, XS, LABELS[:8])
    with pytest.raises(ValueError, match="differ in their first axis"):
        chunked(MODEL, XS, jnp.array(1.0))
    reduced = ss.parallel.value_and_grad_in_chunks(lambda model, xs: (xs.sum(), xs.sum()), 4, has_aux=True)
    with pytest.raises(ValueError, match="its first axis must be the samples"):
        reduced(MODEL, XS)
