"""Kernels that exist for speed alone; each has a plain twin that it agrees with.

`SMOOTHSPIKE_PLAIN=1` in the environment, read once at import, chooses the plain twins.
"""

import os

PLAIN = os.environ.get("SMOOTHSPIKE_PLAIN") == "1"
