"""Boxes of a teacher for key frames and pictures."""
