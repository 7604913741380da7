"""`surrogate`: a declared network stepped in time, with surrogate gradients, beside the exact one."""

from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from .._checks import require_finite, require_positive
from .._describe import described_network
from .._tracing import revealed
from ..engine import Capacity
from ..networks._arguments import CapacityLike, Initial, States, valid, valid_delays
from ..networks._capacity import Capacities, after
from ..networks._currents import Currents
from ..networks._driven import Driven, driven_by_currents
from ..networks._layer import Layer
from ..networks.abstract import AbstractNetwork, is_constant
from ..spikes import Spikes
from .arrivals import rasterised
from .derivatives import Derivative, chosen_derivative
from .population import Settings, longest_lag, stepped
from .recording import SteppedLayer, SteppedRecording
from .schemes import require_sums


@final
class SurrogateNetwork(AbstractNetwork):
    """A network that is stepped in time with surrogate gradients; made by `surrogate`.

    Attributes:
        network: The exact network, whose weights, delays and parameters are the only leaves.
        settings: How it is stepped.
    """

    network: AbstractNetwork
    settings: Settings = eqx.field(static=True)
    records = SteppedRecording

    def __repr__(self) -> str:
        layers = self.layers
        connections = [each for layer in layers for each, *_ in layer.connections]
        weights, delays = [each.weights for each in connections], [each.delays for each in connections]
        lines = described_network(self, [layer.neuron for layer in layers], weights, delays)
        return f"{lines}\n  step: {self.settings.dt:g}"

    @property
    def duration(self) -> float:
        """The trial end."""
        return self.network.duration

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of input channels, then of neurons in every population."""
        return self.network.sizes

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The populations of the exact network."""
        return self.network.layers

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        spikes: Spikes,
        *,
        initial: Initial | Sequence[Initial | None] | None = None,
        capacity: CapacityLike | None = None,
        currents: Currents | Sequence[Currents | None] | None = None,
    ) -> SteppedRecording:
        """Run one trial, or a batch of trials with leading axes, like the exact network.

        Args:
            spikes: The input, of which each spike counts at the nearest instant of the grid.
            initial: Initial values of states by name, instead of the declared ones.
            capacity: Ignored: a raster holds all spikes.
            currents: As in the exact network; each is held over a step at its value in the middle.

        Raises:
            ValueError: as the exact network does.
            RuntimeError: if a state is no number at the trial end, or a neuron spikes twice within a step: the step is
                too long for these weights.
        """
        if is_constant(self, spikes):
            return self  # pyright: ignore[reportReturnType]
        del capacity
        states = self.network.states(initial)
        spikes = valid_delays(self.network, valid(self.network, spikes))
        for layer in self.layers:
            for name, values in layer.weights.items():
                require_finite(name, values)
        return self._stepped(spikes, states, currents)

    def capacity_for(self, spikes: Spikes, *, currents: Any = None) -> tuple[Capacity, ...]:
        """Refuse: there is no capacity on a grid."""
        raise ValueError("capacity_for: a network that is stepped in time needs no capacity; call it without")

    def simulated(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, spikes: Spikes, capacities: Capacities, currents: Any = None
    ) -> tuple[SteppedRecording, Array]:
        """Run without regard to capacity, of which none is needed."""
        recording = self._stepped(valid_delays(self.network, spikes), self.network.states(None), currents)
        needed = []
        for layer, capacity in zip(recording.layers, capacities, strict=True):
            if layer.raster is None:
                needed.append(jnp.zeros((*spikes.times.shape[:-1], 2), jnp.int32))
                continue
            counts = jax.lax.stop_gradient(layer.raster).sum(-2)
            both = jnp.stack([counts.sum(-1), counts.max(-1)], -1).astype(jnp.int32)
            # more are held than any capacity says
            needed.append(jnp.minimum(both, jnp.asarray(capacity, jnp.int32)))
        return recording, jnp.stack(needed, -2)

    def _stepped(self, spikes: Spikes, states: States, currents: Any) -> SteppedRecording:
        driven, spikes, batch = driven_by_currents(self.network, currents, spikes)
        recording, lost = _run(driven, spikes, states, self.settings)
        if batch is not None:
            recording = jax.tree.map(lambda leaf: leaf.reshape(*batch, *leaf.shape[1:]), recording)
        return _unless(lost.reshape(-1, len(self.layers), 2).any(0), [layer.name for layer in self.layers], recording)


@eqx.filter_jit
def _run(
    network: Any, spikes: Spikes, states: States, settings: Settings
) -> tuple[SteppedRecording, Bool[Array, "*batch layers 2"]]:
    """Run a network on a batch of any shape."""

    def trial(network: Any, spikes: Spikes) -> tuple[SteppedRecording, Array]:
        return _trial(network, spikes, states, settings)

    axes = network.trial_axes if isinstance(network, Driven) else None
    for _ in spikes.times.shape[:-1]:
        trial = jax.vmap(trial, (axes, 0))
    return trial(network, spikes)


def _trial(network: Any, spikes: Spikes, states: States, settings: Settings) -> tuple[SteppedRecording, Array]:
    raster = rasterised(spikes, network.layers[0].inputs.sources, settings.dt, settings.steps)
    records, lost = [], []
    for layer, longest, values in zip(network.layers, settings.longest, states, strict=True):
        trace = stepped(layer, longest, values, raster, settings)
        records.append(SteppedLayer(trace.raster, trace.late, trace.states, layer.neuron.model.variable.name))
        lost.append(trace.is_lost)
        raster = raster if trace.raster is None else trace.raster
    recording = SteppedRecording(tuple(records), network.duration, settings.dt, settings.interpolate)
    return recording, jnp.stack(lost)


