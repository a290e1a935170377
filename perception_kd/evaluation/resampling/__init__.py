"""Scenes drawn with replacement: intervals of every metric, and whether two models differ."""
