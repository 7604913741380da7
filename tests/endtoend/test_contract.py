"""The public contract, as a user types it, for every kind of neuron that has an exact solver."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest
import sympy as sp

import smoothspike as ss

V, I, theta = sp.symbols("V I theta", real=True)
tau_m, tau_s = sp.symbols("tau_m tau_s", positive=True)
I_0, V_th, V_r = sp.symbols("I_0 V_th V_r", real=True)

DECLARED = {
    "qif": ss.NeuronModel(
        "QIF",
        dynamics={V: (V * (V - 1) + I) / tau_m, I: -I / tau_s},
        spike=ss.at_infinity(V),
        reset={V: -sp.oo},
        inputs=I,
        parameters={tau_m: 1.0, tau_s: 0.5},
        initial={V: 0.0, I: 0.0},
        bounds={},
    ),
    "qif_delta": ss.NeuronModel(
        "QIF (delta)",
        dynamics={V: V * (V - 1) / tau_m},
        spike=ss.at_infinity(V),
        reset={V: -sp.oo},
        inputs=V,
        parameters={tau_m: 1.0},
    ),
    "theta_neuron": ss.NeuronModel(
        "theta neuron",
        dynamics={theta: ((1 - sp.cos(theta)) + (1 + sp.cos(theta)) * I_0) / tau_m},
        spike=ss.crosses(theta, sp.pi),
        reset={theta: -sp.pi},
        inputs=ss.jump({theta: 2 * sp.atan(sp.tan(theta / 2) + ss.weight)}),
        parameters={tau_m: 1.0, I_0: 1.0},
    ),
    "lif": ss.NeuronModel(
        "LIF",
        dynamics={V: (-V + I) / tau_m, I: -I / tau_s},
        spike=ss.crosses(V, V_th),
        reset={V: V_r},
        inputs=I,
        parameters={tau_m: 1.0, tau_s: 0.5, V_th: 1.0, V_r: 0.0},
    ),
}

TEXT = {
    "qif": (
        """
        dV/dt = (V*(V - 1) + I)/tau_m
        dI/dt = -I/tau_s
        """,
        {"name": "QIF", "spike": "V = oo", "reset": "V = -oo", "inputs": "I"},
        {"tau_m": 1.0, "tau_s": 0.5},
    ),
    "qif_delta": (
        "dV/dt = V*(V - 1)/tau_m",
        {"name": "QIF (delta)", "spike": "V = oo", "reset": "V = -oo", "inputs": "V"},
        {"tau_m": 1.0},
    ),
    "theta_neuron": (
        "dtheta/dt = ((1 - cos(theta)) + (1 + cos(theta))*I_0)/tau_m",
        {
            "name": "theta neuron",
            "spike": "theta = pi",
            "reset": "theta = -pi",
            "inputs": "theta = 2*atan(tan(theta/2) + weight)",
        },
        {"tau_m": 1.0, "I_0": 1.0},
    ),
    "lif": (
        "dV/dt = (-V + I)/tau_m; dI/dt = -I/tau_s",
        {"name": "LIF", "spike": "V = V_th", "reset": "V = V_r", "inputs": "I"},
        {"tau_m": 1.0, "tau_s": 0.5, "V_th": 1.0, "V_r": 0.0},
    ),
}

MODELS = list(DECLARED)


@pytest.mark.parametrize("name", MODELS)
def test_declare(name):
    equations, rules, parameters = TEXT[name]
    model = DECLARED[name]
    assert ss.NeuronModel.from_equations(equations, **rules, parameters=parameters) == model
    assert getattr(ss.models, name)() == model
    assert name in ss.models.names()


@pytest.mark.parametrize("name", MODELS)
def test_verify(name):
    model = DECLARED[name]
    certificate = ss.verify(model)
    assert certificate.verdict is (ss.Verdict.FAILS if name == "lif" else ss.Verdict.HOLDS)
    assert certificate.holds == (name != "lif")
    assert all(isinstance(condition.statement, sp.Basic) and condition.reason for condition in certificate.conditions)
    route = certificate.route(model.routes[0].name)
    assert route.no_grazing is certificate.verdict
    assert route.order_swap is ss.Verdict.HOLDS
    assert certificate.regularity is not None
    assert (certificate.regularity >= ss.Regularity.CONTINUOUS) == certificate.holds
    assert model.name in str(certificate)
    assert certificate.to_markdown()
    assert certificate.to_latex()
    if certificate.holds:
        assert ss.verify(model, strict=True) == certificate
    else:
        with pytest.raises(ss.ContinuityError, match="graze"):
            ss.verify(model, strict=True)


@pytest.mark.parametrize("name", MODELS)
def test_derive(name):
    derivation = ss.derive(DECLARED[name])
    assert derivation.method == ("linear" if name == "lif" else "projective")
    assert derivation.closed_form
    assert derivation.reason
    assert set(derivation.flow) == set(DECLARED[name].states)
    assert derivation.time_to_spike is not None
    assert derivation.rheobase is not None
    assert "rheobase" in derivation.to_latex()
    assert ss.derive(DECLARED[name], method=derivation.method) == derivation
    assert ss.derive(DECLARED[name], method="numeric").method == "numeric"
    with pytest.raises(ss.DerivationError, match="does not apply"):
        ss.derive(DECLARED[name], method="projective" if name == "lif" else "linear")


def _neuron(name, **options):
    return ss.Neuron(DECLARED[name], allow_discontinuous=name == "lif", **options)


SPIKES_IN = [[0.5, 1.0, jnp.inf], [2.0, 0.25, 0.75]], [[3, 1, 0], [0, 1, 2]]


@pytest.fixture(scope="module", params=[False, True], ids=["layers", "recurrent"])
def is_recurrent(request):
    return request.param


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=() if name == "qif_delta" else pytest.mark.slow) for name in MODELS],
)
def ran(request, is_recurrent):
    """A network of declared neurons, and what it returns for a batch of two trials."""
    neuron, key = (
        _neuron(request.param, trainable=("tau_m",) if request.param == "qif_delta" else ()),
        jax.random.key(0),
    )
    if is_recurrent:
        net = ss.Recurrent(neuron, size=3, inputs=4, duration=4.0, key=key)
    else:
        net = ss.FeedForward(neuron, sizes=(4, 5, 3), duration=4.0, key=key, scale=2.0)
    spikes_in = ss.Spikes(*SPIKES_IN)
    return net, spikes_in, net(spikes_in)


def test_what_a_network_returns(ran):
    net, _, rec = ran
    assert isinstance(rec.spikes[-1], ss.Spikes)
    assert rec.spike_times(count=2).shape == (2, 3, 2)
    assert jnp.isfinite(rec.spike_times(count=2)).all()
    neuron = net.neuron if isinstance(net, ss.Recurrent) else net.neurons[-1]
    states = rec.states_at(jnp.linspace(0.0, 4.0, 7))
    assert set(states) == {state.name for state in neuron.model.states}
    assert all(values.shape == (2, 7, 3) for values in states.values())


def test_one_trial_is_as_it_is_in_a_batch(ran):
    net, spikes_in, rec = ran
    assert jnp.allclose(net(spikes_in[0]).spike_times(count=2), rec.spike_times(count=2)[0], rtol=1e-12)


def test_a_batch_through_vmap(ran):
    net, spikes_in, _ = ran
    mapped = jax.vmap(lambda times, sources: net.first_spike_times(ss.Spikes(times, sources)))
    found = mapped(spikes_in.times, spikes_in.sources)
    assert found.shape == (2, 3)
    assert jnp.allclose(found, net.first_spike_times(spikes_in), rtol=1e-12)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "qif_delta" else pytest.mark.slow) for name in MODELS]
)
def test_an_optax_loop_needs_no_trainer(name):
    net = ss.FeedForward(_neuron(name, trainable=("tau_m",)), sizes=(4, 3), duration=4.0, key=jax.random.key(1))
    spikes = ss.Spikes([0.5, 1.0, 0.2], [3, 1, 0])
    optimizer = optax.adam(1e-2)
    state = optimizer.init(eqx.filter(net, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(net, state):
        def loss(net):
            return ss.losses.first_spike_cross_entropy(net.first_spike_times(spikes), 1, tau=0.5)

        value, gradient = eqx.filter_value_and_grad(loss)(net)
        updates, state = optimizer.update(gradient, state, eqx.filter(net, eqx.is_inexact_array))
        return eqx.apply_updates(net, updates), state, value

    values = []
    for _ in range(5):
        net, state, value = step(net, state)
        values.append(float(value))
    assert values[-1] < values[0]
