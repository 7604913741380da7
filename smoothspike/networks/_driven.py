"""Networks with the currents of one call: checked, assigned to populations, and held for every trial."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._tracing import revealed
from ..currents import AbstractCurrent
from ..spikes import Spikes
from ._capacity import after
from ._currents import Currents
from ._layer import Layer

if TYPE_CHECKING:
    from .abstract import AbstractNetwork


@final
class Driven(eqx.Module):
    """A network with the currents that are given to its populations.

    Attributes:
        network: The network.
        currents: Of each population by name.
    """

    network: Any
    currents: tuple[dict[str, AbstractCurrent], ...]

    @property
    def duration(self) -> float:
        """The trial end."""
        return self.network.duration

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its populations, with their currents."""
        return tuple(
            layer._replace(currents=given) for layer, given in zip(self.network.layers, self.currents, strict=True)
        )

    @property
    def trial_axes(self) -> "Driven":
        """Where the trials are that have currents of their own, for `jax.vmap`."""

        def axes(current: AbstractCurrent) -> Any:
            return jax.tree.map(lambda _: 0 if current.batch else None, current)

        return Driven(None, tuple({name: axes(current) for name, current in each.items()} for each in self.currents))

    @property
    def has_own_currents(self) -> bool:
        """Whether trials have currents of their own."""
        return any(current.batch for each in self.currents for current in each.values())


def with_own_currents(function: Callable[[Any, Spikes], Any], network: Any, spikes: Spikes) -> Any:
    """Run all trials together, or one by one where they have currents of their own."""
    if isinstance(network, Driven) and network.has_own_currents:
        return jax.vmap(function, (network.trial_axes, 0))(network, spikes)
    return function(network, spikes)


def driven_by_currents(
    network: "AbstractNetwork", given: Currents | Sequence[Currents | None] | None, spikes: Spikes
) -> tuple[Any, Spikes, tuple[int, ...] | None]:
    """Return a network with the currents that are given to it, and the spikes that it is run on.

    Several batch axes of trials with currents of their own are flattened to one; they are returned then, else None.
    """
    layers = network.layers
    assigned = _assigned(layers, given)
    for layer, each in zip(layers, assigned, strict=True):
        for symbol in layer.neuron.model.currents:
            spikes = _within_range(layer, symbol.name, each.get(symbol.name), spikes)
    if not any(assigned):
        return network, spikes, None
    dtype, batch = spikes.times.dtype, spikes.times.shape[:-1]
    cast = jax.tree.map(lambda leaf: leaf.astype(dtype), assigned)
    driven = Driven(network, cast)
    if not driven.has_own_currents or len(batch) == 1:
        return driven, spikes, None

    def flat(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[len(batch) :]), tree)

    flattened = [{name: flat(one) if one.batch else one for name, one in each.items()} for each in cast]
    return Driven(network, tuple(flattened)), flat(spikes), batch


def _assigned(layers: tuple[Layer, ...], given: Any) -> tuple[dict[str, AbstractCurrent], ...]:
    """Find out which population every current is for."""
    declared = [[symbol.name for symbol in layer.neuron.model.currents] for layer in layers]
    if given is None:
        return ({},) * len(layers)
    if isinstance(given, Mapping):
        found: list[dict[str, Any]] = [{} for _ in layers]
        for name, current in given.items():
            where = [index for index, names in enumerate(declared) if name in names]
            if len(where) > 1:
                raise ValueError(
                    f"currents: {len(where)} layers declare {name!r}; pass a list with a mapping, or None, for each of "
                    f"{len(layers)} layers"
                )
            if not where:
                raise ValueError(f"currents: no layer declares {name!r}; {_known(declared)}")
            found[where[0]][name] = current
        each = found
    else:
        if isinstance(given, AbstractCurrent) or not isinstance(given, Sequence):
            raise TypeError(
                f"currents is of type {type(given).__name__}, but must be a mapping from names to currents, such as "
                f"{{{_example(declared)!r}: PiecewiseConstant(times, values)}}, or a list with one for each layer"
            )
        each = [dict(own or {}) for own in given]
        if len(each) != len(layers):
            raise ValueError(f"currents: {len(each)} entries for {len(layers)} layers; pass one for each, or None")
    for layer, names, own in zip(layers, declared, each, strict=True):
        for name, current in own.items():
            if name not in names:
                raise ValueError(f"currents: {layer.name} declares no {name!r}; {_known(declared)}")
            if not isinstance(current, AbstractCurrent):
                raise ValueError(
                    f"current {name} is of type {type(current).__name__}; pass PiecewiseConstant(times, values) or "
                    "PiecewiseLinear(times, values)"
                )
            if current.neurons not in (None, layer.size):
                raise ValueError(f"current {name} has values for {current.neurons} neurons, but it is for {layer.name}")
    return tuple(each)


def _example(declared: list[list[str]]) -> str:
    return next((name for names in declared for name in names), "I_ext")


def _known(declared: list[list[str]]) -> str:
    names = ", ".join(dict.fromkeys(name for names in declared for name in names))
    return f"declared are {names}" if names else "declare it, as in NeuronModel(..., currents=I_ext)"


def _within_range(layer: Layer, name: str, current: AbstractCurrent | None, spikes: Spikes) -> Spikes:
    """Refuse currents outside their range, not finite or in no order; inside jit the spikes depend on it."""
    low, high = layer.neuron.range_of(name)
    if current is None:
        message = f"current {name} of {layer.name} is 0 where none is given, which its range excludes; give it"
        return _unless(~((low <= 0) & (high >= 0)), message, spikes)
    if current.batch not in ((), spikes.times.shape[:-1]):
        raise ValueError(
            f"current {name} has the leading axes {current.batch}, but the spikes {spikes.times.shape[:-1]}: give "
            "both the same, or a current without leading axes"
        )
    values = current.values if current.neurons is not None else current.values[..., None]
    message = (
        f"current {name} of {layer.name}: a value is not a number, or not in the range of {name} that is declared "
        "or on which the certificate rests (before its first step a current is 0)"
    )
    is_wrong = ~((values >= low) & (values <= high) & jnp.isfinite(values))
    if not current.has_slope:
        is_wrong = is_wrong | ((current.times[..., :1] > 0)[..., None] & ~((low <= 0) & (high >= 0)))
    spikes = _unless(is_wrong, message, spikes)
    times = current.times
    is_wrong = ~jnp.isfinite(times).all() | ~(jnp.diff(times) >= 0).all()
    return _unless(is_wrong, f"current {name} of {layer.name}: its times must be finite and ascend", spikes)


def _unless(is_wrong: Array, message: str, spikes: Spikes) -> Spikes:
    wrong = revealed(is_wrong)
    if wrong is None:
        return after(eqx.error_if(jnp.zeros((), jnp.int32), is_wrong, message), spikes)
    if np.any(wrong):
        raise ValueError(message)
    return spikes
