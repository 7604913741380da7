"""How the arrays of a layer are laid out for kernels, whose programs have a trial and a block of neurons each."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jaxtyping import Array, Shaped

from ...neurons import AbstractDynamics, State
from ...neurons.vectorised import Inputs

#: Neurons of a block: a thread has one, and the threads of one warp need not wait for others.
WIDTH = 32


#: An array, its shape, the part of it that a program uses, or a reference to that.
Part = Any


class Given(NamedTuple):
    """What a layer is given, neurons padded to full blocks.

    Attributes:
        neurons: The parameters of the dynamics: one number, or one for every neuron.
        initial: The states at the start.
        lengths: Of the interval before each input.
        columns: What inputs of each source add to each neuron, by route; nothing in a last row.
        sources: Of the inputs.
    """

    neurons: list[Part]
    initial: State
    lengths: Part
    columns: dict[str, Part]
    sources: Part


class Layout(NamedTuple):
    """The sizes of a layer.

    Attributes:
        trials: How many trials there are.
        neurons: How many neurons.
        inputs: How many inputs a trial has.
        width: How many neurons are in a block.
        batch: The shape of trials as they were given: empty for a single one.
    """

    trials: int
    neurons: int
    inputs: int
    width: int
    batch: tuple[int, ...]

    @property
    def blocks(self) -> int:
        """How many blocks of neurons there are."""
        return -(-self.neurons // self.width)

    @property
    def padded(self) -> int:
        """How many neurons there are with padding."""
        return self.blocks * self.width

    @classmethod
    def of(cls, initial: State, inputs: Inputs, width: int) -> "Layout":
        """Return the sizes of a layer whose arrays have trials, if any, along the last axis."""
        size, *batch = jax.tree.leaves(initial)[0].shape
        return cls(batch[0] if batch else 1, size, inputs.lengths.shape[0], width, tuple(batch))

    def given(self, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Given:
        """Lay out what a layer is given."""
        dtype = inputs.lengths.dtype
        neurons = [self._parameter(jnp.asarray(leaf, dtype)) for leaf in jax.tree.leaves(dynamics)]
        columns = {route: self.column(column) for route, column in inputs.columns.items()}
        sources = self.trials_first(inputs.sources).astype(jnp.int32)
        states = jax.tree.map(self.row, initial)
        return Given(neurons, states, self.trials_first(inputs.lengths), columns, sources)

    def _parameter(self, leaf: Array) -> Array:
        return self.column(leaf.reshape(-1)) if leaf.size > 1 or self.neurons == 1 else leaf.reshape(1)

    def trials_first(self, values: Array) -> Shaped[Array, "trials inputs"]:
        """Return (inputs, *trials) as (trials, inputs)."""
        return values.reshape(values.shape[0], self.trials).T

    def trials_last(self, values: Shaped[Array, "trials inputs"]) -> Array:
        """Undo `trials_first`."""
        return values.T.reshape(values.shape[1], *self.batch)

    def column(self, values: Shaped[Array, "*sources neurons"]) -> Array:
        """Pad neurons, with the values of the last."""
        missing = self.padded - self.neurons
        return values if not missing else jnp.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)], mode="edge")

    def row(self, values: Array) -> Shaped[Array, "trials neurons"]:
        """Return (neurons, *trials) as (trials, neurons), padded."""
        return self.column(values.reshape(self.neurons, self.trials).T)

    def rows(self, values: Array) -> Shaped[Array, "number trials neurons"]:
        """Return (number, neurons, *trials) as (number, trials, neurons), padded."""
        number = values.shape[0]
        return self.column(jnp.swapaxes(values.reshape(number, self.neurons, self.trials), 1, 2))

    def without_padding(self, values: Shaped[Array, "*number trials neurons"]) -> Array:
        """Undo `row` or `rows`."""
        *number, _, _ = values.shape
        return jnp.swapaxes(values[..., : self.neurons], -1, -2).reshape(*number, self.neurons, *self.batch)

    # one for every kind of array

    def of_trial(self, count: int) -> pl.BlockSpec:
        """The part of an array (trials, count) that a program uses."""
        return pl.BlockSpec((None, count), lambda trial, block: (trial, 0))

    @property
    def of_neurons(self) -> pl.BlockSpec:
        """The part of an array (trials, neurons)."""
        return pl.BlockSpec((None, self.width), lambda trial, block: (trial, block))

    def of_each(self, count: int) -> pl.BlockSpec:
        """The part of an array (count, trials, neurons)."""
        return pl.BlockSpec((count, None, self.width), lambda trial, block: (0, trial, block))

    def of_sources(self, count: int) -> pl.BlockSpec:
        """The part of an array (sources, neurons)."""
        return pl.BlockSpec((count, self.width), lambda trial, block: (0, block))

    def of_given(self, given: Given) -> Given:
        """The parts of all that is given."""
        alone = pl.BlockSpec((1,), lambda trial, block: (0,))
        some = pl.BlockSpec((self.width,), lambda trial, block: (block,))
        return Given(
            [alone if leaf.shape == (1,) else some for leaf in given.neurons],
            jax.tree.map(lambda _: self.of_neurons, given.initial),
            self.of_trial(self.inputs),
            {route: self.of_sources(column.shape[0]) for route, column in given.columns.items()},
            self.of_trial(self.inputs),
        )
