"""Inputs that arrive together act as one event, with the sum of their weights."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float, Int

from .._spike_checks import is_later
from ..spikes import Spikes

#: Events are only summed where this halves their number at least.
_LEAST_GAIN = 2
_ADVICE = (
    "the times of inputs that arrive together are not differentiable one by one: they are simulated as one event; "
    "differentiate with respect to ss.Spikes(spikes.times, spikes.sources), which are simulated one after the other"
)


def is_summed(spikes: Spikes) -> bool:
    """Whether so many spikes are known to arrive together that it pays to sum them."""
    return spikes.distinct_times is not None and _LEAST_GAIN * spikes.distinct_times <= spikes.capacity


def summed(
    spikes: Spikes, weights: dict[str, Float[Array, "neurons sources"]]
) -> tuple[Spikes, dict[str, Float[Array, "neurons events"]]]:
    """Replace the spikes of each instant by one, from a source of its own whose weight is the sum of theirs.

    Args:
        spikes: Those of one trial or of a batch with one leading axis, as `Spikes.grouped` returns them.
        weights: The matrix of every route.

    Returns:
        One spike for each instant of each trial, and a column of weights for each of these.

    Differentiation:
        By the weights. Where times are differentiated, a TypeError says what to do.
    """
    most, times = spikes.distinct_times, _constant(spikes.times)
    assert most is not None
    *batch, _ = times.shape
    later = jnp.cumsum(is_later(times).astype(jnp.int32), axis=-1)
    number = jnp.where(spikes.is_spike, jnp.concatenate([jnp.zeros_like(later[..., :1]), later], axis=-1), most)
    trial = jnp.arange(times.shape[0])[:, None] if batch else 0
    # one more place in each trial, for padding
    where = trial * (most + 1) + number
    total = (times.shape[0] if batch else 1) * (most + 1)
    instants = jnp.full(total, jnp.inf, times.dtype).at[where].min(times).reshape(*batch, most + 1)[..., :most]

    def added(matrix: Float[Array, "neurons sources"]) -> Float[Array, "neurons events"]:
        rows = matrix.T.at[jnp.where(spikes.is_spike, spikes.sources, 0)].get(mode="promise_in_bounds")
        nothing = jnp.zeros((total, matrix.shape[0]), matrix.dtype)
        return nothing.at[where].add(rows, indices_are_sorted=True, mode="promise_in_bounds").T

    sources: Int[Array, "*batch events"] = trial * (most + 1) + jnp.arange(most)
    sources = jnp.broadcast_to(sources, instants.shape).astype(jnp.int32)
    return Spikes(instants, sources, distinct_times=most), {route: added(matrix) for route, matrix in weights.items()}


@jax.custom_jvp
def _constant(times: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return times


def _refuse(primals: tuple[Array], tangents: tuple[Any]) -> tuple[Array, Any]:
    if not isinstance(tangents[0], SymbolicZero):
        raise TypeError(_ADVICE)
    return primals[0], tangents[0]


_constant.defjvp(_refuse, symbolic_zeros=True)
