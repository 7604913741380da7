"""Training, evaluation and gradient checks; all optional: a plain optax loop does without."""

from .chunks import value_and_grad_in_chunks as value_and_grad_in_chunks
from .compiling import compiler_options as compiler_options
from .devices import data_mesh as data_mesh
from .devices import gather as gather
from .devices import replicate as replicate
from .devices import shard_batch as shard_batch
from .evaluate import evaluate as evaluate
from .fit import Fit as Fit
from .fit import fit as fit
from .gradients import GradientReport as GradientReport
from .gradients import check_gradients as check_gradients
from .memory import largest_chunk as largest_chunk
from .memory import memory_needed as memory_needed
