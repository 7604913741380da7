"""`FeedForward` and `Recurrent` networks: PyTrees whose every spike time is differentiable in every weight."""

from .feed_forward import FeedForward as FeedForward
from .recurrent import Recurrent as Recurrent
from .running import simulate as simulate

Network = FeedForward | Recurrent
