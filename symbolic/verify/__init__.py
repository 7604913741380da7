"""Certificates: continuity of spikes, decided from the declared equations."""

from .certificate import Certificate as Certificate
from .engine import verify as verify
from .results import Condition as Condition
from .results import Regularity as Regularity
from .results import RouteReport as RouteReport
from .results import Verdict as Verdict
from .witness import Failure as Failure
from .witness import Observable as Observable
from .witness import Witness as Witness
