"""Networks in files."""

from .network import load as load
from .network import save as save
