"""Optimisers of configurations keep parameters where they belong."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import smoothspike as ss
from smoothspike.studies.config import schema
from smoothspike.studies.config.places import Source
from smoothspike.studies.parts.optimizer import build_optimizer


def test_no_step_makes_a_delay_negative():
    net = ss.FeedForward(ss.Neuron(ss.models.qif()), (2, 3), 4.0, key=jax.random.key(0), delays=[[0.01, 0.5]])
    table = schema.Optimizer(name="sgd", learning_rate=0.1, rates={"delays.*": 2.0}, options={})
    optimizer = build_optimizer(table, net, 1, 1, Source("test.toml", Path(), {}, {}))
    parameters = eqx.filter(net, eqx.is_inexact_array)
    gradient = jax.tree.map(jnp.ones_like, parameters)
    updates, _ = optimizer.update(gradient, optimizer.init(parameters), parameters)
    moved = eqx.apply_updates(net, updates)
    np.testing.assert_allclose(moved.delays[0], [0.0, 0.3], atol=1e-6)
    np.testing.assert_allclose(moved.weights[0]["I"], net.weights[0]["I"] - 0.1, atol=1e-6)
