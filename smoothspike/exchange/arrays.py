"""`to_numpy`: a network as NumPy arrays by name."""

import json
from typing import Any

import numpy as np

from symbolic.declare import storage

from ..networks import FeedForward, Network, Recurrent, Sequential


def to_numpy(network: Network) -> dict[str, np.ndarray]:
    """Return all numbers of a network as NumPy arrays, as they act: for other programs, or `np.savez`.

    `save` is the way to keep a network; this one is not read back.

    Args:
        network: The network.

    Returns:
        `duration`, `sizes`, and for every layer (counted from 0): `weights.<layer>.<route>`, a matrix (neurons,
        sources); of sparse connections lists (sources, out_degree) with `targets.<layer>`, -1 for none;
        `delays.<layer>` where there are delays; `recurrent_weights.<layer>.<route>` and so on of recurrent connections;
        `parameters.<layer>.<name>` and `initial.<layer>.<state>` of its neurons; and `declaration.<layer>`, their
        equations in JSON.

    Raises:
        TypeError: if it is no network.

    Example:
        >>> import jax
        >>> import smoothspike as ss
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif()), (2, 3), 4.0, key=jax.random.key(0))
        >>> arrays = to_numpy(net)
        >>> arrays["weights.0.I"].shape, float(arrays["parameters.0.tau_s"])
        ((3, 2), 0.5)
        >>> np.savez("/dev/null", **arrays)
    """
    if not isinstance(network, FeedForward | Recurrent | Sequential):
        raise TypeError(f"to_numpy takes a network, not a {type(network).__name__}")
    found: dict[str, Any] = {"duration": network.duration, "sizes": network.sizes}
    for index, layer in enumerate(network.layers):
        for connections, kind in ((layer.inputs, ""), (layer.recurrent, "recurrent_")):
            if connections is None:
                continue
            found |= {f"{kind}weights.{index}.{route}": each for route, each in connections.weights.items()}
            found |= {} if connections.delays is None else {f"{kind}delays.{index}": connections.delays}
            found |= {} if connections.targets is None else {f"{kind}targets.{index}": connections.targets}
        neuron = layer.neuron
        found |= {f"parameters.{index}.{each.name}": neuron.parameter(each.name) for each in neuron.model.parameters}
        found |= {f"initial.{index}.{state}": value for state, value in neuron.initial(layer.size).items()}
        found[f"declaration.{index}"] = json.dumps(storage.to_json(neuron.model))
    return {name: np.asarray(value) for name, value in found.items()}
