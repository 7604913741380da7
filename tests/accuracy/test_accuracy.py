"""Spike times, pseudospikes and their gradients against the oracle, on random neurons and networks."""

import itertools
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES
from reference import (
    central_difference,
    layered_pseudospikes,
    number,
    pseudospike_times,
    recurrent_pseudospikes,
    simulate_layered,
    simulate_recurrent,
    simulate_single,
)

import smoothspike as ss

# What the package promises in double and in single precision; gradients relative to max(1, size).
TIMES, GRADIENTS, TIMES_SINGLE = 1e-12, 1e-8, 1e-5
# Forward and reverse derivatives of up to 1e4 differ by rounding alone.
TRANSPOSED = 1e-10
PSEUDOSPIKES = 2
SINGLE, PSEUDO = "spike", "pseudospike"


@dataclass
class Errors:
    """The largest deviations found so far."""

    title: str
    unit: str
    trials: int = 0
    spikes: int = 0
    times: float = 0.0
    pseudospikes: float = 0.0
    gradients: float = 0.0
    largest_gradient: float = 0.0
    transposed: float = 0.0

    def add_times(self, found, expected, kind=SINGLE):
        assert len(found) == len(expected)
        error = max((float(abs((number(f) - e) / e)) for f, e in zip(found, expected, strict=True)), default=0.0)
        if kind == PSEUDO:
            self.pseudospikes = max(self.pseudospikes, error)
        else:
            self.spikes += len(expected)
            self.times = max(self.times, error)

    def add_gradients(self, found, expected):
        for one, other in zip(found, expected, strict=True):
            self.gradients = max(self.gradients, float(abs(number(one) - other) / max(1, abs(other))))
            self.largest_gradient = max(self.largest_gradient, float(abs(other)))

    def add_transposed(self, forward, reverse):
        self.transposed = max(self.transposed, abs(forward - reverse) / max(1.0, abs(forward)))

    def __str__(self):
        pseudospikes = f"pseudospikes {self.pseudospikes:.0e}, " if self.pseudospikes else ""
        return (
            f"{self.title}: {self.trials} {self.unit}, {self.spikes} spikes, spike times {self.times:.0e}, "
            f"{pseudospikes}gradients {self.gradients:.0e} of up to {self.largest_gradient:.0e} "
            f"(limits {TIMES:.0e}, {GRADIENTS:.0e})"
        )

    def check(self):
        assert max(self.times, self.pseudospikes) <= TIMES
        assert self.gradients <= GRADIENTS
        assert self.transposed <= TRANSPOSED


def directions(generator, sizes):
    """Two directions in a space made of blocks: through all of it, and along one entry of a random block."""
    block = generator.integers(len(sizes))
    single = sum(sizes[:block]) + generator.integers(sizes[block])
    return np.stack([generator.normal(size=sum(sizes)), np.eye(sum(sizes))[single]])


def evaluate(function, points, moves, cotangents):
    """Values, auxiliary values and derivatives of `function` in one compiled call: along moves, and backwards."""

    def each(point, moves, cotangent):
        value, push, auxiliary = jax.linearize(function, point, has_aux=True)
        (pulled,) = jax.linear_transpose(push, point)(cotangent)
        return value, auxiliary, jax.vmap(push)(moves), pulled

    return jax.tree.map(np.asarray, eqx.filter_jit(jax.vmap(each))(points, moves, cotangents))


# --- single neurons ---------------------------------------------------------------------------------------------------

TRIALS, INPUTS = 200, 20


def single_trials(case, generator):
    """Weights of both signs, more or less excitatory, and input times more or less bunched, so that intervals are
    from very short to long enough for several spikes."""
    excites = generator.random((TRIALS, INPUTS)) < generator.uniform(0.2, case.excitation, (TRIALS, 1))
    weights = generator.uniform(0, case.weight, (TRIALS, INPUTS)) * np.where(excites, 1, -1)
    bunched = generator.random((TRIALS, INPUTS)) ** generator.uniform(1, 8, (TRIALS, 1))
    initial = case.draw_initial(generator, (TRIALS,))
    return np.concatenate([weights, case.duration * (0.01 + 0.98 * bunched), np.stack(list(initial.values()), 1)], 1)


