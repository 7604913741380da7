"""The `repr` of public objects: a summary in a few lines instead of all their numbers.

Trees with the structure of these objects but other leaves, such as masks and labels, print their leaves.
"""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ._tracing import revealed


def described_spikes(spikes: Any) -> str:
    """Summarise the number of spikes, of sources, and the range of times."""
    if not all(map(eqx.is_array, (spikes.times, spikes.sources))):
        return eqx.tree_pformat(spikes)
    *batch, capacity = spikes.times.shape
    trials = f"{'x'.join(map(str, batch))} trials, " if batch else ""
    # in NumPy: JAX would add the operations to a program that is being traced
    times, sources = (revealed(each) for each in (spikes.times, spikes.sources))
    if times is None or sources is None or times.shape != sources.shape:
        return f"Spikes({trials}capacity {capacity}, values unknown under tracing)"
    is_spike = np.isfinite(times)
    counts = is_spike.sum(-1)
    if not is_spike.any():
        return f"Spikes({trials}none, capacity {capacity})"
    number = _counted(int(counts.max()), "spike")
    if batch and counts.min() < counts.max():
        number = f"{counts.min()} to {number}"
    several = _counted(len(np.unique(sources[is_spike])), "source")
    span = f"t = {times[is_spike].min():.4g} to {times[is_spike].max():.4g}"
    return f"Spikes({trials}{number}{' each' if batch else ''} from {several}, {span}, capacity {capacity})"


def described_neuron(neuron: Any) -> str:
    """Summarise model, solver and trained parameters."""
    derivation = neuron.derivation
    solver = f"{derivation.method}, closed form" if derivation.closed_form else derivation.method
    if neuron.integration != type(neuron.integration)():
        solver += f" by {type(neuron.integration.solver).__name__}"
    trained = "".join(f", trained {name}" for name in neuron.unconstrained)
    beyond = "" if neuron.beyond == "lifted" else f", beyond the trial {neuron.beyond}"
    return f"Neuron({neuron.model.name}, {solver}{trained}{beyond})"


def described_network(network: Any, neurons: Iterable[Any], weights: Any, delays: Any) -> str:
    """Summarise the size of a network, its neurons and its parameters."""
    names = dict.fromkeys(described_neuron(neuron) for neuron in neurons)
    entries = sum(np.size(leaf) for leaf in jax.tree.leaves(weights) if eqx.is_array(leaf))
    entries_of_delays = sum(np.size(leaf) for leaf in jax.tree.leaves(delays) if eqx.is_array(leaf))
    lines = [
        f"{type(network).__name__} of sizes {'-'.join(map(str, network.sizes))}",
        f"  neurons: {'; '.join(names)}",
        f"  duration: {network.duration:g}",
        f"  weights: {entries}, delays: {entries_of_delays or 'none'}",
    ]
    return "\n".join(lines)


def described_recording(recording: Any) -> str:
    """Summarise the spikes of every layer, or what a readout reads out."""
    layers = ""
    for number, (spikes, layer) in enumerate(zip(recording.spikes, recording.layers, strict=True)):
        what = f"readout {layer.dynamics.variable} of {layer.size} neurons" if layer.is_readout else repr(spikes)
        layers += f"\n  layer {number}: {what}"
    return f"Recording of {recording.duration:g}{layers}"


def described_dataset(dataset: Any) -> str:
    """Summarise the number of samples and classes, their spikes and their currents."""
    if not eqx.is_array(dataset.labels):
        return eqx.tree_pformat(dataset)
    targets = f"targets of shape {dataset.labels.shape[1:]}"
    kind = targets if dataset.num_classes is None else _counted(dataset.num_classes, "class", "es")
    currents = "" if dataset.currents is None else ", currents"
    return (
        f"Dataset of {_counted(len(dataset.labels), 'sample')}, {kind}, "
        f"{_counted(dataset.num_sources, 'source')}{currents}\n  {dataset.spikes!r}"
    )


def described_current(current: Any) -> str:
    """Summarise the number of pieces, their times and values."""
    name = type(current).__name__
    if not all(map(eqx.is_array, (current.times, current.values))):
        return eqx.tree_pformat(current)
    times, values = (revealed(each) for each in (current.times, current.values))
    if times is None or values is None or times.shape[-1:] == (0,):
        return f"{name}({_counted(current.times.shape[-1], 'piece')}, values unknown under tracing)"
    *batch, pieces = times.shape
    trials = f"{'x'.join(map(str, batch))} trials, " if batch else ""
    begun = times[times < np.finfo(np.float32).max / 2]  # later ones pad trials with fewer pieces
    span = f"t = {begun.min():.4g} to {begun.max():.4g}"
    return f"{name}({trials}{_counted(pieces, 'piece')}, {span}, values {values.min():.4g} to {values.max():.4g})"


def _counted(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else plural}"
