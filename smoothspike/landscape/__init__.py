"""Loss landscapes: loss and gradient on lines and planes, the exact places of jumps and kinks, loop integrals."""

from .event import Event as Event
from .loop import LoopIntegral as LoopIntegral
from .loop import loop_integral as loop_integral
from .scape import Landscape as Landscape
from .scape import landscape as landscape
