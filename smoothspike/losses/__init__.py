"""Losses of spike times, voltages and activity.

Each is a pure function of one trial; use `jax.vmap` for a batch. Pass times that include pseudospikes, such as
`record.spike_times(count)`: they are always finite, so that every loss has a gradient even where a neuron does not
spike within the trial.
"""

from .activity import count as count
from .activity import rate_regulariser as rate_regulariser
from .activity import silence_regulariser as silence_regulariser
from .classification import cross_entropy as cross_entropy
from .classification import first_spike_cross_entropy as first_spike_cross_entropy
from .classification import shift_invariant as shift_invariant
from .late import bounded_times as bounded_times
from .spike_trains import spike_time_error as spike_time_error
from .spike_trains import van_rossum as van_rossum
