"""What one sees first: objects in a few lines, and suggestions for slips."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import smoothspike as ss


def test_a_data_set_in_two_lines():
    spikes = ss.Spikes([[0.5, 1.0], [0.25, jnp.inf]], [[0, 1], [2, 0]])
    data = ss.datasets.Dataset(spikes, [0, 1], num_classes=2, num_sources=3)
    assert repr(data) == (
        "Dataset of 2 samples, 2 classes, 3 sources\n"
        "  Spikes(2 trials, 1 to 2 spikes each from 3 sources, t = 0.25 to 1, capacity 2)"
    )
    targets = ss.datasets.Dataset(spikes, [[1.0], [2.0]], num_classes=None, num_sources=3)
    assert repr(targets).startswith("Dataset of 2 samples, targets of shape (1,), 3 sources\n")


def test_a_current_in_a_line():
    one, other = ss.PiecewiseConstant([0.5], [2.0]), ss.PiecewiseConstant([0.0, 1.0], [1.0, -1.0])
    assert repr(one) == "PiecewiseConstant(1 piece, t = 0.5 to 0.5, values 2 to 2)"
    both = ss.PiecewiseConstant.stack([one, other])  # padded with pieces that never begin
    assert repr(both) == "PiecewiseConstant(2 trials, 2 pieces, t = 0 to 1, values -1 to 2)"
    seen = []
    jax.jit(lambda current: seen.append(repr(current)) or current.values)(one)
    assert seen == ["PiecewiseConstant(1 piece, values unknown under tracing)"]


def test_trees_of_the_same_structure_print_their_leaves():
    mask = jax.tree.map(lambda _: True, ss.PiecewiseConstant([0.5], [2.0]))
    assert "True" in repr(mask)
    data = ss.datasets.Dataset(ss.Spikes([[0.5]], [[0]]), [0], num_classes=1, num_sources=1)
    assert "True" in repr(jax.tree.map(lambda _: True, data))
    assert "Dataset" in repr(eqx.filter_eval_shape(lambda tree: tree, data))


def test_certificates_and_derivations_print_as_they_read():
    model = ss.models.lif()
    certificate, derivation = ss.verify(model), ss.derive(model)
    assert repr(certificate) == str(certificate)
    assert "FAILS" in repr(certificate)
    assert repr(derivation).startswith("LIF: method linear")


def test_the_nearest_model_is_suggested():
    with pytest.raises(AttributeError, match=r"no model 'qiff'; did you mean 'qif'\? models.names\(\) lists all"):
        ss.models.qiff  # noqa: B018
    assert not hasattr(ss.models, "__wrapped__")
