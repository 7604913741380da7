"""Studies: searches for hyperparameters, and experiments that are described by a file."""

from .search import load_study as load_study
from .search import search as search
from .study import Record as Record
from .study import Study as Study
from .trial import Pruned as Pruned
from .trial import Trial as Trial
