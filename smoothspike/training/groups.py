"""Parameters of networks by name, to freeze some or give groups of them their own optimisers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array

_RAW, _TRAINED = "raw_", "unconstrained"


def named_parameters(network: Any) -> dict[str, Array]:
    """Return all that an optimiser changes in a network by name.

    Where a parameter is trained under a constraint, the array is the unconstrained number that stands for it, such as
    the logarithm of a time constant.

    Args:
        network: The network.

    Returns:
        The arrays: weights as `weights.<layer>.<route>`, delays as `delays.<layer>`, what is trained of neurons as
        `neurons.<layer>.<name>`; of a `Recurrent` network `recurrent_weights.<route>`, `recurrent_delays`,
        `input_weights.<route>`, `input_delays` and `neuron.<name>`; of a `Sequential` one all these after
        `populations.<number>`.

    Example:
        >>> import smoothspike as ss
        >>> neuron = ss.Neuron(ss.models.qif(), trainable=("tau_m", "V"))
        >>> net = ss.FeedForward(neuron, (2, 3), 4.0, key=jax.random.key(0), delays=[0.5])
        >>> {name: array.shape for name, array in named_parameters(net).items()}
        {'neurons.0.V': (), 'neurons.0.tau_m': (), 'weights.0.I': (3, 2), 'delays.0': ()}
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(network, eqx.is_inexact_array))
    return {_name(path): leaf for path, leaf in leaves}


def parameter_groups(groups: Mapping[str, str | Sequence[str]], otherwise: str | None = None) -> "ParameterGroups":
    """Assign the parameters of a network to groups by name, for `optax.multi_transform` and masks.

    Args:
        groups: For every group the names (see `named_parameters`) that belong to it, as patterns with `*` for any
            text. The first group of which a pattern fits counts.
        otherwise: The group of all other parameters; None to refuse them.

    Returns:
        A function from parameters to their labels, as optax takes it.

    Raises:
        ValueError: when it is called, if a pattern fits no parameter, or a parameter is in no group.

    Example:
        >>> import optax
        >>> import smoothspike as ss
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif(), trainable="tau_m"), (2, 3), 4.0, key=jax.random.key(0))
        >>> groups = parameter_groups({"frozen": "weights.0.*", "slow": ["*.tau_m"]}, otherwise="fast")
        >>> jax.tree.leaves(groups(net))
        ['slow', 'frozen']
        >>> rates = {"frozen": optax.set_to_zero(), "slow": optax.adam(1e-3), "fast": optax.adam(1e-2)}
        >>> optimizer = optax.multi_transform(rates, groups)
    """
    listed = {label: (given,) if isinstance(given, str) else tuple(given) for label, given in groups.items()}
    return ParameterGroups(tuple(listed.items()), otherwise)


@dataclass(frozen=True)
class ParameterGroups:
    """A function from parameters to labels; made by `parameter_groups`."""

    groups: tuple[tuple[str, tuple[str, ...]], ...]
    otherwise: str | None

    def __call__(self, parameters: Any) -> Any:
        """Return a tree of the same structure that holds the group of every parameter."""
        parameters = eqx.filter(parameters, eqx.is_inexact_array)
        paths, structure = jax.tree_util.tree_flatten_with_path(parameters)
        names = [_name(path) for path, _ in paths]
        for label, patterns in self.groups:
            for pattern in patterns:
                if not any(fnmatchcase(name, pattern) for name in names):
                    raise ValueError(f"group {label!r}: {pattern!r} fits no parameter; they are {', '.join(names)}")
        return structure.unflatten([self._label(name) for name in names])

    def _label(self, name: str) -> str:
        for label, patterns in self.groups:
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                return label
        if self.otherwise is None:
            raise ValueError(f"{name} is in no group; add a pattern, or pass otherwise='...' for all others")
        return self.otherwise


def _name(path: tuple[Any, ...]) -> str:
    """Name a leaf by its path, without the attributes that only say how it is stored."""
    steps = [str(getattr(key, "name", getattr(key, "key", getattr(key, "idx", "")))) for key in path]
    found: list[str] = []
    connections: int | None = None
    for step in steps:
        if step.startswith(_RAW):
            connections = len(found)
            found.append(step.removeprefix(_RAW))
        elif connections is not None and step == "delays":
            found[connections] = found[connections].removesuffix("weights") + "delays"
        elif step != _TRAINED and not (connections is not None and step == "weights"):
            found.append(step)
    return ".".join(found)
