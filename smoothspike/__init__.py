"""Declare a spiking neuron, prove its spikes continuous, derive them exactly, and train networks of it.

The names below are what most programs need. Result types are found where they come from: `symbolic` (`Certificate`,
`Condition`, `RouteReport`, `Derivation`), `smoothspike.validation`, `smoothspike.networks`, `smoothspike.training`.
"""

from symbolic import ContinuityError as ContinuityError
from symbolic import DerivationError as DerivationError
from symbolic import ModelError as ModelError
from symbolic import NeuronModel as NeuronModel
from symbolic import Regularity as Regularity
from symbolic import Solution as Solution
from symbolic import Verdict as Verdict
from symbolic import at_infinity as at_infinity
from symbolic import crosses as crosses
from symbolic import derive as derive
from symbolic import jump as jump
from symbolic import models as models
from symbolic import nearest_continuous as nearest_continuous
from symbolic import time as time
from symbolic import verify as verify
from symbolic import weight as weight

from . import baselines as baselines
from . import datasets as datasets
from . import exchange as exchange
from . import losses as losses
from . import parallel as parallel
from . import plot as plot
from . import validation as validation
from .currents import PiecewiseConstant as PiecewiseConstant
from .currents import PiecewiseLinear as PiecewiseLinear
from .encoding import encode_latency as encode_latency
from .encoding import encode_level_crossings as encode_level_crossings
from .encoding import encode_rate as encode_rate
from .encoding import jittered as jittered
from .engine import Connections as Connections
from .landscape import landscape as landscape
from .landscape import loop_integral as loop_integral
from .networks import FeedForward as FeedForward
from .networks import Recurrent as Recurrent
from .networks import Sequential as Sequential
from .neurons.beyond import Softplus as Softplus
from .neurons.neuron import Neuron as Neuron
from .saving import load as load
from .saving import save as save
from .spikes import Spikes as Spikes
from .studies import search as search
from .training import callbacks as callbacks
from .training import check_gradients as check_gradients
from .training import evaluate as evaluate
from .training import fit as fit
from .training import initialise as initialise
from .training import named_parameters as named_parameters
from .training import parameter_groups as parameter_groups
from .validation import find_witness as find_witness
from .validation import simulate_witness as simulate_witness
