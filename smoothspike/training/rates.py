"""The learning rate that an optimiser of optax has reached, read from its state and from what it closes over."""

from collections.abc import Mapping
from types import FunctionType
from typing import Any

import jax
import numpy as np
import optax

from .fingerprint import RATES, is_rate, schedule_states


def learning_rates(optimizer: optax.GradientTransformation, state: Any) -> dict[str, float]:
    """Return the learning rate of the last step, or one for every group of `optax.multi_transform`.

    Known are the rates of optax's optimisers, constant or by a schedule, and those of `inject_hyperparams`.

    Args:
        optimizer: The optimiser.
        state: Its state.

    Returns:
        `learning_rate`, or `learning_rate_<group>`; nothing where it cannot be read off.

    Example:
        >>> optimizer = optax.adam(optax.linear_schedule(1.0, 0.0, 4))
        >>> state = optimizer.init(np.zeros(2))
        >>> _, state = optimizer.update(np.ones(2), state)
        >>> _, state = optimizer.update(np.ones(2), state)
        >>> learning_rates(optimizer, state)
        {'learning_rate': 0.75}
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    rates = [(jax.tree_util.keystr(path), leaf) for path, leaf in leaves if is_rate(path)]
    injected = [leaf for name, leaf in rates if "hyperparams_states" not in name]
    if len(injected) == 1:
        return {"learning_rate": float(injected[0])}
    counts = {int(np.max(_at(state, path).count)) for path in schedule_states(state)}
    factors: dict[str, list[Any]] = {}
    _find(optimizer.update, "", factors)
    if len(counts) > 1 or injected:
        return {}
    step = max([1, *counts]) - 1
    return {
        f"learning_rate_{label}" if label else "learning_rate": _product(found, step)
        for label, found in factors.items()
    }


def _product(factors: list[Any], step: int) -> float:
    reached: list[Any] = [factor(step) if callable(factor) else factor for factor in factors]
    numbers = [float(factor) for factor in reached]
    return abs(float(np.prod(numbers)))


def _at(state: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        name = getattr(key, "name", None)
        state = getattr(state, name) if name is not None else state[getattr(key, "key", getattr(key, "idx", None))]
    return state


def _find(value: Any, label: str, factors: dict[str, list[Any]]) -> None:
    """Collect what scales updates, by the group that it is in."""
    if isinstance(value, optax.GradientTransformation):
        value = value.update
    if isinstance(value, tuple | list):
        for part in value:
            _find(part, label, factors)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if isinstance(part, optax.GradientTransformation):
                _find(part, str(key), factors)
    elif isinstance(value, FunctionType) and (value.__module__ or "").startswith("optax."):
        rate = RATES.get(value.__qualname__)
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            if rate and name == rate:
                factors.setdefault(label, []).append(cell.cell_contents)
            elif not rate:
                _find(cell.cell_contents, label, factors)
