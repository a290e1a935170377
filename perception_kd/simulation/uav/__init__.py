"""Sequences of a camera that looks at the sky: drones, and the birds and aircraft that they are mistaken for."""
