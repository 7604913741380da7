"""May this model be trusted? Continuity of its spikes, decided from the declared equations."""

from .certificate import Certificate as Certificate
from .certificate import Condition as Condition
from .certificate import Regularity as Regularity
from .certificate import RouteReport as RouteReport
from .certificate import Verdict as Verdict
from .engine import verify as verify
from .witness import Failure as Failure
from .witness import Observable as Observable
from .witness import Witness as Witness
