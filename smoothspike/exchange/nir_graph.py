"""From a graph of NIR to a network: its neurons in a chain, and what lies between them."""

from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symbolic import NeuronModel, crosses

from ..networks import FeedForward, Recurrent, Sequential
from ..neurons.neuron import Neuron

_SUPPORTED = "Input, Output, Linear, Affine without bias, Delay, LIF, CubaLIF, LI and CubaLI"


class _Link(NamedTuple):
    """What lies between two populations: a matrix (neurons, sources), and delays that broadcast to it."""

    source: str
    weights: np.ndarray
    delays: np.ndarray | None


def import_graph(nir: Any, graph: Any, duration: float, allow_discontinuous: bool) -> Any:
    """Turn a graph into a network.

    Raises:
        ValueError: if it is not a chain of supported nodes.
    """
    reader = _Reader(nir, graph)
    layers = reader.chain()
    populations: list[Any] = []
    pending: list[tuple[Any, _Link]] = []

    def flush() -> None:
        if pending:
            sizes = [pending[0][1].weights.shape[1], *(link.weights.shape[0] for _, link in pending)]
            populations.append(
                FeedForward(
                    [neuron for neuron, _ in pending], sizes, duration, weights=[link.weights for _, link in pending],
                    delays=[link.delays for _, link in pending],
                )
            )  # fmt: skip
            pending.clear()

    for name, link, own in layers:
        node = graph.nodes[name]
        neuron = Neuron(_model(nir, name, node), allow_discontinuous=allow_discontinuous)
        gain = _gain(nir, node)[:, None]
        link = link._replace(weights=gain * link.weights)
        if own is None:
            pending.append((neuron, link))
            continue
        flush()
        size, inputs = link.weights.shape
        populations.append(
            Recurrent(
                neuron, size, inputs, duration, recurrent_weights=gain * own.weights, input_weights=link.weights,
                recurrent_delays=own.delays, input_delays=link.delays,
            )
        )  # fmt: skip
    flush()
    return populations[0] if len(populations) == 1 else Sequential(*populations)


