"""The optimiser of a configuration."""

from collections.abc import Hashable
from fnmatch import fnmatchcase
from typing import Any

import optax

from ...networks import Network
from ...training import named_parameters, parameter_groups
from ..config import schema
from ..config.functions import schedule
from ..config.places import Source
from .objects import explained

#: The names of all delays.
_DELAYS = "*delays*"


def build_optimizer(
    table: schema.Optimizer, network: Network, steps_per_epoch: int, epochs: int, source: Source
) -> optax.GradientTransformation:
    """Build an optimiser of optax.

    Args:
        table: What it is.
        network: What it trains, for learning rates of its parts.
        steps_per_epoch: How many steps an epoch has, for schedules.
        epochs: Epochs of the whole training.
        source: The configuration.

    Raises:
        ConfigError: if a schedule cannot be made, or a name fits no parameter, with the line.
    """
    with explained(source, ("optimizer", "schedule")):
        rate: Any = table.learning_rate
        if table.schedule is not None:
            rate = schedule(table.schedule.name, rate, table.schedule.options, steps_per_epoch, epochs)
    make = getattr(optax, table.name)
    with explained(source, ("optimizer",)):
        options = {name: value for name, value in table.options.items() if value is not None}
        steps = [optax.clip(table.clip)] if table.clip is not None else []
        steps += [optax.clip_by_global_norm(table.clip_global_norm)] if table.clip_global_norm is not None else []
        own = make(rate, **options)
    with explained(source, ("optimizer", "rates")):
        if table.rates:
            own = _in_groups(table, network, lambda: make(rate, **options), own)
    if any(fnmatchcase(name, _DELAYS) for name in named_parameters(network)):
        # no step makes a delay negative
        kept: dict[Hashable, Any] = {"delays": optax.keep_params_nonnegative(), "others": optax.identity()}
        own = optax.chain(own, optax.multi_transform(kept, parameter_groups({"delays": _DELAYS}, otherwise="others")))
    return optax.chain(*steps, own) if steps else own


def _in_groups(table: schema.Optimizer, network: Network, make: Any, otherwise: Any) -> Any:
    for pattern, factor in table.rates.items():
        if factor < 0:
            raise ValueError(f"the factor of {pattern} is {factor}, but must be at least 0")
    groups = parameter_groups({pattern: pattern for pattern in table.rates}, otherwise="all others")
    groups(network)  # a pattern that fits no parameter is refused here, with the names of all
    transforms: dict[Hashable, Any] = {
        pattern: optax.set_to_zero() if factor == 0 else optax.chain(make(), optax.scale(factor))
        for pattern, factor in table.rates.items()
    }
    if any(pattern == "all others" for pattern in table.rates) or not named_parameters(network):
        raise ValueError("rates must be of patterns of the names that ss.named_parameters gives")
    return optax.multi_transform(transforms | {"all others": otherwise}, groups)
