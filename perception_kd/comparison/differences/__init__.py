"""Paired differences from the reference, as a picture."""
