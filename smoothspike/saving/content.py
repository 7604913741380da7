"""Networks as content for JSON and named arrays, and back, leaf by leaf to the last bit.

Objects are rebuilt from their class, which must be known here, and their fields; neurons from their declaration, which
is verified and derived anew.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symbolic import DerivationError, NeuronModel, derive
from symbolic.declare import storage

from ..engine import Connections
from ..networks import FeedForward, Recurrent, Sequential
from ..neurons._certified import certificate_of
from ..neurons.beyond import Softplus
from ..neurons.neuron import Neuron

_CLASSES: dict[str, Any] = {each.__name__: each for each in (FeedForward, Recurrent, Sequential, Connections, Softplus)}
_CLASS, _ARRAY, _MAPPING = "$class", "$array", "$mapping"
#: Fields of a neuron that follow from the others, or that are saved by another name.
_DERIVED = ("unconstrained", "model", "derivation", "fixed", "integration")


class Writer:
    """Turns objects into content for JSON; arrays are gathered by the place that they have in a PyTree."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.models: list[dict[str, Any]] = []

    def content(self, value: Any, place: str) -> Any:
        """Return the content of an object.

        Raises:
            TypeError: if an object cannot be saved.
        """
        if isinstance(value, jax.Array | np.ndarray):
            self.arrays[place] = np.asarray(value)
            return {_ARRAY: place}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, tuple | list):
            return [self.content(part, f"{place}[{index}]") for index, part in enumerate(value)]
        if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
            return {_MAPPING: {name: self.content(part, f"{place}[{name!r}]") for name, part in value.items()}}
        if isinstance(value, Neuron):
            return self._neuron(value, place)
        if type(value) is not _CLASSES.get(type(value).__name__):
            raise TypeError(f"{place.lstrip('.') or 'the network'} is a {type(value).__name__}, which cannot be saved")
        kind: Any = type(value)
        names = [field.name for field in fields(kind)]
        parts = {name: self.content(getattr(value, name), f"{place}.{name}") for name in names}
        return {_CLASS: type(value).__name__} | parts

    def _neuron(self, neuron: Neuron, place: str) -> dict[str, Any]:
        model = storage.to_json(neuron.model)
        if model not in self.models:
            self.models.append(model)
        integration = neuron.integration
        options = {
            field.name: self.content(getattr(neuron, field.name), f"{place}.{field.name}")
            for field in fields(neuron)
            if field.name not in _DERIVED
        }
        return {
            _CLASS: "Neuron", "model": self.models.index(model), "trainable": list(neuron.trainable),
            "method": _method(neuron), "solver": _solver(integration.solver), "rtol": integration.rtol,
            "atol": integration.atol, "allow_discontinuous": _is_discontinuous(neuron.model), **options,
            "unconstrained": self.content(neuron.unconstrained, f"{place}.unconstrained"),
        }  # fmt: skip


class Reader:
    """Makes objects of what `Writer` wrote."""

    def __init__(self, models: list[Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.models = [storage.from_json(model) for model in models]
        self.arrays = arrays

    def value(self, content: Any) -> Any:
        """Return the object.

        Raises:
            ValueError: if content is missing or of another form, or arrays do not fit JAX's precision.
        """
        if isinstance(content, list):
            return tuple(self.value(part) for part in content)
        if not isinstance(content, Mapping):
            return content
        if _ARRAY in content:
            return as_saved(self.arrays[content[_ARRAY]], content[_ARRAY])
        if _MAPPING in content:
            return {name: self.value(part) for name, part in content[_MAPPING].items()}
        parts = {name: self.value(part) for name, part in content.items() if name != _CLASS}
        return self._neuron(parts) if content[_CLASS] == "Neuron" else _made(content[_CLASS], parts)

    def _neuron(self, parts: dict[str, Any]) -> Neuron:
        model, raw = self.models[parts.pop("model")], parts.pop("unconstrained")
        solver, given = parts.pop("solver"), {name: part for name, part in parts.items() if part is not None}
        if solver is not None:
            given["solver"] = getattr(diffrax, solver)()
        neuron = Neuron(model, **given)
        if neuron.unconstrained.keys() != raw.keys():
            raise ValueError(f"{model.name}: values of {list(raw)} for trained {list(neuron.unconstrained)}")
        return eqx.tree_at(lambda each: each.unconstrained, neuron, raw)


def as_saved(array: np.ndarray, name: str) -> jax.Array:
    """Return an array with the precision in which it was saved.

    Raises:
        ValueError: if JAX does not hold it.
    """
    if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        raise ValueError(
            f"{name.lstrip('.')} was saved as {array.dtype}, which JAX turns into "
            f"{jax.dtypes.canonicalize_dtype(array.dtype)} now; enable double precision before: "
            "jax.config.update('jax_enable_x64', True)"
        )
    return jnp.asarray(array)


def _made(name: Any, parts: dict[str, Any]) -> Any:
    """Make an object from its fields: a constructor would round what it converts."""
    kind = _CLASSES.get(name)
    if kind is None:
        raise ValueError(f"a {name} is unknown to this version of smoothspike; use a newer one")
    made = object.__new__(kind)
    for field in fields(kind):
        if field.name not in parts and field.default is MISSING:
            raise ValueError(f"{name} has no {field.name}; use the version of smoothspike that wrote the file")
        object.__setattr__(made, field.name, parts.pop(field.name, field.default))
    if parts:
        raise ValueError(f"{name} has {', '.join(parts)}, unknown to this version of smoothspike; use a newer one")
    return made


def _is_discontinuous(model: NeuronModel) -> bool:
    """Whether a neuron was accepted without a certificate; a readout, which has no spikes, needs none."""
    return model.spike is not None and not certificate_of(model).holds


def _method(neuron: Neuron) -> str | None:
    """The method that was insisted on, None for the best one."""
    try:
        is_best = derive(neuron.derivation.model, trainable=_parameters(neuron)).method == neuron.derivation.method
    except DerivationError:
        is_best = False
    return None if is_best else neuron.derivation.method


def _parameters(neuron: Neuron) -> tuple[str, ...]:
    model: NeuronModel = neuron.model
    return tuple(symbol.name for symbol in model.parameters if symbol.name in neuron.trainable)


def _solver(solver: Any) -> str | None:
    """The name of a solver of diffrax, None for the default."""
    name = type(solver).__name__
    if type(solver) is diffrax.Dopri8:
        return None
    if getattr(diffrax, name, None) is not type(solver) or eqx.tree_equal(solver, type(solver)()) is not True:
        raise TypeError(f"the solver {solver!r} cannot be saved; only those of diffrax with default options can")
    return name
