"""Runs of a comparison by distance, LiDAR points, ...: where a teacher leads, and where distillation pays."""
