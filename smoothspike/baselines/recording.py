"""What a network that is stepped in time returns: rasters, counts, voltages, and spike times on the grid."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from .._checks import is_whole, positive_number
from .._tracing import revealed
from ..spikes import Spikes


@final
class SteppedLayer(eqx.Module):
    """One layer's part of a recording; instants are 0, dt, 2 dt and so on to the trial end.

    Attributes:
        raster: 1 where a neuron emits a spike at an instant, else 0; None for a readout.
        late: How long before its instant a spike came, where times are interpolated.
        states: The declared states at each instant, after spikes and inputs, where they are recorded.
        variable: The spiking variable, or what a readout reads out.
    """

    raster: Float[Array, "*batch instants neurons"] | None
    late: Float[Array, "*batch instants neurons"] | None
    states: dict[str, Float[Array, "*batch instants neurons"]] | None
    variable: str = eqx.field(static=True)

    @property
    def is_readout(self) -> bool:
        """Whether its neurons emit no spikes."""
        return self.raster is None

    @property
    def size(self) -> int:
        """The number of neurons."""
        return jax.tree.leaves((self.raster, self.states))[0].shape[-1]


@final
class SteppedRecording(eqx.Module):
    """The outcome of one trial on a grid, or of a batch of trials with leading axes.

    Attributes:
        layers: Every layer.
        duration: The trial end.
        dt: The step.
        is_interpolated: Whether spike times are interpolated within steps.
    """

    layers: tuple[SteppedLayer, ...]
    duration: float = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    is_interpolated: bool = eqx.field(static=True)

    def __repr__(self) -> str:
        sizes = "-".join(str(layer.size) for layer in self.layers)
        return f"SteppedRecording of {self.duration:g} in steps of {self.dt:g}, layers of {sizes}"

    @property
    def instants(self) -> Float[Array, " instants"]:
        """The instants of the grid, 0 and the trial end included."""
        leaf = jax.tree.leaves(self.layers)[0]
        return jnp.arange(leaf.shape[-2]) * jnp.asarray(self.dt, leaf.dtype)

    @property
    def spikes(self) -> tuple[Spikes, ...]:
        """The spikes of every layer as times, ascending; no capacity limits them. A readout has none."""
        return tuple(self._as_spikes(number) for number in range(len(self.layers)))

    def raster(self, layer: int = -1) -> Float[Array, "*batch instants neurons"]:
        """Return 1 where a neuron emits a spike at an instant and 0 elsewhere, with surrogate derivatives."""
        found = self.layers[self._spiking_layer(layer, "raster")].raster
        assert found is not None
        return found

    def counts(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return how many spikes each neuron emits, with surrogate derivatives."""
        return self.raster(layer).sum(-2)

    def expected_counts(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return `counts`: on a grid there is no spike to come that would count in part."""
        return self.counts(layer)

    def spike_times(self, count: int = 1, layer: int = -1) -> Float[Array, "*batch neurons {count}"]:
        r"""Return the first spike time of every neuron: a step after the trial end for one that does not spike.

        It is $dt \sum_k \prod_{j \le k} (1 - S_j)$ over the instants, of which the product says whether the neuron is
        still silent; so it has surrogate derivatives, also where there is no spike. Interpolated times of neurons that
        spike have the derivative of the interpolation instead.

        Raises:
            ValueError: if more than one spike is asked for: without pseudospikes, later ones need not exist.
        """
        if count != 1:
            raise ValueError(
                f"spike_times(count={count}): a network that is stepped in time has no pseudospikes, so that only the "
                "first spike of a neuron has a time that is always finite; use raster(), counts(), or "
                "ordinary_spike_times(count) with interpolate=True"
            )
        number = self._spiking_layer(layer, "spike times")
        raster = self.raster(number)
        times = self.dt * jnp.cumprod(1 - raster, axis=-2).sum(-2)
        late = self.layers[number].late
        if late is not None:
            place = jnp.argmax(raster > 0, axis=-2, keepdims=True)
            own = jnp.take_along_axis(late, place, axis=-2)[..., 0, :]
            times = jnp.where((raster > 0).any(-2), jax.lax.stop_gradient(times) - own, times)
        return times[..., None]

    def first_spike_times(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return the first spike time of every neuron; see `spike_times`."""
        return self.spike_times(1, layer)[..., 0]

    def ordinary_spike_times(self, count: int = 1, layer: int = -1) -> Float[Array, "*batch neurons {count}"]:
        """Return the first `count` spike times of every neuron, `inf` where there are fewer.

        Raises:
            ValueError: if they are differentiated, unless interpolated: on the grid spike times have no derivative.
        """
        if not is_whole(count) or count < 0:
            raise ValueError(f"count is {count}: give how many spikes of each neuron, a whole number and at least 0")
        number = self._spiking_layer(layer, "spike times")
        ordered = jnp.swapaxes(jnp.sort(self._times(number), axis=-2), -1, -2)[..., :count]
        missing = count - ordered.shape[-1]
        return jnp.pad(ordered, [(0, 0)] * (ordered.ndim - 1) + [(0, missing)], constant_values=jnp.inf)

    def max_over_time(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return the largest value of the first state of every readout neuron over the instants."""
        return self._voltage("max_over_time", layer).max(-2)

    def mean_over_time(self, layer: int = -1) -> Float[Array, "*batch neurons"]:
        """Return the mean of the first state of every readout neuron over the trial, by the trapezoidal rule."""
        return self._mean(self._voltage("mean_over_time", layer))

    def exponentially_weighted(self, tau: Float[ArrayLike, ""], layer: int = -1) -> Float[Array, "*batch neurons"]:
        r"""Return $\frac1T \int_0^T e^{-t/\tau} V\,dt$ of every readout neuron, by the trapezoidal rule."""
        tau = positive_number("tau", tau)
        return self._mean(jnp.exp(-self.instants / tau)[:, None] * self._voltage("exponentially_weighted", layer))

    def states_at(self, ts: ArrayLike, layer: int = -1) -> dict[str, Float[Array, "*batch samples neurons"]]:
        """Return every declared state of a layer at times within the trial, interpolated between instants.

        Raises:
            ValueError: if states of the layer are not recorded, or a time is known to lie outside the trial.
        """
        states = self.layers[self._checked_layer(layer)].states
        if states is None:
            raise ValueError(
                f"states_at: states of layer {layer} are not recorded; pass record_states=True to surrogate"
            )
        samples = jnp.asarray(ts, self.instants.dtype)
        if samples.ndim != 1:
            raise ValueError(f"states_at: ts must be one list of times, but it has shape {samples.shape}")
        if not isinstance(samples, Tracer) and samples.size:
            low, high = float(samples.min()), float(samples.max())
            if not (low >= 0 and high <= self.duration * (1 + 1e-6)):
                raise ValueError(f"states_at: times {low} to {high} lie outside the trial, 0 to {self.duration}")
        place = jnp.clip(jnp.floor(samples / self.dt).astype(int), 0, len(self.instants) - 2)
        share = jnp.clip(samples / self.dt - place, 0.0, 1.0)[:, None]
        return {
            name: (1 - share) * jnp.take(value, place, axis=-2) + share * jnp.take(value, place + 1, axis=-2)
            for name, value in states.items()
        }

    def pseudo_rates(self, layer: int = -1) -> Array:
        """Refuse: pseudospikes belong to exact networks."""
        raise ValueError(
            "pseudo_rates: a network that is stepped in time has no pseudospikes; use counts(), whose surrogate "
            "derivatives do not vanish for silent neurons"
        )

    def _mean(self, values: Array) -> Array:
        inner = values.sum(-2) - (values[..., 0, :] + values[..., -1, :]) / 2
        return inner * self.dt / self.duration

    def _voltage(self, what: str, layer: int) -> Array:
        record = self.layers[self._checked_layer(layer)]
        if not record.is_readout:
            raise ValueError(
                f"{what}: layer {layer} emits spikes and is no readout; end the network in ss.Neuron(model) of a model "
                "without a spike rule"
            )
        assert record.states is not None
        return record.states[record.variable]

    def _checked_layer(self, layer: int) -> int:
        last = len(self.layers) - 1
        if not is_whole(layer) or not -last - 1 <= layer <= last:
            raise IndexError(f"layer {layer} was asked for, but the layers are 0 to {last}, or -1 for the last")
        return int(layer) % len(self.layers)

    def _spiking_layer(self, layer: int, what: str) -> int:
        number = self._checked_layer(layer)
        if self.layers[number].is_readout:
            raise ValueError(
                f"layer {layer} is a readout, which has no {what}: use max_over_time(), mean_over_time(), "
                "exponentially_weighted(tau) or states_at(ts), or name a layer of spiking neurons, such as layer=0"
            )
        return number

    def _times(self, number: int) -> Float[Array, "*batch instants neurons"]:
        """Return the time of the spikes at every instant, `inf` where there is none."""
        raster, late = self.raster(number), self.layers[number].late
        times = jnp.broadcast_to(self.instants[:, None], raster.shape)
        if late is not None:
            return jnp.where(raster > 0, times - late, jnp.inf)
        return _without_derivative(jnp.where(raster > 0, times, jnp.inf), raster)

    def _as_spikes(self, number: int) -> Spikes:
        if self.layers[number].is_readout:
            batch = jax.tree.leaves(self.layers[number].states)[0].shape[:-2]
            return Spikes(jnp.full((*batch, 0), jnp.inf), jnp.zeros((*batch, 0), jnp.int32))
        times = self._times(number)
        sources = jnp.broadcast_to(jnp.arange(times.shape[-1], dtype=jnp.int32), times.shape)
        flat = (*times.shape[:-2], -1)
        spikes = Spikes(times.reshape(flat), sources.reshape(flat)).sorted()
        return spikes if revealed(times) is None else spikes.trimmed()


@jax.custom_jvp
def _without_derivative(times: Array, raster: Array) -> Array:
    """Return times on the grid."""
    return times


@_without_derivative.defjvp
def _refuse_derivative(primals: Any, tangents: Any) -> Any:
    raise ValueError(
        "spike times on the grid have no derivative: pass interpolate=True to surrogate, or use first_spike_times(), "
        "raster() or counts(), which have surrogate derivatives; for metrics, stop the gradient of the recording first"
    )
