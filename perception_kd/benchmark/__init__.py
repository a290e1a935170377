"""Side-by-side timings: every side of a comparison in one process, interleaved run by run."""
