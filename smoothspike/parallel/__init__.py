"""Several devices, batches in chunks, and the memory that a step needs."""

from .chunks import value_and_grad_in_chunks as value_and_grad_in_chunks
from .compiling import compiler_options as compiler_options
from .devices import data_mesh as data_mesh
from .devices import gather as gather
from .devices import replicate as replicate
from .devices import shard_batch as shard_batch
from .memory import largest_chunk as largest_chunk
from .memory import memory_needed as memory_needed
from .whole_loops import compile_loops_whole as compile_loops_whole
