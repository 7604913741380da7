"""One class for each structure class; the only place that knows them."""

from .affine import AffineDynamics as AffineDynamics
from .general import GeneralDynamics as GeneralDynamics
from .interface import AbstractDynamics as AbstractDynamics
from .interface import State as State
from .interface import VoltageRange as VoltageRange
from .leaky import LinearDynamics as LinearDynamics
from .rays import RayChart as RayChart
from .riccati import RiccatiDynamics as RiccatiDynamics
from .riccati_series import RiccatiSeriesDynamics as RiccatiSeriesDynamics
