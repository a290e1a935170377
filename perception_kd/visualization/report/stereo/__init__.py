"""What a report knows of stereo alone: figures read back, pairs to draw, sizes and times."""
