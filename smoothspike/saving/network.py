"""`save` and `load`: networks in files."""

from pathlib import Path
from typing import Any

import numpy as np

from .._checks import known
from ..networks import Network, require_exact
from ..networks._capacity import is_known
from . import file
from .content import Reader, Writer


def save(network: Network, path: str | Path) -> None:
    """Save a network: the declarations of its neurons, and all weights, delays and trained values to the last bit.

    The file is replaced atomically: whatever interrupts `save`, it holds either its old content or the new one.

    Args:
        network: A `FeedForward`, `Recurrent` or `Sequential` network.
        path: The file, such as `"net.ss"`; its folder must exist.

    Raises:
        TypeError: if it is no network, or a part of it cannot be saved.
        ModelError: if a declaration has no exact text.
        ValueError: if the network is being traced: save outside jit.

    Example:
        >>> import jax, os, tempfile
        >>> import smoothspike as ss
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif()), (2, 3), 4.0, key=jax.random.key(0))
        >>> path = os.path.join(tempfile.mkdtemp(), "net.ss")
        >>> save(net, path)
        >>> bool((load(path).weights[0]["I"] == net.weights[0]["I"]).all())
        True
    """
    if not isinstance(network, Network):
        raise TypeError(
            f"save takes a network, not a {type(network).__name__}; pass FeedForward, Recurrent, Sequential"
        )
    require_exact(network, "save")
    if not is_known(network):
        raise ValueError("the network is being traced by JAX, so that its numbers are not known; save it outside jit")
    writer = Writer()
    content = writer.content(network, "")
    file.write(Path(path), {"kind": "network", "network": content, "models": writer.models}, writer.arrays)


def load(path: str | Path) -> Any:
    """Load a network that `save` wrote, or the last network of a checkpoint of `fit`.

    Nothing in a file is executed: declarations are text that is parsed, then verified and derived like any other.
    Arrays keep the precision in which they were saved.

    Args:
        path: The file; of a checkpoint, `"runs/x/checkpoint.ss"`.

    Returns:
        The network.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, of another kind or of a newer version, or holds double precision while JAX
            does not. A `ModelError` if its declaration is not valid, a `ContinuityError` if the spikes of a neuron that
            were continuous are not provably so.
    """
    description, arrays = file.read(Path(path))
    if "network" not in description:
        raise ValueError(f"{path} holds no network; pass a file that save or fit wrote")
    try:
        network = Reader(description["models"], arrays).value(description["network"])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} holds no network that this version of smoothspike reads: {error}") from error
    if not isinstance(network, Network):
        raise ValueError(f"{path} holds no network, but a {type(network).__name__}")
    _require_consistent(network)
    return network


def _require_consistent(network: Network) -> None:
    """Refuse connections that do not fit their layers."""
    sources = network.sizes[0]
    for layer in network.layers:
        for connections, name, _ in layer.connections:
            count = sources if connections is layer.inputs else layer.size
            shape = (layer.size, count) if connections.is_dense else (count, connections.out_degree)
            targets = known(connections.targets) if connections.targets is not None else np.zeros(0)
            for route in layer.neuron.routes:
                if connections.weights[route].shape != shape:
                    raise ValueError(f"{name} for {route} have shape {connections.weights[route].shape}, not {shape}")
            if targets is not None and targets.size and not -1 <= targets.min() <= targets.max() < layer.size:
                raise ValueError(f"{name}: a target is not one of {layer.size} neurons")
        sources = layer.size
