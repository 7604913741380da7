"""Declare, verify and derive spiking neuron models with SymPy alone; JAX is neither needed nor imported."""

from . import models as models
from .declare import InputRoute as InputRoute
from .declare import NeuronModel as NeuronModel
from .declare import Solution as Solution
from .declare import SpikeRule as SpikeRule
from .declare import at_infinity as at_infinity
from .declare import crosses as crosses
from .declare import jump as jump
from .declare import time as time
from .declare import weight as weight
from .derive import Derivation as Derivation
from .derive import derive as derive
from .errors import ContinuityError as ContinuityError
from .errors import DerivationError as DerivationError
from .errors import ModelError as ModelError
from .nearest import ContinuousProposal as ContinuousProposal
from .nearest import nearest_continuous as nearest_continuous
from .verify import Certificate as Certificate
from .verify import Condition as Condition
from .verify import Failure as Failure
from .verify import Observable as Observable
from .verify import Regularity as Regularity
from .verify import RouteReport as RouteReport
from .verify import Verdict as Verdict
from .verify import Witness as Witness
from .verify import verify as verify
