"""Kernels that exist for speed alone; each has a plain twin that it agrees with."""
