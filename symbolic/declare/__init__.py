"""Declaring a neuron: equations, spike rule, reset, inputs."""

from .currents import FALLS as FALLS
from .currents import RISES as RISES
from .currents import driven_by as driven_by
from .currents import rate_of as rate_of
from .currents import with_any_currents as with_any_currents
from .currents import without_currents as without_currents
from .frozen import FrozenMapping as FrozenMapping
from .model import NeuronModel as NeuronModel
from .moving_threshold import distance_symbol as distance_symbol
from .moving_threshold import with_fixed_threshold as with_fixed_threshold
from .refractoriness import held_equations as held_equations
from .roles import time_constants as time_constants
from .rules import InputRoute as InputRoute
from .rules import Jump as Jump
from .rules import SpikeRule as SpikeRule
from .rules import at_infinity as at_infinity
from .rules import crosses as crosses
from .rules import jump as jump
from .rules import weight as weight
from .solution import Solution as Solution
from .solution import time as time
from .threshold import has_moving_threshold as has_moving_threshold
