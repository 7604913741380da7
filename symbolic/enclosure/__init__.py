"""Interval arithmetic: certain bounds and signs of expressions over boxes."""

from .bounds import arithmetic_of as arithmetic_of
from .bounds import as_interval as as_interval
from .bounds import enclosure as enclosure
from .bounds import enclosure_on as enclosure_on
from .bounds import sign_at as sign_at
from .factors import factors_of as factors_of
from .factors import scaled as scaled
from .field import Field as Field
from .field import exactly as exactly
from .field import field_of as field_of
from .field import inside as inside
from .interval import Interval as Interval
from .rounding import outward as outward
from .signs import SignOn as SignOn
from .signs import sign_on as sign_on
