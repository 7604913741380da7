"""`Recurrent`: neurons that are connected to one another and to input channels."""

from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
import jax
from jax.experimental.sparse import BCOO
from jaxtyping import Array, Float

from .._describe import described_network
from .._typing import ArrayLike, PRNGKeyArray
from ..engine import Connections
from ..neurons.neuron import Neuron
from ._arguments import DelaysLike, as_neuron, check_size, checked_duration, checked_sizes, required_key
from ._layer import Layer
from ._weights import actual, drawn_connections, given_connections
from .abstract import AbstractNetwork

WeightsLike = ArrayLike | Mapping[str, ArrayLike] | Connections | BCOO


@final
class Recurrent(AbstractNetwork):
    """A population of neurons that are connected to one another and to input channels.

    Simultaneous events are taken inputs first, then spikes that arrive after a delay, then neurons by index.

    Args:
        neuron: The neuron.
        size: How many there are.
        inputs: How many input channels.
        duration: The trial end.
        key: Draws the weights; see `initialisation.normal`.
        scale: Spread of the weights, in units of what one spike-triggering input needs.
        mean: Their mean, in the same units.
        recurrent_weights: Weights to use instead, (size, size): row i holds what neuron i receives. As `Connections`,
            or a sparse matrix (`jax.experimental.sparse.BCOO`), an event costs as much as it has targets.
        input_weights: Weights to use instead, (size, inputs); of the same kinds. On a route to a state with a declared
            range both have one sign; `raw_input_weights` and `raw_recurrent_weights` are what an optimiser changes.
        recurrent_delays: How long a spike takes from neuron to neuron, in units of time: an array that broadcasts to
            (size, size), or None for no time. `Connections` have delays of their own. A spike emitted at t arrives at
            t + delay, after the spike where that is 0. Arrivals after the trial end affect only pseudospikes (see
            `pseudospikes`). With a delay for each connection every arrival is an event of one neuron.
        input_delays: How long an input takes, (size, inputs); in the same way.

    Raises:
        ValueError: if sizes, duration, weights or delays do not fit together, or a delay is negative or not finite.

    Source of event-based gradients in recurrent networks with trained delays: Mészáros et al., arXiv:2501.07331.

    Example:
        >>> import smoothspike as ss
        >>> neuron = ss.Neuron(ss.models.qif())
        >>> net = ss.Recurrent(neuron, size=3, inputs=2, duration=4.0, key=jax.random.key(0))
        >>> net.first_spike_times(ss.Spikes([0.5, 1.0], [0, 1])).shape
        (3,)
        >>> ring = ss.Connections([[1], [2], [0]], [[6.0]] * 3, delays=[[0.5], [0.25], [1.0]])
        >>> net = ss.Recurrent(
        ...     neuron, 3, 1, 4.0, recurrent_weights=ring, input_weights=[[6.0], [0.0], [0.0]], input_delays=0.5
        ... )
        >>> net.recurrent_delays.shape, net.input_delays.shape
        ((3, 1), ())
    """

    neuron: Neuron
    raw_recurrent_weights: Connections
    raw_input_weights: Connections
    size: int = eqx.field(static=True)
    inputs: int = eqx.field(static=True)
    duration: float = eqx.field(static=True)

    def __init__(
        self,
        neuron: Neuron,
        size: int,
        inputs: int,
        duration: float,
        *,
        key: PRNGKeyArray | None = None,
        scale: float = 0.5,
        mean: float = 0.0,
        recurrent_weights: WeightsLike | None = None,
        input_weights: WeightsLike | None = None,
        recurrent_delays: DelaysLike = None,
        input_delays: DelaysLike = None,
    ) -> None:
        if as_neuron(neuron).model.is_readout:
            raise ValueError(
                f"{neuron.model.name} is a readout, which emits no spikes to itself: use it as the last layer of a "
                "FeedForward network, after a Recurrent one by Sequential"
            )
        self.neuron, self.duration = as_neuron(neuron), checked_duration(duration)
        self.inputs, self.size = (int(number) for number in checked_sizes((inputs, size)))
        check_size(neuron, size)
        self.neuron = neuron.for_layer(size)
        missing = recurrent_weights is None or input_weights is None
        keys = jax.random.split(required_key(key), 2) if missing else (None, None)

        def connections(given: Any, sources: int, own_key: PRNGKeyArray | None, delays: Any, name: str) -> Connections:
            names = f"{name}_weights", f"{name}_delays"
            if given is not None:
                return given_connections(neuron, given, delays, (size, sources), *names)
            shape = size, sources
            return drawn_connections(neuron, shape, self.duration, own_key, delays, names[1], scale=scale, mean=mean)

        self.raw_recurrent_weights = connections(recurrent_weights, size, keys[0], recurrent_delays, "recurrent")
        self.raw_input_weights = connections(input_weights, inputs, keys[1], input_delays, "input")

    def __repr__(self) -> str:
        both = self.raw_recurrent_weights, self.raw_input_weights
        return described_network(self, (self.neuron,), [each.weights for each in both], [each.delays for each in both])

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of input channels and of neurons."""
        return self.inputs, self.size

    @property
    def recurrent_weights(self) -> Connections:
        """The weights between the neurons; `recurrent_weights["I"]` is a matrix (neurons, neurons) where dense."""
        return actual(self.neuron, self.raw_recurrent_weights)

    @property
    def input_weights(self) -> Connections:
        """The weights of the inputs; `input_weights["I"]` is a matrix (neurons, inputs) where dense."""
        return actual(self.neuron, self.raw_input_weights)

    @property
    def recurrent_delays(self) -> Float[Array, "*shape"] | None:
        """The delays between the neurons."""
        return self.raw_recurrent_weights.delays

    @property
    def input_delays(self) -> Float[Array, "*shape"] | None:
        """The delays of the inputs."""
        return self.raw_input_weights.delays

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The population."""
        names = ("input_weights", "input_delays"), ("recurrent_weights", "recurrent_delays")
        name = f"the recurrent layer ({self.size} neurons)"
        return (Layer(self.neuron, self.size, self.input_weights, self.recurrent_weights, name, names),)
