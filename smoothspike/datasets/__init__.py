"""Labelled spike patterns to learn."""

from .abstract import AbstractDataset as AbstractDataset
from .augment import blend as blend
from .augment import shift_channels as shift_channels
from .braille import braille as braille
from .dataset import Dataset as Dataset
from .digits import digits as digits
from .from_tonic import from_tonic as from_tonic
from .grasshopper import grasshopper as grasshopper
from .mnist import mnist as mnist
from .randman import randman as randman
from .spoken import shd as shd
from .spoken import ssc as ssc
from .streamed import StreamedDataset as StreamedDataset
from .yin_yang import yin_yang as yin_yang
