"""The public contract, as a user types it, for every kind of neuron that has an exact solver."""

from operator import attrgetter

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
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


NAMES = """
    ModelError NeuronModel NeuronModel.from_equations at_infinity crosses jump models.names verify derive
    Verdict.HOLDS Verdict.FAILS Verdict.UNDECIDED Regularity.DISCONTINUOUS Regularity.CONTINUOUS Regularity.C1
    Regularity.C9 Regularity.SMOOTH Regularity.ANALYTIC ContinuityError DerivationError find_witness simulate_witness
    Neuron FeedForward Recurrent Sequential Spikes.from_trials Spikes.from_events Spikes.from_raster
    PiecewiseConstant PiecewiseLinear encode_latency encode_rate encode_level_crossings
    datasets.shd datasets.ssc datasets.mnist datasets.braille datasets.digits datasets.yin_yang datasets.randman
    datasets.grasshopper datasets.from_tonic losses.first_spike_cross_entropy losses.cross_entropy
    losses.shift_invariant losses.spike_time_error losses.van_rossum losses.count losses.rate_regulariser
    fit check_gradients save load baselines.surrogate search landscape loop_integral
    plot.raster plot.traces plot.phase_line plot.landscape parallel
""".split()


def test_every_name_is_there():
    for name in NAMES:
        assert attrgetter(name)(ss) is not None
    assert issubclass(ss.ModelError, ValueError)


def test_spikes_from_trials_events_rasters_and_signals():
    trials = [([0.5, 0.25], [1, 0]), ([], [])]
    spikes = ss.Spikes.from_trials(trials)
    same = ss.Spikes.from_events([0.5, 0.25], [1, 0], [0, 0], num_trials=2)
    assert spikes.times.tolist() == same.times.tolist() == [[0.25, 0.5], [np.inf, np.inf]]
    assert ss.Spikes.from_raster(np.eye(2, dtype=bool), dt=0.5).sources.tolist() == [0, 1]
    assert ss.encode_latency(np.array([1.0, 0.0], np.float16), duration=2.0).times.tolist() == [0.0, np.inf]
    assert np.isfinite(ss.encode_rate([2.0, 3.0], 4.0, key=jax.random.key(0)).times).any()
    assert ss.encode_level_crossings(np.array([[0.0], [1.0]]), dt=1.0, step=0.5).times.tolist() == [0.5, 1.0]


def test_a_declaration_may_have_currents_a_moving_threshold_and_a_refractory_time():
    current, h = sp.symbols("I_ext h", real=True)
    rules = {"spike": ss.at_infinity(V), "reset": {V: -sp.oo}, "inputs": V}
    driven = ss.NeuronModel("driven", dynamics={V: V**2 + current}, currents=current, **rules)
    assert [each.name for each in driven.currents] == ["I_ext"]
    assert ss.NeuronModel("rests", dynamics={V: V * (V - 1)}, refractory=2.0, **rules).refractory is not None
    moving = ss.NeuronModel(
        "moving threshold",
        dynamics={V: (-V + I) / tau_m, I: -I / tau_s, h: (1 - h) / tau_m},
        spike=ss.crosses(V, h),
        reset={V: 0, h: h + 1},
        inputs=I,
        parameters={tau_m: 1.0, tau_s: 0.5},
        initial={h: 1.0},
    )
    assert ss.verify(moving).verdict is ss.Verdict.FAILS
    units = ss.NeuronModel.from_equations(
        "dV/dt = V*(V - 1)/tau_m",
        name="QIF",
        spike="V = oo",
        reset="V = -oo",
        inputs="V",
        parameters={"tau_m": "20 ms"},
        refractory="2 ms",
    )
    assert ss.verify(units).holds
    assert ss.Neuron(ss.models.theta_neuron(), beyond="own").model == ss.models.theta_neuron()


@pytest.mark.slow
def test_currents_drive_a_network():
    current = sp.Symbol("I_ext", real=True)
    driven = ss.NeuronModel(
        "driven", dynamics={V: V**2 + current}, currents=current, spike=ss.at_infinity(V), reset={V: -sp.oo}, inputs=V
    )
    net = ss.FeedForward(ss.Neuron(driven), (3, 2), 4.0, key=jax.random.key(0))
    silent, constant = ss.Spikes.empty(1), ss.PiecewiseConstant([0.0], [[1.0, 4.0]])
    # dV/dt = V^2 + c takes pi / 2 sqrt(c) from 0 to infinity
    times = net(silent, currents={"I_ext": constant}).spike_times(1)[:, 0]
    assert jnp.allclose(times, jnp.pi / jnp.array([2.0, 4.0]), rtol=1e-12)
    ramp = ss.PiecewiseLinear([0.0, 4.0], [4.0, 4.0])
    assert jnp.allclose(net(silent, currents={"I_ext": ramp}).spike_times(1), jnp.pi / 4, rtol=1e-9)


