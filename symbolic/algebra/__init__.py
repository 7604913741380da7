"""Algebra with bounded work: evaluation, simplification, zero tests and polynomials."""

from .polynomials import Factor as Factor
from .polynomials import affine_split as affine_split
from .polynomials import coefficients as coefficients
from .polynomials import factor as factor
from .polynomials import low_roots as low_roots
from .simplification import expanded as expanded
from .simplification import factored as factored
from .simplification import fraction as fraction
from .simplification import inserted as inserted
from .simplification import multiplied_out as multiplied_out
from .simplification import nodes as nodes
from .simplification import tidy as tidy
from .values import complex_value as complex_value
from .values import extended_value as extended_value
from .values import holds as holds
from .values import numbers as numbers
from .values import value as value
from .zeros import is_zero as is_zero
from .zeros import sign as sign
from .zeros import vanishes as vanishes
