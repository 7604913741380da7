"""Witnesses: found where theory says, confirmed by other means, and absent where there is nothing to find."""

import json
from dataclasses import replace
from functools import cache

import mpmath as mp
import pytest
import reference
import sympy as sp

import smoothspike as ss
from smoothspike.validation import Failure

V, I = sp.symbols("V I", real=True)
V_th = sp.Symbol("V_th", positive=True)


@cache
def witness_of(name):
    return ss.find_witness(ss.verify(getattr(ss.models, name)()))


@pytest.mark.slow
def test_the_touch_of_a_leaky_neuron():
    """V = w (exp(-t) - exp(-2 t)) has its maximum w/4 at t = log(2): it touches the threshold at w = 4."""
    witness = witness_of("lif")
    ((start, route, _),) = witness.inputs
    assert (witness.failure, witness.quantity, route) == (Failure.VANISHES, "weight", "I")
    assert 0 < abs(witness.values[1] - witness.values[0]) <= 1e-9
    assert min(witness.values) < 4 < max(witness.values)
    assert min(witness.outcomes) == pytest.approx(start + float(mp.log(2)), abs=1e-4)
    assert witness.jump == pytest.approx(witness.duration - min(witness.outcomes), abs=1e-4)
    assert "Confirmed by" in str(witness)
    assert json.loads(json.dumps(witness.to_dict(), allow_nan=False))["quantity"] == "weight"


@pytest.mark.slow
def test_the_oracle_confirms_it():
    witness = witness_of("lif")
    neuron = reference.LeakyCurrent("1", "0.5")
    counts = []
    for value in witness.values:
        ((start, _, weight),) = witness.inputs_at(value)
        spikes, _ = reference.simulate_single(neuron, [mp.mpf(start)], [mp.mpf(weight)], mp.mpf(witness.duration))
        counts.append(len(spikes))
    assert sorted(counts) == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lif", "qif_finite_reset_delta"])
def test_another_solver_confirms_it(name):
    witness = witness_of(name)
    replay = ss.simulate_witness(witness)
    assert replay.confirms
    assert replay.jump == pytest.approx(witness.jump, rel=1e-3)
    assert [len(times) for times in replay.spike_times] == [len(times) for times in witness.spike_times]


@pytest.mark.slow
def test_a_wrong_witness_is_not_confirmed():
    witness = witness_of("lif")
    replay = ss.simulate_witness(replace(witness, values=tuple(value - 1e-3 for value in witness.values)))
    assert not replay.confirms
    assert "NOT confirmed" in str(replay)


def test_what_holds_has_no_witness():
    with pytest.raises(ss.ModelError, match="only a verdict of FAILS has one, and its verdict is HOLDS"):
        ss.find_witness(ss.verify(ss.models.qif()))


@pytest.mark.slow
def test_open_parameters_get_numbers():
    declared = ss.NeuronModel(
        "open", dynamics={V: -V}, spike=ss.crosses(V, V_th), reset={V: 0}, inputs=V, parameters={V_th: None}
    )
    witness = ss.find_witness(ss.verify(declared))
    assert witness.model.values[V_th] > 0
    assert witness.failure is Failure.VANISHES
    assert witness.inputs[witness.varied][1] == "V"


@pytest.mark.slow
def test_initial_values_are_changed_where_nothing_happens_from_the_declared_ones():
    declared = ss.NeuronModel(
        "at rest", dynamics={V: V**3}, spike=ss.at_infinity(V), reset={V: 1}, inputs=ss.jump({V: V * sp.exp(ss.weight)})
    )
    witness = ss.find_witness(ss.verify(declared))
    assert witness.failure is Failure.ESCAPES
    assert witness.model.initial[V] < 0


@pytest.mark.slow
def test_single_precision_elsewhere_does_not_matter(float32):
    witness = ss.find_witness(ss.verify(ss.models.lif_delta()), trials=4)
    assert abs(witness.values[1] - witness.values[0]) <= 1e-9
    assert ss.simulate_witness(witness).confirms
