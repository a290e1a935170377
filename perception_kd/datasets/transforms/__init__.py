"""What happens to a sample between disk and model."""
