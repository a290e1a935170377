"""Official metrics, the same numbers from arrays, what they hide, and what is wrong with a result file."""
