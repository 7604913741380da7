"""From a declaration to functions of arrays: SymPy to JAX, vector fields, and the dynamics of a derivation."""
