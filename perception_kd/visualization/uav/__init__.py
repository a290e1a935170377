"""Drones in photographs: what was found, what was missed and what was made up, with close-ups of tiny targets."""
