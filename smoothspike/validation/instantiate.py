"""Numbers for the parameters that a declaration leaves open, or for which it gives one value per neuron."""

from collections.abc import Iterator
from itertools import islice, product

import sympy as sp

from symbolic import Certificate, ModelError, NeuronModel
from symbolic.declare import with_any_currents, with_fixed_threshold

_NUMBERS = tuple(sp.Rational(number) for number in ("1", "1/2", "2", "-1", "3", "1/5", "0", "-2", "5", "3/2"))
_MAX_TRIED = 500


def instantiate(certificate: Certificate) -> Iterator[NeuronModel]:
    """Yield models with numbers for all parameters that satisfy the certificate's assumptions.

    Currents that are given at run time are states in them, which inputs move.
    """
    for model in _single_neurons(with_fixed_threshold(with_any_currents(certificate.model))):
        undetermined = [symbol for symbol, value in model.parameters.items() if value is None]
        if not undetermined:
            yield model
            continue
        for numbers in islice(product(_NUMBERS, repeat=len(undetermined)), _MAX_TRIED):
            chosen = dict(zip(undetermined, numbers, strict=True))
            values = {**model.scalar_values, **chosen}
            if any(assumption.subs(values) == sp.false for assumption in certificate.assumptions):
                continue
            try:
                yield model.with_parameters(**{symbol.name: number for symbol, number in chosen.items()})
            except (ModelError, TypeError):  # SymPy raises TypeError where a comparison has no answer
                continue


def _single_neurons(model: NeuronModel) -> Iterator[NeuronModel]:
    arrays = {symbol.name: value for symbol, value in model.values.items() if isinstance(value, sp.Tuple)}
    if not arrays:
        yield model
    for row in dict.fromkeys(zip(*arrays.values(), strict=True)):
        yield model.with_parameters(**dict(zip(arrays, row, strict=True)))
