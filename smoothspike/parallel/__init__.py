"""Several devices, batches in chunks, and the memory that a step needs."""

from .chunks import value_and_grad_in_chunks as value_and_grad_in_chunks
from .devices import data_mesh as data_mesh
from .memory import largest_chunk as largest_chunk
from .memory import memory_needed as memory_needed
