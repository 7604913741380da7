"""Labelled spike patterns to learn."""

from .dataset import Dataset as Dataset
from .digits import digits as digits
from .yin_yang import yin_yang as yin_yang
