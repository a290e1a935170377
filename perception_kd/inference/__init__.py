"""Predictions of a trained student on one's own recordings; imports nothing."""
