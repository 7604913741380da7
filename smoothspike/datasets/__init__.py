"""Labelled spike patterns to learn."""

from .abstract import AbstractDataset as AbstractDataset
from .dataset import Dataset as Dataset
from .digits import digits as digits
from .streamed import StreamedDataset as StreamedDataset
from .yin_yang import yin_yang as yin_yang
