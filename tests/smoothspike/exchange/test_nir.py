"""Leaky networks go to NIR and back, and mean the same by NIR's own equations."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import smoothspike as ss
from smoothspike.exchange import from_nir, to_nir

nir = pytest.importorskip("nir")
LIF = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
DELTA = ss.Neuron(ss.models.lif_delta(tau_m=1.5, V_th=0.8, V_r=-0.1), allow_discontinuous=True)
V, I = sp.symbols("V I", real=True)
READOUT = ss.Neuron(ss.NeuronModel("readout", dynamics={V: -V / 2 + 3 * I, I: -4 * I}, inputs=I))
CHANCE = np.random.default_rng(0)
A, B, C = (CHANCE.normal(size=shape) for shape in ((3, 2), (3, 3), (2, 3)))


def network():
    several = ss.Neuron(ss.models.lif().with_parameters(tau_m=[1.0, 2.0, 0.7]), allow_discontinuous=True)
    return ss.Sequential(
        ss.FeedForward([several, DELTA], (2, 3, 3), 4.0, weights=[A, B], delays=[[[0.25, 0.5]], None]),
        ss.Recurrent(LIF, 3, 3, 4.0, recurrent_weights=B.T, input_weights=B, recurrent_delays=0.5),
        ss.FeedForward(READOUT, (3, 2), 4.0, weights=[C]),
    )


def test_a_network_comes_back_from_a_file_as_it_was(tmp_path, float64):
    nir.write(tmp_path / "net.nir", to_nir(network()))
    again = from_nir(tmp_path / "net.nir", 4.0, allow_discontinuous=True)
    assert [type(each) for each in again.populations] == [ss.FeedForward, ss.Recurrent, ss.FeedForward]
    for mine, theirs in zip(network().layers, again.layers, strict=True):
        for one, other in zip(mine.connections, theirs.connections, strict=True):
            matrix = next(iter(one[0].weights.values()))
            assert np.asarray(next(iter(other[0].weights.values()))) == pytest.approx(np.asarray(matrix), rel=1e-12)
            assert (one[0].delays is None) == (other[0].delays is None)
            if one[0].delays is not None:
                assert np.array_equal(one[0].source_delays(), other[0].source_delays())
    twice = to_nir(again)
    for name, node in to_nir(network()).nodes.items():
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if isinstance(value, np.ndarray):
                assert getattr(twice.nodes[name], field.name) == pytest.approx(value, rel=1e-12)


def test_a_node_means_what_its_equations_say(float64):
    """One CubaLIF node by SciPy: tau_mem v' = v_leak - v + r I, and a spike adds w_in/tau_syn to I."""
    each = {"tau_syn": 0.4, "tau_mem": 1.3, "r": 2.0, "v_leak": 0.1, "v_threshold": 0.7, "v_reset": -0.2, "w_in": 0.5}
    node = nir.CubaLIF(**{name: np.array([value]) for name, value in each.items()})
    layers = nir.Input(np.array([1])), nir.Delay(np.array([0.25])), nir.Linear(np.array([[3.0]]))
    net = from_nir(nir.NIRGraph.from_list(*layers, node, nir.Output(np.array([1]))), 3.0, allow_discontinuous=True)
    found = eqx.filter_jit(lambda n: n(ss.Spikes([0.2, 0.9], [0, 0]), capacity=8).ordinary_spike_times(4))(net)[0]
    state, now, expected = np.zeros(2), 0.0, []

    def rates(t, y):
        return [(0.1 - y[0] + 2.0 * y[1]) / 1.3, -y[1] / 0.4]

    def above(t, y):
        return y[0] - each["v_threshold"]

    vars(above).update(terminal=True, direction=1)
    for end in (0.45, 1.15, 3.0):
        while now < end:
            part = solve_ivp(rates, (now, end), state, events=above, rtol=1e-12, atol=1e-12)
            now, state = part.t[-1], part.y[:, -1]
            if part.t_events[0].size:
                expected.append(now)
                state[0] = each["v_reset"]
        state[1] += 3.0 * 0.5 / 0.4
    assert np.asarray(found[: len(expected)]) == pytest.approx(np.array(expected), rel=1e-9)
    assert len(expected) == np.isfinite(found).sum() >= 2


def lif(model):
    return ss.FeedForward(ss.Neuron(model, allow_discontinuous=True), (2, 3), 4.0, weights=[A])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: lif(ss.models.qif_delta()), "QIF .*NIR has nodes for leaky neurons"),
        (lambda: lif(ss.models.lif_alpha()), "NIR has nodes for leaky neurons"),
        (lambda: lif(ss.models.lif().with_initial(V=0.5)), "NIR has no initial values"),
        (lambda: ss.FeedForward(LIF, (2, 3), 4.0, weights=[A], delays=[jnp.ones((3, 2))]), "a delay of its own"),
    ],
)
def test_what_nir_cannot_say_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        to_nir(build())


def chain(*nodes):
    return nir.NIRGraph.from_list(nir.Input(np.array([2])), *nodes, nir.Output(np.array([2])), type_check=False)


ONES = np.ones(2)
CUBA = to_nir(ss.FeedForward(LIF, (2, 2), 4.0, weights=[A[:2]])).nodes["neurons_0"]


def looped():
    """A first population that a second one drives, besides the input."""
    nodes = {
        "in": nir.Input(np.array([2])), "w": nir.Linear(A[:2]), "a": CUBA, "v": nir.Linear(A[:2]), "b": CUBA,
        "u": nir.Linear(A[:2]), "out": nir.Output(np.array([2])),
    }  # fmt: skip
    edges = [("in", "w"), ("w", "a"), ("a", "v"), ("v", "b"), ("b", "u"), ("u", "a"), ("b", "out")]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (lambda: chain(nir.Linear(A[:2]), nir.IF(ONES, ONES, v_reset=0 * ONES)), "is a IF, but supported are Input"),
        (lambda: chain(nir.Affine(A[:2], np.ones(2)), CUBA), "has a bias"),
        (lambda: chain(nir.Linear(A[:2])), "must be a population of neurons"),
        (lambda: chain(nir.Linear(A[:2]), nir.Linear(A[:2]), CUBA), "is a second matrix before"),
        (looped, "'a' is driven by b, in|'a' is driven by in, b"),
    ],
)  # fmt: skip
def test_other_graphs_are_refused(graph, message):
    with pytest.raises(ValueError, match=message):
        from_nir(graph(), 4.0, allow_discontinuous=True)


def test_a_leaky_neuron_must_be_allowed_to_be_discontinuous():
    with pytest.raises(ss.ContinuityError, match="allow_discontinuous=True"):
        from_nir(chain(nir.Linear(A[:2]), CUBA), 4.0)


def test_without_nir_its_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ImportError, match=r"pip install 'smoothspike\[nir\]'"):
        to_nir(network())
