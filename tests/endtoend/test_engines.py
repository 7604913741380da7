"""One small network for every way in which neurons are simulated: its spikes against an event queue with 50 digits.

One program is compiled for each way, which computes spike times, pseudospikes and all gradients; the tests share it.
"""

import heapq
from itertools import pairwise
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from oracles import oracle
from reference import number
from scipy.integrate import solve_ivp

import smoothspike as ss

T, CHANNELS, SIZE, INPUTS, COUNT, ROOM = 5.0, 3, 3, 7, 3, 32
MODELS = {
    "quadratic": ss.models.qif_delta, "quadratic, driven": ss.models.qif, "angle": ss.models.theta_neuron,
    "threshold": ss.models.lif, "series": ss.models.qif_conductance, "general": ss.models.eif,
}  # fmt: skip
# The kind of network, its neurons, whether there are delays, the scale of weights, and least how many spikes come.
WAYS = {
    "layers": ("layers", "quadratic", False, 3.0, 4),
    "layers, driven": ("layers", "quadratic, driven", False, 6.0, 2),
    "layers, threshold": ("layers", "threshold", False, 4.0, 6),
    "layers, delays": ("layers", "quadratic", True, 3.0, 4),
    "layer, series": ("layer", "series", False, 4.0, 3),
    "layer, general": ("layer", "general", False, 4.0, 3),
    "dense": ("dense", "quadratic", False, 1.5, 6),
    "dense, threshold": ("dense", "threshold", False, 1.35, 6),
    "lists": ("lists", "angle", False, 0.7, 6),
    "lists, delays": ("lists", "quadratic", True, 1.5, 6),
}
SLOW = ("layers, driven", "layers, delays", "dense, threshold")

pytestmark = pytest.mark.usefixtures("float64")


class Drawn(NamedTuple):
    """A network in numbers: matrices (after, before), delays of the same shapes, and when inputs come."""

    weights: list
    delays: list
    times: np.ndarray


class Run(NamedTuple):
    """A way, its network, and what the program makes of it."""

    name: str
    drawn: Drawn
    program: object
    times: np.ndarray
    spikes: ss.Spikes
    gradient: np.ndarray


SOURCES = np.arange(INPUTS) % CHANNELS


def draw(name):
    kind, _, is_late, scale, _ = WAYS[name]
    generator = np.random.default_rng(7)
    sizes = {"layers": (CHANNELS, SIZE, 2), "layer": (CHANNELS, SIZE)}.get(kind)
    shapes = [(after, before) for before, after in pairwise(sizes)] if sizes else [(SIZE, SIZE), (SIZE, CHANNELS)]
    weights = [scale * generator.uniform(0.2, 1, shape) for shape in shapes]
    delays = [generator.uniform(0.1, 0.9, shape) for shape in shapes] if is_late else []
    return Drawn(weights, delays, np.sort(generator.uniform(0.1, 0.6 * T, INPUTS)))


def network(name, drawn):
    kind, model, _, _, _ = WAYS[name]
    neuron = ss.Neuron(MODELS[model](), allow_discontinuous=True)
    if kind in ("layers", "layer"):
        sizes = (CHANNELS, *(len(matrix) for matrix in drawn.weights))
        return ss.FeedForward(neuron, sizes, T, weights=drawn.weights, delays=drawn.delays or None)
    own, entering = drawn.weights
    late = dict(zip(("recurrent_delays", "input_delays"), drawn.delays, strict=False))
    if kind == "lists":
        delays = [each.T for each in late.values()] or [None, None]
        own, entering = (
            ss.Connections(np.tile(np.arange(SIZE), (matrix.shape[1], 1)), matrix.T, delay)
            for matrix, delay in zip(drawn.weights, delays, strict=True)
        )
        late = {}
    return ss.Recurrent(neuron, SIZE, CHANNELS, T, recurrent_weights=own, input_weights=entering, **late)


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in WAYS]
)
def run(request):
    name = request.param
    with jax.enable_x64(True):
        drawn = draw(name)
        point, unravel = ravel_pytree(drawn)

        def total(point):
            given = unravel(point)
            record = network(name, given)(ss.Spikes(given.times, SOURCES), capacity=ROOM)
            found = record.spike_times(COUNT)
            return found.ravel() @ jnp.cos(jnp.arange(found.size)), (found, record.spikes[-1])

        program = eqx.filter_jit(jax.value_and_grad(total, has_aux=True))
        (_, (times, spikes)), gradient = program(point)
        yield Run(name, drawn, program, np.asarray(times), spikes, np.asarray(gradient))


