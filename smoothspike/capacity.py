"""How many spikes a simulation has room for: grown where values are known, checked where they are not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Int

from .simulation import Capacity

Capacities = tuple[Capacity, ...]
#: Stands for the room that a layer needed where its solver gave up.
FAILED = -1
GAVE_UP = (
    "the solver of a layer gave up: its states ran away to minus infinity, its equations are too stiff, or "
    "an input or a weight is not a number. Look at the states with a smaller weight or a shorter trial; equations "
    "whose time scales differ by over 10,000 need a slower fast state"
)


def rounded_up(needed: int, least: int = 8) -> int:
    """Return the next power of two, so that few different capacities are ever compiled."""
    return max(least, 1 << max(0, int(needed) - 1).bit_length())


def fitting(needed: Int[Array, "*batch layers 2"]) -> Capacities:
    """Return room for what was needed and a quarter more; all room takes time, whether or not spikes fill it."""
    most = jnp.max(needed.reshape(-1, *needed.shape[-2:]), axis=0, initial=0)
    return tuple(
        Capacity(_rounded_finely(5 * total // 4), rounded_up(busiest, least=2)) for total, busiest in most.tolist()
    )


def _rounded_finely(needed: int) -> int:
    """Return the next of few sizes, four for every power of two."""
    step = max(2, (1 << needed.bit_length()) // 8)
    return max(8, -(-needed // step) * step)


def grown(capacities: Capacities, needed: Int[Array, "*batch layers 2"]) -> Capacities:
    """Return capacities that hold what was needed; unchanged where they already did.

    Raises:
        RuntimeError: if a solver gave up.
    """
    if jnp.any(needed == FAILED):
        raise RuntimeError(GAVE_UP)
    most = jnp.max(needed.reshape(-1, len(capacities), 2), axis=0, initial=0)
    return tuple(
        Capacity(
            have.total if total <= have.total else rounded_up(total),
            have.busiest if busiest <= have.busiest else rounded_up(busiest, least=2),
        )
        for have, (total, busiest) in zip(capacities, most.tolist(), strict=True)
    )


@dataclass(frozen=True)
class _Shortages(Sequence):
    """The message for every possible shortage of a layer, made when it is needed."""

    layer: str
    capacity: int

    def __len__(self) -> int:
        return 2**31 - 1

    def __getitem__(self, index: Any) -> str:
        return (
            f"{self.layer} emitted {index} spikes, but there is room for {self.capacity}. Inside jit the capacity is "
            f"static: pass capacity={rounded_up(index)} to the network's call, or use network.with_capacity(...)"
        )


def checked(value: Any, capacities: Capacities, needed: Int[Array, "trials layers 2"], names: Sequence[str]) -> Any:
    """Raise at run time, inside jit too, if a layer emitted more spikes than it has room for, or its solver gave up."""
    passed = eqx.error_if(jnp.zeros((), jnp.int32), jnp.any(needed == FAILED), GAVE_UP)
    needed = jnp.max(needed, axis=0)
    for layer, (capacity, name) in enumerate(zip(capacities, names, strict=True)):
        for most, what, column in ((capacity.total, name, 0), (capacity.busiest, f"one neuron of {name}", 1)):
            count = needed[layer, column]
            passed = eqx.branched_error_if(passed, count > most, count, _Shortages(what, most))
    return after(passed, value)


def unless_lost(value: Any, lost: Bool[Array, "*layers"]) -> Any:
    """Raise at run time, inside jit too, if a solver gave up on the way to these values."""
    return after(eqx.error_if(jnp.zeros((), jnp.int32), jnp.any(lost), GAVE_UP), value)


def after(passed: Int[Array, ""], value: Any) -> Any:
    """Tie values to checks, which return zero: a check of the values themselves would collect them on one device."""
    return jax.tree.map(lambda leaf: leaf + passed.astype(leaf.dtype), value)


def with_room(run: Callable[[Capacities], tuple[Any, Array]], capacities: Capacities) -> tuple[Any, Capacities, Array]:
    """Run, outside jit, with more and more room until every spike has a place; `run` returns what it needed too.

    Returns:
        The result, the room that was given, and the room that was needed.
    """
    while True:
        result, needed = run(capacities)
        larger = grown(capacities, needed)
        if larger == capacities:
            return result, capacities, needed
        capacities = larger


def is_known(*trees: Any) -> bool:
    """Whether no value in these trees is being traced by JAX."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(trees))
