"""Spike times beyond the trial end, brought close to it."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._checks import positive_number


def bounded_times(
    times: Float[Array, "*shape"], *, duration: Float[ArrayLike, ""], margin: Float[ArrayLike, ""]
) -> Float[Array, "*shape"]:
    r"""Bring the times of pseudospikes close to the trial end, so that they do not outweigh ordinary spikes in a loss.

    Times up to the trial end T stay as they are; a time $T + x$ becomes $T + m x / (m + x)$, which is less than T + m.
    The first pseudospike of a neuron that is strongly inhibited comes many trials later. In a loss of its time, such as
    `first_spike_cross_entropy`, a few trials with such neurons make up most of the gradient, which then teaches the
    network little about its ordinary spikes. Bounded times still have a gradient, of the factor $m^2 / (m + x)^2$.

    Args:
        times: Spike times, pseudospikes included; `inf`, for no spike, becomes T + m.
        duration: The trial end T.
        margin: m, in units of time; about as long as differences of times that matter, up to a few membrane time
            constants.

    Raises:
        ValueError: if the duration or the margin is not positive; inside `jit`, a run-time error.

    Differentiation:
        Continuously differentiable, with slope 1 at the trial end; no derivative at `inf` but 0.

    Example:
        >>> bounded_times(jnp.array([1.0, 4.0, 5.0, 1e6]), duration=4.0, margin=1.0).round(2).tolist()
        [1.0, 4.0, 4.5, 5.0]
    """
    duration, margin = positive_number("duration", duration), positive_number("margin", margin)
    times = jnp.asarray(times)
    # in the share of the margin that is left, infinite times are regular
    left = margin / (margin + jnp.maximum(times - duration, 0.0))
    return jnp.where(times <= duration, times, duration + margin * (1 - left))
