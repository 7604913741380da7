"""`fit`: an optax loop with a progress bar, automatic capacity and resumable checkpoints."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import optax
from jax.sharding import Mesh
from tqdm.auto import tqdm

from .._typing import PRNGKeyArray
from ..datasets import AbstractDataset
from ..networks import Network
from ..networks._arguments import CapacityLike, given_capacities
from ..networks.recording import Recording
from ..parallel.devices import gather, replicate, require_divisible
from ..spikes import Spikes
from .best import Best
from .callbacks import Callback
from .checkpoint import Checkpoint, Identity
from .checks import (
    classes_of,
    require_callbacks,
    require_count,
    require_dataset,
    require_functions,
    require_key,
    require_network,
    require_optimizer,
)
from .epoch import Trained, shown, stops, train_epoch, warn_if_silent, with_less_capacity
from .evaluate import default_readout, evaluate
from .rates import learning_rates
from .step import Loss, make_step


class Fit(NamedTuple):
    """A trained network and one row of metrics per epoch."""

    network: Any
    history: list[dict[str, float]]


def fit(
    network: Network,
    dataset: AbstractDataset,
    loss: Loss,
    *,
    optimizer: optax.GradientTransformation | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    key: PRNGKeyArray | None = None,
    readout: Callable[[Recording], Any] | None = None,
    augment: Callable[[Spikes, PRNGKeyArray], Spikes] | None = None,
    validation: AbstractDataset | None = None,
    checkpoint: str | Path | None = None,
    callbacks: Sequence[Callback] | Callback = (),
    keep_best: bool | str = False,
    progress: bool = True,
    mesh: Mesh | None = None,
    chunk: int | None = None,
    memory: int | str | None = None,
    capacity: CapacityLike | None = None,
) -> Fit:
    """Train a network on labelled spikes.

    Args:
        network: The network at the start.
        dataset: The training samples, with their currents where they have some.
        loss: The loss of one sample: `loss(readout, label)`; the label is its target where there are no classes.
        optimizer: An optax optimiser, by default `optax.adabelief(4e-3)`, of the parameters
            `eqx.filter(network, eqx.is_inexact_array)`; labels of `optax.multi_transform` and masks have that
            structure, or are functions of it.
        epochs: Passes through the data, including those before a resumption.
        batch_size: Samples per step.
        key: Random key for shuffling.
        readout: A function of a batched recording whose result is passed to the loss; by default first spike times,
            including pseudospikes, or `max_over_time` of a network that ends in a readout. Every label must then be the
            index of an output.
        augment: A function of every batch of inputs, such as `partial(jittered, scale=0.1)`.
        validation: Data to evaluate after each epoch (see `evaluate`).
        checkpoint: A folder to which every epoch is saved, and from which an interrupted training resumes, bit for bit.
        callbacks: Functions of the network and the history that are called after every epoch; a training stops where
            one returns True. See `callbacks`: early stopping, metrics in files.
        keep_best: Return the network of the best epoch, not of the last. True for the highest accuracy on the
            validation data: by ordinary spikes, among equal ones with pseudospikes, then for the lowest loss there. Or
            the name of a metric in the history, of which the least is best if it contains "loss", else the greatest.
        progress: Whether to show a progress bar.
        mesh: Devices that share every batch, such as `parallel.data_mesh()`. Several processes must all call `fit` with
            the same arguments; the first one saves, to a folder that all can read.
        chunk: Samples of a batch to simulate and differentiate at a time, to save memory.
        memory: Choose the largest chunk with which a step needs no more on each device: bytes, or text such as
            `"2 GiB"`. See `parallel.largest_chunk`.
        capacity: The capacity of each population at the start, such as `network.capacity_for(spikes)`; it grows
            automatically, and after 100 steps shrinks where most of it stays empty.

    None of the last four changes the result by more than rounding.

    A checkpoint is one file, replaced atomically and protected by a checksum. A training resumes only with equal
    arguments: the network (declaration, sizes, duration, trained parameters, targets of connections, and the weights at
    the start), the data, the batch size, the key, the optimiser, the loss, the readout, `augment`.
    Functions are compared by name, byte code, and the values that they are bound to, close over, have as defaults or
    read from their own module, and so are the functions that they call from there; those of installed packages by name,
    and byte code only under the same version of Python. What a function reads from elsewhere (files, objects of other
    modules) is not compared, nor are `callbacks`, `keep_best`, `mesh`, `chunk`, `memory` and `capacity`. The learning
    rate (of optax's `scale`, `scale_by_schedule` and `inject_hyperparams`), `validation` and the versions of packages
    may change; a warning then says so. More epochs go on, too.

    Returns:
        The trained network and the history: for each epoch its number, the mean training loss, the learning rate where
        it can be read off the optimiser (one for every group of `optax.multi_transform`), and on the validation data
        the mean loss, `validation_loss`, and what `evaluate` returns.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the data or the optimiser do not fit the network, a count is too small, the checkpoint is damaged
            or of another training, devices cannot share a batch evenly, or no chunk is within the memory budget.
        FloatingPointError: if the loss is not finite.

    A warning says so if the output neurons do not spike within a trial at the end.
    """
    optimizer = optax.adabelief(4e-3) if optimizer is None else optimizer
    key = jax.random.key(0) if key is None else key
    require_network(network)
    readout = default_readout(network) if readout is None else readout
    require_optimizer(optimizer)
    require_functions(loss=loss, readout=readout, **({} if augment is None else {"augment": augment}))
    callbacks = require_callbacks(callbacks)
    require_key(key)
    require_count("epochs", epochs, 0)
    require_count("batch_size", batch_size, 1)
    _require_data(network, dataset, validation, readout, augment)
    batch_size = min(batch_size, len(dataset))
    batches = len(dataset) // batch_size
    if mesh is not None:
        require_divisible(batch_size, mesh, "a batch")
    fresh = network, _state(optimizer, network)
    folder = None if checkpoint is None else Path(checkpoint)
    identity = folder and Identity.of(
        network=network, dataset=dataset, optimizer=optimizer, key=key, batch_size=batch_size, validation=validation,
        loss=loss, readout=readout, augment=augment,
    )  # fmt: skip
    saved = Checkpoint(folder, identity, network)
    first = given_capacities(network, capacity)
    (network, state), history, capacities = saved.resumed(fresh, first, epochs=epochs, steps=batches)
    best = _kept(keep_best, saved.best, history, validation)
    step = make_step(optimizer, loss, readout, mesh=mesh, chunk=chunk, memory=memory, classes=classes_of(dataset))
    if mesh is not None:
        network, state = replicate((network, state), mesh)
    trained, told = Trained(network, state, capacities), None
    # for an epoch that was saved, but not followed by its callbacks
    is_over = bool(history) and stops(callbacks, trained.network, history)
    quiet = not progress or jax.process_index() > 0
    ended = len(history) * batches
    with tqdm(desc="compiling", total=epochs * batches, initial=ended, disable=quiet, unit="batch") as bar:
        while len(history) < epochs and not is_over:
            shuffle_key, augment_key = jax.random.split(jax.random.fold_in(key, len(history)))
            varied = augment and (lambda spikes, n, own=augment_key: augment(spikes, jax.random.fold_in(own, n)))
            trained, told = train_epoch(
                step, trained, dataset.batches(batch_size, shuffle_key), varied, epoch=len(history), mesh=mesh, bar=bar
            )
            row = {"epoch": len(history) + 1, "loss": told.loss} | learning_rates(optimizer, trained.state)
            if validation is not None:
                found = evaluate(
                    trained.network, validation, mesh=mesh, capacity=trained.capacities, loss=loss, readout=readout
                )
                row |= {"validation_loss" if name == "loss" else name: value for name, value in found.items()}
            history.append(row)
            bar.set_description_str()
            trained = with_less_capacity(trained, told, len(history) * batches)
            bar.set_postfix_str(shown(row))
            best.see(trained.network, history)
            saved.save(trained[:2], history, trained.capacities, best.network)
            is_over = stops(callbacks, trained.network, history)
    if told is not None and (validation is not None or readout is type(network).records.first_spike_times):
        warn_if_silent(trained.network, told)
    network = best.network if best.wanted and best.network is not None else trained.network
    return Fit(network if mesh is None else gather(network), history)


def _kept(keep_best: bool | str, network: Any | None, history: list[dict[str, float]], validation: Any) -> Best:
    """Begin to keep the best network, or go on."""
    if keep_best is True and validation is None:
        raise ValueError("keep_best=True compares networks on validation=...; pass data, or name a metric instead")
    if keep_best and history and network is None:
        raise ValueError(
            f"the checkpoint has {len(history)} epochs without their best network; resume with keep_best=False, or "
            "choose another folder"
        )
    return Best(keep_best, network)


def _require_data(
    network: Network,
    dataset: AbstractDataset,
    validation: AbstractDataset | None,
    readout: Callable,
    augment: Callable | None,
) -> None:
    # augment may add spikes of channels that are silent in the data
    require_dataset("dataset", dataset, network, readout, every_input=augment is None)
    if validation is not None:
        require_dataset("validation", validation, network, default_readout(network), every_input=False)


def _state(optimizer: optax.GradientTransformation, network: Network) -> Any:
    """Initialise an optimiser.

    Raises:
        ValueError: if it does not fit the network.
    """
    parameters = eqx.filter(network, eqx.is_inexact_array)
    try:
        return optimizer.init(parameters)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"the optimizer cannot be initialised on this network: {error}. Labels or masks must have the structure of "
            "the parameters, eqx.filter(network, eqx.is_inexact_array), or be a function of them, as in "
            "optax.multi_transform({'a': ...}, lambda parameters: jax.tree.map(lambda _: 'a', parameters))"
        ) from error
