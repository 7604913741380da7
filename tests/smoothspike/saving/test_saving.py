"""Saved networks come back to the last bit, or not at all."""

import json
import signal
import subprocess
import sys
import time

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.saving import file

KEY = jax.random.key(3)


def ring():
    return ss.Connections([[1], [2], [0]], [[6.0], [0.1], [-0.3]], delays=[[0.5], [0.25], [1.0]])


def layers(**options):
    return ss.FeedForward(ss.Neuron(ss.models.qif(), trainable=("tau_m",)), (4, 3, 2), 4.0, key=KEY, **options)


def sparse():
    neuron = ss.Neuron(ss.models.lif(), allow_discontinuous=True)
    weights = jnp.arange(12.0).reshape(3, 4) / 7
    return ss.Recurrent(neuron, 3, 4, 4.0, recurrent_weights=ring(), input_weights=weights, input_delays=0.5)


def integrated():
    model = ss.models.qif().with_parameters(tau_m=[1.0, 2.0])
    return ss.Neuron(model, method="numeric", solver=diffrax.Tsit5(), rtol=1e-5, trainable=("tau_s",))


NETWORKS = {
    "delays": lambda: layers(delays=[0.1 * jnp.ones((3, 4)), None]),
    "sparse": sparse,
    "ranges": lambda: ss.FeedForward(ss.Neuron(ss.models.qif_conductance()), (2, 1), 4.0, weights=[[[0.3, 0.0]]]),
    "sequential": lambda: ss.Sequential(
        layers(), ss.FeedForward(integrated(), (2, 2), 4.0, weights=[jnp.eye(2) / 3])
    ),
}  # fmt: skip


def readout():
    tau = sp.Symbol("tau", positive=True)
    V, I, given = sp.symbols("V I given", real=True)
    dynamics = {V: (I - V + given) / tau, I: -I}
    model = ss.NeuronModel("readout", dynamics=dynamics, inputs=I, parameters={tau: 0.3}, currents=given)
    neurons = ss.Neuron(ss.models.qif()), ss.Neuron(model, trainable=("tau", "V"), per_neuron="V")
    return ss.FeedForward(neurons, (2, 3, 2), 4.0, weights=[jnp.ones((3, 2)), jnp.ones((2, 3))])


NETWORKS["readout"] = readout


def equal(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    is_same = all(a.dtype == b.dtype and np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)
    return is_same and jax.tree.structure(one) == jax.tree.structure(other)


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_a_network_comes_back_to_the_last_bit(tmp_path, build, dtype):
    network = build()
    ss.save(network, tmp_path / "net.ss")
    loaded = ss.load(tmp_path / "net.ss")
    assert equal(loaded, network)
    assert repr(loaded) == repr(network)
    assert list(tmp_path.iterdir()) == [tmp_path / "net.ss"]


def test_a_loaded_network_spikes_at_the_same_times(tmp_path):
    weights = [jnp.ones((2, 2)) / 0.3]
    network = ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (2, 2), 4.0, weights=weights)
    ss.save(network, tmp_path / "net.ss")
    spikes = ss.Spikes([0.5, 1.0], [0, 1])
    run = eqx.filter_jit(lambda net: net(spikes, capacity=8).spike_times(2))
    assert run(network).tobytes() == run(ss.load(tmp_path / "net.ss")).tobytes()


def test_what_training_leaves_is_saved_too(tmp_path):
    """Values that a constructor would round, convert or refuse."""
    odd = jnp.array([[jnp.nextafter(1.0, 2.0), -0.0, 5e-324], [jnp.inf, jnp.nan, 1e308]])
    neuron = ss.Neuron(ss.models.qif())
    network = ss.FeedForward(neuron, (3, 2), 4.0, weights=[jnp.ones((2, 3))], delays=[0.5])
    network = eqx.tree_at(
        lambda net: (net.raw_weights[0].weights["I"], net.raw_weights[0].delays), network, (odd, jnp.array(-1.0))
    )
    ss.save(network, tmp_path / "net.ss")
    assert equal(ss.load(tmp_path / "net.ss"), network)


