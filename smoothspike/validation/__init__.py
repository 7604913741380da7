"""Numerical evidence for proofs: witnesses of failures, and cross-examination of certificates by simulation."""

from symbolic import Failure as Failure
from symbolic import Witness as Witness

from .cross_examination import CrossExamination as CrossExamination
from .cross_examination import RouteFindings as RouteFindings
from .cross_examination import cross_examine as cross_examine
from .replay import Replay as Replay
from .replay import simulate_witness as simulate_witness
from .witness_search import find_witness as find_witness