def single(case, count):
    neuron = case.neuron()

    def run(point):
        weights, times, initial = jnp.split(point, [INPUTS, 2 * INPUTS])
        net = ss.FeedForward(neuron, (INPUTS, 1), case.duration, weights=[weights[None]])
        states = {name: initial[index] for index, name in enumerate(case.initial)}
        record = net(ss.Spikes(times, jnp.arange(INPUTS)), initial=[states], capacity=count)
        return record.spike_times(count)[0], record.spikes[-1].num_events

    return run


def single_oracle(case, point):
    weights, times, initial = point[:INPUTS], point[INPUTS : 2 * INPUTS], point[2 * INPUTS :]
    spikes, state = simulate_single(case.oracle, times, weights, case.duration, case.to_oracle(*initial))
    pseudo = pseudospike_times(case.oracle, state, 0, case.duration, PSEUDOSPIKES) if case.is_smooth else []
    return [(time, SINGLE) for time in spikes] + [(time, PSEUDO) for time in pseudo]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["QIF", "QIF (delta)", "theta", "LIF, tau_m = 2 tau_s", "LIF, tau_m = tau_s"])
def test_single_neurons(name, figures, float64):
    case, generator = CASES[name], np.random.default_rng(1)
    points = single_trials(case, generator)
    moves = np.stack([directions(generator, (INPUTS, INPUTS, len(case.initial))) for _ in points])
    count = 32 if case.is_smooth else 160
    cotangents = generator.normal(size=(TRIALS, count))
    outcome = evaluate(single(case, count), points, moves, cotangents)
    errors = Errors(f"single neurons, {name}", "trials", TRIALS)
    most = 0
    for trial, (point, times, number_of, forward, reverse) in enumerate(zip(points, *outcome, strict=True)):
        expected = single_oracle(case, point)
        spikes = [time for time, kind in expected if kind == SINGLE]
        assert number_of == len(spikes)
        errors.add_times(times[:number_of], spikes)
        errors.add_times(times[number_of : len(expected)], [time for time, kind in expected if kind == PSEUDO], PSEUDO)
        errors.add_transposed(cotangents[trial] @ forward[0], reverse @ moves[trial, 0])
        if case.is_smooth or trial % 8 == 0:  # the oracle's search for the LIF's crossings is slow
            for direction, found in zip(moves[trial], forward, strict=True):
                exact = central_difference(lambda p: single_oracle(case, p), point, direction.tolist())
                errors.add_gradients(found[: len(expected)], exact)
        inputs = np.sort([0.0, *point[INPUTS : 2 * INPUTS], case.duration])
        most = max(most, np.histogram([float(time) for time in spikes], inputs)[0].max())
    figures(f"{errors}, up to {most} spikes between two inputs")
    errors.check()
    assert most >= case.most


@pytest.mark.parametrize("name", ["QIF", "theta", "LIF, tau_m = tau_s"])
def test_single_neurons_in_single_precision(name, figures, float32):
    case, generator = CASES[name], np.random.default_rng(2)
    points = single_trials(case, generator).astype(np.float32)
    count = 32 if case.is_smooth else 160
    times, counts = map(np.asarray, eqx.filter_jit(jax.vmap(single(case, count)))(points))
    assert times.dtype == np.float32
    errors = Errors(name, "trials")
    for point, found, number_of in list(zip(points, times, counts, strict=True))[:50]:
        spikes = [time for time, kind in single_oracle(case, point) if kind == SINGLE]
        assert number_of == len(spikes)
        errors.add_times(found[:number_of], spikes)
    figures(
        f"single precision, {name}: 50 trials, {errors.spikes} spikes, spike times {errors.times:.0e} (limit 1e-05)"
    )
    assert errors.times <= TIMES_SINGLE


# --- recurrent networks -----------------------------------------------------------------------------------------------

NETWORKS, SIZE, NETWORK_INPUTS, NETWORK_DURATION, CAPACITY = 25, 10, 30, 20.0, 256
BLOCKS = (SIZE * SIZE, SIZE * NETWORK_INPUTS, NETWORK_INPUTS)