class _Reader:
    """Finds the chain of populations of a graph."""

    def __init__(self, nir: Any, graph: Any) -> None:
        self.nir, self.nodes = nir, graph.nodes
        self.used: set[str] = set()  # what lies between populations
        self.before: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for source, target in dict.fromkeys(map(tuple, graph.edges)):
            self.before[target].append(source)
        self.neurons = nir.LIF, nir.CubaLIF, nir.LI, nir.CubaLI
        known = nir.Input, nir.Output, nir.Linear, nir.Affine, nir.Delay, *self.neurons
        for name, node in graph.nodes.items():
            if not isinstance(node, known):
                raise ValueError(f"node {name!r} is a {type(node).__name__}, but supported are {_SUPPORTED}")
            if isinstance(node, nir.Affine) and np.any(node.bias):
                raise ValueError(
                    f"node {name!r} has a bias; declare a model with a constant current instead, and build the network"
                )

    def chain(self) -> list[tuple[str, _Link, _Link | None]]:
        """Return the populations from input to output, each with its input and its own connections."""
        outputs = [name for name, node in self.nodes.items() if isinstance(node, self.nir.Output)]
        if len(outputs) != 1 or len(self.before[outputs[0]]) != 1:
            raise ValueError(f"the graph has {len(outputs)} outputs, but must have one, from one population")
        name = self.before[outputs[0]][0]
        found: list[tuple[str, _Link, _Link | None]] = []
        while not isinstance(self.nodes[name], self.nir.Input):
            if not isinstance(self.nodes[name], self.neurons):
                raise ValueError(f"node {name!r} must be a population of neurons: LIF, CubaLIF, LI or CubaLI")
            if name in [each for each, *_ in found]:
                raise ValueError(f"node {name!r} is driven by a later population; only loops to itself are supported")
            links = [self._link(name, before) for before in self.before[name]]
            own = [link for link in links if link.source == name]
            others = [link for link in links if link.source != name]
            if len(others) != 1 or len(own) > 1:
                raise ValueError(
                    f"node {name!r} is driven by {', '.join(link.source for link in links) or 'nothing'}, but must "
                    "be by one population or the input, and at most once by itself"
                )
            found.append((name, others[0], own[0] if own else None))
            name = others[0].source
        unused = set(self.nodes) - {outputs[0], name} - self.used - {each for each, *_ in found}
        if unused:
            raise ValueError(f"nodes {', '.join(sorted(unused))} do not lead to the output; remove them")
        return found[::-1]

    def _link(self, target: str, name: str) -> _Link:
        """Follow what drives a population back to a population or the input."""
        weights: np.ndarray | None = None
        after: np.ndarray | None = None
        first: np.ndarray | None = None
        while isinstance(node := self.nodes[name], self.nir.Linear | self.nir.Affine | self.nir.Delay):
            self.used.add(name)
            if isinstance(node, self.nir.Delay):
                delay = np.asarray(node.delay)
                if weights is None:
                    after = delay if after is None else after + delay
                else:
                    first = delay if first is None else first + delay
            elif weights is not None:
                raise ValueError(f"node {name!r} is a second matrix before {target!r}; multiply them")
            else:
                weights = np.asarray(node.weight)
            if len(self.before[name]) != 1:
                raise ValueError(f"node {name!r} must be driven by one node, but is by {len(self.before[name])}")
            name = self.before[name][0]
        size = int(np.prod(self.nodes[target].output_type["output"]))
        weights = np.eye(size) if weights is None else weights
        if weights.ndim != 2 or weights.shape[0] != size:
            raise ValueError(f"{target!r}: weights of shape {weights.shape} for {size} neurons, but must be a matrix")
        delays = [] if after is None else [after.reshape(-1, 1)]
        delays += [] if first is None else [first.reshape(1, -1)]
        return _Link(name, weights, sum(delays) if delays else None)  # pyright: ignore[reportArgumentType]


def _gain(nir: Any, node: Any) -> np.ndarray:
    """How much an input of weight 1 adds to the current of a node, or else to its potential."""
    gain = node.w_in / node.tau_syn if isinstance(node, nir.CubaLIF | nir.CubaLI) else node.r / node.tau
    return np.asarray(gain).ravel()


def _model(nir: Any, name: str, node: Any) -> NeuronModel:
    """Declare the neuron of a node; what is the same for all neurons is one number, and what is 0 or 1 is left out."""
    V, I = sp.symbols("V I", real=True)
    parameters: dict[sp.Symbol, Any] = {}

    def value(symbol: str, numbers: Any, **assumed: bool) -> Any:
        found = np.asarray(numbers, float).ravel()
        same = bool((found == found[0]).all())
        if same and found[0] in (0.0, 1.0) and not assumed:
            return sp.Integer(int(found[0]))
        made = sp.Symbol(symbol, **(assumed or {"real": True}))
        parameters[made] = float(found[0]) if same else found.tolist()
        return made

    is_cuba = isinstance(node, nir.CubaLIF | nir.CubaLI)
    tau = value("tau_m", node.tau_mem if is_cuba else node.tau, positive=True)
    leak = value("V_leak", node.v_leak)
    spikes: dict[str, Any] = {}
    if isinstance(node, nir.LIF | nir.CubaLIF):
        spikes = {"spike": crosses(V, value("V_th", node.v_threshold)), "reset": {V: value("V_r", node.v_reset)}}
    if not is_cuba:
        return NeuronModel(name, dynamics={V: (leak - V) / tau}, inputs=V, parameters=parameters, **spikes)
    gain, decay = value("R", node.r), value("tau_s", node.tau_syn, positive=True)
    dynamics = {V: (leak - V + gain * I) / tau, I: -I / decay}
    return NeuronModel(name, dynamics=dynamics, inputs=I, parameters=parameters, **spikes)
