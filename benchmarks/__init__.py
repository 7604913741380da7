"""Benchmarks: one module for each question, `python -m benchmarks --list` names those that measure against others."""
