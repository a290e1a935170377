"""Painted backgrounds: sky and clouds, hills, fields, trees, houses, masts."""
