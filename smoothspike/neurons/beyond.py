"""The choice of what a neuron does beyond the trial."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import sympy as sp

from symbolic import Derivation, ModelError, NeuronModel
from symbolic.derive import AffineForm, NumericForm, SolutionForm

from .._tracing import revealed
from ..numerics.lift import AbstractLift, OwnLift, SoftplusLift, SquareplusLift
from .compile.from_form import Values
from .compile.to_jax import lower


@dataclass(frozen=True)
class Softplus:
    r"""Pseudospikes as in the papers: beyond the trial the drive is `I_rh + alpha * softplus((I(T) + x) / alpha)`.

    I(T) is the synaptic current at the trial end, x the summed pseudo-input, and I_rh the rheobase. Under strong
    inhibition softplus underflows and the period becomes infinite: networks raise an error then. The default of
    `Neuron`, which uses squareplus with alpha = I_rh, has no such limit.

    Args:
        alpha: In the units of the current, or of dV/dt for a neuron without currents. The papers use 10.

    Raises:
        ValueError: if alpha is not a positive, finite number.

    Source: Klos & Memmesheimer, arXiv:2309.14523.

    Example:
        A QIF neuron without input goes on with a current of 10 log(2) above its rheobase.

        >>> import jax, smoothspike as ss
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif(), beyond=ss.Softplus(10.0)), (1, 1), 4.0, weights=[[[0.0]]])
        >>> times = net(ss.Spikes([], [])).spike_times(2)[0]
        >>> round(float(times[1] - times[0]), 4)
        1.1933
    """

    alpha: float = 10.0

    def __post_init__(self) -> None:
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, int | float) or not 0 < self.alpha < math.inf:
            raise ValueError(f"alpha of Softplus is {self.alpha!r}, but must be a positive, finite number")
        object.__setattr__(self, "alpha", float(self.alpha))


Beyond = Literal["lifted", "own"] | Softplus


def require_beyond(beyond: Any, model: NeuronModel, derivation: Derivation, values: Values) -> None:
    """Refuse a choice that a model does not admit.

    Raises:
        ModelError: if the model does not admit it.
        ValueError: if there is no such choice.
    """
    if beyond == "lifted":
        return
    if beyond != "own" and not isinstance(beyond, Softplus):
        raise ValueError(f'beyond is {beyond!r}, but must be "lifted", "own" or ss.Softplus(alpha)')
    if model.is_readout:
        raise ModelError(f"{model.name} is a readout, which has no spikes to continue; leave out beyond")
    if beyond == "own":
        _require_one_state(model, derivation)
        return
    rheobase = derivation.rheobase
    if rheobase is None or not np.all(np.asarray(revealed(lower(rheobase, values))) != 0):
        raise ModelError(
            f"{model.name}: Softplus takes alpha in the units of the rheobase, which "
            f'{"has no formula" if rheobase is None else "is 0"}; use beyond="lifted"'
        )


def _require_one_state(model: NeuronModel, derivation: Derivation) -> None:
    """Refuse a potential on which anything else acts, and a field that may be negative out of sight."""
    others = {*model.other_states, *model.currents}
    read: set[Any] = model.field.free_symbols | model.reset_value.free_symbols | model.spike.threshold.free_symbols
    acting = sorted(symbol.name for symbol in read & others)
    if acting:
        raise ModelError(
            f'{model.name}: beyond="own" needs a neuron that certainly fires by itself, but its field, reset or '
            f"threshold depends on {', '.join(acting)}; let inputs act on {model.variable} alone, or use "
            'beyond="lifted"'
        )
    form = derivation.form
    if isinstance(form, AffineForm):
        # its least value is at the threshold then, wherever inputs push the neuron
        is_known = sp.diff(model.field, model.variable).subs(model.scalar_values).is_nonpositive
    else:
        is_known = model.spike.is_at_infinity or not isinstance(form, NumericForm | SolutionForm) or form.is_circle
    if not is_known:
        raise ModelError(
            f'{model.name}: beyond="own" with a finite threshold needs a linear field that does not rise with '
            f'{model.variable}, so that it is positive wherever inputs push the neuron; use beyond="lifted"'
        )


def lift_of(beyond: Beyond, derivation: Derivation, values: Values) -> AbstractLift:
    """Return the lift of a choice, at given values of parameters."""
    if isinstance(beyond, Softplus):
        assert derivation.rheobase is not None  # see `require_beyond`
        rheobase = lower(derivation.rheobase, values)
        return SoftplusLift(beyond.alpha + 0 * rheobase, rheobase)
    return OwnLift() if beyond == "own" else SquareplusLift()
