"""`fit`: a thin optax loop with a progress bar, automatic capacity and resumable checkpoints."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray
from tqdm.auto import tqdm

from ..capacity import with_room
from ..datasets import Dataset
from ..networks import Network
from ..recording import Recording
from ..spikes import Spikes
from .checkpoint import resumed, save
from .devices import gather, replicate, require_divisible, shard_batch
from .evaluate import evaluate
from .step import Loss, make_step


class Fit(NamedTuple):
    """A trained network and one row of figures per epoch."""

    network: Any
    history: list[dict[str, float]]


def fit(
    network: Network,
    dataset: Dataset,
    loss: Loss,
    *,
    optimizer: optax.GradientTransformation | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    key: PRNGKeyArray | None = None,
    readout: Callable[[Recording], Any] = Recording.first_spike_times,
    augment: Callable[[Spikes, PRNGKeyArray], Spikes] | None = None,
    validation: Dataset | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
    mesh: Mesh | None = None,
    chunk: int | None = None,
    memory: int | str | None = None,
) -> Fit:
    """Train a network on labelled spikes.

    Args:
        network: Where to start; it is not changed.
        dataset: The training samples.
        loss: Of one sample: `loss(readout, label)`.
        optimizer: An optax optimiser, by default `optax.adabelief(4e-3)`.
        epochs: How often to go through the data, epochs before a resumption included.
        batch_size: Samples per step.
        key: Shuffles the samples.
        readout: What of a batched recording the loss is given: by default first spike times, pseudospikes included.
        augment: Changes every batch of inputs before it is learned from, such as `partial(jittered, scale=0.1)`.
        validation: Evaluated after each epoch (see `evaluate`); never trained on.
        checkpoint: A folder to which every epoch is saved and from which an interrupted training goes on.
        progress: Whether to show a progress bar.
        mesh: Devices to share out every batch among, such as `data_mesh()`. With several processes, each calls `fit`
            with the same arguments; the first one saves, to a folder that all can read.
        chunk: How many samples of a batch to simulate and differentiate at a time, to save memory.
        memory: Choose the largest chunk with which a step needs no more on each device: bytes, or text such as
            `"2 GiB"`. See `largest_chunk`.

    None of the last three changes the result by more than rounding.

    Returns:
        The trained network and the history: for each epoch its number, the mean training loss and the validation.

    Raises:
        ValueError: if the data do not fit the network, the checkpoint is of another network or data set, devices cannot
            share a batch evenly, or no chunk fits the memory.
        FloatingPointError: if the loss is not finite.
    """
    if dataset.num_sources > network.sizes[0]:
        raise ValueError(f"the data have {dataset.num_sources} input channels, but the network {network.sizes[0]}")
    optimizer = optax.adabelief(4e-3) if optimizer is None else optimizer
    key = jax.random.key(0) if key is None else key
    batch_size = min(batch_size, len(dataset))
    if mesh is not None:
        require_divisible(batch_size, mesh, "a batch")
    state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
    folder = None if checkpoint is None else Path(checkpoint)
    (network, state), history = resumed(folder, (network, state))
    step = make_step(optimizer, loss, readout, mesh=mesh, chunk=chunk, memory=memory)
    if mesh is not None:
        network, state = replicate((network, state), mesh)
    room = network.capacity
    batches = len(dataset) // batch_size
    quiet = not progress or jax.process_index() > 0
    with tqdm(total=epochs * batches, initial=len(history) * batches, disable=quiet, unit="batch") as bar:
        for epoch in range(len(history), epochs):
            total = 0.0
            shuffle_key, augment_key = jax.random.split(jax.random.fold_in(key, epoch))
            shuffled = dataset.batches(batch_size, shuffle_key)
            for number, (spikes, labels) in enumerate(shuffled):
                if augment is not None:
                    spikes = augment(spikes, jax.random.fold_in(augment_key, number))
                if mesh is not None:
                    spikes, labels = shard_batch((spikes, labels), mesh)
                take_step = partial(step, network, state, spikes, labels)
                (network, state, value), room, _ = with_room(take_step, room)
                total += _finite(float(value), epoch)
                bar.update()
            row = {"epoch": epoch + 1, "loss": total / batches}
            row |= {} if validation is None else evaluate(network.with_capacity(room), validation, mesh=mesh)
            history.append(row)
            bar.set_postfix({name: f"{row[name]:.4f}" for name in ("loss", "accuracy") if name in row})
            save(folder, (network, state), history)
    return Fit(network if mesh is None else gather(network), history)


def _finite(value: float, epoch: int) -> float:
    if not jnp.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value} in epoch {epoch + 1}; spike times and their gradients are finite, so look at the "
            "loss itself and at the size of the learning rate"
        )
    return value
