"""Readouts: linear neurons without spikes (see `symbolic.derive.readout`)."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from symbolic import Derivation
from symbolic.derive import ReadoutForm

from ..numerics.adaptive_steps import Integration
from ..numerics.peaks import Peak, largest
from ..numerics.propagator import Entries, Structure, carried, propagator, read_out
from .compile.from_form import Values, from_form, row, rows
from .interface import AbstractReadoutDynamics, Neurons

LinearState = dict[str, Neurons]
_Matrix = dict[tuple[int, int], Neurons]


@final
class ReadoutDynamics(AbstractReadoutDynamics):
    """`y' = couplings y + sources`, of which the first state is read out.

    Attributes:
        couplings: For every state, what the states that drive it are multiplied by.
        sources: The constant parts of their equations.
        jumps: What an input of weight 1 adds to which state, for every route.
    """

    couplings: dict[str, dict[str, Neurons]]
    sources: dict[str, Neurons]
    jumps: dict[str, dict[str, Neurons]]
    order: tuple[str, ...] = eqx.field(static=True)

    @property
    def routes(self) -> tuple[str, ...]:
        """Names of the input routes."""
        return tuple(self.jumps)

    @property
    def variable(self) -> str:
        """The state that is read out."""
        return self.order[0]

    def initial_state(self, values: Mapping[str, Neurons]) -> LinearState:
        """Turn values of all declared states into a state."""
        return {name: values[name] for name in self.order}

    def readout(self, state: LinearState) -> dict[str, Neurons]:
        """Return the declared states by name."""
        return dict(state)

    def propagator(self, durations: Neurons) -> Entries:
        """Return the exponential of the matrix times durations."""
        return _exponential(self._matrix, self._size, durations)

    def propagated(self, propagator: Entries, state: LinearState) -> LinearState:
        """Propagate a state."""
        return dict(zip(self.order, carried(propagator, self._values(state)), strict=False))

    def jump(self, state: LinearState, weights: Mapping[str, Neurons]) -> LinearState:
        """Return the state just after an input of these weights, one for each route."""
        moved = dict(state)
        for route, changes in self.jumps.items():
            for name, slope in changes.items():
                moved[name] = moved[name] + slope * weights[route]
        return moved

    def integral(self, state: LinearState, durations: Neurons, decay: Neurons) -> Neurons:
        r"""Return $\int_0^d e^{-\text{decay}\, s}\, V(s)\, ds$ of the state that is read out, over durations d."""
        matrix = {(row + 1, column + 1): rate for (row, column), rate in self._matrix.items()}
        for place in range(1, self._size + 1):
            matrix[place, place] = matrix.get((place, place), 0.0) - decay
        matrix[0, 1] = jnp.ones_like(decay)
        values = self._values(state)
        entries = _exponential(matrix, self._size + 1, durations)
        return read_out(entries, [jnp.zeros_like(values[0]), *values], 0)

    def largest(self, states: LinearState, durations: Float[Array, "intervals *#neurons"]) -> Peak:
        """Find the largest value of the state that is read out in intervals that start from these states."""
        structure, rates = _structure(self._matrix, self._size)
        return largest(structure, rates, self._values(states), durations)

    @property
    def _size(self) -> int:
        """How many states there are, with one that is always 1 where equations have constant parts."""
        return len(self.order) + bool(self.sources)

    @property
    def _matrix(self) -> _Matrix:
        place = {name: index for index, name in enumerate(self.order)}
        entries = {
            (place[name], place[other]): rate for name, row in self.couplings.items() for other, rate in row.items()
        }
        return entries | {(place[name], len(self.order)): source for name, source in self.sources.items()}

    def _values(self, state: LinearState) -> Sequence[Neurons]:
        values = [state[name] for name in self.order]
        return [*values, jnp.ones_like(values[0])] if self.sources else values


def _structure(matrix: _Matrix, size: int) -> tuple[Structure, tuple[Neurons, ...]]:
    return Structure(size, tuple(matrix)), tuple(matrix.values())


def _exponential(matrix: _Matrix, size: int, durations: Neurons) -> Entries:
    structure, rates = _structure(matrix, size)
    return propagator(structure, durations, rates)


@from_form.register
def _from_readout_form(form: ReadoutForm, derivation: Derivation, values: Values, _: Integration) -> Any:
    return ReadoutDynamics(
        couplings=rows(form.couplings, values),
        sources=row(form.sources, values),
        jumps=rows(form.routes, values),
        order=tuple(state.name for state in form.states),
    )
