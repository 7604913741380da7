"""The library of declared neuron models: plain declarations, with no powers that a user's own lacks."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import NoReturn

from ..declare import NeuronModel
from .quadratic import izhikevich as izhikevich
from .quadratic import qif as qif
from .quadratic import qif_adaptive as qif_adaptive
from .quadratic import qif_alpha as qif_alpha
from .quadratic import qif_conductance as qif_conductance
from .quadratic import qif_delta as qif_delta
from .quadratic import qif_dendrite as qif_dendrite
from .quadratic import qif_double_exponential as qif_double_exponential
from .quadratic import qif_finite_reset as qif_finite_reset
from .quadratic import qif_finite_reset_delta as qif_finite_reset_delta
from .quadratic import rapid_theta as rapid_theta
from .quadratic import rapid_theta_current as rapid_theta_current
from .quadratic import theta_current as theta_current
from .quadratic import theta_neuron as theta_neuron
from .steep import adex as adex
from .steep import eif as eif
from .steep import eif_delta as eif_delta
from .steep import exponential_if as exponential_if
from .steep import quartic as quartic
from .steep import quartic_adaptive as quartic_adaptive
from .threshold import lif as lif
from .threshold import lif_alpha as lif_alpha
from .threshold import lif_conductance as lif_conductance
from .threshold import lif_delta as lif_delta
from .threshold import lif_oscillatory as lif_oscillatory
from .threshold import xif as xif

_LIBRARY: dict[str, Callable[..., NeuronModel]] = {
    declaration.__name__: declaration
    for declaration in (
        qif,
        qif_delta,
        qif_alpha,
        qif_double_exponential,
        qif_conductance,
        qif_adaptive,
        qif_finite_reset,
        qif_finite_reset_delta,
        qif_dendrite,
        theta_neuron,
        theta_current,
        rapid_theta,
        rapid_theta_current,
        izhikevich,
        eif,
        eif_delta,
        exponential_if,
        adex,
        quartic,
        quartic_adaptive,
        lif,
        lif_delta,
        lif_alpha,
        lif_conductance,
        lif_oscillatory,
        xif,
    )
}


def __getattr__(name: str) -> NoReturn:
    close = [] if name.startswith("_") else get_close_matches(name, _LIBRARY, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    message = f"the library has no model {name!r}; {guess}models.names() lists all"
    raise AttributeError(message, name=name, obj=_LIBRARY)


def names() -> tuple[str, ...]:
    """List the names of the library's models; each is a function of this module.

    Example:
        >>> "qif" in names(), len(names()) > 20
        (True, True)
    """
    return tuple(_LIBRARY)
