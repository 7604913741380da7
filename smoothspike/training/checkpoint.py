"""Checkpoints of a training: a whole one at any moment, and none of another network."""

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils


def _describe(trained: Any) -> str:
    """The structure that a checkpoint must share: shapes and the declared model."""
    network, _ = trained
    neurons = getattr(network, "neurons", None) or (network.neuron,)
    shapes = [str(jnp.shape(leaf)) for leaf in jax.tree.leaves(trained)]
    return "\n".join([*(repr(neuron.model) for neuron in neurons), f"duration {network.duration}", *shapes])


def save(folder: Path | None, trained: Any, history: list[dict[str, float]]) -> None:
    """Write what is trained and its history; with several processes, the first one does."""
    if folder is None or jax.process_index() > 0:
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


def resumed(folder: Path | None, fresh: Any) -> tuple[Any, list[dict[str, float]]]:
    """Return what a folder holds and its history, or what is fresh and none.

    Raises:
        ValueError: if the checkpoint does not fit, or not all processes see it.
    """
    if folder is None:
        return fresh, []
    trained, history = _read(folder, fresh)
    if jax.process_count() > 1:
        epochs = multihost_utils.process_allgather(np.array(len(history)))
        if (epochs != len(history)).any():
            raise ValueError(
                f"processes find {epochs.tolist()} epochs in {folder}; give a folder that all of them share"
            )
    return trained, history


def _read(folder: Path, fresh: Any) -> tuple[Any, list[dict[str, float]]]:
    if not (folder / "history.json").exists():
        return fresh, []
    content = json.loads((folder / "history.json").read_text())
    if content["structure"] != _describe(fresh):
        raise ValueError(f"the checkpoint in {folder} is of another network or optimiser; choose another folder")
    history = content["history"]
    return eqx.tree_deserialise_leaves(folder / f"state-{len(history)}.eqx", fresh), history