@pytest.mark.slow
def test_readouts():
    leaky = ss.NeuronModel(
        "readout", dynamics={V: (-V + I) / tau_m, I: -I / tau_s}, inputs=I, parameters={tau_m: 1.0, tau_s: 0.5}
    )
    net = ss.FeedForward([_neuron("qif_delta"), ss.Neuron(leaky)], (7, 6, 4), 3.0, key=jax.random.key(0), scale=3.0)
    rec = net(ss.Spikes([0.5, 1.0, 0.7], [0, 1, 2]))
    values = rec.max_over_time(), rec.mean_over_time(), rec.exponentially_weighted(3.0)
    assert all(value.shape == (4,) and jnp.all(value != 0) for value in values)
    assert jnp.all(rec.states_at(jnp.linspace(0.0, 3.0, 50))["V"] <= rec.max_over_time() + 1e-12)


def test_losses_of_one_sample():
    times, losses = jnp.array([1.0, 2.0, 3.0]), ss.losses
    early = {"tau": 0.5, "early_weight": 0.1}
    values = [
        losses.first_spike_cross_entropy(times, 1, **early, early="linear"),
        losses.first_spike_cross_entropy(times, 1, **early, early="exponential"),
        losses.cross_entropy(times, 1),
        losses.shift_invariant(times, 1, gap=0.5),
        losses.spike_time_error(times, times + 1),
        losses.van_rossum(times, times + 1, tau=1.0),
        losses.count(times[:, None], jnp.array([0, 0, 0]), duration=4.0, margin=0.5),
    ]
    assert all(value.shape == () and value > 0 for value in values)


def _loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A network trained for an epoch, with its data and folder."""
    folder = tmp_path_factory.mktemp("learnt")
    data = ss.datasets.yin_yang(size=8)
    net = ss.FeedForward(_neuron("qif_delta"), (4, 3), 4.0, key=jax.random.key(0), scale=2.0)
    found = ss.fit(
        net, data, _loss, optimizer=optax.adabelief(4e-3), epochs=1, checkpoint=folder / "x",
        callbacks=lambda net, history: None, keep_best=True, validation=data, progress=False,
    )  # fmt: skip
    return found.network, data, folder


@pytest.mark.slow
def test_learn_save_and_load(learnt):
    net, data, folder = learnt
    spikes = data[0][0]
    assert ss.check_gradients(net, spikes).largest_error < 1e-6
    ss.save(net, folder / "net.ss")
    loaded = ss.load(folder / "net.ss")
    assert loaded.first_spike_times(spikes).tolist() == net.first_spike_times(spikes).tolist()
    assert ss.evaluate(loaded, data) == ss.evaluate(net, data)
    rec = net(spikes)
    assert ss.losses.rate_regulariser(rec, low=1.0, high=2.0) >= 0
    for draw in (ss.plot.raster, ss.plot.traces):
        assert draw(rec, ax=None) is not None
    assert ss.plot.phase_line(DECLARED["qif_delta"]) is not None


@pytest.mark.slow
def test_landscapes(learnt):
    net, data, _ = learnt
    scape = ss.landscape(net, data, _loss, directions=1, span=0.5, key=jax.random.key(0))
    assert scape.values.shape == (101,)
    assert not any(event.is_jump for event in scape.events)
    assert ss.plot.landscape(scape) is not None
    loop = ss.loop_integral(net, data, _loss, centre=(0.0, 0.0), directions=2, radius=0.2, key=jax.random.key(0))
    assert abs(loop.integral) < 1e-6


def test_a_search(tmp_path):
    study = ss.search(lambda trial: (trial["x"] - 1) ** 2, {"x": (0.0, 2.0)}, trials=2, storage=tmp_path / "study.log")
    assert set(study.best.params) == {"x"}


@pytest.mark.slow
def test_the_surrogate_and_sequences_take_the_same_spikes():
    key, spikes, neuron = jax.random.key(0), ss.Spikes([0.5, 1.0], [3, 1]), _neuron("lif")
    net = ss.FeedForward(neuron, (4, 3), 4.0, key=key, scale=3.0)
    stepped = ss.baselines.surrogate(net, dt=0.01, surrogate="superspike", scale=10.0)
    assert stepped(spikes) is not None
    both = ss.Sequential(net, ss.Recurrent(neuron, size=2, inputs=3, duration=4.0, key=key))
    assert both(spikes).spike_times(1).shape == (2, 1)
