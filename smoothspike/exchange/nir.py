"""Exchange with the Neuromorphic Intermediate Representation (NIR).

Source: Pedersen et al., Neuromorphic intermediate representation: A unified instruction set for interoperable
brain-inspired computing, Nature Communications 15 (2024).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import sympy as sp

from symbolic import NeuronModel

from ..engine import Connections
from ..networks import FeedForward, Network, Recurrent, Sequential
from ..networks._layer import Layer
from ..neurons.compile.to_jax import lower
from ..neurons.neuron import Neuron
from .nir_graph import import_graph

_WHY = (
    "NIR has nodes for leaky neurons only: LIF (dV/dt = (v_leak - V)/tau, inputs to V) and CubaLIF (a current between)"
)


def to_nir(network: Network) -> Any:
    """Turn a network of leaky integrate-and-fire neurons into a NIR graph.

    Each layer becomes a `Linear` node and a `CubaLIF` node, or `LIF` where inputs add to the potential itself (`CubaLI`
    and `LI` for readouts); delays become `Delay` nodes before it. By NIR's equations an input of weight w adds
    `w * w_in / tau_syn` to the current of a `CubaLIF`, and `w * r / tau` to the potential of a `LIF`; `w_in` or `r` are
    chosen such that it adds w. Times are in the network's unit; the duration of trials is not part of a graph.

    Args:
        network: A `FeedForward`, `Recurrent` or `Sequential` network. Trained parameters have their present values.

    Returns:
        A `nir.NIRGraph`, for `nir.write` or other simulators.

    Raises:
        ImportError: if nir is not installed.
        ValueError: if a neuron or connection has no counterpart in NIR; it says which and why.

    Example:
        >>> import jax
        >>> import smoothspike as ss
        >>> neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
        >>> net = ss.FeedForward(neuron, (2, 3), 4.0, key=jax.random.key(0), delays=[0.5])
        >>> list(to_nir(net).nodes)
        ['input', 'delays_0', 'weights_0', 'neurons_0', 'output']
    """
    nir = required_nir()
    if not isinstance(network, FeedForward | Recurrent | Sequential):
        raise TypeError(f"to_nir takes a network, not a {type(network).__name__}")
    nodes: dict[str, Any] = {"input": nir.Input(np.array([network.sizes[0]]))}
    edges: list[tuple[str, str]] = []
    last = "input"
    for index, layer in enumerate(network.layers):
        nodes[f"neurons_{index}"] = _neurons(nir, layer)
        both = ((layer.inputs, "", last), (layer.recurrent, "recurrent_", f"neurons_{index}"))
        for connections, kind, source in both:
            if connections is not None:
                _connect(nir, nodes, edges, layer, connections, (source, kind, index))
        last = f"neurons_{index}"
    nodes["output"] = nir.Output(np.array([network.sizes[-1]]))
    edges.append((last, "output"))
    return nir.NIRGraph({name: nodes[name] for name in _in_order(nodes)}, edges)


def from_nir(graph: Any, duration: float, *, allow_discontinuous: bool = False) -> Any:
    """Turn a NIR graph of `Linear`, `Delay`, `LIF`, `CubaLIF`, `LI` and `CubaLI` nodes into a network.

    Args:
        graph: A `nir.NIRGraph`, or the path of a file that `nir.write` wrote: a chain of layers, each of which may be
            connected to itself.
        duration: The trial end, in the graph's unit of time.
        allow_discontinuous: Must be True: spikes of leaky integrate-and-fire neurons appear and disappear within a
            trial.

    Returns:
        A `FeedForward` or `Recurrent` network, or a `Sequential` one of both.

    Raises:
        ImportError: if nir is not installed.
        ValueError: if a node or its place in the graph is not supported; it says which and why.
        ContinuityError: without `allow_discontinuous=True`.

    Example:
        >>> import jax
        >>> import smoothspike as ss
        >>> neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
        >>> net = ss.FeedForward(neuron, (2, 3), 4.0, key=jax.random.key(0))
        >>> from_nir(to_nir(net), 4.0, allow_discontinuous=True).sizes
        (2, 3)
    """
    nir = required_nir()
    if not isinstance(graph, nir.NIRGraph):
        graph = nir.read(graph)
    return import_graph(nir, graph, duration, allow_discontinuous)


def required_nir() -> Any:
    """Import nir, or say how to install it."""
    try:
        import nir
    except ImportError as error:
        raise ImportError("NIR graphs need the package nir: pip install 'smoothspike[nir]'") from error
    return nir


def _in_order(nodes: dict[str, Any]) -> list[str]:
    """Connections before the neurons that they drive, the input first and the output last."""
    layers = [name for name in nodes if name.startswith("neurons_")]
    found = ["input"]
    for layer in layers:
        number = layer.removeprefix("neurons_")
        kinds = ("delays_", "weights_", "neurons_", "recurrent_delays_", "recurrent_weights_")
        found += [f"{kind}{number}" for kind in kinds if f"{kind}{number}" in nodes]
    return [*found, "output"]


def _connect(
    nir: Any,
    nodes: dict[str, Any],
    edges: list[tuple[str, str]],
    layer: Layer,
    connections: Connections,
    place: tuple[str, str, int],
) -> None:
    source, kind, index = place
    weights = f"{kind}weights_{index}"
    if connections.delays is not None:
        if not connections.arrives_at_once:
            raise ValueError(
                f"{layer.name}: each connection has a delay of its own, but a Delay node of NIR has one for each source"
            )
        nodes[f"{kind}delays_{index}"] = nir.Delay(np.asarray(connections.source_delays()))
        edges.append((source, f"{kind}delays_{index}"))
        source = f"{kind}delays_{index}"
    matrices = connections.to_matrices(layer.size)
    nodes[weights] = nir.Linear(np.asarray(next(iter(matrices.values()))))
    edges += [(source, weights), (weights, f"neurons_{index}")]


def _neurons(nir: Any, layer: Layer) -> Any:
    """Return the node of a layer's neurons.

    Raises:
        ValueError: if there is none.
    """
    model, where = layer.neuron.model, f"{layer.name}, {layer.neuron.model.name}"
    if any(getattr(model, part, None) not in (None, (), {}) for part in ("refractory", "currents")):
        raise ValueError(f"{where}: refractoriness and currents have no counterpart in NIR")
    if any(np.any(np.asarray(start)) for start in layer.neuron.initial(layer.size).values()):
        raise ValueError(f"{where}: NIR has no initial values, and simulators start at 0; start the neuron there")
    leaky = _leaky(model)
    if leaky is None:
        raise ValueError(f"{where}: {_WHY}")

    def value(expression: Any) -> np.ndarray:
        return _value(layer.neuron, expression, layer.size)

    if (value(leaky.leak) <= 0).any() or (leaky.decay is not None and (value(leaky.decay) <= 0).any()):
        raise ValueError(f"{where}: its potential or current does not decay, so that it has no time constant")
    common = {"v_leak": value(leaky.constant / leaky.leak)}
    if model.spike is not None:
        common |= {"v_threshold": value(model.spike.threshold), "v_reset": value(model.reset_value)}
    if leaky.decay is None:
        kind = nir.LI if model.spike is None else nir.LIF
        return kind(tau=value(1 / leaky.leak), r=value(1 / leaky.leak), **common)
    kind, tau_syn = nir.CubaLI if model.spike is None else nir.CubaLIF, value(1 / leaky.decay)
    gain = value(leaky.gain / leaky.leak)
    return kind(tau_syn=tau_syn, tau_mem=value(1 / leaky.leak), r=gain, w_in=tau_syn, **common)


class _Leaky(NamedTuple):
    """`dV/dt = -leak*V + gain*I + constant`, and `dI/dt = -decay*I`, or no current."""

    leak: Any
    constant: Any
    gain: Any
    decay: Any


def _leaky(model: NeuronModel) -> _Leaky | None:
    """Recognise a leaky neuron or integrator; None for any other model."""
    variable, others = model.variable, [state for state in model.states if state != model.variable]
    target = model.routes[0].additive_target if len(model.routes) == 1 else None
    if len(others) > 1 or target is None or target != (others[0] if others else variable):
        return None
    if model.spike is not None:
        at_reset = model.reset_value.free_symbols & set(model.states)
        if model.spike.is_at_infinity or set(model.reset) != {variable} or at_reset:
            return None
    rate: Any = sp.expand(model.dynamics[variable])
    leak, gain = -sp.diff(rate, variable), sp.diff(rate, others[0]) if others else sp.Integer(1)
    decay = -sp.diff(model.dynamics[others[0]], others[0]) if others else None
    states: dict[Any, Any] = dict.fromkeys(model.states, 0)
    parts: list[Any] = [leak, gain, *([] if decay is None else [decay])]
    if any(part.free_symbols & states.keys() for part in parts):
        return None
    if others and (variable in model.dynamics[others[0]].free_symbols or model.dynamics[others[0]].subs(states) != 0):
        return None
    return _Leaky(leak, rate.subs(states), gain, decay)


def _value(neuron: Neuron, expression: Any, size: int) -> np.ndarray:
    values = {symbol: neuron.parameter(symbol.name) for symbol in neuron.model.parameters}
    number = lower(sp.sympify(expression), values)
    return np.asarray(jnp.broadcast_to(number, (size,)))
