import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from cases import SOLVED

import smoothspike as ss
from smoothspike.neurons import LinearDynamics, RiccatiDynamics, RiccatiPolynomialDynamics
from smoothspike.neurons._certified import certificate_of

V, I = sp.symbols("V I", real=True)
tau_m, tau_s, bias = sp.Symbol("tau_m", positive=True), sp.Symbol("tau_s", positive=True), sp.Symbol("b", real=True)
MODELS = {name: getattr(ss.models, name)() for name in SOLVED}


def biased(value=0.5):
    """A QIF neuron with a parameter of any sign."""
    return ss.NeuronModel(
        "biased", dynamics={V: V**2 + bias}, spike=ss.at_infinity(V), reset={V: -sp.oo}, inputs=V,
        parameters={bias: value},
    )  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_only_a_certified_model_is_taken_without_being_told(name):
    certificate = ss.verify(MODELS[name])
    if certificate.holds:
        assert ss.Neuron(MODELS[name]).model == MODELS[name]
    else:
        with pytest.raises(ss.ContinuityError, match=r"continuity of its spikes .* pass allow_discontinuous=True"):
            ss.Neuron(MODELS[name])
        assert ss.Neuron(MODELS[name], allow_discontinuous=True).model == MODELS[name]


@pytest.mark.parametrize("name", MODELS)
def test_dynamics_fit_the_structure(name):
    neuron = ss.Neuron(MODELS[name], allow_discontinuous=True)
    expected = {"projective": RiccatiDynamics, "linear": LinearDynamics}[neuron.derivation.method]
    assert isinstance(neuron.dynamics(), expected)
    assert neuron.routes == neuron.dynamics().routes
    assert set(neuron.initial(4)) == {state.name for state in MODELS[name].states}
    assert all(values.shape == (4,) for values in neuron.initial(4).values())


@pytest.mark.parametrize(
    ("field", "reset", "complaint"),
    [
        (V**3 + 1, -sp.oo, "does not come back from minus infinity"),
        (V * sp.log(V**2 + 2) ** 2, 0, "does not get close enough to its spike"),
        (-(V**2), 0, "does not get close enough to its spike"),
    ],
)
def test_a_model_that_numbers_cannot_follow_is_refused(field, reset, complaint):
    model = ss.NeuronModel("m", dynamics={V: field}, spike=ss.at_infinity(V), reset={V: reset}, inputs=V)
    with pytest.raises(ss.DerivationError, match=complaint):
        ss.Neuron(model, allow_discontinuous=True, method="numeric").dynamics()


class TestTrainable:
    def test_fixed_and_trained_parameters(self):
        fixed, trained = ss.Neuron(MODELS["qif_delta"]), ss.Neuron(MODELS["qif_delta"], trainable="tau_m")
        assert fixed.trainable == ()
        assert trained.trainable == ("tau_m",)
        assert fixed.parameter("tau_m") == trained.parameter("tau_m") == 1.0

    def test_a_positive_parameter_stays_positive(self):
        neuron = ss.Neuron(MODELS["qif_delta"], trainable=("tau_m",))
        moved = eqx.tree_at(lambda n: n.unconstrained["tau_m"], neuron, neuron.unconstrained["tau_m"] - 100.0)
        assert 0 < moved.parameter("tau_m") < 1e-40

    def test_any_other_parameter_may_change_sign(self):
        neuron = ss.Neuron(biased(), trainable=("b",))
        moved = eqx.tree_at(lambda n: n.unconstrained["b"], neuron, neuron.unconstrained["b"] - 1.0)
        assert moved.parameter("b") == -0.5

    @pytest.mark.parametrize("trainable", [("tau_m",), ("tau_s",), ("tau_m", "tau_s")])
    def test_a_closed_form_is_left_where_its_relation_will_not_last(self, trainable):
        """The closed form of the QIF neuron needs tau_s = tau_m / 2."""
        assert ss.Neuron(MODELS["qif"]).derivation.closed_form
        neuron = ss.Neuron(MODELS["qif"], trainable=trainable)
        assert isinstance(neuron.dynamics(), RiccatiPolynomialDynamics)
        assert "tau_s = tau_m/2, and tau_" in neuron.derivation.attempts[0].reason
        moved = eqx.tree_at(lambda n: n.unconstrained[trainable[0]], neuron, neuron.unconstrained[trainable[0]] + 0.7)
        others = {"tau_m", "tau_s"} - {trainable[0]}
        for name in others:
            assert moved.parameter(name) == neuron.parameter(name)

    def test_gradients_by_a_time_constant(self):
        neuron = ss.Neuron(MODELS["qif_delta"], trainable=("tau_m",))
        spikes = ss.Spikes([0.2, 0.5], [0, 0])

        def first(shift):
            moved = eqx.tree_at(lambda n: n.unconstrained["tau_m"], neuron, neuron.unconstrained["tau_m"] + shift)
            net = ss.FeedForward(moved, (1, 1), 4.0, weights=[[[4.0]]])
            return net(spikes, capacity=8).first_spike_times()[0]

        run, step = eqx.filter_jit(eqx.filter_value_and_grad(first)), 1e-5
        (ahead, _), (behind, _) = run(jnp.array(step)), run(jnp.array(-step))
        np.testing.assert_allclose(run(jnp.array(0.0))[1], (ahead - behind) / (2 * step), rtol=1e-8)

    @pytest.mark.parametrize("name", ["tau", "v"])
    def test_an_unknown_parameter(self, name):
        with pytest.raises(ss.ModelError, match=rf"trainable: QIF has no parameter '{name}' .* it has tau_m, tau_s"):
            ss.Neuron(MODELS["qif"], trainable=(name,))
        with pytest.raises(ss.ModelError, match=f"QIF has no parameter '{name}' with a value"):
            ss.Neuron(MODELS["qif"]).parameter(name)


class TestPerNeuronParameters:
    def test_size(self):
        assert ss.Neuron(MODELS["qif"]).per_neuron_size() is None
        assert ss.Neuron(ss.models.qif_delta(tau_m=(1.0, 2.0))).per_neuron_size() == 2

    def test_trained_per_neuron(self):
        neuron = ss.Neuron(ss.models.qif_delta(tau_m=(1.0, 2.0)), trainable=("tau_m",))
        assert neuron.unconstrained["tau_m"].shape == (2,)
        np.testing.assert_allclose(neuron.parameter("tau_m"), [1.0, 2.0], rtol=1e-15)


def test_equal_by_content():
    one, other = (ss.Neuron(ss.models.qif(tau_m=2.0, tau_s=1.0)) for _ in "ab")
    assert eqx.tree_equal(one, other)
    assert one != ss.Neuron(MODELS["qif"])


def test_what_was_derived_and_verified_before_is_used_again():
    model = ss.models.qif(tau_m=1.25, tau_s=0.625)
    derivation, certificate = ss.derive(model), ss.verify(model)
    neuron = ss.Neuron(ss.models.qif(tau_m=1.25, tau_s=0.625))
    assert neuron.derivation is derivation
    assert certificate_of(ss.models.qif(tau_m=1.25, tau_s=0.625)) is certificate_of(model)
    assert certificate == certificate_of(model)


def test_a_parameter_without_a_value_is_named():
    with pytest.raises(ss.ModelError, match=r"QIF: tau_s has no value, .* model\.with_parameters\(tau_s=1\.0\)"):
        ss.Neuron(ss.models.qif(tau_s=None), allow_discontinuous=True)


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"pass a NeuronModel, such as ss\.models\.qif\(\)"):
        ss.Neuron(ss.models.qif)
