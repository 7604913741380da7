"""`FeedForward` and `Recurrent` networks: PyTrees whose every spike time is differentiable in every weight."""

from ._execute import simulate as simulate
from .feed_forward import FeedForward as FeedForward
from .recording import Recording as Recording
from .recurrent import Recurrent as Recurrent

Network = FeedForward | Recurrent
