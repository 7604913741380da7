"""`Sequential`: feed-forward and recurrent networks, one after the other."""

from itertools import pairwise
from typing import final

from .._describe import described_network
from ._layer import Layer
from .abstract import AbstractNetwork
from .feed_forward import FeedForward
from .recurrent import Recurrent


@final
class Sequential(AbstractNetwork):
    """Networks one after the other, each driven by the spikes of the last population of the one before.

    Spikes and pseudospikes pass from one to the next just as from layer to layer of a `FeedForward` network, so all
    spike times stay continuous, and their derivatives exact. The recording counts all populations in their order, and
    so do `capacity` and `initial`.

    Args:
        populations: The networks: `FeedForward`, `Recurrent`, or `Sequential` themselves.

    Raises:
        TypeError: if one is not a network.
        ValueError: if there is none, sizes do not fit together, or trials end at different times.

    Example:
        >>> import jax
        >>> import smoothspike as ss
        >>> neuron, keys = ss.Neuron(ss.models.qif()), jax.random.split(jax.random.key(0), 2)
        >>> hidden = ss.Recurrent(neuron, size=5, inputs=2, duration=4.0, key=keys[0])
        >>> net = ss.Sequential(hidden, ss.FeedForward(neuron, sizes=(5, 3), duration=4.0, key=keys[1]))
        >>> net.sizes
        (2, 5, 3)
        >>> net(ss.Spikes([0.5, 1.0], [0, 1])).spike_times(count=2).shape
        (3, 2)
    """

    populations: tuple[AbstractNetwork, ...]

    def __init__(self, *populations: AbstractNetwork) -> None:
        for index, each in enumerate(populations):
            if not isinstance(each, FeedForward | Recurrent | Sequential):
                advice = "pass them one by one" if isinstance(each, list | tuple) else "pass FeedForward or Recurrent"
                raise TypeError(f"populations[{index}] is of type {type(each).__name__}: {advice}")
        if not populations:
            raise ValueError("Sequential was given no population: pass at least one")
        for index, (each, following) in enumerate(pairwise(populations)):
            if following.sizes[0] != each.sizes[-1]:
                raise ValueError(
                    f"populations[{index}] has {each.sizes[-1]} neurons, but populations[{index + 1}] "
                    f"{following.sizes[0]} input channels"
                )
            last = each.layers[-1].neuron.model
            if last.is_readout:
                raise ValueError(
                    f"populations[{index}] ends in the readout {last.name}, which emits no spikes to "
                    f"populations[{index + 1}]: a readout can only come last"
                )
            if following.duration != each.duration:
                raise ValueError(
                    f"populations[{index}] has a trial end of {each.duration:g}, but populations[{index + 1}] of "
                    f"{following.duration:g}: pass one duration to both"
                )
        self.populations = populations

    def __repr__(self) -> str:
        connections = [each for layer in self.layers for each, *_ in layer.connections]
        weights, delays = [each.weights for each in connections], [each.delays for each in connections]
        return described_network(self, [layer.neuron for layer in self.layers], weights, delays)

    @property
    def duration(self) -> float:
        """The trial end."""
        return self.populations[0].duration

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of input channels, then of neurons in every population."""
        later = (size for each in self.populations for size in each.sizes[1:])
        return self.populations[0].sizes[0], *later

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All populations, in their order."""
        found: list[Layer] = []
        for index, each in enumerate(self.populations):
            for layer in each.layers:
                kind = "recurrent neurons" if layer.recurrent is not None else "neurons"
                names = tuple(tuple(f"populations[{index}].{name}" for name in both) for both in layer.names)
                found.append(layer._replace(name=f"layer {len(found)} ({layer.size} {kind})", names=names))
        return tuple(found)
