"""Between a declared potential, on the line or on a circle, and rays on the projective line."""

from collections.abc import Mapping
from typing import final

import equinox as eqx
import jax.numpy as jnp

from symbolic.derive import ProjectiveForm, TransferForm

from .compile.from_form import Values
from .compile.to_jax import lower
from .interface import Neurons, VoltageRange


@final
class RayChart(eqx.Module):
    """`V = u / gain + offset` with `u = g / q`; on a circle V is the tangent of half the angle.

    Attributes:
        gain: Coefficient of the squared potential, positive.
        offset: Potential at which `u` vanishes.
        circle: Reset and threshold of a circle variable, None for a potential on the line.
        variable: Name of the declared spiking variable.
    """

    gain: Neurons
    offset: Neurons
    circle: tuple[Neurons, Neurons] | None
    variable: str = eqx.field(static=True)

    @classmethod
    def of(cls, form: ProjectiveForm | TransferForm, variable: str, values: Values) -> "RayChart":
        """Return the chart of a normal form whose declared spiking variable has this name."""
        circle = None if form.circle is None else (lower(form.circle[0], values), lower(form.circle[1], values))
        return cls(lower(form.gain, values), lower(form.offset, values), circle, variable)

    @property
    def voltage_range(self) -> VoltageRange:
        """The values between which the declared variable runs, if its flow continues through spikes."""
        reset, threshold = (jnp.array(-jnp.inf), jnp.array(jnp.inf)) if self.circle is None else self.circle
        return VoltageRange(self.variable, reset, threshold, self.circle is not None)

    def ray(self, value: Neurons) -> tuple[Neurons, Neurons]:
        """Return the ray of a value of the declared variable."""
        p, q = value, jnp.ones_like(value)
        if self.circle is not None:
            reset, threshold = self.circle
            half_angle = jnp.pi * (value - reset) / (threshold - reset) - jnp.pi / 2
            p, q = jnp.sin(half_angle), jnp.cos(half_angle)
        return self.gain * (p - self.offset * q), q

    def jumped(
        self,
        potential: str,
        jumps: Mapping[str, Mapping[str, Neurons]],
        weights: Mapping[str, Neurons],
        g: Neurons,
        q: Neurons,
        others: dict[str, Neurons],
    ) -> tuple[Neurons, dict[str, Neurons]]:
        """Return g and the other states after inputs: one to the potential shears the ray."""
        for route, changes in jumps.items():
            for name, slope in changes.items():
                change = slope * weights[route]
                if name == potential:
                    g = g + self.gain * change * q
                else:
                    others = others | {name: others[name] + change}
        return g, others

    def value(self, g: Neurons, q: Neurons) -> Neurons:
        """Return the declared variable; a potential on the line is infinite at its spike."""
        p = g / self.gain + self.offset * q
        if self.circle is None:
            return p / q
        reset, threshold = self.circle
        angle = 2 * jnp.arctan2(p, q)
        return reset + (threshold - reset) * (angle + jnp.pi) / (2 * jnp.pi)