def test_a_thousand_flipped_bits_and_every_truncation_are_refused(tmp_path):
    path = tmp_path / "net.ss"
    ss.save(layers(), path)
    content, chance = path.read_bytes(), np.random.default_rng(0)
    for bit in chance.choice(8 * len(content), 1000, replace=False).tolist():
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged"):
            ss.load(path)
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged"):
            ss.load(path)
    path.write_bytes(content + b"\n")
    with pytest.raises(ValueError, match="damaged"):
        ss.load(path)
    path.write_bytes(content)
    assert equal(ss.load(path), layers())


def test_other_files_are_refused_with_the_reason(tmp_path, monkeypatch):
    path = tmp_path / "net.ss"
    with pytest.raises(FileNotFoundError, match=r"there is no file .*net\.ss"):
        ss.load(path)
    path.write_bytes(b"\x80\x04\x95 a pickle")
    with pytest.raises(ValueError, match="is no file of smoothspike"):
        ss.load(path)
    path.write_bytes(b"smoothspike checkpoint\n...")
    with pytest.raises(ValueError, match="checkpoint of an older format"):
        ss.load(path)
    monkeypatch.setattr(file, "FORMAT", 3)
    ss.save(layers(), path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has format 3, but this version of smoothspike reads format 2"):
        ss.load(path)
    file.write(path, {"kind": "something"}, {})
    with pytest.raises(ValueError, match="holds no network"):
        ss.load(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"FeedForward"', '"Popen"', "a Popen is unknown to this version"),
        ('"duration": 4.0', '"length": 4.0', "FeedForward has no duration"),
        ('"sizes": [4, 3, 2]', '"sizes": [4, 5, 2]', "have shape"),
        ("tau_m**-1*", "__import__*", "neither a number nor a known name"),
        ('"method": null', '"method": "magic"', "unknown method"),
        ('"trainable": ["tau_m"]', '"trainable": ["tau_s"]', "values of"),
    ],
)
def test_forged_content_is_refused(tmp_path, old, new, message):
    path = tmp_path / "net.ss"
    ss.save(layers(), path)
    description, arrays = file.read(path)
    text = json.dumps(description)
    assert old in text
    file.write(path, json.loads(text.replace(old, new)), arrays)
    with pytest.raises(Exception, match=message):
        ss.load(path)


def test_double_precision_is_not_rounded_silently(tmp_path, float64):
    ss.save(layers(), tmp_path / "net.ss")
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"was saved as float64.*jax_enable_x64"):
        ss.load(tmp_path / "net.ss")


def test_what_is_no_network_is_refused(tmp_path):
    with pytest.raises(TypeError, match="save takes a network, not a Neuron"):
        ss.save(integrated(), tmp_path / "net.ss")
    with pytest.raises(ValueError, match="is being traced by JAX"):
        jax.jit(lambda net: ss.save(net, tmp_path / "net.ss"))(layers())
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ss.save(layers(), tmp_path / "nowhere" / "net.ss")


SAVING = """
import sys, numpy as np
from pathlib import Path
from smoothspike.saving.file import write
for number in range(100000):
    write(Path(sys.argv[1]), {"number": number}, {"array": np.full(20000, number)})
    print(number, flush=True)
"""


def test_killed_at_any_instant_a_whole_file_remains(tmp_path):
    path, chance = tmp_path / "net.ss", np.random.default_rng(1)
    process = subprocess.Popen([sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE, text=True)
    for _ in range(5):
        process.stdout.readline()
    time.sleep(chance.uniform(0, 0.05))
    process.send_signal(signal.SIGKILL)
    last = max([4, *map(int, process.communicate()[0].split()[:-1])])
    description, arrays = file.read(path)
    assert description["number"] >= last
    assert (arrays["array"] == description["number"]).all()
