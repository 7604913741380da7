"""The table of neurons that have a textbook oracle; a new one is one row and inherits every test over the table."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from lazy import Lazy
from reference import LeakyCurrent, QuadraticCurrent, QuadraticDelta, mp, number, theta_neuron

import smoothspike as ss


@dataclass(frozen=True)
class Case:
    """A declared model, its oracle, and where to draw random numbers from.

    Attributes:
        model: The declaration.
        oracle: The same neuron in the oracle.
        weight: Input weights of up to 20 times the rheobase.
        recurrent: Mean and spread of recurrent weights, for a few spikes of a neuron in a time of 5.
        initial: The range of every initial state.
        to_oracle: From initial states to the oracle's, exactly.
        duration: The trial end for single neurons.
        excitation: How large a part of its inputs may excite a single neuron.
        most: How many spikes at least come between two inputs somewhere in 200 random trials.
    """

    model: ss.NeuronModel
    oracle: Any
    weight: float
    recurrent: tuple[float, float]
    initial: Mapping[str, tuple[float, float]]
    to_oracle: Callable[..., tuple] = lambda *state: state
    duration: float = 4.0
    excitation: float = 1.0
    most: int = 2

    @property
    def is_smooth(self) -> bool:
        """Whether spikes appear and vanish at the trial end alone."""
        return hasattr(self.oracle, "pseudo_phase")

    def neuron(self) -> ss.Neuron:
        return ss.Neuron(self.model, allow_discontinuous=True)

    def draw_initial(self, generator: np.random.Generator, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        return {name: generator.uniform(*limits, shape) for name, limits in self.initial.items()}


def _tangent(theta, *currents, offset="0"):
    return mp.tan(number(theta) / 2) + mp.mpf(offset), *currents


_V, _I, _ANGLE = (-1.0, 0.9), (-1.0, 3.0), (-2.0, 2.0)

CASES = {
    "QIF": Case(ss.models.qif(), QuadraticCurrent(1, 0.5), 5.0, (1.0, 1.0), {"V": _V, "I": _I}),
    "QIF (delta)": Case(
        ss.models.qif_delta(),
        QuadraticDelta(1, -1, 0),
        5.0,
        (0.5, 0.5),
        {"V": _V},
        most=1,  # after its spike it returns to rest
    ),
    "theta": Case(
        ss.models.theta_neuron(), theta_neuron(1, 1), 5.0, (0.3, 0.3), {"theta": _ANGLE}, _tangent, duration=20.0
    ),
    "theta (current)": Case(
        ss.models.theta_current(),
        QuadraticCurrent(1, 0.5),  # of tan(theta / 2) + 1/2, as I_0 is -1/4
        5.0,
        (1.0, 1.0),
        {"theta": _ANGLE, "I": _I},
        lambda theta, current: _tangent(theta, current, offset="0.5"),
    ),
    "LIF, tau_m = 2 tau_s": Case(
        ss.models.lif(), LeakyCurrent(1, 0.5), 20.0, (0.5, 1.0), {"V": _V, "I": _I}, excitation=0.6
    ),
    "LIF, tau_m = tau_s": Case(
        ss.models.lif(tau_s=1.0), LeakyCurrent(1, 1), 20.0, (0.5, 1.0), {"V": _V, "I": _I}, excitation=0.6
    ),
}


def library(names: Iterable[str]) -> Lazy:
    """Neurons of the library, continuous or not."""
    return Lazy(lambda name: ss.Neuron(getattr(ss.models, name)(), allow_discontinuous=True), names)


# Library models that need the general solvers: power series on the projective line and of matrices, and integration.
GENERAL = ("qif_conductance", "quartic")
# The library's models that need only the simplest formulas; `test_derive` keeps this complete.
SOLVED = ("qif", "qif_delta", "theta_neuron", "theta_current", "lif", "lif_delta", "lif_oscillatory")
