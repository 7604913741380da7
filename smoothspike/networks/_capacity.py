"""The capacity for spikes: grown where values are known, checked where they are not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Int

from .._tracing import revealed
from ..engine import MOST_BEYOND, MOST_COUNTED, Capacity

Capacities = tuple[Capacity, ...]
#: Stands for the capacity that a layer needed where its solver gave up.
FAILED = -1
#: Capacity up to this costs little, whether or not it is filled.
_MUCH = 64
#: Say what may have gone wrong in a layer, given its number.
Explain = Callable[[int], str]


def gave_up(layer: str) -> str:
    """Say why a solver may have given up."""
    return (
        f"the solver of {layer} gave up: its states ran away to minus infinity, its equations are too stiff, or an "
        "input or a weight is not a number or too large. Look at the states with a smaller weight or a shorter trial; "
        "equations whose time scales differ by over 10,000 need a slower fast state"
    )


def _numbered(layer: int) -> str:
    return gave_up(f"layer {layer}")


def rounded_up(needed: int, least: int = 8) -> int:
    """Return the next power of two, so that few different capacities are ever compiled."""
    return max(least, 1 << max(0, int(needed) - 1).bit_length())


def fitting(needed: np.ndarray | Int[Array, "*batch layers 2"]) -> Capacities:
    """Return capacity for what was needed and a quarter more; all of it takes time, whether or not spikes fill it."""
    most = np.max(np.reshape(needed, (-1, *needed.shape[-2:])), axis=0, initial=0)
    return tuple(
        Capacity(max(8, rounded_finely(5 * total // 4)), rounded_up(per_neuron, least=2))
        for total, per_neuron in most.tolist()
    )


def rounded_finely(needed: int) -> int:
    """Return the next of few sizes, four for every power of two."""
    step = max(1, (1 << needed.bit_length()) // 8)
    return -(-needed // step) * step


def grown(
    capacities: Capacities, needed: np.ndarray | Int[Array, "*batch layers 2"], explain: Explain = _numbered
) -> Capacities:
    """Return capacities that hold what was needed; unchanged where they already did.

    Raises:
        RuntimeError: if a solver gave up.
    """
    needed = np.asarray(needed).reshape(-1, len(capacities), 2)
    failed, most = (needed == FAILED).any((0, 2)), needed.max(0, initial=0)
    before = slice(int(np.argmax(failed)))
    # what follows a layer that lacks spikes means nothing yet
    if failed.any() and not (most[before] > np.asarray(capacities)[before]).any():
        raise RuntimeError(explain(int(np.argmax(failed))))
    return tuple(
        Capacity(
            have.total if total <= have.total else rounded_up(total),
            have.per_neuron if per_neuron <= have.per_neuron else rounded_up(per_neuron, least=2),
        )
        for have, (total, per_neuron) in zip(capacities, most.tolist(), strict=True)
    )


def shrunk(capacities: Capacities, needed: np.ndarray) -> Capacities:
    """Return less capacity where more than half of much stays empty, else the same; `needed` is of one row per layer."""
    return tuple(
        have._replace(total=fits.total) if have.total > _MUCH and 2 * fits.total <= have.total else have
        for have, fits in zip(capacities, fitting(needed), strict=True)
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
            f"{self.layer} emitted {index} spikes, but its capacity is {self.capacity}. Inside jit the capacity is "
            f"static: pass capacity={rounded_up(index)} to the network's call, or what network.capacity_for(spikes) "
            "returns"
        )


def checked(value: Any, capacities: Capacities, needed: Int[Array, "trials layers 2"], names: Sequence[str]) -> Any:
    """Raise at run time, inside jit too, if a layer emitted more spikes than its capacity, or its solver gave up."""
    lost = (needed == FAILED).any((0, 2))
    passed = _unless(lost, names)
    needed = jnp.max(needed, axis=0)
    for layer, (capacity, name) in enumerate(zip(capacities, names, strict=True)):
        for most, what, column in ((capacity.total, name, 0), (capacity.per_neuron, f"one neuron of {name}", 1)):
            count = needed[layer, column]
            passed = eqx.branched_error_if(passed, count > most, count, _Shortages(what, most))
    return after(passed, value)


def unless_lost(value: Any, lost: Bool[Array, "*batch layers"], names: Sequence[str]) -> Any:
    """Raise at run time, inside jit too, if a solver gave up on the way to these values."""
    return after(_unless(lost.reshape(-1, len(names)).any(0), names), value)


def _unless(lost: Bool[Array, " layers"], names: Sequence[str]) -> Int[Array, ""]:
    messages = [gave_up(name) for name in names]
    return eqx.branched_error_if(jnp.zeros((), jnp.int32), lost.any(), jnp.argmax(lost), messages)


def after(passed: Int[Array, ""], value: Any) -> Any:
    """Tie values to checks, which return zero: a check of the values themselves would collect them on one device."""
    return jax.tree.map(lambda leaf: leaf + passed.astype(leaf.dtype), value)


def with_capacity(
    run: Callable[[Capacities], tuple[Any, Array]],
    capacities: Capacities,
    *,
    measure: Callable[[Capacities], Capacities] | None = None,
    explain: Explain = _numbered,
) -> tuple[Any, Capacities, np.ndarray | None]:
    """Run with more and more capacity until every spike has a place; `run` returns what it needed, too.

    Derivatives and maps outside jit are fine: what was needed is known there. Every attempt is compiled, so at the
    first that falls short the capacity is measured.

    Args:
        run: The simulation.
        capacities: What to begin with.
        measure: Returns at least the given capacity, and all that is needed where that can be found out.
        explain: Says what may have gone wrong where the solver of a layer gives up.

    Returns:
        The result, the capacity that was given, and that which was needed; inside jit, where this is not known, the
        result with the given capacity, and None.

    Raises:
        RuntimeError: if a solver gives up.
    """
    while True:
        result, needed = run(capacities)
        counts = revealed(needed)
        if counts is None:
            return result, capacities, None
        larger = grown(capacities, counts, explain)
        if larger == capacities:
            return result, capacities, counts
        capacities = larger if measure is None else measure(larger)
        measure = None


def measured(capacity: Capacity, counts: tuple[Any, Any], layer: str, largest: str = "") -> Capacity:
    """Return the capacity that a layer needs, at least that which it has; `largest` is said of its weights.

    Raises:
        RuntimeError: if that is more than it grows to by itself.
    """
    total, per_neuron = (revealed(each) for each in counts)
    if total is None or per_neuron is None:
        return capacity
    if per_neuron.max(initial=0) > MOST_COUNTED or total.max(initial=0) >= MOST_BEYOND:
        of = (
            f"a neuron of {layer} spikes more than {MOST_COUNTED} times"
            if per_neuron.max(initial=0) > MOST_COUNTED
            else f"{layer} spikes more than {MOST_BEYOND} times"
        )
        raise RuntimeError(
            f"{of} in a trial: make its inputs or weights smaller, or its trial shorter. {largest}If so many are "
            "meant, pass capacity=..., which grows no further by itself"
        )
    needed = [[[int(total.max(initial=0)), int(per_neuron.max(initial=0))]]]
    return grown((capacity,), np.asarray(needed))[0]


def is_known(*trees: Any) -> bool:
    """Whether no value in these trees is being traced by JAX."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(trees))
