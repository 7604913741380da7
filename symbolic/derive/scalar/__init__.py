"""Closed forms of neurons whose potential is the only state."""
