"""`Connections`: weights and delays from sources to neurons, as matrices or as lists of targets."""

from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.experimental.sparse import BCOO
from jaxtyping import Array, Float, Int

from .._checks import first_entry, floating, require_delays

#: Stands for no neuron: an index beyond every one, so that what is written there is dropped.
OUT_OF_RANGE = 2**30


@final
class Connections(eqx.Module):
    """Weights and delays from sources to neurons.

    Sparse connections are lists of targets, equally long for all sources; dense ones, made by `Connections.dense`, are
    matrices. A network holds its weights in this form, and accepts either in place of a matrix.

    Args:
        targets: For every source, the neurons its spikes reach; -1 fills shorter lists. With a delay for each
            connection a neuron may be reached several times, by several synapses.
        weights: Of these connections, in the same places; one array, or one for each route by name.
        delays: How long a spike takes along each of them, in units of time: in the same places, or an array that
            broadcasts to these; None for no time. With one delay for all, or one for each source, a spike reaches its
            targets in a single event; with delays of their own every arrival is an event.

    Raises:
        ValueError: if shapes do not fit together, targets are not integers, a source reaches a neuron twice at the
            same time, or a delay is negative or infinite.

    Example:
        >>> ring = Connections([[1], [2], [0]], [[0.5], [0.5], [0.5]])
        >>> ring.sources, ring.out_degree
        (3, 1)
        >>> Connections([[1], [2], [0]], [[0.5], [0.5], [0.5]], delays=[[0.1], [0.2], [0.3]]).delays.shape
        (3, 1)
        >>> Connections.dense([[0.0, 1.0], [2.0, 0.0]], delays=0.1).is_dense
        True
    """

    targets: Int[Array, "sources out_degree"] | None
    weights: Any
    delays: Float[Array, "*#shape"] | None

    def __init__(
        self,
        targets: Any,
        weights: Any,
        delays: Any = None,
    ) -> None:
        self.targets = None if targets is None else _as_targets(targets)
        if self.targets is not None and self.targets.ndim != 2:
            raise ValueError(f"targets have shape {self.targets.shape}; pass (sources, out_degree), -1 for none")
        named = weights if isinstance(weights, Mapping) else {"": weights}
        arrays = {route: floating(f"weights {route}".strip(), value) for route, value in named.items()}
        shape = next(iter(arrays.values())).shape if self.targets is None else self.targets.shape
        for route, array in arrays.items():
            if array.shape != shape or array.ndim != 2:
                other = "must be matrices (neurons, sources)" if self.targets is None else f"but targets {shape}"
                raise ValueError(f"weights {route} have shape {array.shape}, {other}")
        self.weights = arrays if isinstance(weights, Mapping) else arrays[""]
        self.delays = None if delays is None else _as_delays(delays, shape, self.is_dense)
        if self.targets is None or isinstance(self.targets, Tracer):
            return
        if self.delays is not None:
            require_delays("delays", self.delays, np.asarray(self.targets) >= 0)
        if self.arrives_at_once:
            _check_once(np.asarray(self.targets))

    @classmethod
    def dense(cls, weights: Any, delays: Any = None) -> "Connections":
        """Make connections from matrices: row i holds what neuron i receives.

        Args:
            weights: (neurons, sources), or one such matrix for each route by name.
            delays: How long a spike takes: an array that broadcasts to (neurons, sources); None for no time.
        """
        return cls(None, weights, delays)

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
            raise ValueError(f"pass a plain matrix, not {matrix.n_batch} batch and {matrix.n_dense} dense dimensions")
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

    def __getitem__(self, route: str) -> Array:
        """The weights of a route."""
        return self.weights[route]

    @property
    def is_dense(self) -> bool:
        """Whether the weights are matrices (neurons, sources), not lists of targets."""
        return self.targets is None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights: (neurons, sources) of dense, (sources, out_degree) of sparse connections."""
        weights = self.weights
        return (next(iter(weights.values())) if isinstance(weights, Mapping) else weights).shape

    @property
    def sources(self) -> int:
        """How many sources there are."""
        return self.shape[1] if self.is_dense else self.shape[0]

    @property
    def out_degree(self) -> int:
        """How many targets a source has at most."""
        return self.shape[0] if self.is_dense else self.shape[1]

    @property
    def exists(self) -> Any:
        """Where there is a connection, in the shape of the weights."""
        return True if self.targets is None else self.targets >= 0

    @property
    def arrives_at_once(self) -> bool:
        """Whether a spike reaches all targets at one time: without delays, or with one delay for each source."""
        if self.delays is None:
            return True
        return (1, 1, *self.delays.shape)[-2:][0 if self.is_dense else 1] == 1

    def source_delays(self) -> Float[Array, " sources"]:
        """Return the one delay of each source, where `arrives_at_once`."""
        rows = jnp.zeros((1, 1)) if self.delays is None else jnp.atleast_2d(self.delays)
        return jnp.broadcast_to(rows[0] if self.is_dense else rows[:, 0], (self.sources,))

    def to_lists(self) -> "Connections":
        """Return the same connections as lists of targets, of every neuron where they are dense."""
        if not self.is_dense:
            return self
        targets = jnp.broadcast_to(jnp.arange(self.out_degree), (self.sources, self.out_degree))
        delays = self.delays
        if delays is not None and delays.ndim:
            delays = jnp.atleast_2d(delays).T
        return Connections(targets, {route: matrix.T for route, matrix in self.weights.items()}, delays)

    def to_matrices(self, size: int) -> dict[str, Float[Array, "neurons sources"]]:
        """Return the weights of every route in a matrix (size, sources)."""
        if self.targets is None:
            return self.weights
        sources, targets = jnp.arange(self.sources)[:, None], jnp.where(self.targets < 0, size, self.targets)
        return {
            route: jnp.zeros((size, self.sources), each.dtype).at[targets, sources].add(each, mode="drop")
            for route, each in self.weights.items()
        }


def _as_delays(delays: Any, shape: tuple[int, ...], is_dense: bool) -> Float[Array, "*#shape"]:
    """Check delays; they keep their shape, so that one for many connections is one to train."""
    array = floating("delays", delays)
    if array.ndim > 2 or any(own not in (1, n) for own, n in zip(array.shape[::-1], shape[::-1], strict=False)):
        what = "(neurons, sources)" if is_dense else "targets"
        raise ValueError(f"delays have shape {array.shape}, which does not broadcast to {what} {shape}")
    if is_dense:
        require_delays("delays", array)
    return array


def _as_targets(targets: Any) -> Int[Array, "..."]:
    if isinstance(targets, Tracer):
        return jnp.asarray(targets, jnp.int32)
    numbers = np.asarray(targets)
    if numbers.size and not jnp.issubdtype(numbers.dtype, jnp.integer):
        raise ValueError(f"targets are of type {numbers.dtype}, but must be integers that number neurons")
    is_wrong = (numbers < -1) | (numbers >= OUT_OF_RANGE)
    if is_wrong.any():
        raise ValueError(f"{first_entry('targets', numbers, is_wrong)}: pass neurons, counted from 0, and -1 for none")
    return jnp.asarray(numbers.astype(np.int32))


def _check_once(targets: np.ndarray) -> None:
    ordered = np.sort(targets, 1)
    twice = (np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)
    if twice.any():
        source, place = (int(index[0]) for index in np.nonzero(twice))
        raise ValueError(
            f"source {source} reaches neuron {ordered[source, place]} twice; add the weights up, or pass a delay for "
            "each connection"
        )
