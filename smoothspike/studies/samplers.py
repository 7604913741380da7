"""Samplers and pruners by name, and a sampler whose every draw depends on the number of the trial alone."""

import warnings
from collections.abc import Callable
from typing import Any

from .storage import optuna
from .trial import sampler_seed

SAMPLERS = ("tpe", "random", "quasirandom")
PRUNERS = ("median", "halving", "none")


def sampler_for(sampler: Any, seed: int) -> Any:
    """Return a sampler of Optuna.

    Args:
        sampler: A name, a function from a seed to a sampler, or a sampler of Optuna, which keeps its own randomness.
        seed: The seed of the search.

    Raises:
        ValueError: if the name is unknown.
    """
    package = optuna().samplers
    if isinstance(sampler, package.BaseSampler):
        return sampler
    if callable(sampler):
        return _numbered(sampler, seed)
    makers: dict[str, Callable[[int], Any]] = {
        "tpe": lambda own: package.TPESampler(seed=own),
        "random": lambda own: package.RandomSampler(seed=own),
        "quasirandom": lambda own: _quasirandom(package, seed),
    }
    if sampler not in makers:
        raise ValueError(
            f"sampler is {sampler!r}, but must be one of {', '.join(map(repr, makers))}, a sampler of Optuna, or a "
            "function from a seed to one"
        )
    return _numbered(makers[sampler], seed)


def _quasirandom(package: Any, seed: int) -> Any:
    """Return a sampler of points of one sequence for the whole study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna().exceptions.ExperimentalWarning)
        return package.QMCSampler(scramble=True, seed=seed, warn_independent_sampling=False)


def pruner_for(pruner: Any) -> Any:
    """Return a pruner of Optuna: of a name, or as it is given.

    Raises:
        ValueError: if the name is unknown.
    """
    package = optuna().pruners
    if isinstance(pruner, package.BasePruner):
        return pruner
    makers = {
        "median": package.MedianPruner, "halving": package.SuccessiveHalvingPruner, "none": package.NopPruner,
        None: package.NopPruner,
    }  # fmt: skip
    if pruner not in makers:
        raise ValueError(f"pruner is {pruner!r}, but must be one of {', '.join(map(repr, PRUNERS))}, or one of Optuna")
    return makers[pruner]()


def _numbered(make: Callable[[int], Any], seed: int) -> Any:
    """Return a sampler that is made anew for every trial, so that one that resumes draws what it would have drawn."""
    package = optuna().samplers

    class Numbered(package.BaseSampler):
        """Draws by another sampler, which is seeded by the number of the trial."""

        def __init__(self) -> None:
            self._current = make(seed)

        def before_trial(self, study: Any, trial: Any) -> None:
            self._current = make(sampler_seed(seed, trial.number))
            self._current.before_trial(study, trial)

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self._current.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            return self._current.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            return self._current.sample_independent(study, trial, param_name, param_distribution)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            self._current.after_trial(study, trial, state, values)

    return Numbered()