def recurrent_networks(case, generator):
    mean, spread = case.recurrent
    blocks = [
        generator.normal(mean, spread, (NETWORKS, BLOCKS[0])),
        generator.normal(3 * mean, 3 * spread, (NETWORKS, BLOCKS[1])),
        generator.uniform(0.01, NETWORK_DURATION - 0.01, (NETWORKS, BLOCKS[2])),
        *case.draw_initial(generator, (NETWORKS, SIZE)).values(),
    ]
    return np.concatenate(blocks, 1)


def split_recurrent(case, point):
    recurrent, inputs, times, initial = np.split(np.asarray(point, object), np.cumsum(BLOCKS))
    return (
        recurrent.reshape(SIZE, SIZE), inputs.reshape(SIZE, NETWORK_INPUTS), times,
        [case.to_oracle(*state) for state in initial.reshape(len(case.initial), SIZE).T],
    )  # fmt: skip


def recurrent(case):
    neuron = case.neuron()

    def run(point):
        weights, inputs, times, initial = jnp.split(point, np.cumsum(BLOCKS))
        net = ss.Recurrent(
            neuron, SIZE, NETWORK_INPUTS, NETWORK_DURATION,
            recurrent_weights=weights.reshape(SIZE, SIZE), input_weights=inputs.reshape(SIZE, NETWORK_INPUTS),
        )  # fmt: skip
        states = dict(zip(case.initial, initial.reshape(len(case.initial), SIZE), strict=True))
        record = net(ss.Spikes(times, jnp.arange(NETWORK_INPUTS)), initial=states, capacity=CAPACITY)
        spikes = record.spikes[-1]
        pseudo = record.layers[-1].pseudospikes
        later = NETWORK_DURATION + pseudo.first[:, None] + pseudo.period[:, None] * jnp.arange(PSEUDOSPIKES)
        times = jnp.where(spikes.is_spike, spikes.times, 0.0)
        return jnp.concatenate([times, later.ravel()]), (spikes.sources, spikes.num_events)

    return run


def recurrent_oracle(case, point):
    weights, inputs, times, initial = split_recurrent(case, point)
    neurons = [case.oracle] * SIZE
    spikes, states = simulate_recurrent(
        neurons, weights, inputs, times, range(NETWORK_INPUTS), NETWORK_DURATION, initial
    )
    if not case.is_smooth:
        return spikes
    pseudo = recurrent_pseudospikes(neurons, weights, states, NETWORK_DURATION, PSEUDOSPIKES)
    return spikes + [(time, PSEUDO) for train in pseudo for time in train]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["QIF", "theta"])
def test_recurrent_networks(name, figures, float64):
    case, generator = CASES[name], np.random.default_rng(3)
    points = recurrent_networks(case, generator)
    sizes = (*BLOCKS, SIZE * len(case.initial))
    moves = np.stack([directions(generator, sizes) for _ in points])
    cotangents = generator.normal(size=(NETWORKS, CAPACITY + SIZE * PSEUDOSPIKES))
    outcome = evaluate(recurrent(case), points, moves, cotangents)
    errors = Errors(f"recurrent networks, {name}", "networks", NETWORKS)
    fewest = CAPACITY
    times, (sources, counts), *derivatives = outcome
    for trial, (point, found, order, number_of, forward, reverse) in enumerate(
        zip(points, times, sources, counts, *derivatives, strict=True)
    ):
        expected = recurrent_oracle(case, point)
        spikes = [spike for spike in expected if spike[1] != PSEUDO]
        assert order[:number_of].tolist() == [neuron for _, neuron in spikes]
        errors.add_times(found[:number_of], [time for time, _ in spikes])
        errors.add_times(found[CAPACITY:], [time for time, _ in expected[len(spikes) :]], PSEUDO)
        errors.add_transposed(cotangents[trial] @ forward[0], reverse @ moves[trial, 0])
        for direction, change in list(zip(moves[trial], forward, strict=True))[: 2 if trial % 5 == 0 else 1]:
            exact = central_difference(lambda p: recurrent_oracle(case, p), point, direction.tolist())
            errors.add_gradients([*change[:number_of], *change[CAPACITY:]], exact)
        fewest = min(fewest, number_of)
    figures(f"{errors}, at least {fewest} spikes in each")
    errors.check()
    assert fewest >= 100


