"""`smoothspike search`: hyperparameters of a configuration, in a study that many processes can share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt

from ... import plot
from ..config import Config, ConfigError, Source, as_toml
from ..config.override import check_space, overridden, spaces
from ..parts.data import Splits, build_data
from ..search import search
from ..study import Record, Study
from ..trial import Trial
from .experiment import build, result, set_precision
from .folder import RunFolder

#: After how many trials compiled programs are freed: each trial has its own.
_FREE = 10
_STORAGE = "study.log"


def run_search(config: Config, source: Source, folder: RunFolder, *, progress: bool = True) -> dict[str, Any]:
    """Search as `[search]` says; an interrupted search goes on, and several processes share the work.

    What is written: the study, all trials as CSV, the configuration of the best one, of each group, ready to be
    trained, and figures.

    Returns:
        The best trial of each group.

    Raises:
        ConfigError: if something does not fit together, with the line.
        ImportError: if Optuna is not installed.
    """
    check_space(config, source)
    assert config.search is not None
    wanted = config.search
    set_precision(config)
    data = build_data(config.data, config.seed, source)
    study = search(
        objective_of(config, source, data), spaces(config), trials=wanted.trials,
        storage=_storage(config, source, folder.path), direction=direction(wanted.metric), seed=config.seed,
        seeds=wanted.seeds, groups=tuple(wanted.groups) or None, sampler=wanted.sampler, pruner=wanted.pruner,
        progress=progress,
    )  # fmt: skip
    study.to_csv(folder.path / "trials.csv")
    found: dict[str, Any] = {}
    for group in study.groups:
        best = study.ranked(group)[0]
        name = "best" if group is None else f"best-{group}"
        (folder.path / f"{name}.toml").write_text(as_toml(setting(config, source, best)), encoding="utf-8")
        found[group or "best"] = {
            "value": best.value, "deviation": best.deviation, "number": best.number, "params": dict(best.params),
            "configuration": f"{name}.toml",
        }  # fmt: skip
    if config.evaluation.figures:
        draw(study, folder.figures)
    counts = {state: len(getattr(study, state)) for state in ("completed", "pruned", "failed")}
    metrics = {"metric": wanted.metric, **counts, "best": found}
    folder.finish(metrics)
    return metrics | {"table": study.table()}


def objective_of(config: Config, source: Source, data: Splits | None = None) -> Callable[[Trial], float]:
    """Return the objective of a configuration: train with the setting and seed of a trial, and return the metric.

    Args:
        config: The configuration, with `[search]`.
        source: Where it is from.
        data: Its data, if they are loaded already.
    """
    assert config.search is not None
    metric, groups = config.search.metric, config.search.groups

    def objective(trial: Trial) -> float:
        chosen = overridden(config, source, {**groups.get(trial.group or "", {}), **trial.params})
        if trial.number % _FREE == _FREE - 1:
            jax.clear_caches()
        experiment = build(chosen, source, trial.seed, data if chosen.data == config.data else None)
        found = experiment.train(None, [trial.pruning(metric)], progress=False)
        trial.note(epochs=len(found.history))
        return result(experiment, found, metric)

    return objective


def direction(metric: str) -> str:
    """Return whether the least or the largest of a metric is best."""
    return "minimize" if "loss" in metric else "maximize"


def setting(config: Config, source: Source, record: Record) -> Config:
    """Return the configuration of a trial, to be trained with the seed that it had."""
    assert config.search is not None
    values = {**config.search.groups.get(record.group or "", {}), **record.params}
    own = config.seed if config.data.seed is None else config.data.seed
    return overridden(config, source, {**values, "seed": record.seeds[0], "data.seed": own})


def draw(study: Study, folder: Path) -> None:
    """Draw the history of a search, what matters in it, and its trials by each range."""
    figures: dict[str, Callable[[], Any]] = {"history": lambda: plot.search_history(study)}
    is_enough = len({each.value for each in study.completed}) > 1
    if is_enough and study.groups == (None,):
        figures["importances"] = lambda: plot.importances(study.importances())
    if is_enough:
        figures["parallel_coordinates"] = lambda: plot.parallel_coordinates(study)
        for name in dict.fromkeys(name for each in study.completed for name in each.params):
            figures[f"slice-{name}"] = lambda name=name: plot.search_slice(study, name)
    for name, make in figures.items():
        ax = make()
        ax.figure.savefig(folder / f"{name}.png")
        plt.close(ax.figure)


def _storage(config: Config, source: Source, folder: Path) -> str:
    assert config.search is not None
    given = config.search.storage
    if given is None:
        return str(folder / _STORAGE)
    if "://" in given:
        return given
    path = source.folder / given
    if not path.parent.is_dir():
        raise ConfigError(
            f"{source.at(('search', 'storage'))}: search.storage is {given}, but its folder must exist: {path.parent}"
        )
    return str(path)
