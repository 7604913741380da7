"""A neuron of one's own: declared, refused, mended, verified, derived and trained, in about thirty lines.

python examples/own_neuron.py [--quick] [--output runs/own_neuron]
"""

import jax
import optax
from gallery import Entry, Outcome
from matplotlib.figure import Figure

import smoothspike as ss
from smoothspike import plot

EQUATIONS = "dV/dt = (cosh(V) - 2 + I)/tau_m; dI/dt = -I/tau_s"
COMMON = {
    "name": "cosh neuron",
    "inputs": "I",
    "parameters": {"tau_m": 1.0, "tau_s": 0.5},
    "initial": {"V": "-log(2 + sqrt(3))"},
}
TRIAL = 4.0


def loss(times: jax.Array, label: jax.Array) -> jax.Array:
    """Cross entropy of first spikes, in which no pseudospike counts as later than a membrane time constant."""
    times = ss.losses.bounded_times(times, duration=TRIAL, margin=1.0)
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.3, early_weight=0.05)


def run(quick: bool) -> Outcome:
    """Declare, verify, derive and train."""
    hidden, epochs = (8, 1) if quick else (50, 25)
    refused = ss.NeuronModel.from_equations(EQUATIONS, spike="V = 3", reset="V = -2", **COMMON)
    try:
        ss.Neuron(refused)
        raise AssertionError("a neuron whose spikes jump must be refused")
    except ss.ContinuityError as error:
        reasons = str(error)

    model = ss.NeuronModel.from_equations(EQUATIONS, spike="V = oo", reset="V = -oo", **COMMON)
    certificate, derivation = ss.verify(model), ss.derive(model)
    train, test = ss.datasets.digits(duration=TRIAL / 2)
    net = ss.FeedForward(ss.Neuron(model), (64, hidden, 10), TRIAL, key=jax.random.key(0))
    net = ss.initialise(net, train, rate=(0.5, 0.1))
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(2e-2, epochs * (len(train) // 64), 0.05))
    )
    net, history = ss.fit(net, train, loss, optimizer=optimizer, epochs=epochs, batch_size=64, progress=False)
    found = ss.evaluate(net, test)

    fig = Figure(figsize=(7.2, 2.1), layout="constrained")
    left, middle, right = fig.subplots(1, 3)
    plot.phase_line(model, ax=left)
    plot.raster(net(test.spikes[0]), ax=middle)
    plot.learning_curve(history, ax=right)
    (route,) = certificate.routes
    numbers = {
        "refused": reasons, "verdict": certificate.verdict.value, "regularity": str(route.own_spike),
        "contact_exponent": str(route.contact_exponent), "method": derivation.method,
        "hidden": hidden, "epochs": epochs, "accuracy": found["accuracy_without_pseudospikes"],
        "accuracy_with": found["accuracy"], "silent": found["silent_fraction_0"],
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
