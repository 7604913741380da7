"""Networks and models for other programs: NIR, NumPy, Brian2."""

from symbolic.brian2 import Brian2Model as Brian2Model
from symbolic.brian2 import to_brian2 as to_brian2

from .arrays import to_numpy as to_numpy
from .nir import from_nir as from_nir
from .nir import to_nir as to_nir
