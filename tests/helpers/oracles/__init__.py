"""Oracles of any declared model: exact to 40 digits where its equations become linear, else to about 1e-13.

They read the declaration but share no numerical code with the packages. They follow the protocol of `reference`, so
that its simulations, pseudospikes and differences serve them, too. A state is (potential, other states); for a circle
variable the potential is the tangent of half its angle, and `from_declared` translates.

`derivatives` takes central differences with the step that suits the oracle.
"""

from collections.abc import Callable, Sequence
from typing import Any

from reference import central_difference, mp

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
    """The derivative of spike times along a direction: 28 digits, or better than 1e-8 for a `General` oracle.

    The latter is not a number where differences do not tell the derivative that well, as beside a kink.

    Raises:
        ValueError: the two sides differ in the number of spikes or in the order of the neurons.
    """
    if not isinstance(neuron, General):
        return central_difference(function, point, direction)
    return _ridders(lambda step: central_difference(function, point, direction, step))


_DOUBTFUL = mp.mpf("1e-8")


def _ridders(difference: Callable) -> list:
    """Extrapolate central differences to a step of zero, each entry to where neighbouring estimates agree best.

    Source: Ridders, Advances in Engineering Software 4 (1982).
    """
    best, errors, above = None, [], []
    for step in ("4e-4", "2e-4", "1e-4", "5e-5", "2.5e-5"):
        try:
            row = [difference(step)]
        except ValueError:
            above = []  # too far: another number of spikes
            continue
        for order, wider in enumerate(above, start=1):
            factor = 4**order
            row.append([(factor * fine - coarse) / (factor - 1) for fine, coarse in zip(row[-1], wider, strict=True)])
            changes = [abs(new - fine) for new, fine in zip(row[-1], row[-2], strict=True)]
            if best is None:
                best, errors = list(row[-1]), changes
            for entry, change in enumerate(changes):
                if change < errors[entry]:
                    best[entry], errors[entry] = row[-1][entry], change
        above = row
    if best is None:
        raise ValueError("the number or the order of the spikes differs between the two sides, however close")
    return [
        value if error <= _DOUBTFUL * max(1, abs(value)) else mp.nan for value, error in zip(best, errors, strict=True)
    ]
