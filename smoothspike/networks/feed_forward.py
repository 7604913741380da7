"""`FeedForward`: layers of neurons, each driven by the spikes of the one before."""

from collections.abc import Mapping, Sequence
from typing import final

import equinox as eqx
import jax
from jax.experimental.sparse import BCOO
from jaxtyping import Array, Float

from .._describe import described_network
from .._typing import ArrayLike, PRNGKeyArray
from ..engine import Connections
from ..neurons.neuron import Neuron
from ._arguments import (
    DelaysLike,
    as_neuron,
    check_size,
    checked_duration,
    checked_sizes,
    require_readouts_last,
    required_key,
)
from ._layer import Layer
from ._weights import actual, drawn_connections, given_connections
from .abstract import AbstractNetwork


@final
class FeedForward(AbstractNetwork):
    """Layers of neurons, each driven by the spikes of the one before.

    Args:
        neuron: The neuron of all layers, or one for each layer. The last may be a readout, a model without a spike
            rule: its voltages are read from the recording, by `max_over_time()`, for example.
        sizes: Number of input channels, then of neurons in every layer.
        duration: The trial end.
        key: Draws the weights; see `initialisation.normal`. They start the network silent.
        scale: Spread of the weights, in units of what one spike-triggering input needs.
        mean: Their mean, in the same units.
        weights: Weights to use instead: for every layer a matrix (neurons, sources) or one for each route by name, or
            sparse: `Connections` or a `jax.experimental.sparse.BCOO`. On routes to states with a declared range they
            have one sign; `raw_weights` is what an optimiser changes.
        delays: For every layer how long spikes take to it, in units of time: an array that broadcasts to (neurons,
            sources), or None for no time; `Connections` have delays of their own. A spike emitted at t arrives at
            t + delay. Arrivals after the trial end affect only pseudospikes (see `pseudospikes`). Delays are leaves of
            the network, so an optimiser trains them with the weights.

    Raises:
        ValueError: if sizes, duration, weights, neurons or delays do not fit together, or a delay is negative or not
            finite.

    Source of delays trained by exact gradients of spike times: Göltz et al., DelGrad, Nature Communications 16 (2025).

    Example:
        >>> import numpy as np
        >>> import smoothspike as ss
        >>> neuron = ss.Neuron(ss.models.qif())
        >>> net = ss.FeedForward(neuron, sizes=(2, 3), duration=4.0, weights=[np.full((3, 2), 2.0)])
        >>> net.first_spike_times(ss.Spikes([0.5, 1.0], [0, 1])).shape
        (3,)
        >>> delayed = ss.FeedForward(neuron, (2, 3), 4.0, weights=[np.full((3, 2), 2.0)], delays=[[0.1, 0.5]])
        >>> delayed.delays[0].shape
        (2,)
    """

    neurons: tuple[Neuron, ...]
    raw_weights: tuple[Connections, ...]
    sizes: tuple[int, ...] = eqx.field(static=True)
    duration: float = eqx.field(static=True)

    def __init__(
        self,
        neuron: Neuron | Sequence[Neuron],
        sizes: Sequence[int],
        duration: float,
        *,
        key: PRNGKeyArray | None = None,
        scale: float = 0.5,
        mean: float = 0.0,
        weights: Sequence[ArrayLike | Mapping[str, ArrayLike] | Connections | BCOO] | None = None,
        delays: Sequence[DelaysLike] | None = None,
    ) -> None:
        self.sizes, self.duration = checked_sizes(sizes), checked_duration(duration)
        layers = len(self.sizes) - 1
        several = isinstance(neuron, Sequence)
        self.neurons = tuple(as_neuron(each) for each in (neuron if several else (neuron,) * layers))
        if len(self.neurons) != layers:
            raise ValueError(f"{len(self.neurons)} neurons for {layers} layers; pass one, or one for each layer")
        require_readouts_last(self.neurons)
        shapes = list(zip(self.sizes[1:], self.sizes[:-1], strict=True))
        for each, (size, _) in zip(self.neurons, shapes, strict=True):
            check_size(each, size)
        self.neurons = tuple(each.for_layer(size) for each, (size, _) in zip(self.neurons, shapes, strict=True))
        if weights is not None and len(weights) != layers:
            raise ValueError(f"{len(weights)} weight matrices for {layers} layers; pass one for each layer")
        if delays is not None and len(delays) != layers:
            raise ValueError(f"{len(delays)} entries of delays for {layers} layers; pass one for each, or None")
        late = [(each, f"delays[{index}]") for index, each in enumerate(delays or (None,) * layers)]
        if weights is not None:
            self.raw_weights = tuple(
                given_connections(
                    self.neurons[index], each, late[index][0], shapes[index], f"layer {index}", late[index][1]
                )
                for index, each in enumerate(weights)
            )
            return
        keys = jax.random.split(required_key(key), layers)
        self.raw_weights = tuple(
            drawn_connections(
                self.neurons[index], shapes[index], self.duration, each, *late[index], scale=scale, mean=mean
            )
            for index, each in enumerate(keys)
        )

    def __repr__(self) -> str:
        return described_network(self, self.neurons, [each.weights for each in self.raw_weights], self.delays)

    @property
    def weights(self) -> tuple[Connections, ...]:
        """The weights of every layer as `Connections`; `weights[0]["I"]` is a matrix (neurons, sources) where dense."""
        parts = tuple(actual(neuron, raw) for neuron, raw in zip(self.neurons, self.raw_weights, strict=True))
        # the same object where it can be, so that equinox.tree_at finds it
        is_same = all(part is raw for part, raw in zip(parts, self.raw_weights, strict=True))
        return self.raw_weights if is_same else parts

    @property
    def delays(self) -> tuple[Float[Array, "*shape"] | None, ...]:
        """The delays of every layer."""
        return tuple(each.delays for each in self.raw_weights)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its layers, in their order."""
        return tuple(
            Layer(
                neuron,
                size,
                weights,
                None,
                f"layer {index} ({size} neurons)",
                ((f"weights[{index}]", f"delays[{index}]"),),
            )
            for index, (neuron, size, weights) in enumerate(
                zip(self.neurons, self.sizes[1:], self.weights, strict=True)
            )
        )
