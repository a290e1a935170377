"""What a report on drone detectors is made of: its figures, its tables and its pictures."""
