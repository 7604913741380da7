"""Witnesses: found where theory says, confirmed by other means, and absent where there is nothing to find."""

import json
from dataclasses import replace

import mpmath as mp
import pytest
import reference
import sympy as sp

import smoothspike as ss
from smoothspike.validation import find_witness

V, I = sp.symbols("V I", real=True)
V_th = sp.Symbol("V_th", positive=True)


@pytest.fixture(scope="module")
def lif():
    return ss.verify(ss.models.lif())


@pytest.fixture(scope="module")
def swapped():
    return ss.verify(ss.models.qif_finite_reset_delta())


@pytest.mark.slow
def test_the_touch_of_a_leaky_neuron(lif):
    """V = w (exp(-t) - exp(-2 t)) has its maximum w/4 at t = log(2): it touches the threshold at w = 4."""
    witness = lif.witness
    ((start, route, _),) = witness.inputs
    assert (witness.failure, witness.quantity, route) == (ss.Failure.VANISHES, "weight", "I")
    assert 0 < abs(witness.values[1] - witness.values[0]) <= 1e-9
    assert min(witness.values) < 4 < max(witness.values)
    assert min(witness.outcomes) == pytest.approx(start + float(mp.log(2)), abs=1e-4)
    assert witness.jump == pytest.approx(witness.duration - min(witness.outcomes), abs=1e-4)
    assert lif.witness is witness


@pytest.mark.slow
def test_the_oracle_confirms_it(lif):
    witness = lif.witness
    neuron = reference.LeakyCurrent("1", "0.5")
    counts = []
    for value in witness.values:
        ((start, _, weight),) = witness.inputs_at(value)
        spikes, _ = reference.simulate_single(neuron, [mp.mpf(start)], [mp.mpf(weight)], mp.mpf(witness.duration))
        counts.append(len(spikes))
    assert sorted(counts) == [0, 1]


@pytest.mark.slow
def test_another_solver_confirms_it(lif, swapped):
    for certificate in (lif, swapped):
        replay = ss.simulate_witness(certificate.witness)
        assert replay.confirms
        assert replay.jump == pytest.approx(certificate.witness.jump, rel=1e-3)
        assert [len(times) for times in replay.spike_times] == [len(times) for times in certificate.witness.spike_times]


@pytest.mark.slow
def test_a_wrong_witness_is_not_confirmed(lif):
    moved = replace(lif.witness, values=tuple(value - 1e-3 for value in lif.witness.values))
    replay = ss.simulate_witness(moved)
    assert not replay.confirms
    assert "NOT confirmed" in str(replay)


@pytest.mark.slow
def test_certificates_show_their_witness(lif):
    fresh = ss.verify(ss.models.lif())
    assert "Example: not searched for yet" in str(fresh)
    assert fresh.to_dict()["witness_searched"] is False
    sentence = str(lif.witness)
    assert sentence in str(lif)
    assert "Confirmed by" in sentence
    assert "**Example.**" in lif.to_markdown()
    assert r"\emph{Example.}" in lif.to_latex()
    data = json.loads(json.dumps(lif.to_dict(), allow_nan=False))
    assert data["witness"]["quantity"] == "weight"
    assert data["witness_searched"] is True


def test_a_failure_without_witness_says_so(lif):
    empty = replace(lif, search=lambda _: None)
    assert empty.witness is None
    assert "Example: none was found by simulation" in str(empty)


def test_what_holds_has_no_witness():
    certificate = ss.verify(ss.models.qif())
    assert certificate.witness is None
    assert "Example" not in str(certificate)
    with pytest.raises(ss.ModelError, match="only a failure has a witness, and the verdict is HOLDS"):
        find_witness(certificate)


@pytest.mark.slow
def test_open_parameters_get_numbers():
    declared = ss.NeuronModel(
        "open", dynamics={V: -V}, spike=ss.crosses(V, V_th), reset={V: 0}, inputs=V, parameters={V_th: None}
    )
    witness = ss.verify(declared).witness
    assert witness.model.values[V_th] > 0
    value = float(witness.model.values[V_th])
    assert witness.failure is ss.Failure.VANISHES
    assert witness.inputs[witness.varied][1] == "V"
    assert value > 0


@pytest.mark.slow
def test_initial_values_are_changed_where_nothing_happens_from_the_declared_ones():
    declared = ss.NeuronModel(
        "at rest", dynamics={V: V**3}, spike=ss.at_infinity(V), reset={V: 1}, inputs=ss.jump({V: V * sp.exp(ss.weight)})
    )
    witness = ss.verify(declared).witness
    assert witness.failure is ss.Failure.ESCAPES
    assert witness.model.initial[V] < 0


@pytest.mark.slow
def test_single_precision_elsewhere_does_not_matter(float32):
    witness = find_witness(ss.verify(ss.models.lif_delta()), trials=4)
    assert abs(witness.values[1] - witness.values[0]) <= 1e-9
    assert ss.simulate_witness(witness).confirms
