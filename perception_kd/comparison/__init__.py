"""Comparing methods over the same student, data and budget: a queue of runs, one file each, and a table."""
