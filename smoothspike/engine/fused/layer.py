"""A layer from input to input as one kernel, with its derivatives in both modes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...kernels.transposable import linear_map
from ...neurons import AbstractDynamics, State
from ...neurons.event import tangent_coordinates
from ...neurons.interface import from_tangent_coordinates
from ...neurons.vectorised import AbstractVectorisedDynamics, Inputs
from ..passage import Passage
from ..spike_places import first_above
from .blocks import WIDTH, Layout
from .differentiated import by_plain, first_order, moving_parts
from .layer_derivatives import cotangents, tangents
from .layer_forwards import forwards
from .layer_run import Kept, Moves, Noted, Run

#: Up to this many spikes of a neuron are noted by kernels, each in a place of its own.
MOST_NOTED = 1024

#: Kernels count places in arrays with 32 bits.
_MOST_PLACES = 2**31 - 1


def fits(most: int, dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> bool:
    """Whether every array of a kernel is small enough for it."""
    layout = Layout.of(initial, inputs, WIDTH)
    pieces, sources = layout.inputs // dynamics.kept_every + 1, max(map(len, inputs.columns.values()), default=0)
    rows = max(pieces * layout.trials, most * layout.trials, sources)
    return rows * layout.padded <= _MOST_PLACES and layout.trials * layout.blocks * layout.inputs <= _MOST_PLACES


def fused_passage(
    plain: Callable[..., Passage],
    most: int,
    dynamics: AbstractDynamics,
    initial: State,
    inputs: Inputs,
    *,
    interpret: bool = False,
) -> Passage:
    """Evolve a population from input to input as `scan_inputs` does, in one kernel.

    Args:
        plain: Does the same in plain JAX, given the last three arguments: for derivatives by parameters.
        most: How many spikes of a neuron are noted.
        dynamics: The neurons, which are `fusible`.
        initial: Their states at the start.
        inputs: The inputs.
        interpret: Whether JAX computes what the kernel would, for tests.

    Differentiation:
        Both modes, first order.
    """
    run = Run(jax.tree.structure(dynamics), Layout.of(initial, inputs, WIDTH), most, dynamics.kept_every, interpret)

    @jax.custom_jvp
    def passage(dynamics: AbstractDynamics, initial: State, inputs: Inputs) -> Passage:
        noted, _ = forwards(run, run.layout.given(dynamics, initial, inputs), keep=False)
        return _by_spikes(run, dynamics, noted)[0]

    passage.defjvp(partial(_jvp, plain, run), symbolic_zeros=True)
    return passage(dynamics, initial, inputs)


def _jvp(plain: Callable[..., Passage], run: Run, primals: tuple, given: tuple) -> tuple[Passage, Passage]:
    dynamics, initial, _ = primals
    moving = moving_parts(given)
    if jax.tree.leaves(moving[0]):
        return by_plain(plain, primals, moving)
    layout, still = run.layout, jax.tree.map(first_order, run.layout.given(*primals))
    noted, states = forwards(run, still, keep=True)
    passage, of_spikes = _by_spikes(run, dynamics, noted)
    start = [layout.row(leaf) for leaf in jax.tree.leaves(tangent_coordinates(initial, moving[1]))]
    lengths = None if moving[2].lengths is None else layout.trials_first(moving[2].lengths)
    columns = {route: layout.column(move) for route, move in moving[2].columns.items() if move is not None}
    moves = Moves(start, lengths, columns)
    shapes = jax.eval_shape(lambda: moves)
    outcome = linear_map(
        partial(tangents, run),
        lambda kept, bar: cotangents(run, kept, bar, shapes),
        Kept(still, states, noted.place),
        moves,
    )
    structure = jax.tree.structure(tangent_coordinates(initial, moving[1]))
    end, at_spikes = (structure.unflatten(map(layout.without_padding, part)) for part in outcome)
    at_spikes = jax.tree.map(of_spikes, at_spikes)
    nothing: list[Any] = [np.zeros(each.shape, jax.dtypes.float0) for each in (passage.place, passage.spiked)]
    change = Passage(
        None,
        from_tangent_coordinates(passage.end, end),
        from_tangent_coordinates(passage.at_spikes, at_spikes),
        *nothing,
    )
    return passage, change


def _by_spikes(run: Run, dynamics: AbstractDynamics, noted: Noted) -> tuple[Passage, Callable[[Array], Array]]:
    """Turn intervals with spikes into those of the first spikes of every neuron; also for other arrays over them."""
    end, states, place, upto, spiked = jax.tree.map(run.layout.without_padding, noted)
    number = jnp.arange(run.most, dtype=upto.dtype).reshape(-1, *(1,) * spiked.ndim)
    rank = jnp.minimum(first_above(upto, jnp.broadcast_to(number, upto.shape)), run.most - 1)

    def of_spikes(values: Array) -> Array:
        return jnp.take_along_axis(values, rank, 0, mode="promise_in_bounds")

    if isinstance(dynamics, AbstractVectorisedDynamics):
        end, states = dynamics.normalised(end), dynamics.normalised(states)
    return Passage(None, end, jax.tree.map(of_spikes, states), jnp.maximum(of_spikes(place), 0), spiked), of_spikes
