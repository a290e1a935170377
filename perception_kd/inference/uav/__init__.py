"""Drone detection on pictures, videos and live streams."""
