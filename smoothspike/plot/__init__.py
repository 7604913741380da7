"""Plots of spikes, potentials, models, witnesses and training; every function takes and returns matplotlib Axes."""

from .contact import contact as contact
from .landscape import landscape as landscape
from .learning_curve import learning_curve as learning_curve
from .phase_line import phase_line as phase_line
from .raster import raster as raster
from .search import importances as importances
from .search import parallel_coordinates as parallel_coordinates
from .search import search_history as search_history
from .search import search_slice as search_slice
from .style import BLUE as BLUE
from .style import COLORS as COLORS
from .style import GREY as GREY
from .style import VERMILION as VERMILION
from .style import lighter as lighter
from .style import paper_style as paper_style
from .traces import traces as traces
from .witness import witness as witness
