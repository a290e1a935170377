"""Pictures, recordings and reports, made without a display. Imports nothing: large libraries wait for a use."""
