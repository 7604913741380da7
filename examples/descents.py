"""Gradient descent as one program, at rates that decay and with a line search.

Both are those of Fig. 3 of Klos & Memmesheimer, arXiv:2309.14523.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

#: Of the line search: multiples of a step that are tried, and by how much spikes may move.
FACTORS, LARGEST_MOVE = 10 ** np.linspace(-5, 2, 50), 0.5
Loss = Callable[[Any], tuple[Array, Any]]


class Search(NamedTuple):
    """A descent in parts.

    Attributes:
        begin: From parameters to what the first part begins with: these, and the state of the optimiser.
        run: From what a part begins with to what the next one does, and losses and times on the way.
    """

    begin: Callable[[Any], Any]
    run: Callable[[Any], Any]


def descent(loss: Loss, trials: int) -> Callable[[Any], Any]:
    """Return a program that trains from given parameters; it returns the last ones, and losses and times on the way."""
    optimizer = optax.adabelief(optax.exponential_decay(1e-2, 2000, float(np.exp(-1))))

    def moved(parameters: Any, update: Any, _: Array) -> Any:
        return optax.apply_updates(parameters, update)

    trained = _trained(loss, optimizer, moved, trials)

    def run(start: Any) -> Any:
        (end, _), losses, times = trained((start, optimizer.init(start)))
        return end, losses, times

    return jax.jit(run)


def searching_descent(loss: Loss, seen: np.ndarray, trials: int) -> Search:
    """Return a descent that takes, of many multiples of each step, the one of least loss, in parts of some trials.

    Only those count that move no spike by more than `LARGEST_MOVE`, of those that are `seen`.
    """

    def moved(parameters: Any, update: Any, times: Array) -> Any:
        def along(factor: Array) -> Any:
            return jax.tree.map(lambda at, by: at + factor * by, parameters, update)

        tried = jax.vmap(along)(jnp.asarray(FACTORS))
        losses, found = jax.vmap(loss)(tried)
        is_small = ((jnp.abs(found - times) < LARGEST_MOVE) | ~seen).all((1, 2))
        best = jnp.argmin(jnp.where(is_small, losses, jnp.inf))
        return jax.tree.map(lambda each: each[best], tried)

    optimizer = optax.adabelief(1e-2, b2=0.99)
    return Search(lambda start: (start, optimizer.init(start)), jax.jit(_trained(loss, optimizer, moved, trials)))


def _trained(loss: Loss, optimizer: optax.GradientTransformation, moved: Callable, trials: int) -> Callable[[Any], Any]:
    def step(carry: tuple, _: None) -> tuple:
        parameters, state = carry
        (value, times), gradient = jax.value_and_grad(loss, has_aux=True)(parameters)
        update, state = optimizer.update(gradient, state, parameters)
        return (moved(parameters, update, times), state), (value, times)

    def run(carry: Any) -> Any:
        carry, (losses, times) = jax.lax.scan(step, carry, length=trials)
        return carry, losses, times

    return run
