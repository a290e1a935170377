"""One ray-cast world for tests and first runs."""
