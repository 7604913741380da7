"""One class for each structure class; the only place that knows them."""

from .affine import AffineDynamics as AffineDynamics
from .general import NumericDynamics as NumericDynamics
from .interface import AbstractDynamics as AbstractDynamics
from .interface import Ends as Ends
from .interface import State as State
from .leaky import LinearDynamics as LinearDynamics
from .rays import RayChart as RayChart
from .riccati import ProjectiveDynamics as ProjectiveDynamics
from .riccati_series import TransferDynamics as TransferDynamics
