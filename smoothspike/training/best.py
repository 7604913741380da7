"""The best network of a training, by what is known of each epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, float]
#: By default ordinary spikes count first, then pseudospikes, too, then the loss.
_DEFAULT = ("accuracy_without_pseudospikes", "accuracy", "validation_loss")


def is_better(one: Row, other: Row, metric: str | None = None) -> bool:
    """Whether an epoch is better than another.

    Args:
        one: The metrics of an epoch.
        other: Those of another.
        metric: What counts: the least if its name contains "loss", else the greatest. None for the accuracy by ordinary
            spikes, then that with pseudospikes, then the loss, on the validation data.

    Raises:
        ValueError: if there is no such metric.
    """
    return _rank(one, metric) > _rank(other, metric)


def best_epoch(history: Sequence[Row], metric: str | None = None) -> int:
    """Return the place of the best epoch in a history, of equal ones the first."""
    best = 0
    for place, row in enumerate(history):
        if is_better(row, history[best], metric):
            best = place
    return best


def _rank(row: Row, metric: str | None) -> tuple[float, ...]:
    names = [name for name in _DEFAULT if name in row] if metric is None else [metric]
    for name in names:
        if name not in row:
            raise ValueError(f"the history has no metric {name!r}; it has {', '.join(row)}")
    return tuple(-row[name] if "loss" in name else row[name] for name in names)


class Best:
    """Keeps the best network.

    Args:
        wanted: Whether to keep one, or the name of the metric that counts.
        network: The best one so far; None if there is none.
    """

    def __init__(self, wanted: bool | str, network: Any | None) -> None:
        self.wanted = wanted is not False
        self.metric = wanted if isinstance(wanted, str) else None
        self.network = network if self.wanted else None

    def see(self, network: Any, history: Sequence[Row]) -> None:
        """Keep a network if its epoch, the last one, is the best."""
        if self.wanted and best_epoch(history, self.metric) == len(history) - 1:
            self.network = network
