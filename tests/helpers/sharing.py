"""The same short trainings on one device, on several, and in several processes; prints what they yield as JSON.

python tests/helpers/sharing.py [PORT PROCESSES PROCESS CHECKPOINT]
"""

import json
import sys

import equinox as eqx
import jax
import numpy as np
import optax
from jax.sharding import NamedSharding, PartitionSpec

import smoothspike as ss

OPTIMIZER = optax.adabelief(2e-2)


def network():
    """Strongly driven: of a capacity of 1 it has to grow."""
    neuron = ss.Neuron(ss.models.qif_delta(), trainable=("tau_m",))
    return ss.FeedForward(neuron, (4, 3), 4.0, key=jax.random.key(0), scale=2.0)


def loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5, early_weight=0.05)


def mean_loss(net, spikes, labels):
    return jax.vmap(loss)(net(spikes, capacity=64).first_spike_times(), labels).mean()


def fitted(mesh, **options):
    """Four steps of `fit`; the last batch of the validation cannot be shared evenly."""
    training = ss.datasets.yin_yang(size=32, seed=0)
    held_out = ss.datasets.yin_yang(size=11, seed=0, split="test")
    options = {"epochs": 2, "batch_size": 16, "validation": held_out, "progress": False, "capacity": 1} | options
    return figures(*ss.fit(network(), training, loss, optimizer=OPTIMIZER, mesh=mesh, **options))


def looped(mesh, per_process=False):
    """Three steps of a loop as a user writes it."""
    data = ss.datasets.yin_yang(size=48, seed=1)
    net = network()
    state = OPTIMIZER.init(eqx.filter(net, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(net, state, spikes, labels):
        value, gradient = eqx.filter_value_and_grad(mean_loss)(net, spikes, labels)
        updates, state = OPTIMIZER.update(gradient, state)
        return eqx.apply_updates(net, updates), state, value

    batched = NamedSharding(mesh, PartitionSpec("batch")) if mesh else None
    if mesh:
        net, state = eqx.filter_shard((net, state), NamedSharding(mesh, PartitionSpec()))
    losses = []
    for batch in data.batches(16):
        if per_process:
            batch = jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(batched, own_part(leaf)), batch)
        elif mesh:
            batch = jax.device_put(batch, batched)
        net, state, value = step(net, state, *batch)
        losses.append({"loss": float(value)})
    return figures(net, losses)


def own_part(leaf):
    """The part of a batch that one of several processes loads."""
    return np.split(np.asarray(leaf), jax.process_count())[jax.process_index()]


def figures(net, history):
    arrays = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))
    return {"history": history, "weights": [np.asarray(leaf).tolist() for leaf in arrays]}


if __name__ == "__main__":
    on_fit, on_loop = {"chunk": 8}, {}
    if sys.argv[1:]:
        port, processes, process, checkpoint = sys.argv[1:]
        jax.distributed.initialize(f"localhost:{port}", int(processes), int(process))
        on_fit, on_loop = {"checkpoint": checkpoint}, {"per_process": True}
    mesh = ss.parallel.data_mesh()
    figures_of = {"fitted": fitted(mesh, **on_fit), "looped": looped(mesh, **on_loop)}
    print(json.dumps({"devices": mesh.size} | figures_of))
