"""Everything that is annotated: shapes of the ten detection classes, their sizes, and how they move."""
