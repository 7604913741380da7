"""What drives a neuron beyond the trial: the field of its potential is lifted until its minimum is positive.

A lift is a function of the minimum with all other states as they are at the trial end. It is part of the dynamics, and
shares the units of their field.
"""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import known
from .special_functions import lifted

Neurons = Float[Array, "*#neurons"]

_NEGATIVE = (
    'beyond="own" needs a neuron that fires by itself: the minimum of its field must be positive, but a parameter, '
    'perhaps a trained one, has left that range; keep the parameter inside it, or use beyond="lifted"'
)
_UNDERFLOWS = (
    "beyond=Softplus(...) underflows: inhibition at the trial end is so strong that the time to a pseudospike or "
    'its derivative is no number in this precision; use beyond="lifted", which never underflows, a larger alpha, or '
    "smaller weights"
)


class AbstractLift(eqx.Module):
    """How the minimum of the field that drives a neuron beyond the trial is chosen."""

    @abstractmethod
    def __call__(self, synaptic: Neurons, at_rest: Neurons, slow: Neurons, least: Neurons | None = None) -> Neurons:
        """Return the minimum beyond the trial, which is positive.

        Args:
            synaptic: By how much synapses raise the minimum at the trial end.
            at_rest: The minimum without them, or for a linear field its size at rest.
            slow: The minimum at which a period is about as long as the trial.
            least: The minimum without them where it is not `at_rest`.
        """


@final
class SquareplusLift(AbstractLift):
    """A smooth and positive function of the synaptic drive that never underflows (see `lifted`)."""

    def __call__(self, synaptic: Neurons, at_rest: Neurons, slow: Neurons, least: Neurons | None = None) -> Neurons:
        """Return the lifted minimum."""
        return lifted(synaptic, at_rest, slow)


@final
class OwnLift(AbstractLift):
    """The field as it is. The minimum must be positive: it is checked, also inside jit."""

    def __call__(self, synaptic: Neurons, at_rest: Neurons, slow: Neurons, least: Neurons | None = None) -> Neurons:
        """Return the minimum itself."""
        minimum = at_rest if least is None else least
        return _checked(minimum, ~(minimum > 0), _NEGATIVE)


@final
class SoftplusLift(AbstractLift):
    r"""The rheobase plus $\alpha\,\mathrm{softplus}(I / \alpha)$, for a current I at the trial end.

    Attributes:
        alpha: In the units of the rheobase.
        rheobase: The constant current that lifts the minimum at rest to 0.

    Source: Klos & Memmesheimer, arXiv:2309.14523.
    """

    alpha: Neurons
    rheobase: Neurons

    def __call__(self, synaptic: Neurons, at_rest: Neurons, slow: Neurons, least: Neurons | None = None) -> Neurons:
        """Return the minimum under that drive."""
        # a current of 1 changes the field by what the rheobase says
        scale = -(at_rest if least is None else least) / self.rheobase * self.alpha
        minimum = scale * jax.nn.softplus(synaptic / scale)
        # the derivative of a period goes with the power -3/2
        return _checked(minimum, ~(minimum > jnp.finfo(minimum.dtype).tiny ** 0.5), _UNDERFLOWS)


def _checked(value: Neurons, is_wrong: Array, message: str) -> Neurons:
    found = known(is_wrong)
    if found is not None and found.any():
        raise ValueError(message)
    if found is not None:
        return value
    # the check returns a zero, so that arrays keep their sharding
    return value + eqx.error_if(jnp.zeros((), value.dtype), is_wrong.any(), message)
