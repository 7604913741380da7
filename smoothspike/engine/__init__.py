"""Running populations of neurons from event to event; knows neurons only as `AbstractDynamics`."""

from .connections import Connections as Connections
from .delayed_layer import arrivals as arrivals
from .delayed_layer import count_delayed_spikes as count_delayed_spikes
from .delayed_layer import simulate_delayed_layer as simulate_delayed_layer
from .event_loop import MOST_BEYOND as MOST_BEYOND
from .events import Capacity as Capacity
from .events import Drive as Drive
from .events import Population as Population
from .events import Trajectory as Trajectory
from .events import not_after as not_after
from .layer import MOST_COUNTED as MOST_COUNTED
from .layer import count_spikes as count_spikes
from .layer import simulate_layer as simulate_layer
from .recurrent import count_recurrent_spikes as count_recurrent_spikes
from .recurrent import simulate_recurrent as simulate_recurrent
from .simultaneous import is_summed as is_summed
from .simultaneous import summed as summed
