"""Disparity, depth and point clouds of one's own rectified pairs; imports nothing."""
