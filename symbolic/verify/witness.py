"""A concrete example of a failure: inputs at which the tiniest change moves a spike by a finite amount."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import sympy as sp

from ..declare import NeuronModel

#: Time, name of the route, weight.
Input = tuple[float, str, float]


class Failure(Enum):
    """The kinds of failures that a witness shows.

    Attributes:
        VANISHES: A spike appears or vanishes within the trial.
        JUMPS: A spike time jumps.
        NO_LIMIT: What a simulation yields depends on where it cuts the divergence of a spike off, however far out.
        ESCAPES: The spiking variable runs to minus infinity, where the model declares nothing.
    """

    VANISHES = "vanishes"
    JUMPS = "jumps"
    NO_LIMIT = "no limit"
    ESCAPES = "escapes"


@dataclass(frozen=True)
class Observable:
    """A number that a simulated trial yields: a spike time, a state at a spike, or when a state escapes to -oo.

    Attributes:
        kind: Which of these.
        spike: Which spike, counted from 1; None for an escape.
        state: Which state is read at the spike, or escapes; None for a spike time.

    Example:
        >>> str(Observable("spike time", 2)), str(Observable("state", 1, sp.Symbol("w")))
        ('time of spike 2', 'w at spike 1')
    """

    kind: Literal["spike time", "state", "escape"]
    spike: int | None = None
    state: sp.Symbol | None = None

    def __str__(self) -> str:
        if self.kind == "spike time":
            return f"time of spike {self.spike}"
        return f"{self.state} at spike {self.spike}" if self.kind == "state" else f"time when {self.state} is -oo"


@dataclass(frozen=True)
class Witness:
    """A trial of a model, and the tiny changes of one quantity that change its spikes by a finite amount.

    Attributes:
        failure: What it shows.
        model: The model, with numbers for all its parameters.
        duration: The trial's end.
        inputs: Time, route and weight of every input spike, at the first of the values below.
        varied: Which input is varied, counted from 0; None if it is the cut-off of the spiking variable.
        quantity: "weight" or "time" of that input, or "cut-off".
        values: The values of that quantity.
        observable: What was observed in the simulations.
        outcomes: Its value, for each of the values; infinite where it does not happen within the trial.
        spike_times: All spike times, for each of the values.
        jump: The size of the jump: between the outcomes, with the trial's end in place of a spike that is missing.
        confirmed_by: How it was confirmed, in words.
    """

    failure: Failure
    model: NeuronModel
    duration: float
    inputs: tuple[Input, ...]
    varied: int | None
    quantity: str
    values: tuple[float, ...]
    observable: Observable
    outcomes: tuple[float, ...]
    spike_times: tuple[tuple[float, ...], ...]
    jump: float
    confirmed_by: str = ""

    def inputs_at(self, value: float) -> tuple[Input, ...]:
        """Return the inputs with the varied quantity at a value."""
        if self.varied is None:
            return self.inputs
        time, route, weight = self.inputs[self.varied]
        changed = (value, route, weight) if self.quantity == "time" else (time, route, value)
        return (*self.inputs[: self.varied], changed, *self.inputs[self.varied + 1 :])

    def __str__(self) -> str:
        confirmed = [f"Confirmed by {self.confirmed_by}."] if self.confirmed_by else []
        return " ".join([_trial(self), _finding(self), *confirmed])

    def to_dict(self) -> dict[str, Any]:
        """Write the witness as plain data; infinite numbers, which JSON lacks, become None."""

        def finite(numbers: tuple[float, ...]) -> list[float | None]:
            return [number if abs(number) < float("inf") else None for number in numbers]

        return {
            "failure": self.failure.value,
            "parameters": {str(symbol): float(value) for symbol, value in self.model.scalar_values.items()},
            "duration": self.duration,
            "inputs": [{"time": time, "route": route, "weight": weight} for time, route, weight in self.inputs],
            "varied": self.varied,
            "quantity": self.quantity,
            "values": finite(self.values),
            "observed": str(self.observable),
            "outcomes": finite(self.outcomes),
            "spike_times": [list(times) for times in self.spike_times],
            "jump": None if self.jump == float("inf") else self.jump,
            "confirmed_by": self.confirmed_by,
        }


def _trial(witness: Witness) -> str:
    inputs = ", ".join(
        f"({number}) {route} of weight {weight:.6g} at t = {time:.6g}"
        for number, (time, route, weight) in enumerate(witness.inputs, 1)
    )
    kind = f"with the inputs {inputs}" if inputs else "without input"
    return f"In a trial of duration {witness.duration:.6g} {kind}:"


def _finding(witness: Witness) -> str:
    outcomes = [_number(outcome) for outcome in witness.outcomes]
    observed = f"{'the ' if witness.observable.kind == 'spike time' else ''}{witness.observable}"
    if witness.failure is Failure.ESCAPES:
        return f"{witness.model.variable} runs to -oo at t = {outcomes[-1]}, where the model declares nothing."
    if witness.failure is Failure.NO_LIMIT:
        cuts = ", ".join(f"{value:.3g}" for value in witness.values)
        variable = witness.model.variable
        return f"{observed} is {', '.join(outcomes)} if {variable} is cut off at {cuts}: it has no limit."
    place = 0 if witness.varied is None else witness.varied
    step = abs(witness.values[1] - witness.values[0])
    change = f"as the {witness.quantity} of input {place + 1} changes by {step:.1g} at {witness.values[0]:.12g}"
    if witness.failure is Failure.VANISHES:
        early, late = sorted(witness.outcomes)
        verb = "appears" if witness.outcomes[1] == early else "vanishes"
        instead = f"; the next one comes at t = {late:.6g}" if late < float("inf") else ""
        return f"the spike at t = {early:.6g} {verb} {change}{instead}."
    return f"{observed} jumps from {outcomes[0]} to {outcomes[1]} {change}."


def _number(value: float) -> str:
    return "never" if value == float("inf") else f"{value:.6g}"
