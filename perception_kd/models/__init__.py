"""Students, teachers' adapters and the layers they share, a room a task."""
