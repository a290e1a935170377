"""Students, teachers and their parts."""
