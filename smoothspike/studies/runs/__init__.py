"""Runs of configurations, each in a folder of its own."""
