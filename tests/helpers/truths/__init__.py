"""Random models whose truth is known from how they are built, to be compared with what `verify` says of them."""

from .compare import Known as Known
from .compare import Route as Route
from .compare import complaints as complaints
from .compare import of_exponent as of_exponent
