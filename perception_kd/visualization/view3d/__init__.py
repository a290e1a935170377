"""A sample in three dimensions: one abstract scene, drawn by Open3D (off-screen, window) or by our own renderer."""
