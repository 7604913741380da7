"""Is a layer quicker as prefix products? What becomes of rays between inputs is a product of matrices.

Sequential: the scan over inputs of this package, which carries one ray per neuron. Prefix products: `associative_scan`
over the 2x2 matrices of all intervals, in logarithmically many steps over arrays of all inputs; spikes are counted from
the rays at the ends of the intervals, as in the scan. No spike needs an event of its own in either.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import smoothspike as ss
from smoothspike.engine.layer_scan import scan_result
from smoothspike.neurons.riccati import RiccatiDynamics
from smoothspike.neurons.vectorised import Inputs, SpikeCounter, input_jump
from smoothspike.numerics.projective import normalise, rotation, unscaled
from smoothspike.numerics.winding import half_turns, winding

from .measuring import Program, compiled, measured
from .question import Options, Report, Table

CHANNELS, PER_CONSTANT = 100, 100.0
#: Mean and spread of weights with which neurons spike about once in two time constants.
WEIGHTS = 0.03, 0.35
#: The most inputs times neurons times trials for which matrices of all of them are made.
MOST = 3_300_000


class Passed(NamedTuple):
    """What a layer went through.

    Attributes:
        g: The rays at the end.
        q: Their second components.
        spiked: How many spikes each neuron had up to the end of every interval.
    """

    g: jax.Array
    q: jax.Array
    spiked: jax.Array


class Layer(NamedTuple):
    """A layer of quadratic neurons and its inputs, in trials along the last axis."""

    dynamics: RiccatiDynamics
    state: Any
    inputs: Inputs

    def with_weights(self, weights: jax.Array) -> Inputs:
        """The inputs with weights of `(channels, neurons)`."""
        return self.inputs._replace(columns={"I": weights})


def layer(events: int, neurons: int, trials: int, dtype: Any) -> tuple[Layer, jax.Array]:
    """Draw inputs and weights."""
    generator = np.random.default_rng(0)
    duration = events / PER_CONSTANT
    times = np.sort(generator.uniform(0, duration, (events, trials)), 0).astype(dtype)
    lengths = jnp.asarray(np.diff(times, axis=0, prepend=np.zeros((1, trials), dtype)))
    dynamics = ss.Neuron(ss.models.qif(1.0, 0.5)).dynamics()
    assert isinstance(dynamics, RiccatiDynamics)
    nothing = jnp.zeros((neurons, trials), dtype)
    state = dynamics.initial_state({"V": nothing, "I": nothing})
    sources = jnp.asarray(generator.integers(0, CHANNELS, (events, trials)))
    weights = jnp.asarray(generator.normal(*WEIGHTS, (CHANNELS, neurons)).astype(dtype))
    return Layer(dynamics, state, Inputs(lengths, {}, sources)), weights


def sequential(of: Layer, weights: jax.Array) -> Passed:
    """Go from input to input."""
    counter = SpikeCounter.starting(jnp.zeros(of.state.q.shape, jnp.int32), 0, of.state.q.dtype)
    found = scan_result(of.dynamics, of.state, of.with_weights(weights), counter)
    return Passed(*normalise(found.end.g, found.end.q), found.upto)


def by_prefix_products(of: Layer, weights: jax.Array) -> Passed:
    """Multiply all matrices."""
    ((name, gain),), decay = of.dynamics.current_gains.items(), of.dynamics.decay
    inputs, state = of.with_weights(weights), of.state
    assert decay is not None
    length = inputs.lengths[:, None]
    x, shrink = -jnp.expm1(-decay * length) / decay, jnp.exp(-decay * length)
    added = input_jump(inputs.columns, inputs.sources, 1)["I"]
    # currents are prefix products, too: of affine maps
    decays, sums = lax.associative_scan(_then_affine, (jnp.broadcast_to(shrink**2, added.shape), added))
    after = decays * state.currents[name] + sums
    current = jnp.concatenate([state.currents[name][None], after[:-1]])
    drive = of.dynamics.drive + gain * current
    by = rotation(drive, x)
    matrices = shrink * by.cosine, shrink * by.sine * drive, -by.sine, by.cosine
    gg, gq, qg, qq = lax.associative_scan(_then, matrices)
    g, q = gg * state.g + gq * state.q, qg * state.g + qq * state.q
    g_before, q_before = (jnp.concatenate([start[None], ray[:-1]]) for start, ray in ((state.g, g), (state.q, q)))
    count = winding(g_before, q_before, q, half_turns(drive, x))
    return Passed(*normalise(g[-1], q[-1]), jnp.cumsum(count, 0))


def _then_affine(first: tuple, second: tuple) -> tuple:
    return first[0] * second[0], second[0] * first[1] + second[1]


def _then(first: tuple, second: tuple) -> tuple:
    """Multiply matrices, up to a power of two: only rays matter."""
    (a, b, c, d), (e, f, g, h) = first, second
    product = e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d
    scale = unscaled(jnp.abs(product[0]) + jnp.abs(product[1]), jnp.abs(product[2]) + jnp.abs(product[3]))
    return tuple(scale * each for each in product)


WAYS: dict[str, Callable[[Layer, jax.Array], Passed]] = {
    "sequential": sequential,
    "prefix products": by_prefix_products,
}


def ray_sum(way: Callable[[Layer, jax.Array], Passed], of: Layer, weights: jax.Array) -> jax.Array:
    """A number with a gradient by all weights: the final potential, on the circle."""
    found = way(of, weights)
    return ((found.g - found.q) / (found.g**2 + found.q**2)).sum()


def sizes(quick: bool) -> Iterator[tuple[int, int, int]]:
    """Inputs, neurons and trials for which arrays of matrices fit."""
    for events in (20, 50) if quick else (100, 1000, 10_000, 100_000):
        for neurons, trials in ((1, 1), (64, 1), (64, 32)):
            if events * neurons * trials <= MOST:
                yield events, neurons, trials


def differences(of: Layer, weights: jax.Array) -> dict[str, float]:
    """How far the ways are apart: final angles, counts along the way and at the end."""
    one, other = (jax.jit(partial(way, of))(weights) for way in WAYS.values())
    angle = jnp.abs(jnp.arctan2(one.g * other.q - one.q * other.g, one.g * other.g + one.q * other.q))
    return {
        "angle": float(jnp.minimum(angle, jnp.pi - angle).max()),
        "counts": float((one.spiked != other.spiked).mean()),
        "last_counts": float(jnp.abs(one.spiked[-1] - other.spiked[-1]).max()),
        "spikes": float(one.spiked[-1].mean()),
    }


def answer(options: Options) -> Report:
    """Measure."""
    table = Table(
        ["inputs", "neurons", "trials", "work", *(f"{name}, ms" for name in WAYS), "times", "MB", "MB, prefix"]
    )
    figures: dict[str, Any] = {}
    for events, neurons, trials in sizes(options.quick):
        of, weights = layer(events, neurons, trials, np.float32)
        losses = {name: partial(ray_sum, way, of) for name, way in WAYS.items()}
        works: dict[str, dict[str, Program]] = {
            "forward": {name: compiled(loss, weights) for name, loss in losses.items()},
            "with gradient": {name: compiled(jax.value_and_grad(loss), weights) for name, loss in losses.items()},
        }
        for work, programs in works.items():
            found = measured(programs, options.repeats)
            seconds = [found[name].median for name in WAYS]
            memory = [programs[name].program_bytes or 0 for name in WAYS]
            figures[f"{events} inputs, {neurons} neurons, {trials} trials, {work}"] = {
                name: each.as_json() for name, each in found.items()
            }
            table.rows.append(
                [f"{events:,}", str(neurons), str(trials), work, *(f"{1e3 * each:.3g}" for each in seconds),
                 f"{seconds[1] / seconds[0]:.2f}", *(f"{each / 1e6:.1f}" for each in memory)]
            )  # fmt: skip
    remarks = []
    for dtype in np.float32, np.float64:
        with jax.enable_x64(dtype == np.float64):
            apart = differences(*layer(50 if options.quick else 10_000, 8, 1, dtype))
        figures[f"differences, {np.dtype(dtype).name}"] = apart
        remarks.append(
            f"{np.dtype(dtype).name}: final angles of rays are {apart['angle']:.1e} apart at most, counts differ at "
            f"{apart['counts']:.1e} of all inputs and by {apart['last_counts']:g} at the end, of "
            f"{apart['spikes']:.0f} spikes a neuron."
        )
    setting = f"One layer of QIF neurons, {PER_CONSTANT:g} inputs in a time constant from {CHANNELS} channels."
    return Report("Prefix products", setting, "float32", table, remarks=remarks, figures=figures)
