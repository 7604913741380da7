"""One trial of a search: call the objective for every seed, and keep what comes of it."""

import gc
import statistics
import time
import traceback
from typing import Any

import jax

from .storage import optuna
from .trial import Pruned, Trial, checked_value, seed_of
from .workers import PULSE, Worker

_EXHAUSTED = "RESOURCE_EXHAUSTED"


def attempt(study: Any, running: Any, group: str | None, plan: Any, worker: Worker) -> str | None:
    """Run a trial, and tell the study.

    Args:
        study: The study of Optuna.
        running: The trial of Optuna, which has begun.
        group: Its group.
        plan: What is searched for.
        worker: Who runs it.

    Returns:
        The error in a line, None if it did not fail.
    """
    began, attributes, values = time.monotonic(), {}, []
    state, error = "COMPLETE", None
    seeds = [seed_of(plan.seed, running.number, place) for place in range(plan.seeds)]
    ended: BaseException | None = None
    with worker.beating(lambda number: running.set_user_attr(PULSE, number)):
        try:
            notes: list[dict[str, Any]] = []
            for place, seed in enumerate(seeds):
                trial = _trial(running, group, plan, place, seed)
                values.append(checked_value(plan.objective(trial)))
                notes.append(trial.notes)
            attributes |= {"notes": _together(notes)}
        except (Pruned, optuna().TrialPruned) as pruned:
            state, attributes["pruned"] = "PRUNED", str(pruned)
        except Exception as failure:
            state, error = "FAIL", _line(failure)
            attributes |= {"error": error, "traceback": _lines(failure)}
        except BaseException as end:  # by the user, or `sys.exit`
            state, error, ended = "FAIL", f"interrupted: {_line(end)}", end
            attributes |= {"error": error, "traceback": _lines(end)}
    if state == "FAIL":
        gc.collect()  # what the trial held, now that no frame refers to it
    attributes |= {"values": values, "seeds": seeds, "seconds": round(time.monotonic() - began, 3)}
    _tell(study, running, state, statistics.fmean(values) if state == "COMPLETE" else None, attributes)
    if ended is not None:
        raise ended
    return error


def _trial(running: Any, group: str | None, plan: Any, replicate: int, seed: int) -> Trial:
    def report(value: float, step: int) -> bool:
        running.report(value, step)
        return running.should_prune()

    fixed = plan.spaces[group].fixed
    return Trial(
        running.number, dict(fixed) | dict(running.params), seed=seed, group=group, replicate=replicate,
        direction=plan.direction, report=report if replicate == 0 else None,
    )  # fmt: skip


def _tell(study: Any, running: Any, state: str, value: float | None, attributes: dict[str, Any]) -> None:
    package = optuna()
    final = package.trial.TrialState[state]
    try:
        for name, content in attributes.items():
            running.set_user_attr(name, content)
        study.tell(running, value, final)
    except (ValueError, package.exceptions.UpdateFinishedTrialError):
        if not study.trials[running.number].state.is_finished():
            raise
        # another process took this one for dead, as it gave no sign of life: kept under a new number
        study.add_trial(
            package.trial.create_trial(
                state=final,
                value=value,
                params=running.params,
                distributions=running.distributions,
                user_attrs=attributes,
            )
        )


def _together(notes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the notes of all seeds: of several a list for each name."""
    if len(notes) == 1:
        return notes[0]
    return {name: [each.get(name) for each in notes] for name in dict.fromkeys(name for each in notes for name in each)}


def _line(error: BaseException) -> str:
    """Return an error in a line; running out of memory is named as such."""
    words = " ".join(str(error).split())
    is_exhausted = isinstance(error, jax.errors.JaxRuntimeError) and _EXHAUSTED in words
    memory = "out of memory: " if isinstance(error, MemoryError) or is_exhausted else ""
    return f"{memory}{type(error).__name__}{f': {words}' if words else ''}"


def _lines(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
