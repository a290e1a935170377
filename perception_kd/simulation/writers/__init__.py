"""Public formats that the simulated world is written in."""
