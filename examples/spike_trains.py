"""Networks that have to spike at given times, for precise_spike_trains.py.

After Fig. 3 of Klos & Memmesheimer, arXiv:2309.14523.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import smoothspike as ss

SIZE, TRAINED, DURATION, WEIGHT = 10, 2, 10.0, 5.0
CAPACITY = 500
Parameters = dict[str, Any]


class Task(NamedTuple):
    """Inputs, and the times at which neurons must spike; the last of each only bounds the spike after them."""

    spikes: ss.Spikes
    targets: list[np.ndarray]
    beyond: Any = "lifted"


def task(seed: int) -> Task:
    """Draw inputs of rate 1, and targets with exponential intervals of rates 1 and 1/2, plus 1 from the second on.

    The random numbers are those of the authors' code, as JAX drew them in 2024; inputs are seen from time 10 on.
    """
    number = int(5 * 2 * DURATION)
    with jax.threefry_partitionable(False):
        key, for_excitation = jax.random.split(jax.random.PRNGKey(seed))
        key, for_inhibition = jax.random.split(key)
        _, for_targets = jax.random.split(key)
        intervals = [
            np.asarray(jax.random.exponential(each, (SIZE, number))) for each in (for_excitation, for_inhibition)
        ]
        between = np.array(jax.random.exponential(for_targets, (TRAINED, int(2.5 * DURATION))))
    times = np.cumsum(np.concatenate(intervals), axis=1) - DURATION
    sources, _ = np.nonzero(inside := (times > 0) & (times < DURATION))
    between[1] /= 0.5
    between[:, 1:] += 1
    targets = [np.append(row[row < DURATION], 1.1 * DURATION) for row in np.cumsum(between, axis=1)]
    return Task(ss.Spikes(times[inside], sources).sorted(), targets)


def network(recurrent: Float[Array, "neurons neurons"], beyond: Any) -> ss.Recurrent:
    """Build the network; no neuron is connected to itself."""
    inputs = jnp.concatenate([WEIGHT * jnp.eye(SIZE), -WEIGHT * jnp.eye(SIZE)], axis=1)
    weights = recurrent * (1 - jnp.eye(SIZE))
    neuron = ss.Neuron(ss.models.qif(tau_m=1.0, tau_s=0.5), beyond=beyond)
    return ss.Recurrent(neuron, SIZE, 2 * SIZE, DURATION, recurrent_weights=weights, input_weights=inputs)


def recording(parameters: Parameters, given: Task) -> Any:
    """Run a trial."""
    return network(parameters["weights"], given.beyond)(given.spikes, initial=parameters["initial"], capacity=CAPACITY)


def errors(times: Float[Array, "neurons spikes"], targets: list[np.ndarray]) -> list[Array]:
    """Return by how much spikes miss their targets; the last of every neuron only by how much it is too early."""
    found = []
    for neuron, wanted in enumerate(targets):
        miss = times[neuron, : len(wanted)] - wanted
        found.append(miss.at[-1].set(jnp.minimum(miss[-1], 0.0)))
    return found


def loss_of(misses: list[Array], targets: list[np.ndarray]) -> Array:
    relative = [miss / (wanted + 2) for miss, wanted in zip(misses, targets, strict=True)]
    return jnp.mean(jnp.concatenate(relative) ** 2)


def at_zero(perturbation: int = 0) -> Parameters:
    """Return parameters of zero, or, numbered, ones whose weights are of the order of 1e-12."""
    noise = 1e-12 * np.random.default_rng(perturbation).normal(size=(SIZE, SIZE)) if perturbation else 0.0
    return {
        "weights": jnp.zeros((SIZE, SIZE)) + noise,
        "initial": {"V": jnp.zeros(SIZE), "I": jnp.zeros(SIZE)},
    }


def lossy(given: Task) -> Callable[[Parameters], tuple[Array, Array]]:
    """Return the loss of parameters, and the spike times that it compares."""
    count = max(map(len, given.targets))

    def loss(parameters: Parameters) -> tuple[Array, Array]:
        times = recording(parameters, given).spike_times(count)[:TRAINED]
        return loss_of(errors(times, given.targets), given.targets), times

    return loss


def control(parameters: Parameters) -> Parameters:
    """Cut the connections onto the neurons that are not trained."""
    return {**parameters, "weights": parameters["weights"].at[TRAINED:].set(0.0)}


def scored(parameters: Parameters, given: Task) -> tuple[float, float]:
    """Return the loss and the largest error of a spike time."""
    times = recording(parameters, given).spike_times(max(map(len, given.targets)))[:TRAINED]
    misses = errors(times, given.targets)
    return float(loss_of(misses, given.targets)), float(max(jnp.abs(miss).max() for miss in misses))


def all_scores(parameters: Parameters, given: Task) -> dict[str, float]:
    """Return loss and largest error with the neurons that are not trained, and without."""
    (loss, error), (loss_alone, error_alone) = scored(parameters, given), scored(control(parameters), given)
    return {"loss": loss, "error": error, "loss_alone": loss_alone, "error_alone": error_alone}
