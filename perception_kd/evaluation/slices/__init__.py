"""Parts of a split that are scored on their own, and what a student inherits from its teacher in each."""
