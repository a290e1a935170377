"""How much of a difference is the choice of the frames: paired resamples of what runs were scored on."""
