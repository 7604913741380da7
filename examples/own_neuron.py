"""A neuron of one's own: declared, refused, mended, verified, derived and trained, in about thirty lines.

python examples/own_neuron.py [--quick] [--output runs/own_neuron]
"""

import time
from typing import Any

import jax
import numpy as np
import optax
from gallery import Entry, Outcome
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot

EQUATIONS = "dV/dt = (cosh(V) - 2 + I)/tau_m; dI/dt = -I/tau_s"
IN_U = "du/dt = ((u**2 + 1)/2 - (2 - I)*u)/tau_m; dI/dt = -I/tau_s"  # the same with u = exp(V)
COMMON = {"inputs": "I", "parameters": {"tau_m": 1.0, "tau_s": 0.5}}
AT_REST = {"V": "-log(2 + sqrt(3))"}
TRIAL = 4.0


def loss(times: jax.Array, label: jax.Array) -> jax.Array:
    """Cross entropy of first spikes, in which no pseudospike counts as later than a membrane time constant."""
    times = ss.losses.bounded_times(times, duration=TRIAL, margin=1.0)
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.3, early_weight=0.05)


def refusal(model: ss.NeuronModel) -> str:
    """Return why a neuron is refused."""
    try:
        ss.Neuron(model)
    except ss.ContinuityError as error:
        return str(error)
    raise AssertionError("a neuron whose spikes jump must be refused")


def compared(models: tuple[ss.NeuronModel, ss.NeuronModel]) -> dict[str, Any]:
    """Run one neuron with random inputs in both of its forms."""
    draws = np.random.default_rng(0)
    inputs = ss.Spikes(draws.uniform(0, 10, 30), np.arange(30))
    weights = draws.normal(1.0, 2.0, (1, 30))
    times, gradients, seconds = [], [], []
    for model in models:
        neuron = ss.Neuron(model)

        def spikes(weights: jax.Array, neuron: ss.Neuron = neuron) -> tuple[jax.Array, jax.Array]:
            recording = ss.FeedForward(neuron, (30, 1), 10.0, weights=[weights])(inputs, capacity=16)
            found = recording.ordinary_spike_times(16)
            return jax.numpy.where(found < np.inf, found, 0.0).sum(), found

        run = jax.jit(jax.value_and_grad(spikes, has_aux=True))
        (_, found), gradient = jax.block_until_ready(run(weights))
        begun = time.process_time()
        jax.block_until_ready(run(weights))
        seconds.append(time.process_time() - begun)
        times.append(np.asarray(found)[np.isfinite(found)])
        gradients.append(np.asarray(gradient))
    return {
        "spikes": len(times[0]), "difference": float(np.abs(times[0] - times[1]).max()),
        "gradient_difference": float(np.abs(gradients[0] - gradients[1]).max() / np.abs(gradients[1]).max()),
        "milliseconds": [1e3 * each for each in seconds], "factor": seconds[0] / seconds[1],
    }  # fmt: skip


def run(quick: bool) -> Outcome:
    """Declare, verify, derive and train."""
    hidden, epochs = (8, 1) if quick else (40, 20)
    refused = ss.NeuronModel.from_equations(EQUATIONS, name="cosh neuron", spike="V = 3", reset="V = -2", **COMMON)
    reasons = refusal(refused)

    mended = ss.NeuronModel.from_equations(
        EQUATIONS, name="cosh neuron", spike="V = oo", reset="V = -oo", initial=AT_REST, **COMMON
    )
    model = ss.NeuronModel.from_equations(
        IN_U, name="cosh neuron", spike="u = oo", reset="u = 0", initial={"u": "2 - sqrt(3)"}, **COMMON
    )
    certificate, derivation = ss.verify(model), ss.derive(model)

    train, test = ss.datasets.digits(duration=TRIAL / 2)
    if quick:
        train, test = train[:64], test[:64]
    net = ss.FeedForward(ss.Neuron(model), (64, hidden, 10), TRIAL, key=jax.random.key(0))
    net = ss.initialise(net, train, rate=(0.5, 0.1))
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(2e-2, epochs * (len(train) // 64), 0.05))
    )
    room = [8 * hidden, 80]  # more spikes than ever come, so that nothing is compiled again
    found = ss.fit(net, train, loss, optimizer=optimizer, epochs=epochs, batch_size=64, progress=False, capacity=room)
    scores = ss.evaluate(found.network, test)

    fig = Figure(figsize=(7.2, 2.1), layout="constrained")
    left, middle, right = fig.subplots(1, 3)
    plot.phase_line(mended, ax=left)
    plot.raster(found.network(test.spikes[0]), ax=middle)
    plot.learning_curve(found.history, ax=right)
    (route,) = certificate.routes
    assert route.own_spike is not None
    assert route.later_spikes is not None
    numbers = {
        "refused": reasons, "verdict": certificate.verdict.value, "mended_verdict": ss.verify(mended).verdict.value,
        "regularity": route.own_spike.name, "later": route.later_spikes.name,
        "contact_exponent": str(route.contact_exponent), "mended_method": ss.derive(mended).method,
        "mended_reason": ss.derive(mended).reason, "method": derivation.method, "reason": derivation.reason,
        "forms": None if quick else compared((mended, model)),
        "hidden": hidden, "epochs": epochs, "test_size": len(test), "accuracy": scores["accuracy_without_pseudospikes"],
        "accuracy_with": scores["accuracy"], "silent": scores["silent_fraction_0"],
    }  # fmt: skip
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="A neuron of one's own",
    published="nobody has used it",
    ours="{{ accuracy:.1%}} of 8x8 digits by ordinary spikes",
    seeds="1",
    run=run,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
