"""A neuron of one's own: declared, refused, mended, verified, derived and trained, step by step.

python examples/own_neuron.py [--quick] [--output runs/own_neuron]
"""

import time
from typing import Any

import jax
import numpy as np
import optax
from gallery import Entry, Outcome
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot
from smoothspike.engine import Capacity

EQUATIONS = "dV/dt = (cosh(V) - 2 + I)/tau_m; dI/dt = -I/tau_s"
IN_U = "du/dt = ((u**2 + 1)/2 - (2 - I)*u)/tau_m; dI/dt = -I/tau_s"  # the same with u = exp(V)
COMMON = {"inputs": "I", "parameters": {"tau_m": 1.0, "tau_s": 0.5}}
AT_REST = {"V": "-log(2 + sqrt(3))"}
TRIAL, BATCH = 4.0, 32
#: Digits of the training data on which settings were chosen.
VALIDATION = 288


def loss(times: jax.Array, label: jax.Array) -> jax.Array:
    """Cross entropy of first spikes, in which no pseudospike counts as later than a membrane time constant."""
    times = ss.losses.bounded_times(times, duration=TRIAL, margin=1.0)
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.2, early_weight=0.05)


def refusal(model: ss.NeuronModel) -> str:
    """Return why a neuron is refused."""
    try:
        ss.Neuron(model)
    except ss.ContinuityError as error:
        return str(error)
    raise AssertionError("a neuron whose spikes jump must be refused")


def compared(models: tuple[ss.NeuronModel, ss.NeuronModel]) -> dict[str, Any]:
    """Run one neuron with random inputs in both of its forms, in double precision."""
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


def room(hidden: int) -> list[Capacity]:
    """Return capacity for more spikes than ever come, so that nothing is compiled again."""
    return [Capacity(3 * hidden, 6), Capacity(48, 8)] if hidden else [Capacity(160, 16)]


def trained(model: ss.NeuronModel, hidden: int, epochs: int, quick: bool) -> tuple[Any, ss.datasets.Dataset]:
    """Train a network to read digits; also return the digits that it has not seen. Without hidden neurons: a layer."""
    data, test = ss.datasets.digits(duration=TRIAL / 2)
    order = np.random.default_rng(0).permutation(len(data))
    train, validation = data[order[VALIDATION:]], data[order[:VALIDATION]]
    if quick:
        train, validation, test = train[:64], validation[:32], test[:32]
    net = ss.FeedForward(
        ss.Neuron(model), (64, hidden, 10) if hidden else (64, 10), TRIAL, key=jax.random.key(0), mean=0.25
    )
    if not quick:
        net = ss.initialise(net, train[:200], rate=1.0)
    decay = optax.cosine_decay_schedule(3e-2, epochs * (len(train) // BATCH), 0.05)
    found = ss.fit(
        net, train, loss, optimizer=optax.chain(optax.clip_by_global_norm(1.0), optax.adam(decay)), epochs=epochs,
        batch_size=BATCH, validation=validation, progress=False, capacity=room(hidden),
    )  # fmt: skip
    return found, test


def draw_errors(ax: Axes, history: list[dict[str, float]]) -> None:
    """Draw the error on validation digits, by ordinary spikes."""
    errors = [100 * (1 - row["accuracy_without_pseudospikes"]) for row in history]
    ax.semilogy([row["epoch"] for row in history], errors, color=plot.BLUE)
    ax.set(xlabel="epoch", ylabel="validation error (%)", xlim=(0, len(history)), yticks=(5, 10, 20))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")


def run(quick: bool) -> Outcome:
    """Declare, verify, derive and train."""
    hidden, epochs = (0, 1) if quick else (40, 20)
    refused = ss.NeuronModel.from_equations(EQUATIONS, name="cosh neuron", spike="V = 3", reset="V = -2", **COMMON)
    reasons = refusal(refused)

    mended = ss.NeuronModel.from_equations(
        EQUATIONS, name="cosh neuron", spike="V = oo", reset="V = -oo", initial=AT_REST, **COMMON
    )
    model = ss.NeuronModel.from_equations(
        IN_U, name="cosh neuron", spike="u = oo", reset="u = 0", initial={"u": "2 - sqrt(3)"}, **COMMON
    )
    certificate, derivation = ss.verify(model), ss.derive(model)

    found, test = trained(model, hidden, epochs, quick)
    # with the loss, as in training: compiled once
    scores = ss.evaluate(found.network, test, batch_size=BATCH, capacity=room(hidden), loss=loss)

    forms = None
    if not quick:
        with jax.enable_x64(True):
            forms = compared((mended, model))
    fig = Figure(figsize=(7.2, 2.1), layout="constrained")
    left, middle, right = fig.subplots(1, 3)
    plot.phase_line(mended, ax=left)
    plot.raster(found.network(test.spikes[0], capacity=room(hidden)), layer=0, ax=middle)
    middle.set_ylabel("hidden neuron, one digit")
    draw_errors(right, found.history)
    (route,) = certificate.routes
    assert route.own_spike is not None
    assert route.later_spikes is not None
    numbers = {
        "refused": reasons, "verdict": certificate.verdict.value, "mended_verdict": ss.verify(mended).verdict.value,
        "regularity": route.own_spike.name, "later": route.later_spikes.name,
        "contact_exponent": str(route.contact_exponent), "mended_method": ss.derive(mended).method,
        "mended_reason": ss.derive(mended).reason, "method": derivation.method, "reason": derivation.reason,
        "forms": forms,
        "hidden": hidden, "epochs": epochs, "validation": found.history[-1]["accuracy_without_pseudospikes"],
        "validation_size": VALIDATION, "test_size": len(test), "accuracy": scores["accuracy_without_pseudospikes"],
        "accuracy_with": scores["accuracy"], "silent": scores["silent_fraction_0"],
    }  # fmt: skip
    return Outcome(numbers, {"": fig})


ENTRY = Entry(
    title="A neuron of one's own",
    published="nobody has used it",
    ours="{{ accuracy:.1%}} of 8x8 digits by ordinary spikes",
    seeds="1",
    run=run,
    double=False,
)

if __name__ == "__main__":
    ENTRY.main(__file__)
