"""A training step on any number of devices, within a memory budget."""

from collections.abc import Callable
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Shaped

from .._checks import below
from ..networks import Network, simulate
from ..networks._capacity import Capacities
from ..networks.recording import Recording
from ..parallel.chunks import value_and_grad_in_chunks
from ..parallel.devices import replicated
from ..parallel.memory import largest_within, memory_needed, num_bytes
from ..spikes import Spikes
from .batch import Batch, together

Loss = Callable[[Any, Any], Float[Array, ""]]
#: network, optimiser's state, batch, capacities -> (network, state, mean loss), what capacity was needed
Step = Callable[..., tuple[tuple[Network, Any, Float[Array, ""]], Int[Array, "batch layers 2"]]]


def make_step(
    optimizer: optax.GradientTransformation,
    loss: Loss,
    readout: Callable[[Recording], Any],
    *,
    mesh: Mesh | None,
    chunk: int | None,
    memory: int | str | None,
    classes: int | None = None,
) -> Step:
    """Return the step of `fit`; with a memory budget, it chooses a chunk for every capacity.

    Args:
        optimizer: See `fit`.
        loss: See `fit`.
        readout: See `fit`.
        mesh: See `fit`.
        chunk: See `fit`.
        memory: See `fit`.
        classes: Labels have been found to be below; None if they have not been checked.

    Raises:
        ValueError: if both chunk and memory are given, or one is not positive.
    """
    if chunk is not None and memory is not None:
        raise ValueError("pass either chunk or memory, but not both")
    devices = 1 if mesh is None else mesh.size
    if chunk is not None and (chunk < 1 or chunk % devices):
        raise ValueError(f"chunk is {chunk}, but must be a positive multiple of the number of devices, {devices}")
    budget = None if memory is None else num_bytes(memory)

    @cache
    def in_chunks_of(size: int | None) -> Step:
        return _step(optimizer, loss, readout, mesh, size, classes)

    chosen: dict[tuple[Capacities, int], int] = {}

    def step(network: Network, state: Any, batch: Batch, capacities: Capacities) -> Any:
        arguments = network, state, batch, capacities
        if budget is None:
            return in_chunks_of(chunk)(*arguments)
        sizes = capacities, batch.spikes.capacity
        if sizes not in chosen:

            def needed(size: int) -> int:
                return memory_needed(in_chunks_of(size), *arguments)

            chosen[sizes] = largest_within(budget, needed, batch.labels.shape[0], devices)
        return in_chunks_of(chosen[sizes])(*arguments)

    return step


def _step(
    optimizer: optax.GradientTransformation,
    loss: Loss,
    readout: Callable[[Recording], Any],
    mesh: Mesh | None,
    chunk: int | None,
    classes: int | None,
) -> Step:
    def step(network: Network, state: Any, batch: Batch, capacities: Capacities) -> Any:
        def mean_loss(model: Any, spikes: Spikes, labels: Shaped[Array, " samples *target"], own: Any) -> Any:
            network, shared = model
            currents = together(own, jax.lax.stop_gradient(shared))
            recording, needed = simulate(network, spikes, capacities, currents)
            losses = of_samples(loss, readout(recording), labels, classes)
            if jnp.shape(losses) != labels.shape[:1]:
                shape = jnp.shape(losses)[1:]
                raise ValueError(
                    f"the loss of a sample has shape {shape}, but must be one number; take its sum or mean"
                )
            return losses.mean(), needed

        spikes, labels, own, shared = batch
        differentiated = value_and_grad_in_chunks(mean_loss, chunk or labels.shape[0], has_aux=True, mesh=mesh)
        (value, needed), (gradient, _) = differentiated((network, shared), spikes, labels, own)
        updates, state = optimizer.update(gradient, state, eqx.filter(network, eqx.is_inexact_array))
        trained = eqx.apply_updates(network, updates), state
        if mesh is not None:
            trained = eqx.filter_shard(trained, replicated(mesh))
        return (*trained, value), needed

    return eqx.filter_jit(step)


def of_samples(loss: Loss, found: Any, labels: Shaped[Array, " samples *target"], classes: int | None) -> Any:
    """Return the loss of every sample; an error inside it is told what a sample is."""

    def of_sample(found: Any, label: Any) -> Any:
        with below(label, classes):
            return loss(found, label)

    try:
        return jax.vmap(of_sample)(found, labels)
    except Exception as error:
        shapes = [jnp.shape(leaf)[1:] for leaf in jax.tree.leaves((found, labels))]
        error.add_note(
            f"It was raised in the loss, which is called for one sample, not for a batch: loss(readout, label) with "
            f"arrays of shapes {', '.join(map(str, shapes))}."
        )
        raise
