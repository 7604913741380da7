"""`Study`: the trials of a search, as a table, in files and for plots."""

import csv
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

#: Of trials in a storage, by their state there.
STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}
_SHOWN = 10


@dataclass(frozen=True)
class Record:
    """A trial as it is kept.

    Attributes:
        number: Its number in its study; of every group of its own.
        group: Its group; None without groups.
        state: "complete", "pruned", "failed" or "running".
        params: The setting.
        value: The mean over seeds; of a pruned trial what it reported last. None if it failed.
        values: One for each seed.
        seeds: The seeds.
        error: What went wrong, in a line.
        traceback: The same with all lines.
        seconds: How long it took.
        notes: What the objective noted.
        reports: What it reported, by step.
    """

    number: int
    group: str | None
    state: str
    params: Mapping[str, Any]
    value: float | None
    values: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    error: str | None = None
    traceback: str | None = None
    seconds: float | None = None
    notes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    reports: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds; None for a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Study:
    """The trials of a search; printing it shows the best.

    Attributes:
        name: Its name in the storage.
        place: The storage.
        direction: "minimize" or "maximize".
        trials: All trials, by group and number.
        optuna: The study of Optuna, one for each group, for what is not offered here.
    """

    name: str
    place: str
    direction: str
    trials: tuple[Record, ...]
    optuna: Mapping[str | None, Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        states = [f"{len(found)} {state}" for state in STATES.values() if (found := self._of(state))]
        head = f"Study {self.name!r} in {self.place}: {', '.join(states) or 'no trials'}; {self.direction}"
        return "\n".join([head, *(self.table() for _ in self.completed[:1])])

    @property
    def completed(self) -> tuple[Record, ...]:
        """The trials that ran to their end."""
        return self._of("complete")

    @property
    def pruned(self) -> tuple[Record, ...]:
        """The trials that were given up, as others were better."""
        return self._of("pruned")

    @property
    def failed(self) -> tuple[Record, ...]:
        """The trials that raised, ran out of memory, or whose process ended; with `error` and `traceback`."""
        return self._of("failed")

    @property
    def groups(self) -> tuple[str | None, ...]:
        """The names of the groups; None alone without groups."""
        return tuple(self.optuna)

    @property
    def best(self) -> Record:
        """The best of all completed trials.

        Raises:
            ValueError: if there is none.
        """
        return self.ranked()[0]

    def best_of(self, group: str) -> Record:
        """The best completed trial of a group.

        Raises:
            ValueError: if there is none.
        """
        if group not in self.optuna:
            raise ValueError(f"there is no group {group!r}; the groups are {', '.join(map(repr, self.groups))}")
        return self.ranked(group)[0]

    def ranked(self, group: str | None = None) -> tuple[Record, ...]:
        """Return completed trials, the best first; of one group, or of all.

        Raises:
            ValueError: if there is none.
        """
        sign = 1 if self.direction == "minimize" else -1
        found = [each for each in self.completed if group is None or each.group == group]
        if not found:
            why = f"; the last one failed: {self.failed[-1].error}" if self.failed else ""
            raise ValueError(f"the study {self.name!r} in {self.place} has no completed trial{why}")
        return tuple(sorted(found, key=lambda each: (sign * (each.value or 0.0), each.number)))

    def table(self, rows: int = _SHOWN) -> str:
        """Return the best trials as text, one in a line, with all that was searched for."""
        best = self.ranked()[:rows]
        names = list(dict.fromkeys(name for each in best for name in each.params))
        head = ["group"] * (self.groups != (None,)) + ["number", "value", *["+-"] * (len(best[0].values) > 1), *names]
        lines = [head]
        for each in best:
            spread = [_short(each.deviation)] if "+-" in head else []
            own = [str(each.group)] if head[0] == "group" else []
            values = [_short(each.params.get(name)) for name in names]
            lines.append([*own, str(each.number), _short(each.value), *spread, *values])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat dictionary for each trial, as for a table of any other package."""
        found = []
        for each in self.trials:
            row: dict[str, Any] = {} if each.group is None else {"group": each.group}
            row |= {"number": each.number, "state": each.state, "value": each.value, "deviation": each.deviation}
            row |= dict(each.params)
            row |= {f"value_{place}": value for place, value in enumerate(each.values) if len(each.values) > 1}
            row |= {f"seed_{place}": seed for place, seed in enumerate(each.seeds)}
            row |= dict(each.notes)
            found.append(row | {"seconds": each.seconds, "error": each.error})
        return found

    def to_csv(self, path: str | Path) -> Path:
        """Write all trials to a CSV file, one in a line; the file is replaced atomically."""
        path, text = Path(path), io.StringIO()
        rows = self.rows()
        writer = csv.DictWriter(text, _columns(rows), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(text.getvalue(), encoding="utf-8")
        beside.replace(path)
        return path

    def importances(self, group: str | None = None) -> dict[str, float]:
        """Return how much each of what was searched for matters, as shares that add up to 1.

        Source: PED-ANOVA, Watanabe, Bansal & Hutter, IJCAI 2023, arXiv:2304.10255, as in Optuna.

        Args:
            group: The group; with several groups, one must be named.

        Raises:
            ValueError: if there are too few completed trials with different values.
        """
        if group not in self.optuna:
            raise ValueError(f"name a group, one of {', '.join(map(repr, self.groups))}")
        values = {each.value for each in self.completed if each.group == group}
        if len(values) < 2:
            raise ValueError(
                f"importances need two completed trials with different values, but there are {len(values)}"
            )
        from optuna import importance

        evaluator = importance.PedAnovaImportanceEvaluator()
        return dict(importance.get_param_importances(self.optuna[group], evaluator=evaluator))

    def _of(self, state: str) -> tuple[Record, ...]:
        return tuple(each for each in self.trials if each.state == state)


def record(trial: Any, group: str | None, fixed: Mapping[str, Any]) -> Record:
    """Read a trial of Optuna."""
    kept = trial.user_attrs
    return Record(
        trial.number, group, STATES[trial.state.name], MappingProxyType(dict(fixed) | dict(trial.params)),
        trial.value if trial.values else None, tuple(kept.get("values", ())), tuple(kept.get("seeds", ())),
        kept.get("error"), kept.get("traceback"), kept.get("seconds"), MappingProxyType(kept.get("notes", {})),
        MappingProxyType(dict(trial.intermediate_values)),
    )  # fmt: skip


def _columns(rows: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)
