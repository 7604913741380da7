"""One class for each structure class; the only place that knows them."""

from .base import AbstractDynamics as AbstractDynamics
from .base import State as State
from .linear import LinearDynamics as LinearDynamics
from .projective import ProjectiveDynamics as ProjectiveDynamics
