"""Sparse connections: for every source, whom its spikes reach and with what weights."""

from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.experimental.sparse import BCOO
from jaxtyping import Array, ArrayLike, Float, Int

from .._checks import first_entry, floating, require_delays
from .rows import NOBODY


@final
class Connections(eqx.Module):
    """Lists of targets, equally long for all sources.

    Args:
        targets: For every source, the neurons its spikes reach; -1 fills shorter lists. With delays, a neuron may be
            reached several times: by several synapses, each with a weight and a delay of its own.
        weights: Of these connections, in the same places; one array, or one for each route by name.
        delays: How long a spike takes along each of them, in the same places, or one delay for all; None for no time.

    Raises:
        ValueError: if shapes do not fit together, targets are no integers, a source reaches a neuron twice without
            delays, or a delay is negative or infinite.

    Example:
        >>> ring = Connections([[1], [2], [0]], [[0.5], [0.5], [0.5]])
        >>> ring.sources, ring.out_degree
        (3, 1)
        >>> Connections([[1], [2], [0]], [[0.5], [0.5], [0.5]], delays=[[0.1], [0.2], [0.3]]).delays.shape
        (3, 1)
    """

    targets: Int[Array, "sources out_degree"]
    weights: Any
    delays: Float[Array, "#sources #out_degree"] | Float[Array, ""] | None

    def __init__(
        self,
        targets: ArrayLike,
        weights: ArrayLike | Mapping[str, ArrayLike],
        delays: ArrayLike | None = None,
    ) -> None:
        self.targets = _as_targets(targets)
        if self.targets.ndim != 2:
            raise ValueError(f"targets have shape {self.targets.shape}; give (sources, out_degree), -1 for none")
        named = weights if isinstance(weights, Mapping) else {"": weights}
        arrays = {route: floating(f"weights {route}".strip(), value) for route, value in named.items()}
        for route, array in arrays.items():
            if array.shape != self.targets.shape:
                raise ValueError(f"weights {route} have shape {array.shape}, but targets {self.targets.shape}")
        self.weights = arrays if isinstance(weights, Mapping) else arrays[""]
        self.delays = None if delays is None else floating("delays", delays)
        if self.delays is not None and self.delays.shape not in ((), self.targets.shape):
            raise ValueError(
                f"delays have shape {self.delays.shape}, but targets {self.targets.shape}; give one for all"
            )
        if self.delays is not None and not isinstance(self.targets, Tracer):
            require_delays("delays", self.delays, np.asarray(self.targets) >= 0)
        if self.delays is None and not isinstance(self.targets, Tracer):
            _check_once(np.asarray(self.targets))

    @classmethod
    def from_bcoo(cls, matrix: BCOO) -> "Connections":
        """Turn a sparse matrix into lists: row i holds what neuron i receives.

        Example:
            >>> matrix = BCOO.fromdense(jnp.array([[0.0, 2.0], [1.0, 0.0]]))
            >>> Connections.from_bcoo(matrix).targets.tolist()
            [[1], [0]]
        """
        if isinstance(matrix.indices, Tracer):
            raise ValueError("a sparse matrix cannot be made into Connections inside jit: make them before")
        if matrix.n_batch or matrix.n_dense or matrix.ndim != 2:
            raise ValueError(f"give a plain matrix, not {matrix.n_batch} batch and {matrix.n_dense} dense dimensions")
        matrix = matrix.sum_duplicates()
        indices = np.asarray(matrix.indices)
        kept = np.flatnonzero((indices < np.asarray(matrix.shape)).all(1))
        kept = kept[np.lexsort((indices[kept, 0], indices[kept, 1]))]
        rows, columns = indices[kept].T
        place = np.arange(kept.size) - np.searchsorted(columns, columns)
        shape = (matrix.shape[1], int(place.max(initial=-1)) + 1)
        targets = np.full(shape, -1, np.int32)
        targets[columns, place] = rows
        return cls(targets, jnp.zeros(shape, matrix.data.dtype).at[columns, place].set(matrix.data[kept]))

    @property
    def sources(self) -> int:
        """How many sources there are."""
        return self.targets.shape[0]

    @property
    def out_degree(self) -> int:
        """How many targets a source has at most."""
        return self.targets.shape[1]

    def matrices(self, size: int) -> dict[str, BCOO]:
        """Return the weights of every route as a sparse matrix (size, sources)."""
        sources = jnp.broadcast_to(jnp.arange(self.sources)[:, None], self.targets.shape)
        targets = jnp.where(self.targets < 0, size, self.targets)
        indices = jnp.stack([targets, jnp.where(self.targets < 0, self.sources, sources)], -1).reshape(-1, 2)
        return {
            route: BCOO((weights.ravel(), indices), shape=(size, self.sources))
            for route, weights in self.weights.items()
        }


def listed(
    weights: "Connections | dict[str, Float[Array, 'neurons sources']]",
    delays: Float[Array, "*#neurons #sources"] | None = None,
) -> Connections:
    """Return matrices, of weights and of delays, as lists of all neurons; lists as they are."""
    if isinstance(weights, Connections):
        return weights
    shape = size, sources = next(iter(weights.values())).shape
    targets = jnp.broadcast_to(jnp.arange(size), (sources, size))
    late = None if delays is None else jnp.broadcast_to(delays, shape).T
    return Connections(targets, {route: matrix.T for route, matrix in weights.items()}, late)


def _as_targets(targets: ArrayLike) -> Int[Array, "sources out_degree"]:
    if isinstance(targets, Tracer):
        return jnp.asarray(targets, jnp.int32)
    numbers = np.asarray(targets)
    if numbers.size and not jnp.issubdtype(numbers.dtype, jnp.integer):
        raise ValueError(f"targets are of type {numbers.dtype}, but have to be integers that number neurons")
    is_wrong = (numbers < -1) | (numbers >= NOBODY)
    if is_wrong.any():
        raise ValueError(f"{first_entry('targets', numbers, is_wrong)}: give neurons, counted from 0, and -1 for none")
    return jnp.asarray(numbers.astype(np.int32))


def _check_once(targets: np.ndarray) -> None:
    ordered = np.sort(targets, 1)
    twice = (np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)
    if twice.any():
        source, place = (int(index[0]) for index in np.nonzero(twice))
        raise ValueError(
            f"source {source} reaches neuron {ordered[source, place]} twice; add the weights up, or give delays"
        )
