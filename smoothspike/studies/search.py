"""`search`: hyperparameters by Optuna, in a file that survives what happens to the processes that fill it."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tqdm.auto import tqdm

from ..training.checks import require_count
from .attempt import attempt
from .samplers import pruner_for, sampler_for
from .space import Space, as_space
from .storage import Storage, open_storage, optuna
from .study import Study, record
from .trial import Trial
from .workers import WORKER, Worker

DIRECTIONS = ("minimize", "maximize")
_SETTINGS = "smoothspike"
#: Seconds between looks at what other processes do.
_POLL = 0.2
_ENDED = "its process ended before it did: killed, out of memory, or a crash"
Groups = Sequence[str] | Mapping[str, Mapping[str, Any]] | None


def search(
    objective: Callable[[Trial], float],
    space: Mapping[str, Any],
    *,
    trials: int,
    storage: Any = "runs/study.log",
    name: str = "study",
    direction: str = "minimize",
    seed: int = 0,
    seeds: int = 1,
    groups: Groups = None,
    sampler: Any = "tpe",
    pruner: Any = "median",
    max_failures: int = 10,
    heartbeat: float = 60.0,
    progress: bool = True,
) -> Study:
    """Search for the hyperparameters with which an objective is least, or greatest.

    All trials are kept in the storage, failed and pruned ones too, with their error and traceback. Calling again with
    the same arguments resumes, and runs what is missing. Any number of processes may call it at the same time, on
    several machines if the file is on a disk that they share, and do the work together: each returns when all is done.
    If a process is killed, only the trial that it was running is lost: whoever resumes or still runs marks it as
    failed, at once on the same machine, and after five heartbeats on another.

    Args:
        objective: A function of a `Trial`, `trial["rate"]` and so on, that returns a number. If it raises, or runs out
            of memory, the trial has failed, and the search goes on.
        space: For each name a range `(low, high)`, which is of whole numbers if both are; `(low, high, "log")`;
            `(low, high, step)`; a list of choices; or a single value.
        trials: How many trials are wanted that have not failed, in each group, including those in the storage.
        storage: A file, in the format of Optuna's journal; an SQLite database, if its name ends in `.db`; the URL of a
            database; a storage of Optuna; None for memory.
        name: The name of the study in the storage.
        direction: "minimize" or "maximize".
        seed: The seed of the search. A trial's setting and seeds follow from it, the trial's number, and, for the "tpe"
            sampler, from the trials before it; so one process finds the same again, interrupted or not.
        seeds: How many times the objective is called for each setting, with different `trial.seed`. The mean counts;
            of what it reports for pruning, the first.
        groups: Names of what is compared with equal budgets, such as models: each gets as many trials, with the same
            seeds, and a search of its own, and they take turns; `trial.group` says which one it is. Or a mapping
            from names to spaces of their own, which add to `space`.
        sampler: "tpe", "random", "quasirandom", a sampler of Optuna, or a function from a seed to one.
        pruner: "median", "halving", "none", or a pruner of Optuna. It acts only where the objective reports, by
            `fit(..., callbacks=trial.pruning("validation_loss"))` or `trial.report(value, step)`.
        max_failures: After how many failed trials in a row to give up.
        heartbeat: Seconds between signs of life of a running trial, for other machines.
        progress: Whether to show a progress bar.

    Returns:
        The study: `study.best.params`, `study.failed`, `print(study)`, `study.to_csv(path)`.

    Raises:
        ImportError: if Optuna is not installed: `pip install 'smoothspike[search]'`.
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument is out of range, or the storage has a study of this name with other settings.
        RuntimeError: if `max_failures` trials in a row failed, with the last error.

    Source: Akiba, Sano, Yanase, Ohta & Koyama, "Optuna: A Next-generation Hyperparameter Optimization Framework",
    KDD 2019, arXiv:1907.10902.

    Example:
        >>> def objective(trial):
        ...     return (trial["x"] - 0.3) ** 2
        >>> study = search(objective, {"x": (0.0, 1.0)}, trials=20, storage=None, progress=False)
        >>> len(study.completed), abs(study.best.params["x"] - 0.3) < 0.1
        (20, True)
    """
    if not callable(objective):
        raise TypeError(f"objective is of type {type(objective).__name__}, but must be a function of a trial")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {direction!r}, but must be 'minimize' or 'maximize'")
    for argument, value, least in (("trials", trials, 0), ("seeds", seeds, 1), ("max_failures", max_failures, 1)):
        require_count(argument, value, least)
    require_count("seed", seed, 0)
    if not heartbeat > 0:
        raise ValueError(f"heartbeat is {heartbeat}, but must be positive")
    spaces = _spaces(space, groups)
    with _quiet():
        plan = _Plan(objective, spaces, trials, direction, seed, seeds)
        shared = _Shared(open_storage(storage), name, plan, sampler_for(sampler, seed), pruner_for(pruner))
        _run(shared, Worker(shared.storage, heartbeat), max_failures, progress)
        return shared.found()


def load_study(storage: Any, name: str = "study") -> Study:
    """Read the trials of a search from its storage, also while it runs.

    Args:
        storage: As for `search`.
        name: The name of the study.

    Raises:
        ImportError: if Optuna is not installed.
        FileNotFoundError: if there is no such file.
        ValueError: if it has no study of this name.
    """
    package = optuna()
    if isinstance(storage, str | os.PathLike) and "://" not in str(storage) and not os.path.exists(storage):
        raise FileNotFoundError(f"there is no {os.fspath(storage)}; name the file that search(storage=...) has written")
    with _quiet():
        opened = open_storage(storage)
        every = {each.study_name: each for each in opened.content.get_all_studies()}
        own = [title for title in every if title == name or title.startswith(f"{name}/")]
        if not own:
            there = ", ".join(map(repr, every)) or "no studies"
            raise ValueError(f"{opened.place} has no study {name!r}; it has {there}")
        studies = {
            title.partition("/")[2] or None: package.load_study(study_name=title, storage=opened.content)
            for title in own
        }
        fixed = {group: _fixed(study.user_attrs) for group, study in studies.items()}
        return _study(name, opened.place, studies, fixed)


@dataclass(frozen=True)
class _Plan:
    """What is asked for."""

    objective: Callable[[Trial], float]
    spaces: Mapping[str | None, Space]
    trials: int
    direction: str
    seed: int
    seeds: int


class _Shared:
    """The studies, one for each group, that all processes fill."""

    def __init__(self, storage: Storage, name: str, plan: _Plan, sampler: Any, pruner: Any) -> None:
        self.storage, self.name, self.plan = storage, name, plan
        package = optuna()
        self.studies: dict[str | None, Any] = {}
        with storage.claim():
            for group, space in plan.spaces.items():
                study = package.create_study(
                    storage=storage.content, sampler=sampler, pruner=pruner, direction=plan.direction,
                    study_name=name if group is None else f"{name}/{group}", load_if_exists=True,
                )  # fmt: skip
                _agree(study, space, plan, storage.place)
                self.studies[group] = study

    def found(self) -> Study:
        return _study(self.name, self.storage.place, self.studies, {g: s.fixed for g, s in self.plan.spaces.items()})

    def counts(self, group: str | None, worker: Worker) -> tuple[int, int]:
        """How many trials of a group ran to their end or were pruned, and how many are running.

        Those whose process has ended are marked as failed first.
        """
        study = self.studies[group]
        for trial in study.get_trials(deepcopy=False):
            if trial.state.name == "RUNNING" and not worker.lives(study.study_name, trial.number, trial.user_attrs):
                self._abandon(study, trial)
        # read at once: trials end while this runs, and must be counted on one side or the other
        states = [trial.state.name for trial in study.get_trials(deepcopy=False)]
        return states.count("COMPLETE") + states.count("PRUNED"), states.count("RUNNING")

    def _abandon(self, study: Any, trial: Any) -> None:
        package, content = optuna(), self.storage.content
        own = content.get_trial_id_from_study_id_trial_number(
            content.get_study_id_from_name(study.study_name), trial.number
        )
        with contextlib.suppress(ValueError, package.exceptions.UpdateFinishedTrialError):  # it was just ended
            if "error" not in trial.user_attrs:
                content.set_trial_user_attr(own, "error", _ENDED)
            study.tell(trial.number, state=package.trial.TrialState.FAIL)


def _run(shared: _Shared, worker: Worker, max_failures: int, progress: bool) -> None:
    """Run trials until all are done, by this process or others."""
    plan, failures = shared.plan, 0
    everything = plan.trials * len(plan.spaces)
    with worker.at_work(), tqdm(total=everything, disable=not progress, unit="trial") as bar:
        while True:
            with shared.storage.claim():
                counts = {group: shared.counts(group, worker) for group in plan.spaces}
                done = {group: each for group, (each, _) in counts.items()}
                begun = {group: sum(each) for group, each in counts.items()}
                group = min(begun, key=lambda each: begun[each])
                bar.update(sum(min(each, plan.trials) for each in done.values()) - bar.n)
                if all(each >= plan.trials for each in done.values()):
                    return
                running = None
                if begun[group] < plan.trials:
                    running = shared.studies[group].ask(plan.spaces[group].distributions())
                    running.set_user_attr(WORKER, worker.mark)
            if running is None:  # others run what is left
                time.sleep(_POLL)
                continue
            error = attempt(shared.studies[group], running, group, plan, worker)
            failures = 0 if error is None else failures + 1
            if failures >= max_failures:
                raise RuntimeError(
                    f"the last {failures} trials in a row failed, the last one with {error}. What is done is in "
                    f"{shared.storage.place}; correct the objective or the space, and call search again"
                )


def _spaces(space: Mapping[str, Any], groups: Groups) -> dict[str | None, Space]:
    """Return the space of each group."""
    if groups is None:
        return {None: as_space(space)}
    own = groups if isinstance(groups, Mapping) else {group: {} for group in groups}
    if isinstance(groups, str) or not own or not all(isinstance(name, str) and name for name in own):
        raise TypeError(f"groups is {groups!r}, but must be names, or a mapping from names to spaces")
    if not isinstance(groups, Mapping) and len(own) < len(groups):
        raise ValueError(f"groups is {groups!r}, but each name must be there once")
    return {name: as_space({**space, **more}) for name, more in own.items()}


def _agree(study: Any, space: Space, plan: _Plan, place: str) -> None:
    """Keep the settings with a study, or raise a ValueError if it has others."""
    own = {"space": space.described(), "seed": plan.seed, "seeds": plan.seeds, "fixed": dict(space.fixed)}
    then = study.user_attrs.get(_SETTINGS)
    if then is None:
        study.set_user_attr(_SETTINGS, own)
        return
    named = [(name, then[name], own[name]) for name in ("seed", "seeds") if then[name] != own[name]]
    before, after = then["space"], own["space"]
    named += [
        (f"space[{name!r}]", before.get(name, "not there"), after.get(name, "not there"))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
    if study.direction.name.lower() != plan.direction:
        named.append(("direction", study.direction.name.lower(), plan.direction))
    if named:
        told = "; ".join(f"{name} was {old}, and is {new}" for name, old, new in named)
        raise ValueError(
            f"the study {study.study_name!r} in {place} is another one: {told}. Resume it with the same settings, or "
            "choose another name=... or storage=..."
        )


def _fixed(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    return attributes.get(_SETTINGS, {}).get("fixed", {})


def _study(name: str, place: str, studies: Mapping[str | None, Any], fixed: Mapping[str | None, Any]) -> Study:
    trials = tuple(
        record(trial, group, fixed[group]) for group, study in studies.items() for trial in study.get_trials()
    )
    direction = next(iter(studies.values())).direction.name.lower()
    return Study(name, place, direction, trials, MappingProxyType(dict(studies)))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """A context in which Optuna logs warnings only; the progress bar tells the rest."""
    logging = optuna().logging
    before = logging.get_verbosity()
    logging.set_verbosity(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)
