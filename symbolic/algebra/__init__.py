"""Algebra with bounded work: evaluation, simplification, zero tests and polynomials."""
