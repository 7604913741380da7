"""Training, evaluation and gradient checks; all optional: a plain optax loop does without."""

from .evaluate import evaluate as evaluate
from .fit import Fit as Fit
from .fit import fit as fit
from .gradients import GradientReport as GradientReport
from .gradients import check_gradients as check_gradients
