"""`smoothspike landscape`: loss and gradient around the network of a configuration, with all jumps on a line."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np

from ... import plot
from ...landscape import Landscape, landscape
from ...saving import load
from ..config import Config, ConfigError, Source
from ..parts.data import build_data
from ..parts.objects import explained, path_of
from .experiment import Experiment, build, exact, set_precision
from .folder import RunFolder

_PLACE = ("landscape",)


def run_landscape(config: Config, source: Source, folder: RunFolder, *, progress: bool = True) -> dict[str, Any]:
    """Compute the landscape that `[landscape]` describes; a training before it resumes from its checkpoint.

    What is written: the numbers as `landscape.npz`, all jumps and kinks as `events.csv`, and a figure.

    Returns:
        The number of events by kind, the largest jump, and the range of the loss.

    Raises:
        ConfigError: if something does not fit together, with the line.
    """
    if folder.metrics is not None:
        return folder.metrics
    wanted = config.landscape
    if wanted is None:
        raise ConfigError(f"{source.name}: there is no [landscape]; there must be one, if only with span = 1.0")
    set_precision(config)
    data = build_data(config.data, config.seed, source)
    experiment = build(config, source, config.seed, data)
    network = _network(experiment, wanted.network, folder.path, progress)
    samples: Any = data.train
    if wanted.samples is not None:
        samples = samples[np.linspace(0, len(samples) - 1, min(wanted.samples, len(samples))).round().astype(int)]
    with explained(source, _PLACE):
        scape = landscape(
            network, samples, experiment.loss, directions=wanted.directions, span=wanted.span, points=wanted.points,
            key=jax.random.key(config.seed), readout=experiment.readout, chunk=wanted.chunk,
        )  # fmt: skip
    metrics = _kept(scape, folder.path)
    if config.evaluation.figures:
        with plot.paper_style():
            ax = plot.landscape(scape)
        ax.figure.savefig(folder.figures / "landscape.png")
        plt.close(ax.figure)
    folder.finish(metrics)
    return metrics


def _network(experiment: Experiment, which: str, folder: Path, progress: bool) -> Any:
    if which == "start":
        return exact(experiment.network)
    if which == "trained":
        return exact(experiment.train(folder, progress=progress).network)
    with explained(experiment.source, _PLACE):
        return load(path_of(which, experiment.source))


def _kept(scape: Landscape, folder: Path) -> dict[str, Any]:
    arrays = {f"coordinates_{place}": each for place, each in enumerate(scape.coordinates)}
    names = ("values", "gradients", "gradient_norms", "sample_values", "sample_gradients")
    np.savez(folder / "landscape.npz", **arrays, **{name: getattr(scape, name) for name in names})
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        rows = [dataclasses.asdict(event) for event in scape.events]
        writer.writerow(["place", "kind", "is_jump", "size", "sample", "layer", "neuron", "spike", "source", "time"])
        for row, event in zip(rows, scape.events, strict=True):
            own = (row[name] for name in ("sample", "layer", "neuron", "spike", "source", "time"))
            writer.writerow([event.place, event.kind, event.is_jump, event.size, *own])
    kinds = sorted({event.kind for event in scape.events})
    return {
        "samples": len(scape.sample_values), "jumps": len(scape.jumps), "kinks": len(scape.kinks),
        "events": {kind: sum(event.kind == kind for event in scape.events) for kind in kinds},
        "largest_jump": max((abs(event.size) for event in scape.jumps), default=0.0),
        "loss": [float(scape.values.min()), float(scape.values.max())],
    }  # fmt: skip
