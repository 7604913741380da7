"""Randman: classes that are smooth random manifolds of spike times."""

import numpy as np
from jaxtyping import Float

from .._checks import require_positive
from ..spikes import Spikes
from .abstract import as_count
from .dataset import Dataset

#: What the range of a class is enlarged by before dividing by it.
_MARGIN = 1e-7
_MOST_FREQUENCIES = 1000
_AT_ONCE = 2**22


def randman(
    num_classes: int = 10,
    num_units: int = 100,
    *,
    dim: int = 2,
    num_spikes: int = 1,
    samples: int = 1000,
    alpha: float = 2.0,
    duration: float = 1.0,
    steps: int | None = None,
    precision: float = 1e-3,
    with_offset: bool = False,
    seed: int = 0,
    fractions: tuple[float, float] = (0.1, 0.1),
) -> tuple[Dataset, Dataset, Dataset]:
    r"""Draw spike times from smooth random manifolds, one for every class and spike of a unit.

    Every unit spikes equally often in every trial, so counts tell nothing of the class. A sample is a random point x of
    the unit cube, of dimension `dim`; the time of unit u is the product over dimensions d of

    $$\sum_{i=0}^{F-1} \frac{a_i}{(i + 1)^\alpha} \sin\big(2 \pi (i\, b_i\, x_d + c_i)\big),$$

    mapped onto 0 to `duration` by the least and largest value among all samples of the class. The numbers a, b and c
    are uniform between 0 and 1 for every class, spike, unit and dimension, a_0 = 0, and
    $F = \min(\lceil \epsilon^{-1/\alpha} \rceil, 1000)$ with the precision $\epsilon$.

    Source: Zenke & Vogels, "The Remarkable Robustness of Surrogate Gradient Learning for Instilling Complex Function
    in Spiking Neural Networks", Neural Computation 33 (2021), 899-925; the generator as in their package randman: the
    lowest frequency is 0, and the range depends on the samples, of all splits. Random numbers are NumPy's, so the
    manifolds of a seed are others.

    Args:
        num_classes: The number of classes.
        num_units: The number of input channels.
        dim: The dimension of the manifolds.
        num_spikes: Spikes of a unit in every trial, each on a manifold of its own.
        samples: Samples of each class.
        alpha: The larger, the smoother.
        duration: The largest spike time.
        steps: Round times down to this many time steps of a trial, as in the source; None leaves them continuous.
        precision: Frequencies of smaller amplitude are left out.
        with_offset: Whether a_0 is random, too.
        seed: Seed of manifolds and samples.
        fractions: The parts of the samples for validation and for test.

    Returns:
        Training, validation and test data, shuffled.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> train, validation, test = randman(num_classes=3, num_units=20, samples=100, dim=1)
        >>> len(train), len(validation), len(test), train.spikes.capacity
        (240, 30, 30, 20)
    """
    counts = {
        "num_classes": num_classes,
        "num_units": num_units,
        "dim": dim,
        "num_spikes": num_spikes,
        "samples": samples,
    }
    num_classes, num_units, dim, num_spikes, samples = (as_count(name, number) for name, number in counts.items())
    for name, number in {"alpha": alpha, "duration": duration, "precision": precision}.items():
        require_positive(name, number)
    if min(fractions) < 0 or sum(fractions) >= 1:
        raise ValueError(f"fractions is {fractions!r}, but must be two fractions, at least 0, with a sum below 1")
    frequencies = int(min(np.ceil(precision ** (-1 / alpha)), _MOST_FREQUENCIES))
    generator = np.random.default_rng(seed)
    times = np.empty((num_classes, samples, num_spikes, num_units))
    for label in range(num_classes):
        points = generator.random((samples, dim))
        for spike in range(num_spikes):
            parameters = generator.random((num_units, dim, 3, frequencies))
            if not with_offset:
                parameters[:, :, 0, 0] = 0
            times[label, :, spike] = _standardised(_manifold(points, parameters, alpha))
    if steps is not None:
        times = np.floor(times * as_count("steps", steps)) / steps
    order = generator.permutation(num_classes * samples)
    spikes = duration * times.reshape(num_classes * samples, -1)[order]
    sources = np.broadcast_to(np.tile(np.arange(num_units), num_spikes), spikes.shape)
    whole = Dataset(
        Spikes(spikes, sources), np.repeat(np.arange(num_classes), samples)[order], num_classes=num_classes,
        num_sources=num_units,
    )  # fmt: skip
    held_out = [round(fraction * len(whole)) for fraction in fractions]
    start, end = len(whole) - sum(held_out), len(whole) - held_out[1]
    return whole[:start], whole[start:end], whole[end:]


def _manifold(
    points: Float[np.ndarray, "samples dim"], parameters: Float[np.ndarray, "units dim 3 frequencies"], alpha: float
) -> Float[np.ndarray, "samples units"]:
    """Evaluate the random functions of all units."""
    product = np.ones((len(points), len(parameters)))
    frequency = np.arange(parameters.shape[-1])
    amplitude, stretch, phase = np.moveaxis(parameters, 2, 0)
    amplitude = amplitude / (frequency + 1.0) ** alpha
    at_once = max(1, _AT_ONCE // (len(parameters) * len(frequency)))
    for start in range(0, len(points), at_once):
        part = slice(start, start + at_once)
        for axis in range(points.shape[1]):
            waves = np.sin(2 * np.pi * (frequency * stretch[:, axis] * points[part, axis, None, None] + phase[:, axis]))
            product[part] *= np.einsum("suf,uf->su", waves, amplitude[:, axis])
    return product


def _standardised(values: Float[np.ndarray, "samples units"]) -> Float[np.ndarray, "samples units"]:
    """Map the values of each unit onto 0 to 1."""
    least, largest = values.min(0), values.max(0)
    return (values - least) / (largest - least + _MARGIN)