_TOO_LONG = (
    "{}: a state is not a number at the trial end: the step is too long for its weights; make dt smaller",
    "{}: a neuron spikes twice within a step: make dt smaller, or the weights",
)


def _unless(lost: Bool[Array, "layers 2"], names: Sequence[str], value: Any) -> Any:
    """Raise at run time, inside jit too, where a layer could not be stepped."""
    messages = [text.format(name) for name in names for text in _TOO_LONG]
    flat = jax.lax.stop_gradient(lost).reshape(-1)
    known = revealed(flat)
    if known is not None:
        if known.any():
            raise RuntimeError(messages[int(np.argmax(known))])
        return value
    return after(eqx.branched_error_if(jnp.zeros((), jnp.int32), flat.any(), jnp.argmax(flat), messages), value)


def surrogate(
    network: AbstractNetwork,
    dt: float,
    *,
    surrogate: str | Derivative = "superspike",
    scale: float | None = None,
    detach_reset: bool = True,
    interpolate: bool = False,
    record_states: bool = False,
    checkpoint: bool | int = False,
) -> SurrogateNetwork:
    r"""Return a network that steps the same neurons and weights in time, with surrogate gradients.

    It is called like the exact network and is trained and evaluated like it, by `fit` and `evaluate` too. Its leaves
    are those of the exact network, which is its attribute `network`: train by one and test with the other.

    Args:
        network: A `FeedForward`, `Recurrent` or `Sequential`.
        dt: The step, which divides the trial.
        surrogate: The derivative of a spike by the distance x of the spiking variable from the threshold, in units of
            that from reset to threshold, with the scale $\beta$: "superspike" and "fast_sigmoid",
            $1 / (1 + \beta|x|)^2$ (Zenke & Ganguli 2018; Zenke & Vogels 2021); "atan",
            $\frac\beta2 / (1 + (\frac\pi2 \beta x)^2)$ (Fang et al. 2021); "sigmoid", the derivative of
            $\sigma(\beta x)$; "triangular", $\max(0, 1 - \beta|x|)$ (Esser et al. 2016; Bellec et al. 2018);
            "gaussian", of width $1 / \beta$ and integral 1 (Yin et al. 2021); "rectangular", of width $1 / \beta$ and
            integral 1 (Wu et al. 2018); "straight_through", $\beta$ (Bengio et al. 2013). Or a function of x.
        scale: The scale; by default 10 for the first two, 2 for "atan" and "gaussian", 4 for "sigmoid", else 1.
        detach_reset: Whether the reset counts as independent of the spike in gradients.
        interpolate: Whether spike times are interpolated within the step. Spikes act at the end of it all the same.
        record_states: Whether `states_at` knows the states of layers that spike, too.
        checkpoint: Whether to keep only every so many steps for the gradient, and to compute the others anew: their
            number, or True for about the square root of all.

    Raises:
        TypeError: if it is no network.
        ValueError: if the step does not divide the trial, an option is unknown, or the inputs of a neuron do not add
            up, or a field cannot be followed in such steps.

    Source: Neftci, Mostafa & Zenke, IEEE Signal Process. Mag. 36 (2019), arXiv:1901.09948.

    Example:
        >>> import smoothspike as ss
        >>> neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
        >>> net = ss.FeedForward(neuron, sizes=(1, 2), duration=4.0, weights=[[[9.0], [0.0]]])
        >>> stepped = surrogate(net, dt=0.01, surrogate="superspike", scale=10.0)
        >>> stepped(ss.Spikes([0.5], [0])).counts().tolist()
        [3.0, 0.0]
        >>> stepped.network is net
        True
    """
    if isinstance(network, SurrogateNetwork) or not isinstance(network, AbstractNetwork):
        raise TypeError(
            f"network is of type {type(network).__name__}: pass a FeedForward, Recurrent or Sequential network"
        )
    derivative = chosen_derivative(surrogate, scale)
    steps = _steps(network.duration, dt)
    for layer in network.layers:
        require_sums(layer.neuron.model)
    step = network.duration / steps
    settings = Settings(
        step, steps, derivative, detach_reset, interpolate, record_states, _segment(checkpoint, steps),
        tuple(longest_lag(layer.recurrent, step) for layer in network.layers),
    )  # fmt: skip
    return SurrogateNetwork(network, settings)  # pyright: ignore[reportCallIssue]


def _steps(duration: float, dt: float) -> int:
    require_positive("dt", dt)
    steps = round(duration / dt)
    if steps < 1 or abs(steps * dt - duration) > 1e-6 * duration:
        better = duration / max(1, steps)
        raise ValueError(f"dt is {dt:g}, which does not divide the trial of {duration:g}; pass {better:.6g}")
    return steps


def _segment(checkpoint: bool | int, steps: int) -> int | None:
    if checkpoint is False:
        return None
    if checkpoint is True:
        return max(1, round((steps + 1) ** 0.5))
    if not isinstance(checkpoint, int) or checkpoint < 1:
        raise ValueError(f"checkpoint is {checkpoint!r}: pass True, False, or how many steps to compute anew at a time")
    return min(checkpoint, steps + 1)
