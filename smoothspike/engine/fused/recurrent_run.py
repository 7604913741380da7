"""How the kernels of a recurrent population are run: with one trial and the whole population in a program."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array

from ...kernels.in_kernel import tracing_kernel
from ...neurons import AbstractDynamics, State
from .blocks import Part

#: The most neurons of a population that one program holds.
MOST_NEURONS = 1024


class Given(NamedTuple):
    """What a trial is given, neurons padded to a power of two.

    Attributes:
        neurons: The parameters of the dynamics: one number, or one for every neuron.
        initial: The state at the start.
        until: When inputs come, and the trial end.
        rows: Of the table, for each of these.
        table: For every route, what each source adds to each neuron: the neurons themselves first, then the inputs.
        duration: The trial end.
    """

    neurons: list[Part]
    initial: State
    until: Part
    rows: Part
    table: dict[str, Part]
    duration: Part


class Log(NamedTuple):
    """What happened: as in `dense_loop.DenseLog`, each a row of numbers, with how many events there were."""

    times: Part
    which: Part
    total: Part
    states: State
    last: Part
    end: State
    used: Part


class Moves(NamedTuple):
    """Tangents, or cotangents, of what is given; None or left out for what does not move."""

    start: list[Part]
    until: Part
    table: dict[str, Part]


class Outcome(NamedTuple):
    """Tangents, or cotangents, of the log, of states in tangent coordinates."""

    times: Part
    states: list[Part]
    last: Part
    end: list[Part]


class Known(NamedTuple):
    """What derivatives need to know."""

    given: Given
    times: Part
    which: Part
    states: State
    used: Part


class Run(NamedTuple):
    """How kernels are run.

    Attributes:
        structure: Of the dynamics.
        size: How many neurons there are.
        width: How many with padding.
        pieces: How many pieces of events are logged.
        piece: How many events each has: a state is kept at its start.
        beyond: How many events beyond those are counted before a trial is stopped.
        interpret: Whether JAX computes what the kernel would, for tests.
    """

    structure: Any
    size: int
    width: int
    pieces: int
    piece: int
    beyond: int
    interpret: bool

    def call(self, kernel: Any, arguments: Any, out: Any, aliases: dict[int, int] | None = None) -> Any:
        """Run a kernel for one trial; `jax.vmap` runs it for many side by side."""

        def body(*refs: Any) -> None:
            with tracing_kernel():
                kernel(self, *refs)

        body.__name__ = kernel.__name__.strip("_")
        warps = min(8, max(1, self.width // 32))
        return pl.pallas_call(
            body, out, compiler_params=triton.CompilerParams(num_warps=warps), interpret=self.interpret,
            input_output_aliases=aliases or {},
        )(*arguments)  # fmt: skip

    def neurons(self, refs: list[Any]) -> AbstractDynamics:
        """The neurons."""
        return self.structure.unflatten([ref[0] if ref.shape == (1,) else ref[...] for ref in refs]).in_kernels

    @property
    def lanes(self) -> Array:
        """Their numbers."""
        return jnp.arange(self.width, dtype=jnp.int32)


def shaped(like: Any, *shape: int) -> Any:
    """Shapes of arrays of the types of others."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(shape, leaf.dtype), like)
