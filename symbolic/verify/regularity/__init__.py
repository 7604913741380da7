"""How smoothly spike times depend on inputs, one module for each kind of meeting."""
