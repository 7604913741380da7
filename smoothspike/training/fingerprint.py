"""Describe networks, data, losses and optimisers as text, to compare one training with another."""

import dataclasses
import dis
import functools
import hashlib
import itertools
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from symbolic import Derivation, NeuronModel

#: Suffix of entries for digests of byte code, which differ between versions of Python.
CODE = " (code)"
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
#: The functions of optax that close over a learning rate, by name, and the variable's name.
RATES = {
    "scale.<locals>.update_fn": "step_size", "init_empty_state": "",
    "scale_by_schedule.<locals>.update_fn": "step_size_fn", "scale_by_schedule.<locals>.init_fn": "",
}  # fmt: skip
_RATE = "learning_rate"
_OWN = ("smoothspike", "symbolic")


def described(value: Any, *, exactly: bool = True) -> dict[str, str]:
    """Describe an object by the paths in it.

    Arrays are described by type, shape and content; functions by name, byte code, and the values that they are bound
    to, close over, have as defaults and read from their module; functions of installed packages by name only.

    Args:
        value: Any object.
        exactly: Whether floating-point arrays are described by content, or by type and shape only, for arrays that
            training changes.
    """
    walk = _Walk(exactly)
    walk.visit(value, "")
    return walk.found


def optimizer_described(optimizer: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Describe an optimiser, and separately its learning rate."""
    walk = _Walk(exactly=True)
    walk.visit(optimizer.init, ".init")
    walk.visit(optimizer.update, ".update")
    return walk.found, walk.rates


def array_digest(array: Any) -> str:
    """Return a short digest of an array's type, shape and content."""
    numbers = as_numpy(array)
    digest = hashlib.blake2b(digest_size=8)
    digest.update(f"{numbers.dtype} {numbers.shape}".encode())
    digest.update(np.ascontiguousarray(numbers).tobytes())
    return digest.hexdigest()


def as_numpy(array: Any) -> np.ndarray:
    """Return an array, or the data of a random key, as NumPy array."""
    is_key = isinstance(array, jax.Array) and jnp.issubdtype(array.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(array) if is_key else array)


class _Walk:
    """Walks through an object and records its description."""

    def __init__(self, exactly: bool) -> None:
        self.exactly = exactly
        self.found: dict[str, str] = {}
        self.rates: dict[str, str] = {}
        self.around: set[int] = set()  # the objects that contain the current one
        self.functions: set[int] = set()  # functions visited, which may call one another

    def visit(self, value: Any, place: str) -> None:
        if isinstance(value, _PLAIN):
            self.found[place] = repr(value)
        elif isinstance(value, jax.Array | np.ndarray | np.generic):
            self.found[place] = self._array(value)
        elif id(value) not in self.around | self.functions:
            (self.functions if isinstance(value, FunctionType) else self.around).add(id(value))
            self._parts(value, place)
            self.around.discard(id(value))

    def _array(self, array: Any) -> str:
        kind = f"{array.dtype}[{', '.join(map(str, array.shape))}]"
        if not self.exactly and jnp.issubdtype(array.dtype, np.inexact):
            return kind
        numbers = as_numpy(array)
        return f"{kind} {numbers.item()!r}" if numbers.ndim == 0 else f"{kind} with digest {array_digest(array)}"

    def _parts(self, value: Any, place: str) -> None:
        if isinstance(value, NeuronModel):
            self._model(value, place)
        elif isinstance(value, Derivation):
            self.found[f"{place}.method"] = value.method
        elif isinstance(value, type | ModuleType):
            self.found[place] = _name(value)
        elif isinstance(value, Mapping):
            self._mapping(value, place)
        elif isinstance(value, tuple | list):
            self._sequence(value, place)
        elif isinstance(value, set | frozenset):
            self.found[place] = repr(sorted(map(repr, value)))
        elif isinstance(value, functools.partial):
            self.found[place] = "partial"
            for name in ("func", "args", "keywords"):
                self.visit(getattr(value, name), f"{place}.{name}")
        elif isinstance(value, MethodType):
            self.visit(value.__func__, place)
            self.visit(value.__self__, f"{place}.__self__")
        elif isinstance(value, FunctionType):
            self._function(value, place)
        else:
            self._object(value, place)

    def _model(self, model: NeuronModel, place: str) -> None:
        for field in dataclasses.fields(model):
            self.found[f"{place}.{field.name}"] = str(getattr(model, field.name))
        symbols = (*model.states, *model.parameters, *model.currents)
        self.found[f"{place} assumes"] = "; ".join(f"{s}: {sorted(s._assumptions_orig.items())}" for s in symbols)

    def _mapping(self, value: Mapping[Any, Any], place: str) -> None:
        for key in sorted(value, key=repr):
            if key == _RATE and ("_hps" in place or "hyperparams" in place):
                self._rate(value[key], f"{place}[{key!r}]")
            else:
                self.visit(value[key], f"{place}[{key!r}]")

    def _sequence(self, value: Any, place: str) -> None:
        names = getattr(value, "_fields", None)
        if names is not None:
            self.found[place] = type(value).__qualname__
        for index, part in enumerate(value):
            self.visit(part, f"{place}[{index}]" if names is None else f"{place}.{names[index]}")

    def _function(self, function: FunctionType, place: str) -> None:
        code = function.__code__
        rate = RATES.get(function.__qualname__) if (function.__module__ or "").startswith("optax.") else None
        self.found[place] = function.__qualname__ if rate is None else "scale"
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            (self._rate if name == rate else self.visit)(value, f"{place}.{name}")
        self.visit(function.__defaults__ or (), f"{place} defaults")
        self.visit(function.__kwdefaults__ or {}, f"{place} defaults")
        if _is_installed(function):
            return
        self.found[f"{place}{CODE}"] = _code_digest(code, function.__doc__)
        for name in sorted(_globals_read(code)):
            value = function.__globals__.get(name)
            is_own = isinstance(value, FunctionType) and value.__module__ == function.__module__
            is_value = isinstance(value, (*_PLAIN, jax.Array, np.ndarray, np.generic, tuple, list, Mapping))
            if name in function.__globals__ and (is_own or is_value or isinstance(value, functools.partial)):
                self.visit(value, f"{place} reads {name}")

    def _rate(self, value: Any, place: str) -> None:
        if isinstance(value, int | float):
            self.rates[place] = repr(abs(value))  # optax negates it for descent
            return
        outside, self.found = self.found, self.rates
        self.visit(value, place)
        self.found = outside

    def _object(self, value: Any, place: str) -> None:
        wrapped = getattr(value, "__wrapped__", None)  # the result of `jax.jit` and the like
        if isinstance(wrapped, FunctionType) and not isinstance(value, eqx.Module):
            self.visit(wrapped, place)
            return
        named = hasattr(value, "__qualname__") or hasattr(value, "__name__")
        self.found[place] = _name(value) if named else type(value).__qualname__
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                if hasattr(value, field.name):
                    self.visit(getattr(value, field.name), f"{place}.{field.name}")
        elif hasattr(value, "__dict__") and not named:
            for name, part in vars(value).items():
                self.visit(part, f"{place}.{name}")
        elif " at 0x" not in repr(value) and not named:
            self.found[place] = repr(value)


def is_rate(path: tuple[Any, ...]) -> bool:
    """Whether a leaf of an optimiser's state, given by its path, is a learning rate."""
    names = [str(getattr(key, "name", getattr(key, "key", ""))) for key in path]
    return any(above.startswith("hyperparams") and below == _RATE for above, below in itertools.pairwise(names))


def schedule_states(state: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of step counts that only serve a schedule of learning rates."""
    found, _ = jax.tree_util.tree_flatten_with_path(state, is_leaf=_is_schedule)
    for path, part in found:
        if _is_schedule(part):
            yield path


def _is_schedule(part: Any) -> bool:
    return isinstance(part, optax.ScaleByScheduleState)


def _name(value: Any) -> str:
    return getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or type(value).__qualname__


def _is_installed(function: FunctionType) -> bool:
    """Whether a function belongs to Python or an installed package, which have versions."""
    file = function.__code__.co_filename
    root = (function.__module__ or "").partition(".")[0]
    return "site-packages" in file or "dist-packages" in file or root in (*sys.stdlib_module_names, *_OWN)


def _code_digest(code: CodeType, doc: str | None = None) -> str:
    """A digest of a function's code, independent of its line numbers and docstring."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)).encode())
    for constant in code.co_consts:
        if constant is not None and constant == doc:
            continue
        shown = _code_digest(constant) if isinstance(constant, CodeType) else repr(constant)
        digest.update(shown.encode())
    return digest.hexdigest()


def _globals_read(code: CodeType) -> set[str]:
    names = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return names.union(*map(_globals_read, inner))
