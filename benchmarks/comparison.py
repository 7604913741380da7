"""The same work done by several programs: compared with one another, then timed side by side."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

import smoothspike as ss

from .agreement import Agreement
from .measuring import Measurement, compiled, measured
from .question import OURS, Table, duration, size

HEADINGS = (
    "work",
    "by",
    "time",
    "spread",
    "ours / theirs",
    "compiling",
    "memory of program",
    "peak of process",
)


@dataclass
class Comparison:
    """Times of the same work by several programs, side by side.

    A ratio is given only for peers whose answers agree with ours.
    """

    agreements: list[Agreement] = field(default_factory=list)
    found: dict[str, dict[str, Measurement]] = field(default_factory=dict)

    def add(self, work: str, measurements: Mapping[str, Measurement]) -> None:
        """Add the measurements of one work, by the names of the programs."""
        self.found[work] = dict(measurements)

    def measure(
        self,
        losses: Mapping[str, Callable[..., jax.Array]],
        *arguments: Any,
        repeats: int,
        note: str = "",
        differentiated: Callable[[str, Callable], Callable] = lambda _, loss: jax.value_and_grad(loss),
        on_devices: Callable[..., Any] | None = None,
    ) -> None:
        """Time losses and their gradients with respect to the first argument, by the names of the programs.

        `differentiated(name, loss)` returns a function that computes both. `on_devices` is ours on several devices: the
        first argument is replicated, the others are split.
        """
        steps = {name: differentiated(name, loss) for name, loss in losses.items()}
        works = {"forward": losses, "loss and gradient": steps}
        for work, functions in works.items():
            programs = {name: compiled(function, *arguments) for name, function in functions.items()}
            if work != "forward" and on_devices is not None and jax.device_count() > 1:
                (model, *batch), mesh = arguments, ss.parallel.data_mesh()
                placed = (
                    jax.device_put(model, NamedSharding(mesh, PartitionSpec())),
                    *jax.device_put(batch, NamedSharding(mesh, PartitionSpec("batch"))),
                )
                programs[f"{OURS}, {jax.device_count()} devices"] = compiled(on_devices, *placed)
            self.add(f"{work}{note}", measured(programs, repeats))

    def agrees(self, name: str) -> bool:
        """Whether all comparisons with a peer agree."""
        return all(agreement.holds for agreement in self.agreements if agreement.peer == name)

    def table(self) -> Table:
        """One row per work and program."""
        return Table(HEADINGS, list(self._rows()))

    def _rows(self) -> Iterator[Sequence[str]]:
        for work, measurements in self.found.items():
            for name, measurement in measurements.items():
                yield (
                    work, name, duration(measurement.median), f"± {measurement.spread:.0%}",
                    self._ratio(work, name), duration(measurement.compile_seconds),
                    size(measurement.program_bytes), size(measurement.resident_bytes),
                )  # fmt: skip

    def _ratio(self, work: str, name: str) -> str:
        ours = self.found[work].get(OURS)
        if name.startswith(OURS) or ours is None:
            return ""
        return f"{ours.median / self.found[work][name].median:.2g}" if self.agrees(name) else "they disagree"

    def figures(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        return {
            work: {name: measurement.as_json() for name, measurement in measurements.items()}
            for work, measurements in self.found.items()
        }