# --- layered networks -------------------------------------------------------------------------------------------------

STACKS, LAYERS, LAYERED_DURATION, LAYERED_CAPACITY = 10, (20, 6, 5, 4), 6.0, 64
MATRICES = [(after, before) for before, after in itertools.pairwise(LAYERS)]
LAYERED_BLOCKS = (*(rows * columns for rows, columns in MATRICES), LAYERS[0])


def split_layered(point):
    """The weight matrices and the input times in a flat point."""
    *flat, times = (point[start:end] for start, end in itertools.pairwise(np.cumsum([0, *LAYERED_BLOCKS])))
    return [weights.reshape(shape) for weights, shape in zip(flat, MATRICES, strict=True)], times


def layered(case):
    neuron = case.neuron()

    def run(point):
        matrices, times = split_layered(point)
        net = ss.FeedForward(neuron, LAYERS, LAYERED_DURATION, weights=matrices)
        record = net(ss.Spikes(times, jnp.arange(LAYERS[0])), capacity=LAYERED_CAPACITY)
        pseudo = [LAYERED_DURATION + layer.pseudospikes.first for layer in record.layers]
        times = [jnp.where(spikes.is_spike, spikes.times, 0.0) for spikes in record.spikes]
        return jnp.concatenate([*times, *pseudo]), [(spikes.sources, spikes.num_events) for spikes in record.spikes]

    return run


def layered_oracle(case, point):
    matrices, times = split_layered(np.asarray(point, object))
    layers = [([case.oracle] * len(weights), weights) for weights in matrices]
    spikes, states = simulate_layered(layers, times, range(LAYERS[0]), LAYERED_DURATION)
    pseudo = layered_pseudospikes(layers, states, LAYERED_DURATION, 1)
    labelled = [(time, (depth, neuron)) for depth, layer in enumerate(spikes) for time, neuron in layer]
    return labelled + [(time, PSEUDO) for layer in pseudo for (time,) in layer]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["QIF", "theta"])
def test_layered_networks(name, figures, float64):
    """Three layers; pseudo-rates pass from each to the next."""
    case, generator = CASES[name], np.random.default_rng(4)
    mean, spread = case.recurrent
    weights = generator.normal(mean, 2 * spread, (STACKS, sum(LAYERED_BLOCKS[:-1])))
    times = generator.uniform(0.01, LAYERED_DURATION - 0.01, (STACKS, LAYERS[0]))
    points = np.concatenate([weights, times], 1)
    moves = np.stack([directions(generator, LAYERED_BLOCKS) for _ in points])
    cotangents = generator.normal(size=(STACKS, 3 * LAYERED_CAPACITY + sum(LAYERS[1:])))
    times, orders, forward, reverse = evaluate(layered(case), points, moves, cotangents)
    errors = Errors(f"three layers, {name}", "networks", STACKS)
    for trial, point in enumerate(points):
        expected = layered_oracle(case, point)
        places, spikes = [], []
        for depth, (sources, counts) in enumerate(orders):
            assert sources[trial, : counts[trial]].tolist() == [e[1][1] for e in expected if e[1][0] == depth]
            places += [depth * LAYERED_CAPACITY + index for index in range(counts[trial])]
        spikes = [time for time, label in expected if label != PSEUDO]
        errors.add_times(times[trial, places], spikes)
        errors.add_times(times[trial, 3 * LAYERED_CAPACITY :], [e[0] for e in expected[len(spikes) :]], PSEUDO)
        errors.add_transposed(cotangents[trial] @ forward[trial, 0], reverse[trial] @ moves[trial, 0])
        places += range(3 * LAYERED_CAPACITY, times.shape[1])
        for direction, change in zip(moves[trial], forward[trial], strict=True):
            exact = central_difference(lambda p: layered_oracle(case, p), point, direction.tolist())
            errors.add_gradients(change[places], exact)
    figures(str(errors))
    errors.check()
