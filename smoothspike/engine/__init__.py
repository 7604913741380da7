"""Running populations of neurons from event to event; knows neurons only as `AbstractDynamics`."""

from .connections import Connections as Connections
from .connections import listed as listed
from .delayed_layer import count_delayed_spikes as count_delayed_spikes
from .delayed_layer import simulate_delayed_layer as simulate_delayed_layer
from .events import Drive as Drive
from .events import Population as Population
from .events import Trajectory as Trajectory
from .layer import MOST_COUNTED as MOST_COUNTED
from .layer import Capacity as Capacity
from .layer import count_spikes as count_spikes
from .layer import simulate_layer as simulate_layer
from .recurrent import count_late_spikes as count_late_spikes
from .recurrent import simulate_recurrent as simulate_recurrent
from .rows import MOST_BEYOND as MOST_BEYOND
from .sparse_trajectory import Visits as Visits
