"""Whole loops over events as single GPU kernels (Pallas, by way of Triton), beside the plain programs of the engine.

Where a state is kept in registers, an event costs arithmetic and one row of weights; as a loop of XLA it would start
several kernels for each event. The mathematics is that of the dynamics, whose methods the kernels call.
"""

from .layer import MOST_NOTED as MOST_NOTED
from .layer import fits as fits
from .layer import fused_passage as fused_passage
from .platform import by_platform as by_platform
from .platform import kernels_expected as kernels_expected
from .recurrent import fused_trial as fused_trial
from .recurrent_run import MOST_NEURONS as MOST_NEURONS
