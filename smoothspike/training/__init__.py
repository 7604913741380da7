"""Training, evaluation and gradient checks; all optional beside a plain optax loop."""

from . import callbacks as callbacks
from .evaluate import evaluate as evaluate
from .fit import Fit as Fit
from .fit import fit as fit
from .gradients import GradientReport as GradientReport
from .gradients import check_gradients as check_gradients
from .groups import named_parameters as named_parameters
from .groups import parameter_groups as parameter_groups
from .initialise import initialise as initialise
