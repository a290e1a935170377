"""Disparity of a stereo teacher, and where it can be trusted; imports nothing."""
