"""Any data set of events from the package tonic, or one with the same interface."""

from typing import Any, Literal, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from .._time_units import MILLISECONDS
from ..spikes import Spikes
from .abstract import as_count
from .dataset import Dataset
from .streamed import StreamedDataset


class _Options(TypedDict, total=False):
    sensor_size: tuple[int, int, int] | None
    num_classes: int | None
    unit: str | float
    to: str
    buckets: int


@overload
def from_tonic(dataset: Any, *, stream: Literal[False] = ..., **options: Unpack[_Options]) -> Dataset: ...
@overload
def from_tonic(dataset: Any, *, stream: Literal[True], **options: Unpack[_Options]) -> StreamedDataset: ...
def from_tonic(
    dataset: Any,
    *,
    sensor_size: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
    unit: str | float = "us",
    to: str = MILLISECONDS,
    buckets: int = 4,
    stream: bool = False,
) -> Dataset | StreamedDataset:
    """Convert a data set of tonic, with whatever transforms it has, to spikes.

    An event at (x, y) with polarity p comes from the source `p * width * height + y * width + x`; there is no y in data
    sets of one dimension, and p counts only if the sensor has two polarities.

    Source: Lenz et al., tonic, https://tonic.readthedocs.io. The package itself is not needed: any sequence of pairs
    (events, label) with an attribute `sensor_size` will do.

    Args:
        dataset: A sequence of pairs of events, a structured array with the fields `t`, `x`, `p` and possibly `y`, and a
            label, an integer.
        sensor_size: Width, height and number of polarities; by default those of the data set.
        num_classes: The number of classes; by default that of the `classes` of the data set, else as many as occur.
        unit: The unit of times `t`; see `Spikes.from_trials`.
        to: The time unit of the network, as text: `"ms"`, `"s"`, or a multiple such as `"20 ms"`.
        buckets: How many capacities minibatches may have; see `Dataset`.
        stream: Whether to read minibatches from the data set while training (see `StreamedDataset`). Its transforms
            must then give the same events each time.

    Returns:
        The data, a `Dataset`, or a `StreamedDataset` with `stream`.

    Raises:
        TypeError: if it is no sequence of events and labels.
        ValueError: if an event or label is out of range, or the size of the sensor is not known.

    Example:
        >>> events = np.array([(1000, 1, 0), (2000, 0, 1)], dtype=[("t", int), ("x", int), ("p", int)])
        >>> data = from_tonic([(events, 1)], sensor_size=(3, 1, 2))
        >>> data[0][0].times.tolist(), data[0][0].sources.tolist(), data.num_sources
        ([1.0, 2.0], [1, 3], 6)
    """
    size = getattr(dataset, "sensor_size", None) if sensor_size is None else sensor_size
    if size is None or len(size) != 3:
        raise ValueError(
            f"sensor_size is {size!r}, but must be (width, height, polarities): pass it, as in sensor_size=(34, 34, 2)"
        )
    width, height, polarities = (as_count("sensor_size", number) for number in size)

    def read(numbers: npt.NDArray[Any]) -> list[tuple[np.ndarray, np.ndarray]]:
        return [_trial(dataset, int(number), (width, height, polarities))[:2] for number in numbers]

    count = width * height * polarities
    if stream:
        labels = np.array([int(dataset[number][1]) for number in range(len(dataset))], int)
        classes = _classes(dataset, labels, num_classes)
        return StreamedDataset(read, labels, num_classes=classes, num_sources=count, buckets=buckets, unit=unit, to=to)
    found = [_trial(dataset, number, (width, height, polarities)) for number in range(len(dataset))]
    labels = np.array([label for _, _, label in found], int)
    spikes = Spikes.from_trials([(times, sources) for times, sources, _ in found], unit=unit, to=to)
    classes = _classes(dataset, labels, num_classes)
    return Dataset(spikes, labels, num_classes=classes, num_sources=count, buckets=buckets)


def _trial(dataset: Any, number: int, size: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, int]:
    """Return times, sources and label of one sample."""
    try:
        events, label = dataset[number]
        label = int(label)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"sample {number} is no pair of events and an integer label ({error}); for other targets, give the data "
            "set a target_transform"
        ) from error
    names = getattr(getattr(events, "dtype", None), "names", None) or ()
    if not {"t", "x", "p"} <= set(names):
        raise TypeError(
            f"the events of sample {number} are no structured array with t, x and p, but have "
            f"{', '.join(names) or f'the type {type(events).__name__}'}: leave out transforms that make frames of them"
        )
    width, height, polarities = size
    sources = np.zeros(len(events), np.int64)
    for name, limit in (("p", polarities), ("y", height), ("x", width)):
        if name not in names or (name == "p" and limit == 1):
            continue
        values = events[name].astype(np.int64)
        is_wrong = (values < 0) | (values >= limit)
        if is_wrong.any():
            first = int(np.argmax(is_wrong))
            raise ValueError(f"sample {number}: {name}[{first}] is {values[first]}, but sensor_size is {size}")
        sources = sources * limit + values
    return np.asarray(events["t"]), sources, label


def _classes(dataset: Any, labels: np.ndarray, given: int | None) -> int:
    if given is not None:
        return as_count("num_classes", given)
    classes = getattr(dataset, "classes", None)
    return int(labels.max(initial=0)) + 1 if classes is None else len(classes)
