"""Networks: PyTrees whose every spike time is differentiable in every weight and delay."""

from ._execute import simulate as simulate
from .abstract import AbstractNetwork as AbstractNetwork
from .abstract import require_exact as require_exact
from .feed_forward import FeedForward as FeedForward
from .recording import Recording as Recording
from .recurrent import Recurrent as Recurrent
from .sequential import Sequential as Sequential

Network = AbstractNetwork
