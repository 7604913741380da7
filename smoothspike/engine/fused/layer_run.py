"""How the kernels of a layer are run: with one trial and a block of neurons in a program, from input to input."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array

from ...kernels.in_kernel import tracing_kernel
from ...neurons import AbstractDynamics, State
from .blocks import Given, Layout, Part

#: Stands for the count of spikes at intervals that were not noted.
NEVER = np.int32(2**31 - 1)


class Noted(NamedTuple):
    """What a layer goes through; the intervals with a neuron's first spikes are in their order.

    Attributes:
        end: The states after the last input.
        states: At the starts of the intervals with spikes.
        place: Which intervals these are, -1 for none.
        upto: How many spikes there were at their ends, `NEVER` for none.
        spiked: How many spikes each neuron has.
    """

    end: State
    states: State
    place: Part
    upto: Part
    spiked: Part


class Kept(NamedTuple):
    """What derivatives need to know: all that was given, states every so often, and which intervals were noted."""

    given: Given
    states: State
    place: Part


class Run(NamedTuple):
    """How kernels are run.

    Attributes:
        structure: Of the dynamics.
        layout: The sizes of the layer.
        most: How many intervals of a neuron are noted.
        piece: How many inputs lie between states that are kept for derivatives.
        interpret: Whether JAX computes what the kernel would, for tests.
    """

    structure: Any
    layout: Layout
    most: int
    piece: int
    interpret: bool

    def call(self, kernel: Callable[..., None], arguments: Any, specs: Any, out: Any, out_specs: Any, **options: Any):
        """Run a kernel for all trials and blocks."""

        def body(*refs: Any) -> None:
            with tracing_kernel():
                kernel(self, *refs)

        body.__name__ = kernel.__name__.strip("_")
        return pl.pallas_call(
            body, out, grid=(self.layout.trials, self.layout.blocks), in_specs=specs, out_specs=out_specs,
            compiler_params=triton.CompilerParams(num_warps=max(1, self.layout.width // 32)),
            interpret=self.interpret, **options,
        )(*arguments)  # fmt: skip

    def shapes(self, like: Any, *leading: int) -> Any:
        """Shapes of arrays over trials and neurons of the types of others."""
        shape = (*leading, self.layout.trials, self.layout.padded)
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(shape, leaf.dtype), like)

    def neurons(self, refs: list[Any]) -> AbstractDynamics:
        """The neurons of a block."""
        return self.structure.unflatten([ref[0] if ref.shape == (1,) else ref[...] for ref in refs]).in_kernels


class Moves(NamedTuple):
    """Tangents, or cotangents, of what a layer is given; None for what does not move.

    Attributes:
        start: Of the states at the start, in tangent coordinates.
        lengths: Of the intervals.
        columns: Of the weights.
    """

    start: list[Part]
    lengths: Part
    columns: dict[str, Part]


class Outcome(NamedTuple):
    """Tangents, or cotangents, of what it goes through, in tangent coordinates."""

    end: list[Part]
    noted: list[Part]


def read_input(run: Run, given: Given, number: Any) -> tuple[Array, dict[str, Array]]:
    """The interval before an input, and what the input adds."""
    source = given.sources[number]
    return given.lengths[number], {route: column[source, :] for route, column in given.columns.items()}
