"""A network that reads Braille by its spikes, from recordings of a touch sensor.

Trains 24-100-27 quadratic integrate-and-fire neurons on level crossings of the sensor's signals, so that they answer by
ordinary spikes within the trial, in about two minutes. Without a file, on generated spike times (Randman):

    python examples/braille.py [braille_touch.npz] [--quick]
    python examples/braille.py [braille_touch.npz] --ablate            # the table of docs/do/silent_networks.md
    python examples/braille.py [braille_touch.npz] --ablate 0 5        # its rows 0 and 5

`smoothspike.datasets.braille` says where the file is from. docs/do/silent_networks.md explains every choice made here.
"""

import argparse
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import optax

import smoothspike as ss

BATCH = 64
LEAKY: dict[str, Any] = {"equations": "dV/dt = (I - V)/tau_m; dI/dt = -I/tau_s", "name": "leaky", "inputs": "I"}


@dataclass(frozen=True)
class Recipe:
    """All choices; times in membrane time constants."""

    input: float = 2.0  # the network has as long again as the input lasts
    trial: float = 4.0
    rate: float | tuple[float, ...] | None = (0.5, 0.1)  # spikes per neuron at the start; None: as drawn
    margin: float | None = 1.0  # no pseudospike counts as later than this after the trial
    tau: float = 0.3
    early_weight: float = 0.05
    learning_rate: float = 3e-2
    clip: float | None = 1.0
    readout: bool = False  # leaky integrators in place of the output neurons
    epochs: int = 40

    def loss(self, times: jax.Array, label: jax.Array) -> jax.Array:
        """Cross entropy of first spikes."""
        if self.margin is not None:
            times = ss.losses.bounded_times(times, duration=self.trial, margin=self.margin)
        return ss.losses.first_spike_cross_entropy(times, label, tau=self.tau, early_weight=self.early_weight)

    def optimizer(self, steps: int) -> optax.GradientTransformation:
        """Adam, whose rate decays to a twentieth."""
        adam = optax.adam(optax.cosine_decay_schedule(self.learning_rate, steps, alpha=0.05))
        return adam if self.clip is None else optax.chain(optax.clip_by_global_norm(self.clip), adam)


PLAIN = replace(Recipe(), learning_rate=1e-2, clip=None, early_weight=0.0, epochs=20)
ABLATIONS = {
    "this recipe": Recipe(),
    "rate (0.5, 0.3)": replace(Recipe(), rate=(0.5, 0.3)),
    "not initialised: starts silent": replace(Recipe(), rate=None),
    "without the early term": replace(Recipe(), early_weight=0.0),
    "early term of 1, starts silent": replace(Recipe(), early_weight=1.0, rate=None),
    "margin 0.3": replace(Recipe(), margin=0.3),
    "times not bounded": replace(Recipe(), margin=None),
    "input as long as the trial, 4": replace(Recipe(), input=4.0),
    "input a quarter of the trial, 1": replace(Recipe(), input=1.0),
    "learning rate 6e-2": replace(Recipe(), learning_rate=6e-2),
    "learning rate 1e-2, no clipping, no early term, 20 epochs": PLAIN,
    "the same, times not bounded": replace(PLAIN, margin=None),
    "the same, τ = 1 in the loss": replace(PLAIN, margin=None, tau=1.0),
    "the same, a rate of (0.2, 1.0) at the start": replace(PLAIN, margin=None, tau=1.0, rate=(0.2, 1.0)),
    "leaky readout, maximum over time, rate 1": replace(Recipe(), readout=True, rate=1.0),
    "the same, rate 0.5": replace(Recipe(), readout=True, rate=0.5),
    "the same, rate 1, learning rate 0.1": replace(Recipe(), readout=True, rate=1.0, learning_rate=0.1),
}


def trained(file: str | None, recipe: Recipe) -> tuple[dict[str, float], dict[str, float]]:
    """Train; return what is known of the best epoch on the validation data, and what `evaluate` says of the test."""
    if file is None:
        data = ss.datasets.randman(5, 24, dim=1, samples=200, duration=recipe.input)
    else:
        data = ss.datasets.braille(file, duration=recipe.input)
    train, validation, test = data
    neuron = ss.Neuron(ss.models.qif())
    leaky = ss.NeuronModel.from_equations(**LEAKY, parameters={"tau_m": 1.0, "tau_s": 0.5})
    neurons = [neuron, ss.Neuron(leaky) if recipe.readout else neuron]
    assert train.num_classes is not None  # labels are letters
    net = ss.FeedForward(neurons, (train.num_sources, 100, train.num_classes), recipe.trial, key=jax.random.key(0))
    if recipe.rate is not None:
        net = ss.initialise(net, train, rate=recipe.rate)
    found = ss.fit(
        net,
        train,
        ss.losses.cross_entropy if recipe.readout else partial(Recipe.loss, recipe),
        optimizer=recipe.optimizer(recipe.epochs * (len(train) // BATCH)),
        epochs=recipe.epochs,
        batch_size=BATCH,
        validation=validation,
        keep_best=True,
    )
    best = max(found.history, key=lambda row: (row["accuracy_without_pseudospikes"], row["accuracy"]))
    return best, ss.evaluate(found.network, test)


def main(file: str | None, epochs: int | None) -> dict[str, float]:
    """Train and test; return what `evaluate` says of the test data."""
    _, result = trained(file, replace(Recipe(), epochs=epochs or Recipe.epochs))
    print(f"test accuracy by ordinary spikes {result['accuracy_without_pseudospikes']:.3f}", end=", ")
    print(f"with pseudospikes {result['accuracy']:.3f}")
    print(", ".join(f"layer {n}: {result[f'spikes_per_neuron_{n}']:.2f} spikes per neuron" for n in range(2)))
    return result


def ablate(file: str | None, rows: list[int], epochs: int | None) -> None:
    """Print the table of what each choice is good for, row by row."""
    print("| | | ordinary spikes | with pseudospikes | spikes per hidden neuron |\n|---|---|---|---|---|")
    for number in rows or range(len(ABLATIONS)):
        name, recipe = list(ABLATIONS.items())[number]
        best, _ = trained(file, replace(recipe, epochs=epochs or recipe.epochs))
        figures = (best[key] for key in ("accuracy_without_pseudospikes", "accuracy", "spikes_per_neuron_0"))
        print(f"| {number} | {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="braille_touch.npz; without it, data are generated")
    parser.add_argument("--ablate", nargs="*", type=int, metavar="ROW", help="print a table of other choices")
    parser.add_argument("--quick", action="store_true", help="train for 2 epochs, to see that it runs")
    options = parser.parse_args()
    short = 2 if options.quick else None
    if options.ablate is None:
        main(options.file, short)
    else:
        ablate(options.file, options.ablate, short)
