"""Where does the time of a neuron and input go on this processor, and does another order of the loops help?

The parts of the scan over inputs of a QIF layer with tau_s = tau_m / 2, each compiled by itself, for 16 inputs at once
as the engine takes them; and the scan of rays unrolled, or for blocks of neurons one after the other, which would keep
rays in registers if the compiler did.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import smoothspike as ss
from smoothspike.engine.layer_scan import scan_result
from smoothspike.neurons.vectorised import Inputs, SpikeCounter
from smoothspike.numerics.projective import rotate, rotation, unscaled
from smoothspike.numerics.winding import half_turns, winding

from .measuring import compiled, measured
from .question import Options, Report, Table

INPUTS, CHANNELS, BLOCKS = 16, 700, 8


def rays(unroll: int, start: Any, intervals: Any) -> Any:
    """Carry rays from interval to interval and count their spikes."""

    def step(carry: Any, interval: Any) -> Any:
        ((g, q), spiked), (drive, x, by, turns) = carry, interval
        scale = unscaled(g, q)
        g_end, q_end = rotate(scale * g, scale * q, drive, x, by)
        return ((g_end, q_end), spiked + winding(g, q, q_end, turns)), (g, q)

    return lax.scan(step, (start, jnp.zeros_like(start[0])), intervals, unroll=unroll)


def in_blocks(start: Any, intervals: Any) -> Any:
    """Carry one block of neurons after the other through all intervals."""
    drive, x, by, turns = intervals

    def cut(leaf: Any, axis: int) -> Any:
        shape = *leaf.shape[:axis], BLOCKS, -1, *leaf.shape[axis + 1 :]
        return jnp.moveaxis(leaf.reshape(shape), axis, 0)

    of_intervals = jax.tree.map(partial(cut, axis=1), (drive, by, turns))
    of_start = jax.tree.map(partial(cut, axis=0), start)
    return lax.map(lambda part: rays(INPUTS, part[0], (part[1][0], x, *part[1][1:])), (of_start, of_intervals))


def currents(start: Any, shrink: Any, weights: Any) -> Any:
    """Carry currents from input to input."""
    return lax.scan(lambda before, come: (before * come[0] + come[1], before), start, (shrink, weights))


def answer(options: Options) -> Report:
    """Measure."""
    neurons, trials = (16, 2) if options.quick else (128, 32)
    generator, shape = np.random.default_rng(0), (neurons, trials)
    drive, weights, g = (generator.normal(0, 1, (*lead, *shape)).astype(np.float32) for lead in ((16,), (16,), ()))
    x = generator.uniform(0, 0.02, (INPUTS, 1, trials)).astype(np.float32)
    start = g, np.abs(g) + np.float32(0.1)
    intervals = drive, x, jax.jit(rotation)(drive, x), jax.jit(half_turns)(drive, x)
    columns = generator.normal(0, 0.1, (CHANNELS, neurons)).astype(np.float32)
    sources = jnp.asarray(generator.integers(0, CHANNELS, (INPUTS, trials)))
    dynamics = ss.Neuron(ss.models.qif()).dynamics()
    nothing = jnp.zeros(shape, jnp.float32)
    initial = dynamics.initial_state({"V": nothing, "I": nothing})

    def whole(columns: Any) -> Any:
        counter = SpikeCounter.starting(jnp.zeros(shape, jnp.int32), 4, jnp.float32)
        found = scan_result(dynamics, initial, Inputs(jnp.asarray(x[:, 0]), {"I": columns}, sources), counter)
        return found.end, found.counter

    programs = {
        "all": compiled(whole, columns),
        "weights looked up": compiled(lambda columns: jnp.moveaxis(columns[sources], -1, 1), columns),
        "currents": compiled(currents, g, np.exp(-x), weights),
        "rotations": compiled(lambda drive, x: rotation(drive, x)[:2], drive, x),
        "rays": compiled(partial(rays, 1), start, intervals),
        "rays, 4 inputs unrolled": compiled(partial(rays, 4), start, intervals),
        f"rays, {INPUTS} inputs unrolled": compiled(partial(rays, INPUTS), start, intervals),
        f"rays, {BLOCKS} blocks of neurons one after the other": compiled(in_blocks, start, intervals),
    }
    found = measured(programs, options.repeats)
    each = {name: 1e9 * of.median / (INPUTS * neurons * trials) for name, of in found.items()}
    table = Table(["part", "ns a neuron and input"], [[name, f"{value:.2f}"] for name, value in each.items()])
    setting = f"{neurons} QIF neurons, {INPUTS} inputs, batch of {trials}."
    return Report("Where the time goes on a processor", setting, "float32", table, figures={"nanoseconds": each})
