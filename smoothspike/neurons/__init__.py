"""Neurons ready to run: one class of dynamics for each structure class, and the interface that the engine sees."""

from .general import GeneralDynamics as GeneralDynamics
from .interface import AbstractDynamics as AbstractDynamics
from .interface import AbstractReadoutDynamics as AbstractReadoutDynamics
from .interface import State as State
from .interface import VoltageRange as VoltageRange
from .interface import first_to_spike as first_to_spike
from .interface import solver_failed as solver_failed
from .interface import until_spike as until_spike
from .linear import LinearDynamics as LinearDynamics
from .projective_chart import RayChart as RayChart
from .readout import ReadoutDynamics as ReadoutDynamics
from .riccati import RiccatiDynamics as RiccatiDynamics
from .riccati_polynomials import RiccatiPolynomialDynamics as RiccatiPolynomialDynamics
from .riccati_series import RiccatiSeriesDynamics as RiccatiSeriesDynamics
