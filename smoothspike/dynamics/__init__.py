"""One class for each structure class; the only place that knows them."""

from .affine import AffineDynamics as AffineDynamics
from .base import AbstractDynamics as AbstractDynamics
from .base import Ends as Ends
from .base import State as State
from .linear import LinearDynamics as LinearDynamics
from .numeric import NumericDynamics as NumericDynamics
from .projective import ProjectiveDynamics as ProjectiveDynamics
from .rays import RayChart as RayChart
from .transfer import TransferDynamics as TransferDynamics
