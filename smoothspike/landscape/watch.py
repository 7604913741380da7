"""What has to be watched along a line: which changes of spikes can make a loss jump or bend, by the certificates."""

from typing import Any, Literal, NamedTuple

from symbolic import Regularity

from ..networks._layer import Layer
from ..neurons.linear import LinearDynamics
from ..neurons.neuron import certificate_of


class Watch(NamedTuple):
    """What has to be watched of a population.

    Attributes:
        is_readout: Whether it emits no spikes; then there is nothing to watch.
        orders: Whether a neuron's spike and an arrival may change places with a jump or a kink.
        arrivals: What two arrivals do that change places: nothing ("smooth"); nothing but to change the intervals
            between events ("renumbers"); perhaps a jump or a kink ("counts").
        grazing: How spikes that appear in the middle of the trial are seen: they cannot, by the certificate
            ("impossible"); by how far the potential stays below the threshold ("margins"); by counting ("counts").
    """

    is_readout: bool
    orders: bool
    arrivals: Literal["smooth", "renumbers", "counts"]
    grazing: Literal["impossible", "margins", "counts"]


def watch_of(layer: Layer) -> Watch:
    """Find out what has to be watched of a population."""
    if layer.is_readout:
        return Watch(True, False, "smooth", "impossible")
    for connections, name, _ in layer.connections:
        if not (connections.is_dense or connections.arrives_at_once):
            raise ValueError(
                f"{layer.name}: events are not found where sparse connections have a delay each; give {name} as "
                "matrices or one delay for each source, or pass events=False"
            )
    certificate = certificate_of(layer.neuron.model)
    regularity, together = certificate.regularity, certificate.simultaneous_inputs
    if certificate.holds:
        smooth = _at_least_c1(regularity)
        return Watch(False, not smooth, "smooth" if _at_least_c1(together) else "counts", "impossible")
    if isinstance(layer.dynamics(), LinearDynamics):
        return Watch(False, True, "renumbers", "margins")
    return Watch(False, True, "counts", "counts")


def _at_least_c1(regularity: Any) -> bool:
    return regularity is not None and regularity >= Regularity.C1
