"""`fit`: a thin optax loop with a progress bar, automatic capacity and resumable checkpoints."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray
from tqdm.auto import tqdm

from ..capacity import Capacities, with_room
from ..datasets import Dataset
from ..networks import Network, simulate
from ..recording import Recording
from ..spikes import Spikes
from .evaluate import evaluate

Loss = Callable[[Any, Any], Float[Array, ""]]


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

    Returns:
        The trained network and the history: for each epoch its number, the mean training loss and the validation.

    Raises:
        ValueError: if the data do not fit the network, or the checkpoint is of another network or data set.
        FloatingPointError: if the loss is not finite.
    """
    if dataset.num_sources > network.sizes[0]:
        raise ValueError(f"the data have {dataset.num_sources} input channels, but the network {network.sizes[0]}")
    optimizer = optax.adabelief(4e-3) if optimizer is None else optimizer
    key = jax.random.key(0) if key is None else key
    state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
    folder = None if checkpoint is None else Path(checkpoint)
    (network, state), history = _resumed(folder, (network, state))
    step = _make_step(optimizer, loss, readout)
    room = network.capacity
    batches = len(dataset) // min(batch_size, len(dataset))
    with tqdm(total=epochs * batches, initial=len(history) * batches, disable=not progress, unit="batch") as bar:
        for epoch in range(len(history), epochs):
            total = 0.0
            shuffle_key, augment_key = jax.random.split(jax.random.fold_in(key, epoch))
            shuffled = dataset.batches(min(batch_size, len(dataset)), shuffle_key)
            for number, (spikes, labels) in enumerate(shuffled):
                if augment is not None:
                    spikes = augment(spikes, jax.random.fold_in(augment_key, number))
                take_step = partial(step, network, state, spikes, labels)
                (network, state, value), room = with_room(take_step, room)
                total += _finite(float(value), epoch)
                bar.update()
            row = {"epoch": epoch + 1, "loss": total / batches}
            row |= {} if validation is None else evaluate(network, validation)
            history.append(row)
            bar.set_postfix({name: f"{row[name]:.4f}" for name in ("loss", "accuracy") if name in row})
            _save(folder, (network, state), history)
    return Fit(network, history)


def _make_step(optimizer: optax.GradientTransformation, loss: Loss, readout: Callable[[Recording], Any]) -> Any:
    def mean_loss(network, spikes, labels, room):
        recording, needed = simulate(network, spikes, room)
        return jax.vmap(loss)(readout(recording), labels).mean(), needed

    @eqx.filter_jit
    def step(
        network: Network, state: Any, spikes: Spikes, labels: Int[Array, " batch"], room: Capacities
    ) -> tuple[tuple[Network, Any, Float[Array, ""]], Int[Array, "batch layers 2"]]:
        (value, needed), gradient = eqx.filter_value_and_grad(mean_loss, has_aux=True)(network, spikes, labels, room)
        updates, state = optimizer.update(gradient, state, eqx.filter(network, eqx.is_inexact_array))
        return (eqx.apply_updates(network, updates), state, value), needed

    return step


def _finite(value: float, epoch: int) -> float:
    if not jnp.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value} in epoch {epoch + 1}; spike times and their gradients are finite, so look at the "
            "loss itself and at the size of the learning rate"
        )
    return value


def _describe(trained: Any) -> str:
    """The structure that a checkpoint must share: shapes and the declared model."""
    network, _ = trained
    neurons = getattr(network, "neurons", None) or (network.neuron,)
    shapes = [str(jnp.shape(leaf)) for leaf in jax.tree.leaves(trained)]
    return "\n".join([*(repr(neuron.model) for neuron in neurons), f"duration {network.duration}", *shapes])


def _save(folder: Path | None, trained: Any, history: list[dict[str, float]]) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    content = {"history": history, "structure": _describe(trained)}
    # written beside and then moved over, the state last, so that an interruption leaves a whole checkpoint
    eqx.tree_serialise_leaves(folder / "state.new", trained)
    (folder / "history.new").write_text(json.dumps(content, indent=1))
    (folder / "state.new").replace(folder / f"state-{len(history)}.eqx")
    (folder / "history.new").replace(folder / "history.json")
    for old in folder.glob("state-*.eqx"):
        if old.name != f"state-{len(history)}.eqx":
            old.unlink()


def _resumed(folder: Path | None, fresh: Any) -> tuple[Any, list[dict[str, float]]]:
    if folder is None or not (folder / "history.json").exists():
        return fresh, []
    content = json.loads((folder / "history.json").read_text())
    if content["structure"] != _describe(fresh):
        raise ValueError(f"the checkpoint in {folder} is of another network or optimiser; choose another folder")
    history = content["history"]
    return eqx.tree_deserialise_leaves(folder / f"state-{len(history)}.eqx", fresh), history
