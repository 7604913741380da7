"""What exact gradients are compared with: the same networks stepped in time, with surrogate gradients."""

from .network import SurrogateNetwork as SurrogateNetwork
from .network import surrogate as surrogate
from .recording import SteppedRecording as SteppedRecording
