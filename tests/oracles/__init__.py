"""Oracles of any declared model: exact to 40 digits where its equations become linear, else to about 1e-13.

They read the declaration but share no numerical code with the packages. They follow the protocol of `reference`, so
that its simulations, pseudospikes and differences serve them, too. A state is (potential, other states); for a circle
variable the potential is the tangent of half its angle, and `from_declared` translates.

`derivatives` takes central differences with the step that suits the oracle.
"""

from collections.abc import Callable, Sequence
from typing import Any

from reference import central_difference

from symbolic import NeuronModel

from .equations import equations
from .general import General
from .linear import Affine, Riccati, RiccatiAtInfinity, is_affine, is_riccati


def oracle(model: NeuronModel) -> Affine | Riccati | General:
    """The most exact oracle of a model that has one number for every parameter."""
    given = equations(model)
    if is_affine(given):
        return Affine(given)
    if is_riccati(given):
        return RiccatiAtInfinity(given) if given.circle or model.spike.is_at_infinity else Riccati(given)
    return General(given)


def general(model: NeuronModel) -> General:
    """The oracle in double precision, whatever the model."""
    return General(equations(model))


def derivatives(neuron: Any, function: Callable, point: Sequence, direction: int | Sequence) -> list:
    """The derivative of spike times along a direction: 28 digits, or about 1e-8 for a `General` oracle.

    Raises:
        ValueError: the two sides differ in the number of spikes or in the order of the neurons.
    """
    if not isinstance(neuron, General):
        return central_difference(function, point, direction)
    near, far = (central_difference(function, point, direction, step) for step in ("1e-4", "2e-4"))
    return [(4 * one - other) / 3 for one, other in zip(near, far, strict=True)]
