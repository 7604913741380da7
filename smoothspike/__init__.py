"""smoothspike: declare a spiking neuron, prove its spikes continuous, derive them exactly, train networks of it."""

from symbolic import Certificate as Certificate
from symbolic import Condition as Condition
from symbolic import ContinuityError as ContinuityError
from symbolic import ContinuousProposal as ContinuousProposal
from symbolic import Derivation as Derivation
from symbolic import DerivationError as DerivationError
from symbolic import ModelError as ModelError
from symbolic import NeuronModel as NeuronModel
from symbolic import Regularity as Regularity
from symbolic import RouteReport as RouteReport
from symbolic import Verdict as Verdict
from symbolic import at_infinity as at_infinity
from symbolic import crosses as crosses
from symbolic import derive as derive
from symbolic import jump as jump
from symbolic import models as models
from symbolic import nearest_continuous as nearest_continuous
from symbolic import weight as weight

from . import datasets as datasets
from . import losses as losses
from . import plot as plot
from .examination import CrossExamination as CrossExamination
from .examination import cross_examine as cross_examine
from .examination import simulate_witness as simulate_witness
from .networks import FeedForward as FeedForward
from .networks import Recurrent as Recurrent
from .neuron import Neuron as Neuron
from .recording import Recording as Recording
from .spikes import Spikes as Spikes
from .spikes import encode_latency as encode_latency
from .spikes import jittered as jittered
from .training import check_gradients as check_gradients
from .training import evaluate as evaluate
from .training import fit as fit
from .verification import verify as verify
