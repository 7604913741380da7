"""Regularity of spike times, one module for each kind of meeting."""
