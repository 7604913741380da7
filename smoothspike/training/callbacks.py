"""Callbacks of `fit`: early stopping, and metrics in files.

A callback is a function of the network and the history, one row of metrics for each epoch so far. `fit` calls it after
every epoch, once the checkpoint is saved, and stops where it returns True. A training that resumes calls it for the
last epoch of the checkpoint again, so that none is missed. What all of these do depends on the history alone, so that a
training that is interrupted and resumed ends as it would have ended.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from .best import best_epoch

History = Sequence[Mapping[str, float]]
Callback = Callable[[Any, History], bool | None]


def early_stopping(patience: int = 10, metric: str | None = None) -> Callback:
    """Stop a training when a metric has not improved for some epochs.

    Args:
        patience: After how many epochs without a better one.
        metric: A name in the history: the least counts if it contains "loss", else the greatest. None for the accuracy
            on the validation data, by ordinary spikes first, then with pseudospikes, then the loss there.

    Raises:
        ValueError: if `patience` is not positive; in `fit`, if the history has no such metric.

    Example:
        >>> stop = early_stopping(patience=2, metric="loss")
        >>> stop(None, [{"loss": 1.0}, {"loss": 0.5}, {"loss": 0.6}])
        False
        >>> stop(None, [{"loss": 1.0}, {"loss": 0.5}, {"loss": 0.6}, {"loss": 0.5}])
        True
    """
    if patience < 1:
        raise ValueError(f"patience is {patience}, but must be at least 1")

    def stop(network: Any, history: History) -> bool:
        if metric is None and not {"accuracy", "validation_loss"} & set(history[-1]):
            raise ValueError(
                "early_stopping() watches the validation data: pass validation=... to fit, or metric='loss'"
            )
        return len(history) - 1 - best_epoch(history, metric) >= patience

    return stop


def to_csv(path: str | Path) -> Callback:
    r"""Write the history to a CSV file after every epoch, one row for each; the file is replaced atomically.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metrics.csv"
        >>> to_csv(path)(None, [{"epoch": 1, "loss": 0.5}])
        >>> path.read_text()
        'epoch,loss\n1,0.5\n'
    """

    def text(history: History) -> str:
        names = list(dict.fromkeys(name for row in history for name in row))
        lines = _Lines()
        writer = csv.DictWriter(lines, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        return "".join(lines.found)

    return _to_file(path, text)


def to_json(path: str | Path) -> Callback:
    """Write the history to a JSON file after every epoch, a list of objects; the file is replaced atomically.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metrics.json"
        >>> to_json(path)(None, [{"epoch": 1, "loss": 0.5}])
        >>> json.loads(path.read_text())
        [{'epoch': 1, 'loss': 0.5}]
    """
    return _to_file(path, lambda history: json.dumps([dict(row) for row in history], indent=1))


def to_tensorboard(folder: str | Path) -> Callback:
    """Write the history as scalars for TensorBoard, by epoch.

    A training that resumes writes its history anew, in place of what the folder shows.

    Args:
        folder: The folder of the run.

    Raises:
        ImportError: if tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError("to_tensorboard needs tensorboardX: pip install 'smoothspike[tensorboard]'") from error
    writers: list[Any] = []
    written: list[int] = [0]

    def write(network: Any, history: History) -> None:
        if jax.process_index() > 0:
            return
        if not writers:
            writers.append(SummaryWriter(str(folder), purge_step=0))
        for row in history[written[0] :]:
            for name, value in row.items():
                if name != "epoch":
                    writers[0].add_scalar(name, value, int(row["epoch"]))
        written[0] = len(history)
        writers[0].flush()

    return write


class _Lines:
    """What the csv module writes to."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def write(self, line: str) -> None:
        self.found.append(line)


def _to_file(path: str | Path, text: Callable[[History], str]) -> Callback:
    path = Path(path)

    def write(network: Any, history: History) -> None:
        if jax.process_index() > 0:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(text(history))
        beside.replace(path)

    return write
