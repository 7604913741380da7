"""Compare the answers of two programs before they are timed.

Two answers agree if they differ by at most a small multiple of their own errors. A program's own error is the change of
its answer when its own accuracy is changed, such as its precision, its step or its
cut-off.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import numpy as np

MARGIN = 4.0  # times their own errors: these are estimates


@dataclass(frozen=True)
class Answer:
    """The answer of one program.

    Attributes:
        spikes: Spike times, in a fixed order.
        sources: For every spike time, what emitted it; None where the order alone says so.
        gradient: Derivatives by weights, any tree of arrays; None for programs without.
    """

    spikes: np.ndarray
    sources: np.ndarray | None = None
    gradient: Any = None


@dataclass(frozen=True)
class Agreement:
    """Whether two answers agree within their own errors.

    Attributes:
        what: Which part of the answers.
        peer: With whom.
        difference: The largest difference found; infinite where the answers cannot be compared.
        allowed: How large it may be.
    """

    what: str
    peer: str
    difference: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the answers agree; NaN never does."""
        return bool(self.difference <= self.allowed)

    def __str__(self) -> str:
        sign = "agree" if self.holds else "DISAGREE"
        return f"{self.what} of smoothspike and {self.peer} {sign}: {self.difference:.1e} (allowed {self.allowed:.1e})"

    def as_json(self) -> dict[str, Any]:
        """All content, for JSON."""
        finite = self.difference if np.isfinite(self.difference) else None
        return asdict(self) | {"difference": finite, "holds": self.holds}


def spike_difference(one: Answer, other: Answer) -> float:
    """The largest difference of spike times relative to the latest; infinite if there are others or other sources."""
    if one.spikes.shape != other.spikes.shape or not np.array_equal(np.isfinite(one.spikes), np.isfinite(other.spikes)):
        return np.inf
    exists = np.isfinite(one.spikes)
    if one.sources is not None and other.sources is not None and np.any((one.sources != other.sources)[exists]):
        return np.inf
    if not exists.any():
        return 0.0
    return float(np.max(np.abs(one.spikes[exists] - other.spikes[exists])) / np.max(np.abs(other.spikes[exists])))


def gradient_difference(one: Answer, other: Answer) -> float:
    """The distance of two gradients, relative to the length of the second."""
    first, second = (_flat(answer.gradient) for answer in (one, other))
    if first.shape != second.shape or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return np.inf
    length = np.linalg.norm(second)
    return float(np.linalg.norm(first - second) / (length if length else 1.0))


def agreements(
    peer: str, ours: Sequence[Answer], theirs: Sequence[Answer], *, least: float = 0.0, note: str = ""
) -> tuple[Agreement, ...]:
    """Compare two programs.

    Args:
        peer: The name of the other program.
        ours: Our answer as it will be timed, and optionally that at another accuracy, which tells our own error.
        theirs: The same of the other program.
        least: An error that is taken for granted, such as that of the last digits.
        note: Added to what is said to be compared.
    """
    kinds = [("spike times", spike_difference)]
    if ours[0].gradient is not None and theirs[0].gradient is not None:
        kinds.append(("gradients", gradient_difference))
    found = []
    for what, difference in kinds:
        own = [difference(answers[0], answers[1]) for answers in (ours, theirs) if len(answers) > 1]
        # an unknown error allows no difference
        allowed = MARGIN * (least + sum(error for error in own if np.isfinite(error)))
        found.append(Agreement(f"{what}{note}", peer, difference(ours[0], theirs[0]), allowed))
    return tuple(found)


def _flat(tree: Any) -> np.ndarray:
    leaves = [np.asarray(leaf, float).ravel() for leaf in jax.tree.leaves(tree)]
    return np.concatenate(leaves) if leaves else np.zeros(0)
