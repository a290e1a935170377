"""The heart: distiller, pairs, taps, teachers."""
