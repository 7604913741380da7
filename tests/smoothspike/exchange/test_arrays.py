"""All numbers of a network as NumPy arrays, as they act."""

import json

import jax.numpy as jnp
import numpy as np

import smoothspike as ss
from smoothspike.exchange import to_numpy


def test_arrays_hold_what_acts_and_go_through_a_file(tmp_path):
    """Weights with one sign and time constants are given themselves, not the numbers that are trained."""
    neuron = ss.Neuron(ss.models.qif_conductance().with_initial(g=0.25), trainable=("tau_m", "g"), per_neuron="tau_m")
    first = ss.FeedForward(neuron, (2, 3), 4.0, weights=[jnp.full((3, 2), 0.5)], delays=[0.25])
    ring = ss.Connections([[1], [2], [0]], [[0.5], [1.0], [1.5]])
    net = ss.Sequential(first, ss.Recurrent(neuron, 3, 3, 4.0, recurrent_weights=ring, input_weights=jnp.eye(3)))
    np.savez(tmp_path / "net.npz", **to_numpy(net))
    with np.load(tmp_path / "net.npz") as arrays:
        assert arrays["sizes"].tolist() == [2, 3, 3]
        assert arrays["duration"] == 4.0
        assert np.allclose(arrays["weights.0.g"], 0.5, rtol=1e-6)
        assert arrays["delays.0"] == 0.25
        assert arrays["recurrent_targets.1"].tolist() == [[1], [2], [0]]
        assert np.allclose(arrays["recurrent_weights.1.g"].ravel(), [0.5, 1.0, 1.5], rtol=1e-6)
        assert np.allclose(arrays["parameters.1.tau_m"], [1.0] * 3)
        assert np.allclose(arrays["initial.0.g"], [0.25] * 3)
        assert json.loads(str(arrays["declaration.0"]))["dynamics"]["g"] == "-1*g*tau_s**-1"
