"""Sensors of the simulated world."""
