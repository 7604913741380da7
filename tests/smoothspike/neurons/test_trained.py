"""Initial values and parameters that are trained, one for all neurons or one for each."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.neurons import _trained

STATE = sp.Symbol("x", real=True)


def last_spike(neuron, weight=2.0):
    """The first spike of two neurons that each get one input."""
    net = ss.FeedForward(neuron, (2, 2), 4.0, weights=[weight * np.eye(2)])
    return net, eqx.filter_jit(lambda net: net(ss.Spikes([0.2, 0.5], [0, 1]), capacity=4).first_spike_times())


def test_gradients_by_initial_values_and_time_constants_agree_with_differences(float64):
    model = ss.models.qif_delta().with_initial(V=0.1)
    net, _ = last_spike(ss.Neuron(model, trainable=("V", "tau_m"), per_neuron="V"))
    raw = net.neurons[0].unconstrained
    assert {name: array.shape for name, array in raw.items()} == {"V": (2,), "tau_m": ()}
    start = jnp.append(raw["V"], raw["tau_m"])

    @jax.jit
    def times(numbers, direction):
        def run(numbers):
            changed = {"V": numbers[:2], "tau_m": numbers[2]}
            changed_net = eqx.tree_at(lambda n: n.neurons[0].unconstrained, net, changed)
            return changed_net(ss.Spikes([0.2, 0.5], [0, 1]), capacity=4).first_spike_times()

        return jax.jvp(run, (numbers,), (direction,))

    exact = np.zeros((2, 3))
    for entry, unit in enumerate(jnp.eye(3)):
        exact[:, entry] = times(start, unit)[1]
        difference = np.asarray(times(start + 1e-6 * unit, unit)[0] - times(start - 1e-6 * unit, unit)[0]) / 2e-6
        assert exact[:, entry] == pytest.approx(difference, rel=1e-7, abs=1e-8)
    # each neuron has its own initial value
    assert (exact[:, :2][~np.eye(2, dtype=bool)] == 0).all()
    assert (exact[:, :2][np.eye(2, dtype=bool)] < 0).all()


def test_a_trained_initial_value_starts_as_declared():
    model = ss.models.qif_delta().with_initial(V=0.3)
    for own in ((), "V"):
        net, run = last_spike(ss.Neuron(model, trainable="V", per_neuron=own))
        plain, run_plain = last_spike(ss.Neuron(model))
        assert np.asarray(run(net)) == pytest.approx(np.asarray(run_plain(plain)), rel=1e-6)
        assert net.neurons[0].initial(2)["V"].tolist() == pytest.approx([0.3, 0.3], rel=1e-6)


@pytest.mark.parametrize(
    ("bounds", "start", "ends"),
    [
        ((-sp.oo, sp.oo), 0.3, (-np.inf, np.inf)), ((0, sp.oo), 0.3, (0, np.inf)), ((-sp.oo, 2), 0.3, (-np.inf, 2)),
        ((-1, 2), 0.3, (-1, 2)),
    ],
    ids=str,
)  # fmt: skip
def test_no_step_of_an_optimiser_leaves_the_range(bounds, start, ends, float64):
    other = sp.Symbol("y", real=True)
    model = ss.NeuronModel(
        "m", dynamics={other: other**2 + STATE, STATE: -STATE}, spike=ss.at_infinity(other), reset={other: -sp.oo},
        inputs=other, initial={STATE: start}, bounds={STATE: bounds},
    )  # fmt: skip
    raw = _trained.initial_unconstrained(tuple(map(sp.sympify, bounds)), model, STATE, {})
    for step in (0.0, -30.0, 30.0, -1e4, 1e4):
        value = float(_trained.initial_value(raw + step, tuple(map(sp.sympify, bounds)), model, STATE, {}))
        assert ends[0] <= value <= ends[1]
        assert step != 0 or value == pytest.approx(start, rel=1e-12)


def test_a_potential_starts_below_its_threshold():
    neuron = ss.Neuron(ss.models.lif(), trainable="V", allow_discontinuous=True)
    above = eqx.tree_at(lambda n: n.unconstrained["V"], neuron, jnp.array(-5.0))
    assert 0.99 < float(above.initial(1)["V"][0]) < 1


def test_wrong_choices_are_refused():
    model = ss.models.qif_conductance()
    with pytest.raises(ss.ModelError, match=r"the initial value of g, 0, lies at an end of its range, 0 to oo"):
        ss.Neuron(model, trainable=("g",))
    with pytest.raises(ss.ModelError, match=r"has no parameter 'tau' with a value; it has .*, and the initial values"):
        ss.Neuron(model, trainable=("tau",))
    with pytest.raises(ss.ModelError, match="per_neuron: 'V' is not in trainable"):
        ss.Neuron(model, per_neuron=("V",))
    sized = ss.Neuron(ss.models.qif_delta(), trainable="V", per_neuron="V").for_layer(3)
    with pytest.raises(ValueError, match="parameters for 3 neurons, but the layer has 2"):
        ss.FeedForward(sized, (2, 2), 4.0, weights=[np.eye(2)])
