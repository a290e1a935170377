"""Runner, hooks, safe checkpoints."""