def blocks(name, drawn):
    """Weights with their delays, and the number of the first neuron before and after; inputs are those below 0."""
    delays = drawn.delays or [np.zeros(np.shape(each)) for each in drawn.weights]
    layered = {"layers": [(-CHANNELS, 0), (0, SIZE)], "layer": [(-CHANNELS, 0)]}
    places = layered.get(WAYS[name][0], [(0, 0), (-CHANNELS, 0)])
    return list(zip(places, drawn.weights, delays, strict=True))


def queued(name, drawn):
    """All spikes (time, neuron) by an event queue, in the oracle's own arithmetic."""
    neuron, found, queue = oracle(MODELS[WAYS[name][1]]()), [], []
    total = SIZE + (len(drawn.weights[1]) if WAYS[name][0] == "layers" else 0)
    states, since = [neuron.initial] * total, [number(0)] * total

    def send(when, source):
        for (first, offset), weights, delays in blocks(name, drawn):
            if first <= source < first + weights.shape[1]:
                both = zip(weights[:, source - first], delays[:, source - first], strict=True)
                for target, (weight, delay) in enumerate(both, offset):
                    heapq.heappush(queue, (number(when) + number(delay), target, weight))

    def due(index):
        return since[index] + neuron.time_to_spike(states[index], number(T) - since[index])

    for time, channel in zip(drawn.times, SOURCES, strict=True):
        send(time, channel - CHANNELS)
    waiting = [due(index) for index in range(total)]
    while True:
        when = min(waiting)
        if min(when, queue[0][0] if queue else when) >= T:
            return found
        if queue and queue[0][0] <= when:
            when, index, weight = heapq.heappop(queue)
            states[index] = neuron.jump(neuron.flow(states[index], when - since[index]), number(weight))
        else:
            index = waiting.index(when)
            found.append((when, index))
            states[index] = neuron.fire(states[index], when - since[index])
            send(when, index)
        since[index] = when
        waiting[index] = due(index)


def test_spikes_are_those_of_an_event_queue(run):
    first = SIZE if WAYS[run.name][0] == "layers" else 0  # neuron of the last layer
    expected = [(time, index - first) for time, index in queued(run.name, run.drawn) if index >= first]
    assert run.spikes.num_events == len(expected) >= WAYS[run.name][-1]
    assert run.spikes.sources[: len(expected)].tolist() == [index for _, index in expected]
    np.testing.assert_allclose(run.spikes.times[: len(expected)], [float(time) for time, _ in expected], rtol=1e-11)


def test_gradients_are_those_of_differences(run):
    """Of all weights, delays and input times, pseudospikes included, along a direction through all of them."""
    point, _ = ravel_pytree(run.drawn)
    direction = np.random.default_rng(8).normal(size=point.size)
    later, sooner = (run.program(point + sign * 1e-6 * direction)[0][0] for sign in (1, -1))
    assert np.isfinite(run.times).all()
    assert (run.gradient != 0).mean() > 0.5
    np.testing.assert_allclose(run.gradient @ direction, (later - sooner) / 2e-6, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("moves", [False, True])
def test_a_quadratic_neuron_spikes_at_its_threshold(moves):
    """A threshold of 5, or one that relaxes to 5 from 4 and rises by 2 with every spike."""
    equations, spike, reset = "dV/dt = V*(V - 1) + I; dI/dt = -2*I", "V = 5", "V = -1"
    if moves:
        equations, spike, reset = f"{equations}; dh/dt = 5 - h", "V = h", "V = -1; h = h + 2"
    model = ss.NeuronModel.from_equations(
        equations, name="peak", spike=spike, reset=reset, inputs="I", initial={"h": 4} if moves else None
    )
    net = ss.FeedForward(ss.Neuron(model, allow_discontinuous=True), (1, 1), 4.0, weights=[np.array([[40.0]])])
    found = net(ss.Spikes(np.array([0.5]), np.array([0]))).ordinary_spike_times(2)[0]

    def reached(t, state):
        return state[0] - state[2]

    vars(reached).update(terminal=True, direction=1)
    threshold = 5 - np.exp(-0.5) if moves else 5.0
    expected, state = [0.5], [0.0, 40.0, threshold]
    for _ in range(2):
        course = solve_ivp(
            lambda t, y: [y[0] * (y[0] - 1) + y[1], -2 * y[1], 5 - y[2] if moves else 0.0], (expected[-1], 4.0), state,
            "DOP853", events=reached, rtol=1e-12, atol=1e-12,
        )  # fmt: skip
        expected.append(course.t[-1])
        state = [-1.0, course.y[1, -1], course.y[2, -1] + 2 * moves]
    np.testing.assert_allclose(found, expected[1:], rtol=1e-9)
